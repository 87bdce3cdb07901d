"""People's names in running text: words that have, with what stands around them, the points of a name."""

import re
from collections.abc import Iterator, Sequence

from agent.privacy import context
from agent.privacy.bearers import elsewhere
from agent.privacy.eastern import eastern
from agent.privacy.evidence import ENOUGH, eponym, is_particle, of_one, worth
from agent.privacy.findings import Finding, Label
from agent.privacy.names import Names, names
from agent.privacy.vocabulary import vocabulary
from agent.privacy.wording import Word, words_of

_LETTER = re.compile(r"[^\W\d_]")
_HUMP = re.compile(r"[A-Z][a-z]+|[a-z]+")
_PARTICLES, _TITLES, _SUFFIXES = (vocabulary("people")[kind] for kind in ("particles", "titles", "suffixes"))
_CLOSE, _KIN = vocabulary("people")["close"], vocabulary("people")["kin"]
_LONGEST, _SHORTEST, _TWO_NAMES, _MOST = 5, 3, 7, 7
_WHOLE = re.compile(r"[/=][^/=]+(?:[/?&#-]|$)|\"[^\"]+\"")
_PART = re.compile(r"[/=@]\w+[/?&#]?")
_OPENING = frozenset('.!?:\n"')
_PAIR = re.compile(rf",? (?:{'|'.join(context.AND)}|&) ")
_LIST = re.compile(rf"{_PAIR.pattern}|, |/|; ?|\", ?\"")


def people(text: str, *, disguised: bool = False) -> Iterator[Finding]:
    """Names. What was `disguised` needs less to be one, and may be two names in one word."""
    if not _LETTER.search(text):
        return
    known = names()
    words = words_of(text)
    yield from eastern(text, known)
    found: list[tuple[int, int]] = []
    at = 0
    while at < len(words):
        after = _name_from(text, words, at, disguised)
        if after > at and not elsewhere(text, words, at, after):
            found.append((at, after))
        elif after == at and (_clan(words, at, known) or _halves(text, words[at], known, disguised)):
            found.append((at, at + 1))
        elif after == at and _lettered(text, words, at):
            found.append((at, after := at + 2))
        at = max(after, at + 1)
    for at, after in (*found, *_listed(text, words, found)):
        yield Finding(words[at].start, words[after - 1].end, Label.NAME)


