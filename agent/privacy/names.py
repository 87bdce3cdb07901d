"""The lists of people's names: Faker's of some eighty languages, and our own of those that it writes otherwise."""

import importlib
import pkgutil
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from agent.privacy.folding import fold_word
from agent.privacy.lexicon import lexicon
from agent.privacy.shapes import seed_words
from agent.privacy.vocabulary import vocabulary

_HERE = Path(__file__).parent
_SHORTEST = 2
_MANY = 9
"""Lists of as many languages that a word is in, and still a name where it is a place's or another word too."""
_NOT_ALONE = frozenset(("german", "max", "said", "per", "will", "may", "an", "mark", "april", "june", "august"))
_TABLE = str.maketrans({pair[0]: pair[1:].strip("_") for pairs in vocabulary("letters").values() for pair in pairs})


@dataclass(frozen=True, slots=True)
class Names:
    """Folded words: `given` and `family` names, and common `words`, without those that are English names.

    `usual` given names are so in several languages, `popular` ones in many.
    """

    given: frozenset[str]
    family: frozenset[str]
    usual: frozenset[str]
    popular: frozenset[str]
    words: frozenset[str]


@lru_cache(maxsize=1)
def names() -> Names:
    """Read when a text first has a word to look up; the time and memory it takes are those of Faker's modules."""
    person = importlib.import_module("faker.providers.person")
    words = lexicon().common
    english: set[str] = set()
    given: Counter[str] = Counter()
    family: Counter[str] = Counter()
    for module in pkgutil.iter_modules(person.__path__):
        provider = importlib.import_module(f"{person.__name__}.{module.name}").Provider
        listed = {name: getattr(provider, name) for name in dir(provider) if "name" in name and "format" not in name}
        given.update(_folded(listed, "first", "middle"))
        family.update(_folded(listed, "last"))
        english |= _folded(listed, "first", "last") if module.name == "en_US" else set()
    own = _own()
    given.update(own["given"])
    family.update(own["family"])
    usual = frozenset(name for name, lists in given.items() if lists > 2) | frozenset(own["given"])
    popular = frozenset(name for name, lists in given.items() if lists > _MANY) - _NOT_ALONE
    return Names(frozenset(given), frozenset(family), usual, popular, (words - english) | seed_words())


def _own() -> dict[str, list[str]]:
    """Names in Latin letters of languages that Faker writes in their own script, or does not have."""
    sections: dict[str, list[str]] = {"given": [], "family": []}
    for line in (_HERE / "more_names.txt").read_text(encoding="utf-8").splitlines():
        kind, _, rest = line.partition(":")
        sections[kind] += (spelling for word in rest.split() for spelling in _spellings(word))
    return sections


def _folded(listed: dict[str, Iterable[str]], *kinds: str) -> set[str]:
    """The words of these lists, those of two alphabets also in Latin letters."""
    words = {
        spelling
        for name, values in listed.items()
        if any(kind in name for kind in kinds) and isinstance(values, (tuple, list, dict))
        for value in values
        if isinstance(value, str)
        for word in _parts(value)
        for spelling in _spellings(fold_word(word))
    }
    return words | {latin for word in words if (latin := word.translate(_TABLE)) != word}


def _spellings(word: str) -> set[str]:
    """`o'brien`, and `obrien` as machines write it."""
    return {word, word.replace("'", "")}


def _parts(value: str) -> Iterator[str]:
    parts = value.replace("-", " ").replace("’", "'").split()
    yield from (part for part in parts if len(part) >= (_SHORTEST if len(parts) == 1 else 4) or not part.isascii())
