"""What stands before and behind words, and whether it says that they name a person: points for it, points against."""

import re
from collections.abc import Sequence

from agent.privacy.lexicon import lexicon, noun, verb
from agent.privacy.vocabulary import vocabulary
from agent.privacy.wording import Word

SURE = 3
"""As many points say that a person is meant, whatever the words are."""
_TITLED, _SURELY_TITLED, _CODE = 4, 8, -4
_SAID, _OTHERS = vocabulary("people"), vocabulary("others")
AND = _SAID["and"]
_ONLY_TITLES = _SAID["only_titles"]
_RELATED, _WHOSE = _SAID["kin"], _SAID["whose"]
_TITLES, _CUES, _KIN, _HONOURS = _SAID["titles"], _SAID["cues"], _SAID["kin"] | _SAID["calls"], _SAID["honours"]
_DEEDS, _BELONGINGS, _STATES, _FUNCTIONS = (_SAID[kind] for kind in ("deeds", "belongings", "states", "functions"))
_PHRASES = tuple(f" {one.replace('_', ' ')}" for one in _SAID["close"] | _SAID["expected"])
_INSIDE, _BEARERS, _THINGS = _OTHERS["inside"], _OTHERS["bearers"], vocabulary("things")["names"]
_NO_AGENTS = _OTHERS["towards"] | frozenset(("the", "and", "or"))
_APPOSED = re.compile(
    r",? \((?:b\.|born|aged?|\d{4}\s?[-–])|, (?:aged? )?\d{1,2}[,);]| \(?aged \d|,? born "
    r"|, (?:my|our|his|her|their|your) [a-z]|, (?:who|whose) |,? and (?:I|me|my|his|her)\b| vs?\.? [A-Z]"
    r"|, (?:a|an|the) [a-z]+(?:er|or|ist|ant|ian|man|woman)\b"
)
"""`(1931-2019)`, `, 7,`, `, my nephew`, `and I`, `, the tenant`."""
_SIGNED = re.compile(r"(?:^|\n|\s)(?:[-–—~]|/s/|xx|v\.)\s?$|[,.!?]\n+$")
_CODE_BEFORE = re.compile(r"[\w)\]]\.$|[$#@_<]$|::$")
_CODE_AFTER = re.compile(r"\(|\.(?!(?:pdf|docx?|odt|rtf|jpe?g|png|vcf)\b)[a-z]\w+\b(?!\.[a-z])|::|_|\s?[=<>]=?\s|\[|<")
"""A member or a call; documents and pictures are called after people."""
_NUMBER = re.compile(r"(?:'s)? (?:v|[A-Z]{1,4}-?)?\d")
_SPEAKING = re.compile(r": \S")
_CONCERNED = frozenset(("of", "for", "to", "from", "about", "by"))
_STOPS, _LINE = frozenset(".;!?"), frozenset('\n"')
_HUMP = re.compile(r"[a-z][A-Z]")
_AHEAD, _MOST = 12, 8


def titled(text: str, words: Sequence[Word], at: int) -> bool:
    """Whether a title stands before the word: `Dr`, `señora`."""
    return at > 0 and words[at - 1].plain in _TITLES and text[words[at - 1].end : words[at].start].strip() in ("", ".")


def speaks(text: str, word: Word) -> bool:
    """`Jane: I never got it`."""
    opens = word.start == 0 or text[word.start - 1] in _LINE
    return word.given and not word.ordinary and opens and bool(_SPEAKING.match(text, word.end))


def before(text: str, words: Sequence[Word], at: int, single: bool) -> int:
    """The points of what stands before the word."""
    if titled(text, words, at):
        return _SURELY_TITLED if words[at - 1].plain in _ONLY_TITLES else _TITLED
    ahead = text[max(words[at].start - _AHEAD, 0) : words[at].start]
    if _CODE_BEFORE.search(ahead) and (single or not ahead.endswith("_")):  # `cv_jane_roe`
        return _CODE
    if _SIGNED.search(ahead):
        return SURE
    if not at:
        return 0
    gap = text[words[at - 1].end : words[at].start].removeprefix("'s")
    if len(gap.strip()) > 1 or not _STOPS.isdisjoint(gap):
        return 0
    word, said = words[at - 1], " " + " ".join(one.plain for one in words[max(at - 2, 0) : at])
    if single and words[_anchor(words, at)].plain in _INSIDE:
        return 0 if _between(words, at) else -3
    if at > 1 and word.plain in _RELATED and words[at - 2].plain in _WHOSE and not word.capital:
        return SURE + words[at].capital
    if said.endswith(_PHRASES) or word.plain in _KIN or _concerned(words, at):
        return SURE
    if "," in gap or ":" in gap:
        return 0
    if word.plain in lexicon().roles and not word.given:
        return 2
    return _before_one(words, at) if single else _before_several(word)


