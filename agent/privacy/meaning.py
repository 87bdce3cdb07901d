"""What the lists say of a word: whether it is a name, and what else it is."""

import re
from functools import lru_cache
from typing import NamedTuple

from agent.privacy.lexicon import inflected, lexicon, noun
from agent.privacy.names import names
from agent.privacy.vocabulary import vocabulary

_SYLLABLE = r"(?:[bcdghjkmnpsty]h?|ss|kk)?[yw]?[aeiou]{1,3}(?:ng|[nmklph])?"
_KOREAN = re.compile(rf"{_SYLLABLE}-{_SYLLABLE}")
_CYRILLIC = re.compile(r"[\u0400-\u04ff]{4,}")
_ENDINGS = ("ого", "ому", "ыми", "ой", "ом", "ым", "ем", "ей", "ою", "ею", "а", "у", "е", "ы", "и", "ю", "я", "і")
_NOMINATIVES = ("", "а", "я", "й", "ий", "о", "ь")
_DECLINED = {"owi": "", "ovi": "", "em": "", "a": "", "u": "", "ie": "a", "y": "a", "e": "a", "i": "a", "ou": "a"}
"""Endings of given names in Slavic languages that use Latin letters, and those of the nominative."""
_PLACES = vocabulary("others")["places"]
_ALSO = _PLACES | vocabulary("things")["names"]
_FUNCTIONS = vocabulary("people")["functions"]
_SHAPED = re.compile("|".join(vocabulary("people")["given"]))
_LONG, _LONGEST = 5, 24


class Meaning(NamedTuple):
    """Names that are `usual` and `popular` are so in several and many languages; `common` words are more than a name.

    `ordinary` words are in a dictionary of some language, even if somebody is called so, `english` ones in that of
    English, if only as the name of a thing; a `place` is called so too, and rather than a person.
    """

    given: bool
    family: bool
    usual: bool
    popular: bool
    common: bool
    ordinary: bool
    english: bool
    place: bool


@lru_cache(maxsize=16_384)
def meaning(plain: str, opens: bool, capital: bool) -> Meaning:
    """Of a folded word; whether it `opens` a sentence, and is written with a capital."""
    known, others = names(), lexicon()
    given = _given(plain, opens, capital)
    family = _listed(plain, known.family) or ("'" in plain and plain.replace("'", "") in known.family)
    usual, popular = plain in known.usual, plain in known.popular
    return Meaning(
        given=given,
        family=family,
        usual=usual,
        popular=popular,
        common=plain in known.words or plain in _ALSO,
        ordinary=not popular and _ordinary(plain, given or family, usual),
        english=plain in others.english,
        place=plain in _PLACES or (plain in others.places and not usual),
    )


def _given(plain: str, opens: bool, capital: bool) -> bool:
    """Whether it is a given name; one that opens a sentence, in Cyrillic, only in the nominative."""
    known = names().given
    if plain in known or _KOREAN.fullmatch(plain) or _compound(plain):
        return True
    if _CYRILLIC.fullmatch(plain):
        return not opens and _listed(plain, known)
    declined = capital and len(plain) > _LONG and not _ordinary(plain, False, False)
    return declined and any(
        plain.endswith(ending) and plain.removesuffix(ending) + base in known for ending, base in _DECLINED.items()
    )


def _compound(plain: str) -> bool:
    """Whether a word that no dictionary and no map has is made like a given name: `Abdulrahim`, `Xiulan`."""
    others = lexicon()
    known = plain in others.english or plain in others.rare or plain in others.foreign or plain in others.places
    return _LONG < len(plain) < _LONGEST and not known and plain not in _ALSO and bool(_SHAPED.fullmatch(plain))


def _listed(plain: str, listed: frozenset[str]) -> bool:
    """Whether a word is one of the names, for Cyrillic ones in any case of the language."""
    if plain in listed:
        return True
    return bool(_CYRILLIC.fullmatch(plain)) and any(base in listed for base in _bases(plain))


def _bases(plain: str) -> list[str]:
    stems = [plain.removesuffix(ending) for ending in _ENDINGS if plain.endswith(ending)]
    return [stem + ending for stem in stems if len(stem) > 2 for ending in _NOMINATIVES]


def _ordinary(plain: str, listed: bool, usual: bool) -> bool:
    """Whether it is a word; a name that is one in English must have its forms, in another language be short or rare."""
    others = lexicon()
    if not listed:
        return (
            plain.partition("'")[0] in _FUNCTIONS
            or plain in others.foreign
            or (plain in others.english and noun(plain))
        )
    rare = not usual or len(plain) < _LONG
    return (plain in others.english and inflected(plain)) or (plain in others.foreign and rare)
