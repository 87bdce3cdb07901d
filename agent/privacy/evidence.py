"""What words say by themselves of being a person's name: points, of which enough make one."""

from collections.abc import Sequence

from agent.privacy.vocabulary import vocabulary
from agent.privacy.wording import Word

ENOUGH = 4
"""As many points make a name."""
_SHORT = 3
"""Names of so few letters are often something else."""
_NEVER = -9
_PARTICLES, _SUFFIXES = vocabulary("people")["particles"], vocabulary("people")["suffixes"]
_OF = frozenset(
    (
        "da",
        "de",
        "del",
        "della",
        "den",
        "der",
        "das",
        "des",
        "di",
        "do",
        "dos",
        "du",
        "e",
        "i",
        "y",
        "la",
        "le",
        "von",
        "vom",
        "zu",
        "zur",
    )
)
"""Particles that also stand between two nouns; the others only within names."""


def worth(words: Sequence[Word]) -> int:
    """The points of a name's words together."""
    inner = words[1:-1]
    body = [word for word in words if not is_particle(word) and word.plain not in _SUFFIXES]
    body = [word for word in body if word not in inner or word.plain not in _PARTICLES]
    full = [word for word in body if not word.initial]
    if not full:
        return _NEVER
    if len(body) == 1:
        return of_one(full[0])
    grades = [grade(word) for word in full]
    if len(full) == 1:
        return grades[0] + (3 if body[0].initial and grades[0] > 0 else 1)
    total = sum(sorted(grades)[-2:]) + sum(one for one in sorted(grades)[:-2] if one < 0)
    if all(one in (1, 2) for one in grades) and not any(word.english or word.shown.isupper() for word in full):
        total += 1
    if any(word.plain in _OF for word in words[1:]) and not any(word.given or word.family for word in full):
        total -= 2
    leading = len(words) > 2 and words[0].plain in _PARTICLES and is_particle(words[1])
    if leading or any(is_particle(word) and word.plain not in _OF for word in words[1:]):
        total += 2
    if full[0].english and not full[0].given:
        total -= 3
    return total


def of_one(word: Word) -> int:
    """The points of a single word."""
    if not (word.given or word.family):
        other = -5 if word.common else -4 * word.ordinary
        return other or 1 + word.shaped - word.english
    if word.common or word.place:
        return 3 if word.popular else 1 + word.usual if word.given else 0
    if word.ordinary:
        return (2 + word.usual) * word.given
    if word.given and len(word.plain) <= _SHORT:
        return ENOUGH if word.usual and len(word.plain) == _SHORT else 2
    if word.given:
        return ENOUGH if word.usual or len(word.plain) > _SHORT + 1 else 3
    return 3 - word.english


def grade(word: Word) -> int:
    """The points of a word among others."""
    if not (word.given or word.family):
        if word.ordinary or word.common:
            return -4 if word.common else -1
        return 1 + word.shaped if word.capital else 0
    if word.common or word.ordinary:
        if not word.capital and not word.popular:
            return -3
        return 3 if word.given and word.usual else 1
    return 4 if word.usual else 3


def is_particle(word: Word) -> bool:
    return word.plain in _PARTICLES and not word.capital


def eponym(words: Sequence[Word]) -> bool:
    """Whether a hyphen makes two people of the words, `Kaplan-Meier`, and not one, `Mary-Lou`."""
    joined = len(words) == 2 and words[1].hyphened and words[0].capital
    return joined and not (words[0].usual and words[1].usual)
