"""On sale: which document of the documentation a prompt is about, by a small model that states how good it is."""

import asyncio
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Annotated, NamedTuple

from msgspec import Meta, Struct

from server.domain.outages import Unavailable
from server.services import library
from server.services.ngrams import Model, words
from server.services.service import Answer, Context, Service, ServiceError, json_answer

HELD_OUT = 10
"""One passage of so many is kept from the model and measures it: the fifth, the fifteenth and so on."""
LEAST = 4
"""Words of a passage that is learnt from, or measured on."""
SHOWN = 3


class PromptArguments(Struct, forbid_unknown_fields=True):
    """What somebody asked for, in their words; English, as the documents are."""

    prompt: Annotated[str, Meta(min_length=3, max_length=2_000)]


class Route(Struct):
    """A document, and how likely it is the one among those that the model knows."""

    path: str
    probability: float


class RoutingMethod(Struct):
    """How it is told, and how often that is right on `held_out` passages that it was not trained on: at once, or among
    the first three; and how often one is right who names the document with the most passages always."""

    name: str
    documents: int
    passages: int
    held_out: int
    accuracy: float
    among_three: float
    by_commonest: float


class RoutingAnswer(Struct):
    """`routes` are the likeliest three, the likeliest first; doc-read sells a document whole."""

    routes: list[Route]
    method: RoutingMethod


class Taught(NamedTuple):
    """A model of documents' paths, and how it does."""

    model: Model
    method: RoutingMethod


async def run(arguments: PromptArguments, _context: Context) -> Answer:
    """Raises ServiceError for a prompt without a letter, Unavailable without documentation to learn from."""
    if not words(arguments.prompt):
        raise ServiceError("prompt: there is no letter in it")
    return json_answer(await asyncio.to_thread(routed, arguments.prompt, library.documentation_root()))


def routed(prompt: str, root: Path) -> RoutingAnswer:
    """The answer, from the documentation under a folder."""
    model, method = taught(root)
    likeliest = list(model.judge(prompt).items())[:SHOWN]
    return RoutingAnswer([Route(path, round(probability, 4)) for path, probability in likeliest], method)


@cache
def taught(root: Path) -> Taught:
    """Trained and measured once in a process, in a few seconds. Raises Unavailable for too few passages."""
    known = [(one.section.path, one.passage.text) for one in library.opened(root).passages if len(one.words) >= LEAST]
    held: list[tuple[str, str]] = []
    learnt: dict[str, list[str]] = {}
    for number, (path, text) in enumerate(known, 1):
        if number % HELD_OUT == HELD_OUT // 2:
            held.append((path, text))
        else:
            learnt.setdefault(path, []).append(text)
    if not held:
        raise Unavailable("This installation carries too little documentation to learn from.")
    model = Model(learnt)
    guesses = [(path, list(model.judge(text))[:SHOWN]) for path, text in held]
    (commonest, _), *_ = Counter({path: len(texts) for path, texts in learnt.items()}).most_common(1)
    shares = (
        sum(path == guess[0] for path, guess in guesses) / len(held),
        sum(path in guess for path, guess in guesses) / len(held),
        sum(path == commonest for path, _ in guesses) / len(held),
    )
    name = "naive Bayes over character n-grams, trained on the passages of the documents"
    counts = (len(learnt), len(known) - len(held), len(held))
    return Taught(model, RoutingMethod(name, *counts, *(round(share, 3) for share in shares)))


SERVICE = Service(
    slug="prompt-routing",
    title="Prompt routing",
    summary="Tells which document of Paddock a prompt is about, with probabilities and how often the method is right.",
    kind="AI inference",
    unit="prompt",
    amount=3_000,
    arguments=PromptArguments,
    answers=RoutingAnswer,
    example={"prompt": "My callback failed. When does the money come back to me?"},
    run=run,
    method="POST",
    timeout=25.0,
    tags=("prompt", "classification", "documentation"),
)
