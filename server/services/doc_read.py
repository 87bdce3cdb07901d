"""On sale: a whole document of the project's own documentation."""

import hashlib
from difflib import get_close_matches
from typing import Annotated

from msgspec import Meta, Struct

from server.services import library
from server.services.service import Answer, Context, Service, ServiceError, json_answer


class ReadArguments(Struct, forbid_unknown_fields=True):
    """Which document: a path as doc-search and doc-answer cite it."""

    path: Annotated[str, Meta(min_length=1, max_length=200, description="As README.md or docs/operations.md.")]


class Part(Struct):
    """A heading's path, joined by " > ", and the line at which what stands below it begins."""

    heading: str
    line: int


class Document(Struct):
    """A document as it is: `text` is Markdown, whose UTF-8 has `size` bytes and SHA-256 `sha256`, in hex."""

    path: str
    title: str
    text: str
    size: int
    sha256: str
    parts: list[Part]


async def run(arguments: ReadArguments, _context: Context) -> Answer:
    """Raises ServiceError (404) for a document that there is not, Unavailable without documentation."""
    root = library.documentation_root()
    known = {path.relative_to(root).as_posix(): path for path in library.documents(root)}
    if arguments.path not in known:
        close = get_close_matches(arguments.path, known, n=3, cutoff=0.3)
        raise ServiceError(f"path: there is no such document; close to it are {', '.join(close) or 'none'}", 404)
    return json_answer(document(arguments.path, known[arguments.path].read_text(encoding="utf-8")))


def document(path: str, text: str) -> Document:
    """A document's text with what can be said of it; without a heading its path is its title."""
    parts = [Part(one.heading, one.line) for one in library.sections(path, text) if one.heading]
    content = text.encode()
    title = parts[0].heading if parts else path
    return Document(path, title, text, len(content), hashlib.sha256(content).hexdigest(), parts)


SERVICE = Service(
    slug="doc-read",
    title="Documentation, a whole document",
    summary="One document of Paddock's documentation as Markdown, with its outline by lines, its size and its hash.",
    kind="research database",
    unit="document",
    amount=10_000,
    arguments=ReadArguments,
    answers=Document,
    example={"path": "README.md"},
    run=run,
    tags=("documentation", "document", "markdown"),
)