def _listed(text: str, words: Sequence[Word], found: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Single words in a list with names that may be names as well."""
    taken = {at: after - first for first, after in found for at in range(first, after)}
    for step in (1, -1):
        for at in range(len(words))[::step]:
            beside = at - step
            if 0 <= beside < len(words) and words[beside].plain in context.AND:
                beside -= step
            if at in taken or beside not in taken or not _listable(words[at]):
                continue
            link = _LIST if taken[beside] == 1 and not words[at].place else _PAIR
            if link.fullmatch(text, words[min(at, beside)].end, words[max(at, beside)].start):
                taken[at] = 1
                yield at, at + 1


def _listable(word: Word) -> bool:
    other = word.shown.isupper() or word.plain in _TITLES | _CLOSE or (word.place and not word.usual)
    return word.capital and not other and of_one(word) > 0


def place(text: str) -> bool:
    """Whether a single word is called like a place."""
    words = words_of(text)
    return len(words) == 1 and words[0].place


def named(text: str, *, surely: bool = False) -> bool:
    """Whether a value that may be a person's is one: it has a name in it, and nothing that is none.

    Where it is `surely` a person's, words that nobody knows are a name.
    """
    words = words_of(text)
    if not 0 < len(words) < _LONGEST:
        return False
    if surely and (len(words) > 1 or text[:1].isupper()) and all(_wordlike(word) for word in words):
        return True
    if len(words) > 1 and all(word.unknown and not word.ordinary and not word.english for word in words):
        return True
    if len(words) == 1 and words[0].unknown and not words[0].place and of_one(words[0]) > 0:
        return True
    if not any(word.strong or word.usual for word in words if len(word.plain) > 2):
        return False
    return all(
        word.strong or word.given or word.family or word.plain in _PARTICLES or not (word.common or word.ordinary)
        for word in words
    )


def _wordlike(word: Word) -> bool:
    return word.strong or (not word.common and len(word.plain) > 2 and word.shown.isalpha())


def _name_from(text: str, words: Sequence[Word], at: int, disguised: bool) -> int:
    """The index after the name that begins with this word; `at` where none does."""
    first = words[at]
    if (first.hyphened and words[at - 1].capital) or (first.caseless and not context.titled(text, words, at)):
        return at
    if first.shown[0].islower() and not (first.given or first.family):
        return at
    if (is_particle(first) and not first.given) or (first.plain in _TITLES and not first.usual):
        return at
    enough = ENOUGH - 2 * disguised
    turned = _reversed(text, words, at)
    for after in range(_run(words, at), at + turned, -1):
        if after > at + 1 and is_particle(words[after - 1]):
            continue
        if _enough(text, words, at, after, enough):
            return at if _later(text, words, at, after) else after
    return at + 2 if turned else at


def _enough(text: str, words: Sequence[Word], at: int, after: int, enough: int) -> bool:
    """Whether these words and what is around them have the points of a name."""
    first, last, single = words[at], words[after - 1], after == at + 1
    ahead, next_to = context.before(text, words, at, single), context.behind(text, words, at, after)
    if single and not _single(first, context.titled(text, words, at) or context.speaks(text, first), ahead, next_to):
        return False
    if single and eponym(words[at : after + 1]) and ahead < context.SURE:
        return False
    bounded = not single and bool(_WHOLE.fullmatch(text, first.start - 1, last.end + 1))
    if ahead < context.SURE and not bounded and eponym(words[at:after]):
        return False
    alone = single and first.shown[0].islower()
    points = worth(words[at:after]) + ahead + next_to
    return points + bounded - (1 + (first.english or first.place)) * alone >= enough


def _single(word: Word, told: bool, ahead: int, next_to: int) -> bool:
    """Whether a word may be a name alone; what stands around it may have `told`, or have points."""
    if len(word.plain) < 3 or word.caseless or not word.shown[0].isalpha():
        return told and word.capital
    if not word.capital:
        said = ahead + next_to > 1
        listed = word.usual or (said and word.given) or (told and word.family)
        return listed and not word.common and not word.ordinary
    return told or not word.shown.isupper() or (word.usual and not word.common and len(word.plain) > _SHORTEST + 1)


def _later(text: str, words: Sequence[Word], at: int, after: int) -> bool:
    """Whether the name begins with a later word: the first one is only capitalised, `Call Maria Gonzalez`."""
    first, rest = words[at], at + 1
    if first.plain not in _KIN and (first.given or first.family or first.initial):
        return False
    opens = at == 0 or not _OPENING.isdisjoint(text[words[at - 1].end : first.start])
    while rest < after and is_particle(words[rest]):
        rest += 1
    return (first.ordinary or opens or rest > at + 1) and after > rest and worth(words[rest:after]) >= ENOUGH


def _run(words: Sequence[Word], at: int) -> int:
    """How far words go on that could be of one name: capitalised alike, or listed where nothing is."""
    first, after = words[at], at + 1
    known = first.given or first.family or first.unknown or first.initial
    if not known or (not first.capital and len(first.plain) < _SHORTEST):
        return after
    if (first.common or first.ordinary) and not first.capital and not first.popular:
        return after
    while after < len(words) and after - at < _MOST and words[after].gap:
        word = words[after]
        if is_particle(word):
            fits = word.plain not in context.AND or after > at + 1
        elif first.capital:
            fits = word.capital and word.plain not in _TITLES - _SUFFIXES and _fits(word)
        else:
            other = word.common or word.ordinary
            fits = (
                not word.capital and len(word.plain) > 2 and not other and (word.strong or first.usual or first.strong)
            )
        if not fits:
            break
        after += 1
    while after > at + 1 and is_particle(words[after - 1]):
        after -= 1
    return after


def _fits(word: Word) -> bool:
    return word.initial or word.given or word.family or word.unknown or word.plain in _SUFFIXES | _PARTICLES


def _clan(words: Sequence[Word], at: int, known: Names) -> bool:
    """`the Okafors`."""
    word, base = words[at], words[at].plain.removesuffix("s")
    told = at > 0 and words[at - 1].plain == "the" and word.capital and base != word.plain
    other = word.given or word.ordinary or word.common or word.place or len(base) < _LONGEST
    return told and base in known.family and not other


def _lettered(text: str, words: Sequence[Word], at: int) -> bool:
    """`d. abernathy`, where nothing is capitalised."""
    if at + 1 >= len(words) or len(words[at].shown) > 1 or words[at].capital or not words[at].shown.isalpha():
        return False
    name = words[at + 1]
    other = name.common or name.ordinary or name.english or name.place or name.capital or len(name.plain) < _LONGEST
    return name.family and not other and text[words[at].end : name.start] in (".", ". ")


def _reversed(text: str, words: Sequence[Word], at: int) -> bool:
    """`Smith, John`."""
    if at + 1 >= len(words) or text[words[at].end : words[at + 1].start] not in (", ", ",", "/"):
        return False
    family, given = words[at], words[at + 1]
    if given.initial and family.capital and text.startswith(".", given.end):
        return not family.ordinary and of_one(family) > 0
    if family.shown.isupper() < given.shown.isupper() or family.capital != given.capital:
        return False
    if min(len(family.plain), len(given.plain)) < _SHORTEST or not given.given:
        return False
    if family.family and family.strong:
        return given.usual or given.strong
    more = at + 2 < len(words) and words[at + 2].capital and (words[at + 2].gap or _LIST.match(text, given.end))
    other = family.given or family.place or family.plain in _CLOSE
    alone = family.unknown and not other and of_one(family) > 0
    return alone and given.usual and given.strong and not more


def _halves(text: str, word: Word, known: Names, disguised: bool) -> bool:
    """`JohnSmith` and `johnSmith`; disguised, or as all of a part of a URL, also `johnsmith`."""
    humps = [] if word.shown.islower() else _HUMP.findall(word.shown)
    inner = all(hump.lower() in _PARTICLES for hump in humps[1:-1])
    if len(humps) > 1 and inner and "".join(humps) == word.shown:
        first, last = words_of(f"{humps[0].capitalize()} {humps[-1]}")
        other = first.ordinary or first.common or last.ordinary or last.common or last.english > last.family
        return (
            first.given and not other and min(len(first.plain), len(last.plain)) > 2 and worth((first, last)) >= ENOUGH
        )
    if word.common or len(word.plain) < _TWO_NAMES:
        return False
    if not disguised and not _PART.fullmatch(text, max(word.start - 1, 0), word.end + 1):
        return False
    return any(
        word.plain[:cut] in known.usual and word.plain[cut:] in known.family and word.plain[cut:] not in known.words
        for cut in range(3, len(word.plain) - 2)
    )
