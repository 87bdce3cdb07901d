"""On sale, by the token: which language a text is in, by a small model whose method and error the answer states."""

import asyncio
from dataclasses import asdict
from typing import Annotated

from msgspec import Meta, Struct

from server.services.ngrams import LISTS, Held, held_out, model, tokens
from server.services.service import Answer, Context, Meter, Service, ServiceError, json_answer

MOST = 8_000
"""Tokens of one text."""
METER = Meter(unit="token", price=2_000, per=1_000)
SHOWN = 3


class LanguageArguments(Struct, forbid_unknown_fields=True):
    """A token is a word; of scripts that write none apart (Chinese, Japanese, Thai) a character."""

    text: Annotated[str, Meta(min_length=1, max_length=60_000, description=f"Up to {MOST:,} tokens.")]


class Guess(Struct):
    """A language by its ISO 639-1 code, and how likely it is among those that the model knows."""

    language: str
    probability: float


class Method(Struct):
    """How it is told, how often that is right on sentences that it was not trained on (`accuracy`; `three_words`: on
    their first three words), and how often one is right who goes by the script, or says the same language always."""

    name: str
    languages: int
    sentences: int
    accuracy: float
    three_words: float
    by_script: float
    by_commonest: float


class LanguageAnswer(Struct):
    """`guesses` are the likeliest three; `tokens` is what the call is charged by."""

    language: str
    tokens: int
    guesses: list[Guess]
    method: Method


async def run(arguments: LanguageArguments, _context: Context) -> Answer:
    """Charges each token. Raises ServiceError for a text without a letter, or with too many tokens."""
    answer = await asyncio.to_thread(judged, arguments.text)
    return Answer(json_answer(answer).body, charge=METER.charge(answer.tokens))


def judged(text: str) -> LanguageAnswer:
    """The answer, without its price. Raises ServiceError."""
    count = len(tokens(text))
    if not count:
        raise ServiceError("text: there is no letter in it")
    if count > MOST:
        raise ServiceError(f"text: it has {count:,} tokens, {MOST:,} at most; send it in parts")
    likeliest = list(model().judge(text).items())[:SHOWN]
    guesses = [Guess(language, round(probability, 4)) for language, probability in likeliest]
    return LanguageAnswer(guesses[0].language, count, guesses, _method(held_out()))


def _method(held: Held) -> Method:
    return Method(
        name="naive Bayes over character n-grams, trained on word lists",
        languages=len(LISTS),
        **asdict(held),
    )


SERVICE = Service(
    slug="language-detection",
    title="Language detection",
    summary="Tells which of 18 languages a text is in, with probabilities and its measured accuracy; pay by the token.",
    kind="AI inference",
    unit=f"{MOST:,} tokens",
    amount=METER.charge(MOST),
    meter=METER,
    arguments=LanguageArguments,
    answers=LanguageAnswer,
    example={"text": "Nobody knows where the old fisherman has hidden his boat."},
    run=run,
    method="POST",
    tags=("language", "text", "classification", "metered"),
)
