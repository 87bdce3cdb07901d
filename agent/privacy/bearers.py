"""Companies, places and things that bear people's names."""

import re
from collections.abc import Sequence

from agent.privacy import context
from agent.privacy.lexicon import lexicon
from agent.privacy.vocabulary import vocabulary
from agent.privacy.wording import Word

_OTHERS = vocabulary("others")
_BEARERS, _BEFORE, _BRANDS, _HOUSES = (_OTHERS[kind] for kind in ("bearers", "before", "brands", "houses"))
_FUNCTIONS = vocabulary("people")["functions"]
_BELONGINGS, _NEAR = vocabulary("people")["belongings"], vocabulary("things")["near"]
_BESIDE_AFTER, _BESIDE_BEFORE = re.compile(r"\s&\s|\s?®|\s?™"), (" & ", " &amp; ")
_AROUND = 4


def elsewhere(text: str, words: Sequence[Word], at: int, after: int) -> bool:
    """Whether what looks like a person is a company, a place or a thing."""
    if _branded(words, at, after) or _placed(text, words, at, after):
        return True
    if context.titled(text, words, at):
        return False
    return _near(text, words, at, after) or _bearing(text, words, at, after) or _beside(text, words, at, after)


def _near(text: str, words: Sequence[Word], at: int, after: int) -> bool:
    """Whether what is said around them speaks of things, and nothing of a person."""
    whole = after > at + 1 and words[at].usual and words[after - 1].family
    if after - at > 2 or whole or context.before(text, words, at, after == at + 1) >= context.SURE:
        return False
    return not _NEAR.isdisjoint(word.plain for word in words[max(at - _AROUND, 0) : after + _AROUND])


def _bearing(text: str, words: Sequence[Word], at: int, after: int) -> bool:
    """`Martin Luther King Day`, `Fisher's exact test`, `Mount Cook`, `the Marie Celeste`, `Banque de France`."""
    first, last, size = words[at], words[after - 1], after - at
    if size > 1 and last.plain in _BEARERS and (size > 2 or not first.given or first.english):
        return True
    if size > 1 and first.plain in _HOUSES and not first.given:
        return True
    owner = after < len(words) and words[after].plain in _BELONGINGS
    if size > 1 and at and words[at - 1].plain == "the" and first.gap and not owner:
        return True
    owned = {word.plain for word in words[after : after + 2]} if text.startswith("'s ", last.end) else set()
    if owned & _BEARERS and not owned & _BELONGINGS:
        return True
    if after < len(words):
        follows = words[after]
        alike = follows.capital == first.capital or size == 1
        if follows.gap and follows.plain in _BEARERS - _FUNCTIONS and alike:
            return True
    if not at or not first.gap:
        return False
    return words[at - 1].plain in (_BEFORE if words[at - 1].capital else _HOUSES)


def _beside(text: str, words: Sequence[Word], at: int, after: int) -> bool:
    """`Marks & Spencer`, where neither is a given name."""
    if _BESIDE_AFTER.match(text, words[after - 1].end):
        return after == len(words) or not words[after].given
    return text.endswith(_BESIDE_BEFORE, 0, words[at].start) and (at == 0 or not words[at - 1].given)


def _placed(text: str, words: Sequence[Word], at: int, after: int) -> bool:
    """`Madison, WI`, `Saint Helena`, `Sierra Leone`."""
    first, places = words[at], lexicon().places
    if after > at + 1:
        spelled = "_".join(word.plain for word in words[at:after])
        return spelled in places or (first.plain in _BEFORE and first.capital)
    if after == len(words) or text[first.end : words[after].start] != ", ":
        return False
    beside, joined = words[after], "_".join(word.plain for word in words[after : after + 2])
    state = beside.shown.isupper() and len(beside.shown) == 2
    return beside.capital and (joined in places or state or (beside.place and not first.popular))


def _branded(words: Sequence[Word], at: int, after: int) -> bool:
    spelled = [word.plain for word in words[max(at - 1, 0) : after + 1]]
    ahead = 1 if at else 0
    return any(
        "_".join(spelled[start:end]).replace("'", "_") in _BRANDS
        for start in (0, ahead)
        for end in (ahead + after - at, len(spelled))
    )
