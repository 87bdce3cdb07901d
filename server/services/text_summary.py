"""On sale: a text's own sentences that speak of the most of it, by a method that states how well it does."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from server.domain.outages import Unavailable
from server.services import library
from server.services.gist import halves, length, prose, sentences, telling
from server.services.service import Answer, Context, Service, ServiceError, json_answer

LEAST = 4
"""Words of a sentence that may stand in a summary."""
ONCE = 0.1
"""What the first time that a text has a word counts; each other counts one."""
MEASURED = 100
"""Words of the summaries by which the method is measured, of documents with at least so many sentences:"""
ENOUGH = 20


class SummaryArguments(Struct, forbid_unknown_fields=True):
    """An English text; a document is one task, however long its summary."""

    text: Annotated[str, Meta(min_length=1, max_length=100_000)]
    words: Annotated[int, Meta(ge=20, le=400, description="The summary has at most so many words.")] = 80


class Chosen(Struct):
    """A sentence as it stands in the text, and which of it that is, counted from 1."""

    number: int
    text: str


class SummaryMethod(Struct):
    """How sentences are chosen, and what that is worth: of `documents` documents it is shown every other sentence, and
    `unseen` is the share of the words of the others that its summary of `measured_words` words has. `by_beginning` is
    that share for a summary as long that takes the first sentences."""

    name: str
    documents: int
    measured_words: int
    unseen: float
    by_beginning: float


class SummaryAnswer(Struct):
    """The chosen sentences in the order of the text. `covered` is the share of the text's words that they have, without
    function words and numbers."""

    sentences: list[Chosen]
    words: int
    of_sentences: int
    of_words: int
    covered: float
    method: SummaryMethod


async def run(arguments: SummaryArguments, _context: Context) -> Answer:
    """Raises ServiceError where no sentence is short enough, Unavailable without documents to be measured on."""
    root = library.documentation_root()
    return json_answer(await asyncio.to_thread(summarised, arguments.text, arguments.words, root))


def summarised(text: str, words: int, root: Path) -> SummaryAnswer:
    """The answer, with the method measured on the documents under a folder. Raises as `run` does."""
    every = sentences(text)
    chosen = choose(every, words)
    if not chosen:
        raise ServiceError(f"text: none of its {len(every)} sentences has {LEAST} to {words} words that say anything")
    shown = [Chosen(index + 1, every[index]) for index in chosen]
    used = sum(length(one.text) for one in shown)
    share = round(covered([one.text for one in shown], every), 3)
    return SummaryAnswer(shown, used, len(every), length(text), share, measured(root))


def choose(every: Sequence[str], words: int) -> list[int]:
    """Indices of sentences, in order: again and again the one that adds most for each of its words, while it fits.

    What a sentence adds is how often the text repeats the words in it that no chosen one has; of equals, the first.
    """
    said = [frozenset(telling(one)) for one in every]
    sizes = [length(one) for one in every]
    counts = Counter(word for one in every for word in telling(one))
    left = {index for index, size in enumerate(sizes) if size >= LEAST}
    chosen: list[int] = []
    had: frozenset[str] = frozenset()
    while left := {index for index in left if sizes[index] <= words and said[index] - had}:
        best = min(
            left, key=lambda index: (-sum(counts[word] - 1 + ONCE for word in said[index] - had) / sizes[index], index)
        )
        chosen.append(best)
        had |= said[best]
        words -= sizes[best]
        left.discard(best)
    return sorted(chosen)


def begin(every: Sequence[str], words: int) -> list[int]:
    """What costs nothing: the first sentences, while they fit."""
    taken: list[int] = []
    for index, one in enumerate(every):
        if length(one) <= words:
            taken.append(index)
            words -= length(one)
    return taken


def covered(summary: Sequence[str], every: Sequence[str]) -> float:
    """The share of the words of some sentences that a summary has too."""
    had = {word for one in summary for word in telling(one)}
    words = [word for one in every for word in telling(one)]
    return sum(word in had for word in words) / len(words) if words else 0.0


@cache
def measured(root: Path) -> SummaryMethod:
    """Measured once in a process. Raises Unavailable without a document that is long enough."""
    shares: list[tuple[float, float]] = []
    for path in library.documents(root):
        contents = library.sections(path.name, path.read_text(encoding="utf-8"))
        every = [sentence for part in prose(list(contents)) for sentence in sentences(part)]
        if len(every) >= ENOUGH:
            shown, unseen = halves(every)
            own, first = (
                covered([shown[index] for index in method(shown, MEASURED)], unseen) for method in (choose, begin)
            )
            shares.append((own, first))
    if not shares:
        raise Unavailable("This installation carries too little documentation to measure a summary on.")
    own, first = (round(sum(column) / len(shares), 3) for column in zip(*shares, strict=True))
    name = "greedy choice of sentences by how often the text repeats the words that they add"
    return SummaryMethod(name, len(shares), MEASURED, own, first)


SERVICE = Service(
    slug="text-summary",
    title="Text summary",
    summary="Chooses the sentences of an English text that speak of most of it; states how well its method does.",
    kind="AI inference",
    unit="task",
    amount=5_000,
    arguments=SummaryArguments,
    answers=SummaryAnswer,
    example={
        "text": (
            "An agent asks for a price. It rained all afternoon, so nobody went out to look at the sea. The marketplace"
            " answers with a price and a quote. The agent signs a payment for that quote and no other."
        ),
        "words": 20,
    },
    run=run,
    method="POST",
    timeout=25.0,
    tags=("summary", "text", "extractive"),
)
