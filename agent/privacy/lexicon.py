"""The lists that tell other words from names: symspellpy's dictionary, Faker's texts, professions and places."""

import importlib
import pkgutil
import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from agent.privacy.folding import fold_word

_COMMON, _ENGLISH = 5_000, 30_000
"""How many words count as common: with more of them more names are missed, with fewer more words are taken for one;
and how many are known as words: rarer ones are more often somebody's family name."""
_ENDINGS = ("ed", "ing", "ly")
_SUFFIXES = ("ly", "ic", "al", "ous", "ive", "able", "less", "ful", "ness", "ment", "tion", "ity", "ism", "ish")
_SHORTEST = 4
_TOWNS = ("cities", "city_names", "countries", "states", "provinces", "regions", "counties", "cantons", "departments")
_DATES = ("DAY_NAMES", "MONTH_NAMES")
_WORD = re.compile(r"[^\W\d_]{2,}")


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Folded words: English `common` ones, more `english` ones and `rare` ones, those of other languages (`foreign`),
    what people are by profession (`roles`), and towns and countries (`places`).
    """

    common: frozenset[str]
    english: frozenset[str]
    rare: frozenset[str]
    foreign: frozenset[str]
    roles: frozenset[str]
    places: frozenset[str]


@lru_cache(maxsize=1)
def lexicon() -> Lexicon:
    """Read when a text first has a word to look up."""
    ranked = list(_dictionary())
    english = frozenset(ranked[:_ENGLISH])
    return Lexicon(
        common=frozenset(ranked[:_COMMON]),
        english=english,
        rare=frozenset(ranked[_ENGLISH:]),
        foreign=frozenset(
            _words((*_lists("lorem", ("word_list", "common_words"), but="en"), *_lists("date_time", _DATES)))
        ),
        roles=frozenset(_roles(english)),
        places=frozenset(fold_word(place).replace(" ", "_") for place in _lists("address", _TOWNS)),
    )


def _dictionary() -> Iterator[str]:
    """English words, the most frequent first."""
    with (files("symspellpy") / "frequency_dictionary_en_82_765.txt").open(encoding="utf-8-sig") as lines:
        yield from (line.partition(" ")[0] for line in lines)


@lru_cache(maxsize=4096)
def inflected(word: str) -> bool:
    """Whether a word is an English verb or adjective, or its plural: `marks` is, `adams` is not."""
    bases = {word.removesuffix("e"), word.removesuffix("s").removesuffix("e")}
    return any(_is_english(base + ending) for base in bases for ending in _ENDINGS)


@lru_cache(maxsize=4096)
def verb(word: str) -> bool:
    """Whether an English word is a verb in its third person."""
    bases = {word.removesuffix(ending) for ending in ("s", "es")} if word.endswith("s") else set()
    return any(_is_english(base.removesuffix("e") + "ing") for base in bases)


@lru_cache(maxsize=4096)
def noun(word: str) -> bool:
    """Whether an English word is more than the name of one place or thing: it has forms, or the ending of a word."""
    other = word.removesuffix("s") if word.endswith("s") else f"{word}s"
    return word.endswith(_SUFFIXES) or inflected(word) or _is_english(other)


def _is_english(word: str) -> bool:
    return word in lexicon().english or word in lexicon().rare


def _roles(english: Container[str]) -> Iterator[str]:
    """`Engineer, electrical`, `Clinical psychologist`: the noun, of professions in two words the last one."""
    for job in _lists("job", ("jobs",)):
        words = _WORD.findall(job.partition(",")[0])
        if words and (len(words) == 1 or words[-1].lower() in english) and len(words[-1]) > _SHORTEST:
            yield fold_word(words[-1])


def _lists(kind: str, names: Iterable[str], but: str = "-") -> Iterator[str]:
    package = importlib.import_module(f"faker.providers.{kind}")
    for module in pkgutil.iter_modules(package.__path__):
        if not module.name.startswith(but):
            provider = importlib.import_module(f"{package.__name__}.{module.name}").Provider
            for name in names:
                values = getattr(provider, name, ())
                values = values.values() if isinstance(values, dict) else values
                yield from (value for value in values if isinstance(value, str))


def _words(values: Iterable[str]) -> Iterator[str]:
    return (fold_word(word) for value in values for word in _WORD.findall(value))
