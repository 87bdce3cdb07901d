"""A text's language by its character n-grams: multinomial naive Bayes, trained on word lists when it is first asked."""

import importlib
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

LISTS = {
    "ar": "ar_AA", "bn": "bn_BD", "cs": "cs_CZ", "da": "da_DK", "de": "de_DE", "el": "el_GR", "en": "en_US",
    "es": "es_ES", "fa": "fa_IR", "fr": "fr_FR", "it": "it_IT", "ja": "ja_JP", "nl": "nl_NL", "pl": "pl_PL",
    "ru": "ru_RU", "th": "th_TH", "uk": "uk_UA", "zh": "zh_CN",
}  # fmt: skip
"""ISO 639-1 codes, and Faker's locale whose word list stands for each."""
LONGEST = 4
"""Characters of an n-gram."""
SMOOTHING = 0.2
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]")
"""Scripts whose words stand without spaces between them."""


@dataclass(frozen=True, slots=True)
class Held:
    """How the method does on sentences that it never saw, on their first three words, and what costs nothing instead:
    to go by the script, or to say the same language always."""

    sentences: int
    accuracy: float
    three_words: float
    by_script: float
    by_commonest: float


def words(text: str) -> list[str]:
    """Runs of letters and the marks on them, in lower case."""
    return "".join(one if unicodedata.category(one)[0] in "LM" else " " for one in text.lower()).split()


def tokens(text: str) -> list[str]:
    """What is counted and judged: words in lower case; of scripts without spaces, single characters."""
    found: list[str] = []
    for word in words(text):
        found += list(word) if _UNSPACED.search(word) else [word]
    return found


def grams(text: str) -> Iterator[str]:
    """The n-grams of a text's words, with their ends marked; of scripts without spaces, of the whole run."""
    for word in words(text):
        marked = word if _UNSPACED.search(word) else f" {word} "
        for size in range(1, LONGEST + 1):
            yield from (marked[start : start + size] for start in range(len(marked) - size + 1))


class Model:
    """Log-probabilities of n-grams by language."""

    def __init__(self, taught: Mapping[str, Iterable[str]]) -> None:
        counts = {
            language: Counter(gram for word in known for gram in grams(word)) for language, known in taught.items()
        }
        kinds = len({gram for counter in counts.values() for gram in counter})
        self.languages = tuple(sorted(counts))
        self._unseen = {}
        self._logs: dict[str, dict[str, float]] = {}
        for language, counter in counts.items():
            total = math.log(counter.total() + SMOOTHING * kinds)
            self._unseen[language] = math.log(SMOOTHING) - total
            self._logs[language] = {gram: math.log(count + SMOOTHING) - total for gram, count in counter.items()}

    def judge(self, text: str) -> dict[str, float]:
        """The probability of each language, the likeliest first; all alike for a text without a letter.

        n-grams overlap and are no evidence of their own each, so their number is weighed by its root.
        """
        found = list(grams(text))
        if not found:
            return dict.fromkeys(self.languages, 1 / len(self.languages))
        scores = {
            language: sum(logs.get(gram, self._unseen[language]) for gram in found) / math.sqrt(len(found))
            for language, logs in self._logs.items()
        }
        best = max(scores.values())
        weights = {language: math.exp(score - best) for language, score in scores.items()}
        total = sum(weights.values())
        return {one: weights[one] / total for one in sorted(weights, key=lambda one: (-weights[one], one))}


@cache
def model() -> Model:
    """Trained once in a process, in well under a second."""
    return Model({language: _words(locale) for language, locale in LISTS.items()})


@cache
def held_out() -> Held:
    """Measured once in a process, on sentences that stand beside this file and are in no word list."""
    sentences = list(_sentences())
    known = {language: next(one for own, one in sentences if own == language) for language in LISTS}
    guesses = {script(text): language for language, text in reversed(known.items())}
    right = sum(next(iter(model().judge(text))) == language for language, text in sentences)
    short = sum(next(iter(model().judge(_beginning(text)))) == language for language, text in sentences)
    scripted = sum(guesses.get(script(text)) == language for language, text in sentences)
    commonest = max(Counter(language for language, _ in sentences).values())
    count = len(sentences)
    return Held(count, *(round(found / count, 3) for found in (right, short, scripted, commonest)))


def script(text: str) -> str:
    """The script that most of a text's letters are of, by the first word of their Unicode names."""
    found = Counter(unicodedata.name(letter, "?").split()[0] for word in words(text) for letter in word)
    return max(found.items(), key=_most)[0]


def _beginning(text: str) -> str:
    """The first three words; of scripts without spaces the first six characters."""
    return text[:6] if _UNSPACED.search(text) else " ".join(words(text)[:3])


def _most(item: tuple[str, int]) -> tuple[int, str]:
    return item[1], item[0]


def _words(locale: str) -> tuple[str, ...]:
    provider = importlib.import_module(f"faker.providers.lorem.{locale}").Provider
    return tuple(provider.word_list)


def _sentences() -> Iterator[tuple[str, str]]:
    text = (resources.files("server.services.data") / "languages.tsv").read_text(encoding="utf-8")
    for line in text.splitlines():
        language, _, sentence = line.partition("\t")
        yield language, sentence