def _between(words: Sequence[Word], at: int) -> bool:
    """`between Priscilla and Wendell`: two given names, neither of which is a word or a place besides."""
    anchor = _anchor(words, at)
    pair = [word for word in words[anchor + 1 : anchor + 4] if word.plain not in AND]
    persons = all(word.given and not (word.common or word.ordinary or word.place) for word in pair)
    return words[anchor].plain == "between" and len(pair) == 2 and persons


def _concerned(words: Sequence[Word], at: int) -> bool:
    """`the diagnosis of`, `a letter to`, before what is not called like a place one may go to."""
    of = words[at - 1].plain == "of" or (words[at - 1].plain in _CONCERNED and not words[at].place)
    return of and words[at - 2].plain in _BELONGINGS


def _before_one(words: Sequence[Word], at: int) -> int:
    word, first = words[at - 1], words[at]
    told = word.plain in _CUES and word.plain in _FUNCTIONS
    if word.capital and first.gap and not told and (word.ordinary if at > 1 else word.english and not word.ordinary):
        return -3
    if first.place and word.plain in _NO_AGENTS:
        return 0
    if word.plain in ("the", "a"):
        return -2 * first.english
    if word.plain in AND and at > 1 and _alike(words[at - 2], first):
        return SURE
    if word.plain in AND and at > 1 and words[at - 2].plain in _THINGS and words[at - 2].capital:
        return -3
    if at == 1:
        return 2 * (first.given or first.family) if word.plain in _STATES else int(word.plain in _CUES)
    return int(word.plain in _CUES or not (word.capital or word.plain in _NO_AGENTS))


def _alike(one: Word, other: Word) -> bool:
    """`ben and maria`: two names and no other words, written alike."""
    alone = not (one.common or one.ordinary or one.place or other.common or other.ordinary or other.place)
    return one.usual and other.usual and alone and one.capital == other.capital


def _before_several(word: Word) -> int:
    if word.plain in ("a", "an"):
        return -2
    return int(not word.capital and word.plain not in _NO_AGENTS)


def _anchor(words: Sequence[Word], at: int) -> int:
    """The index of what stands before the list of capitalised words that this one may be in."""
    first = max(at - _MOST, 1)
    at -= 1
    while at >= first and (words[at].capital or words[at].plain in AND):
        at -= 1
    return at


def behind(text: str, words: Sequence[Word], at: int, after: int) -> int:
    """The points of what stands after the words from `at` on, of which `after` is the next one."""
    last, single = words[after - 1], after == at + 1
    if last.initial and not single:
        return 2 * text.startswith(".", last.end)
    if _CODE_AFTER.match(text, last.end):
        return _CODE
    if _APPOSED.match(text, last.end) or speaks(text, last):
        return SURE
    if _NUMBER.match(text, last.end) or _explained(words, after):
        return -3
    owned = text.startswith("'s ", last.end)
    start = last.end + 2 * owned
    if after == len(words) or text[start : words[after].start] != " ":
        return 0
    if owned:
        return SURE * any(one.plain in _BELONGINGS for one in words[after : after + 2])
    if single and words[after].plain in AND and after + 1 < len(words) and _alike(last, words[after + 1]):
        return SURE
    asked = at > 0 and words[at - 1].plain in _STATES
    return _does(last, words[after], asked) or _bears(words[after], single, asked)


def _explained(words: Sequence[Word], after: int) -> bool:
    """`Georgia the state`, `Darwin, the city`."""
    what = [word.plain for word in words[after : after + 2]]
    return len(what) > 1 and what[0] in ("the", "a") and what[1] in _BEARERS


def _does(last: Word, word: Word, asked: bool) -> int:
    """The points of a word that says what somebody does or has; it is a base form in a question that `asked`."""
    if word.plain in _DEEDS or word.plain in _HONOURS or (asked and last.given and f"{word.plain}s" in _DEEDS):
        return SURE
    if word.plain.endswith("ed") and len(word.plain) > len("need"):
        return SURE if last.given else 1
    if word.plain in _STATES:
        return int(not last.common and not last.place)
    return int(word.plain in _BELONGINGS)


def _bears(word: Word, single: bool, asked: bool) -> int:
    """The points against, of a thing that bears a name: `Lewis acids`; in a question that `asked` it is a verb."""
    if word.capital:
        camel = bool(_HUMP.search(word.shown)) and not word.unknown
        return (_CODE if camel else -2 * word.ordinary) * single
    known = noun(word.plain) and not verb(word.plain) and not word.plain.endswith("ing")
    thing = known and len(word.plain) > 2 and word.plain not in _FUNCTIONS | _STATES and not asked
    return -2 * thing
