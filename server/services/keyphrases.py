"""On sale, by the phrase: what tells a text apart from others, by a method that states how often it does."""

import asyncio
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from math import log, sqrt
from pathlib import Path
from typing import Annotated, NamedTuple

from msgspec import Meta, Struct

from server.domain.outages import Unavailable
from server.services import library
from server.services.gist import halves, length, prose
from server.services.library import FUNCTION_WORDS, words_in
from server.services.service import Answer, Context, Service, ServiceError, json_answer
from server.services.tariffs import Tier, Tiers

MOST = 20
LONGEST = 3
"""Words of a phrase."""
ONCE = 0.1
"""What the first time that a text has a phrase counts; each other counts one."""
MEASURED, ENOUGH = 3, 80
"""Phrases asked of a document that measures the method, and the words that what is shown of it has at the least."""
TARIFF = Tiers("output", lambda arguments: arguments.count, (Tier(500),))
LETTERS = 2
"""Of a word, at the least."""
_TOKEN = re.compile(r"[^\W_]+|[^\w\s]|\n\s*\n")

Phrase = tuple[str, ...]


class PhraseArguments(Struct, forbid_unknown_fields=True):
    """An English text, and how many phrases are wanted and paid for."""

    text: Annotated[str, Meta(min_length=1, max_length=100_000)]
    count: Annotated[int, Meta(ge=1, le=MOST, description="Phrases, the best first.")] = 5


class Keyphrase(Struct):
    """One to three words in lower case, how often the text has them so, and the weight that ranks them."""

    phrase: str
    times: int
    weight: float


class PhraseMethod(Struct):
    """How phrases are chosen, and what that is worth. Of each of `measured` documents it is shown every other paragraph
    and taught by all `documents` but that one. Three phrases it names: `apart` is the share of them that the rest of
    the document has more often, for its length, than that of any other; `by_frequency`, of the commonest words."""

    name: str
    documents: int
    measured: int
    apart: float
    by_frequency: float


class PhraseAnswer(Struct):
    """As many phrases as were asked for; no two have a word in common."""

    phrases: list[Keyphrase]
    method: PhraseMethod


class Rarity:
    """How much a word tells: its inverse document frequency over the texts that are taught, as BM25 has it.

    A text is the set of its words.
    """

    def __init__(self, taught: Iterable[frozenset[str]]) -> None:
        texts = list(taught)
        self._texts, self._having = len(texts), Counter(word for one in texts for word in one)

    def of(self, word: str) -> float:
        """Above zero, and most for a word that no text has."""
        having = self._having[word]
        return log(1 + (self._texts - having + 0.5) / (having + 0.5))

    def best(self, text: str, count: int) -> list[Keyphrase]:
        """The phrases with the most weight, at most so many; of equals the first by the alphabet."""
        times = Counter(candidates(text))
        weights = {one: (times[one] - 1 + ONCE) * self._worth(one) for one in times}
        return [Keyphrase(" ".join(one), times[one], round(weights[one], 4)) for one in _apart(weights, count)]

    def _worth(self, phrase: Phrase) -> float:
        return sum(map(self.of, phrase)) / sqrt(len(phrase))


class Taught(NamedTuple):
    """What words are worth, by all documents, and how the method does on documents that it was not taught."""

    rarity: Rarity
    method: PhraseMethod


async def run(arguments: PhraseArguments, _context: Context) -> Answer:
    """Raises ServiceError for a text with fewer phrases than asked for, Unavailable without documents to learn from."""
    root = library.documentation_root()
    return json_answer(await asyncio.to_thread(named, arguments.text, arguments.count, root))


def named(text: str, count: int, root: Path) -> PhraseAnswer:
    """The answer, taught by the documents under a folder. Raises as `run` does."""
    rarity, method = taught(root)
    found = rarity.best(text, count)
    if len(found) < count:
        raise ServiceError(f"count: the text has only {len(found)} phrases without a word in common")
    return PhraseAnswer(found, method)


def candidates(text: str) -> Iterator[Phrase]:
    """Every run of one to three words without function words, numbers and punctuation between them."""
    run: list[str] = []
    for token in [*_TOKEN.findall(text.lower()), ""]:
        if len(token) >= LETTERS and token.isalnum() and token not in FUNCTION_WORDS and not token.isdigit():
            run.append(token)
            continue
        for start in range(len(run)):
            yield from (tuple(run[start:end]) for end in range(start + 1, min(start + LONGEST, len(run)) + 1))
        run = []


def commonest(text: str, count: int) -> list[Phrase]:
    """What costs nothing: the commonest words."""
    return _apart(Counter(one for one in candidates(text) if len(one) == 1), count)


def _apart(weights: Mapping[Phrase, float], count: int) -> list[Phrase]:
    """Those with the most weight that have no word in common with one before."""
    found: list[Phrase] = []
    had: set[str] = set()
    for phrase in sorted(weights, key=lambda one: (-weights[one], one)):
        if len(found) < count and had.isdisjoint(phrase):
            found.append(phrase)
            had.update(phrase)
    return found


@cache
def taught(root: Path) -> Taught:
    """Taught and measured once in a process. Raises Unavailable for too little documentation."""
    known = {path: list(library.sections(path.name, path.read_text("utf-8"))) for path in library.documents(root)}
    texts = {path: [frozenset(words_in(section.text)) for section in known[path] if section.text] for path in known}
    split = {path: ["\n\n".join(half) for half in halves(list(prose(known[path])))] for path in known}
    rest = {path: (Counter(candidates(unseen)), length(unseen)) for path, (_, unseen) in split.items()}
    asked = [path for path in known if length(split[path][0]) >= ENOUGH]
    own: list[bool] = []
    common: list[bool] = []
    for path in asked:
        shown = split[path][0]
        rarity = Rarity(one for other in known if other != path for one in texts[other])
        chosen = [tuple(one.phrase.split(" ")) for one in rarity.best(shown, MEASURED)]
        own += [_tells(one, path, rest) for one in chosen]
        common += [_tells(one, path, rest) for one in commonest(shown, MEASURED)]
    if not own or not common:
        raise Unavailable("This installation carries too little documentation to learn from.")
    name = "repetition by rarity (TF-IDF) of runs of words, taught by the sections of the documents"
    shares = (round(sum(one) / len(one), 3) for one in (own, common))
    everything = Rarity(one for path in known for one in texts[path])
    return Taught(everything, PhraseMethod(name, len(known), len(asked), *shares))


def _tells(phrase: Phrase, path: Path, rest: Mapping[Path, tuple[Mapping[Phrase, int], int]]) -> bool:
    """Whether the rest of a document has a phrase more often, for its length, than that of any other."""
    rates = {one: found.get(phrase, 0) / (size or 1) for one, (found, size) in rest.items()}
    return rates[path] > max((rate for one, rate in rates.items() if one != path), default=0)


SERVICE = Service(
    slug="keyphrases",
    title="Key phrases",
    summary="Names the phrases that tell an English text apart, as many as you ask for; paid by the phrase.",
    kind="AI inference",
    unit=f"{MOST} outputs",
    amount=TARIFF.of(MOST),
    tariff=TARIFF,
    arguments=PhraseArguments,
    answers=PhraseAnswer,
    example={
        "text": "A quote names a price. The quote is signed, and a signed quote expires. Nobody pays an old quote.",
        "count": 2,
    },
    run=run,
    method="POST",
    timeout=25.0,
    tags=("keyphrases", "text", "extraction"),
)
