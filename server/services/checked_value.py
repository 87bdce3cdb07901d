"""On sale: a value of the documentation that passes its buyer's own check; nothing is charged while none does."""

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta, Struct

from server.services import library
from server.services.doc_answer import answered, keywords
from server.services.library import Library
from server.services.service import Answer, Context, Service, ServiceError, json_answer

SEARCHED = 20
"""Passages that values are taken from."""
_CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_NUMBER = re.compile(r"(?<![\w.,/-])(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?(?![\w/-]|[.,][0-9])")
_PATH = re.compile(r"[\w.-]+(?:/[\w.-]+)+")

Figure = Annotated[str, Meta(pattern=r"^-?[0-9]{1,20}(\.[0-9]{1,9})?$", description="A decimal number, as text.")]


class ValueArguments(Struct, forbid_unknown_fields=True):
    """What the value is about, its kind, and the check: bounds are for a `number`, `begins` for `code` and `path`.

    A `number` stands in the prose, `code` between backticks, a `path` is code that names a file which is there.
    With `agree` it stands in so many of the passages that speak of the question.
    """

    question: Annotated[str, Meta(min_length=3, max_length=300)]
    kind: Literal["number", "code", "path"] = "number"
    at_least: Figure | None = None
    at_most: Figure | None = None
    begins: Annotated[str, Meta(min_length=1, max_length=60)] | None = None
    agree: Annotated[int, Meta(ge=1, le=5, description="Passages.")] = 1

    def __post_init__(self) -> None:
        if not keywords(self.question):
            raise ValueError("question: every word of it is a function word; name what it is about")
        if self.kind != "number" and (self.at_least or self.at_most):
            raise ValueError("at_least and at_most are for a number: of code and path give what it begins with")
        if self.kind == "number" and self.begins:
            raise ValueError("begins is for code and path: give a number its bounds")
        if self.at_least and self.at_most and Decimal(self.at_least) > Decimal(self.at_most):
            raise ValueError("at_least is above at_most, so no number can pass")


class Source(Struct):
    """A passage that has the value: document, line, and its words."""

    path: str
    line: int
    text: str


class CheckedValue(Struct):
    """The value, as it is written; of a number `figure` is the same without commas. `sources` have it, best first.

    Three steps led to it: so many passages were `searched`, so many different values `extracted` of them, and so many
    `refused` by the check before this one passed.
    """

    value: str
    figure: str | None
    sources: list[Source]
    searched: int
    extracted: int
    refused: int


class _Found(NamedTuple):
    value: str
    sources: list[Source]


async def run(arguments: ValueArguments, _context: Context) -> Answer:
    """Raises ServiceError where a step has no result or no value passes, Unavailable without documentation."""
    root = library.documentation_root()
    return json_answer(worked(arguments, library.opened(root), root))


def worked(asked: ValueArguments, shelf: Library, root: Path) -> CheckedValue:
    """Search, extract, check; each step begins when the one before has a result. Raises ServiceError."""
    passages = answered(shelf, asked.question, SEARCHED).answers
    found: dict[str, _Found] = {}
    for passage in passages:
        for value in dict.fromkeys(values(passage.text, asked.kind)):
            kept = found.setdefault(value, _Found(value, []))
            kept.sources.append(Source(passage.path, passage.line, passage.text))
    if not found:
        raise ServiceError(f"kind: none of the {len(passages)} passages that speak of this has a {asked.kind}", 404)
    for refused, one in enumerate(found.values()):
        if passes(one.value, len(one.sources), asked, root):
            figure = one.value.replace(",", "") if asked.kind == "number" else None
            return CheckedValue(one.value, figure, one.sources, len(passages), len(found), refused)
    raise ServiceError(f"none of the {len(found)} values that were found passes the check; nothing is charged", 404)


def values(text: str, kind: Literal["number", "code", "path"]) -> Iterator[str]:
    """The values of a kind that a passage has, in order."""
    if kind == "number":
        yield from _NUMBER.findall(_CODE.sub(" ", text))
        return
    for code in _CODE.findall(text):
        if kind == "code" or _PATH.fullmatch(code):
            yield code


def passes(value: str, passages: int, asked: ValueArguments, root: Path) -> bool:
    """The check: whether a value is within its bounds, begins so, names a file that is there, and is agreed on."""
    if asked.kind == "number":
        figure = Decimal(value.replace(",", ""))
        low, high = (None if bound is None else Decimal(bound) for bound in (asked.at_least, asked.at_most))
        right = (low is None or figure >= low) and (high is None or figure <= high)
    else:
        right = value.startswith(asked.begins or "")
    there = asked.kind != "path" or (root / value).is_file()
    return right and there and passages >= asked.agree


SERVICE = Service(
    slug="checked-value",
    title="Checked value, charged when it passes",
    summary="Searches the documentation, extracts a value, checks it as you say; charged only if one passes.",
    kind="workflow automation",
    unit="successful result",
    amount=8_000,
    arguments=ValueArguments,
    answers=CheckedValue,
    example={"question": "For how many hours is an answer given again?", "at_least": "1", "at_most": "48"},
    run=run,
    tags=("workflow", "extraction", "documentation", "check"),
)
