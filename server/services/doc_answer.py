"""On sale: the passage of the project's own documentation that answers a question, word for word and cited."""

import re
from math import log
from typing import Annotated

from msgspec import Meta, Struct

from server.services import library
from server.services.library import FUNCTION_WORDS, PREFIX_LETTERS, Library, term, words
from server.services.service import Answer, Context, Service, ServiceError, json_answer

ENOUGH = 0.5
"""A passage with a lower score is no answer, and is not sold."""
BY_HEADING = 0.5
"""A word that stands in the headings above a passage alone counts as so much of one in it."""


class AnswerArguments(Struct, forbid_unknown_fields=True):
    """A question in English, or its keywords."""

    question: Annotated[str, Meta(min_length=3, max_length=300, description="What you want to know of Paddock.")]
    limit: Annotated[int, Meta(ge=1, le=5, description="At most this many passages.")] = 1

    def __post_init__(self) -> None:
        if not keywords(self.question):
            raise ValueError("question: every word of it is a function word; name what it is about")


class Quoted(Struct):
    """A passage as it stands in the document `path`, from line `line` on, under a path of headings.

    `score` is the share of the question that it speaks of, from 0 to 1: each word counts by how rare it is. `missing`
    are the words that neither it nor its headings have.
    """

    text: str
    path: str
    line: int
    heading: str
    score: float
    missing: list[str]


class AnswerReport(Struct):
    """The passages that speak most of the question, best first. `keywords` are what was looked for in `searched`
    sections; each also finds the words that begin with it."""

    keywords: list[str]
    searched: int
    answers: list[Quoted]


async def run(arguments: AnswerArguments, _context: Context) -> Answer:
    """Raises ServiceError (404) when no passage is an answer, Unavailable without documentation."""
    shelf = library.opened(library.documentation_root())
    return json_answer(answered(shelf, arguments.question, arguments.limit))


def keywords(question: str) -> list[str]:
    """What a question is about: its words without function words, of a plural the singular, each once."""
    said = (word for word in words(question) if word not in FUNCTION_WORDS)
    return list(dict.fromkeys(re.sub(r"(?<=..[^s])s$", "", word) for word in said))


def answered(shelf: Library, question: str, limit: int) -> AnswerReport:
    """The answers, without their price; of equal scores the shorter passage. Raises ServiceError."""
    asked = keywords(question)
    weights = {word: rarity(shelf, word) for word in asked}
    whole = sum(weights.values())
    found: list[Quoted] = []
    for passage, section, said, headed in shelf.passages:
        within = {word for word in asked if _says(said, word)}
        above = {word for word in asked if _says(headed, word)} - within
        points = sum(weights[word] for word in within) + BY_HEADING * sum(weights[word] for word in above)
        if within and points >= ENOUGH * whole:
            missing = [word for word in asked if word not in within | above]
            score = round(points / whole, 6)
            found.append(Quoted(passage.text, section.path, passage.line, section.heading, score, missing))
    if not found:
        raise ServiceError(f"question: no passage of {len(shelf.sections)} sections speaks of half of it", 404)
    found.sort(key=lambda one: (-one.score, len(one.text)))
    return AnswerReport(asked, len(shelf.sections), found[:limit])


def rarity(shelf: Library, word: str) -> float:
    """How much a word tells: its inverse document frequency over sections, as BM25 has it, which is above zero."""
    having = shelf.count(term(word))
    return log(1 + (len(shelf.sections) - having + 0.5) / (having + 0.5))


def _says(held: frozenset[str], word: str) -> bool:
    """Whether the word is among those held, or begins one of them; the index finds words in the same way."""
    return word in held or (len(word) >= PREFIX_LETTERS and any(one.startswith(word) for one in held))


SERVICE = Service(
    slug="doc-answer",
    title="Documentation answer",
    summary="Answers a question by the passage of Paddock's documentation that speaks of it, cited by line and scored.",
    kind="research database",
    unit="answer",
    amount=6_000,
    arguments=AnswerArguments,
    answers=AnswerReport,
    example={"question": "How is a payment signed?"},
    run=run,
    tags=("documentation", "question", "answer", "citation"),
)
