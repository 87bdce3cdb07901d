"""On sale: full-text search over the project's own documentation, section by section."""

import re
import sqlite3
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta, Struct

from server.domain.outages import Unavailable
from server.services.service import Answer, Context, Service, ServiceError, json_answer

TOP_LEVEL = ("README.md", "ARCHITECTURE.md", "SECURITY.md", "CONTRIBUTING.md")
FOLDER = "docs"
MAX_WORDS = 16
HEADING_WEIGHT = 4.0
"""A word in a heading counts as often as this in the text below it."""
SNIPPET_WORDS = 32
PREFIX_LETTERS = 3
"""Shorter words must match whole."""

Matching = Literal["all", "any"]

_WORD = re.compile(r"[^\W_]+")
_HEADING = re.compile(r"(#{1,6})[ \t]+(.+?)[ \t]*#*")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")


class SearchArguments(Struct, forbid_unknown_fields=True):
    """`q` is a few words; case, accents and punctuation do not matter, and a word of
    three letters or more finds those that begin with it."""

    q: Annotated[str, Meta(min_length=1, max_length=200, description="Words to look for.")]
    limit: Annotated[int, Meta(ge=1, le=20, description="At most this many sections.")] = 5

    def __post_init__(self) -> None:
        if not words(self.q):
            raise ValueError("q: there is no word in it; give letters or digits")


class Hit(Struct):
    """A section. `heading` is its path of headings; `snippet` has found words between « and »; a higher `score` is
    better: BM25, comparable within one answer."""

    path: str
    heading: str
    score: float
    snippet: str


class SearchReport(Struct):
    """The best sections, best first. `matching` is "all" when they hold every word of `words`, "any" when no section
    does and those with some are given instead. `found` counts the matching sections, `searched` all there are."""

    words: list[str]
    matching: Matching
    found: int
    searched: int
    results: list[Hit]


class Section(NamedTuple):
    """A heading with the text up to the next one. `heading` is the path of headings, joined by " > "."""

    path: str
    heading: str
    text: str


async def run(arguments: SearchArguments, context: Context) -> Answer:
    """Raises ServiceError (404) when nothing matches, Unavailable without documentation."""
    library = _library(documentation_root())
    return json_answer(library.search(arguments.q, arguments.limit))


def documentation_root() -> Path:
    """The folder that holds the documentation: the checkout, or where an installed server runs. Raises Unavailable."""
    for root in (Path(__file__).parents[2], Path.cwd()):
        if documents(root):
            return root
    raise Unavailable("This installation carries no documentation to search.")


def documents(root: Path) -> list[Path]:
    """The Markdown files that are searched, in a fixed order."""
    top = (root / name for name in TOP_LEVEL)
    return [*(path for path in top if path.is_file()), *sorted(root.glob(f"{FOLDER}/**/*.md"))]


def sections(path: str, markdown: str) -> Iterator[Section]:
    """The sections of a document, by ATX headings; a # inside fenced code is no heading."""
    trail: list[tuple[int, str]] = []
    lines: list[str] = []
    fence = ""
    for line in markdown.splitlines():
        opened = _FENCE.match(line)
        if opened and (not fence or (opened[1].startswith(fence) and not line.strip(" `~"))):
            fence = "" if fence else opened[1]
        heading = None if fence else _HEADING.fullmatch(line)
        if heading is None:
            lines.append(line)
            continue
        yield Section(path, " > ".join(title for _, title in trail), "\n".join(lines).strip())
        trail = [(level, title) for level, title in trail if level < len(heading[1])]
        trail.append((len(heading[1]), heading[2]))
        lines = []
    yield Section(path, " > ".join(title for _, title in trail), "\n".join(lines).strip())


def words(query: str) -> list[str]:
    """The query's words, lower case, each once, at most `MAX_WORDS`: nothing that FTS5 would read as syntax."""
    return list(dict.fromkeys(_WORD.findall(query.lower())))[:MAX_WORDS]


class Library:
    """Sections in an in-memory SQLite FTS5 table."""

    def __init__(self, contents: list[Section]) -> None:
        self._size = len(contents)
        self._database = sqlite3.connect(":memory:", check_same_thread=False)
        self._database.execute(
            "CREATE VIRTUAL TABLE section USING fts5(path UNINDEXED, heading, text, tokenize = 'unicode61')"
        )
        self._database.executemany("INSERT INTO section VALUES (?, ?, ?)", contents)

    def search(self, query: str, limit: int) -> SearchReport:
        """The best sections for a query of at least one word. Raises ServiceError when nothing matches."""
        asked = words(query)
        terms = [f'"{word}"*' if len(word) >= PREFIX_LETTERS else f'"{word}"' for word in asked]
        matching: Matching
        for matching, expression in (("all", " AND ".join(terms)), ("any", " OR ".join(terms))):
            found = self._count(expression)
            if found:
                return SearchReport(asked, matching, found, self._size, self._best(expression, limit))
        raise ServiceError(f"q: none of {self._size} sections has any of these words", 404)

    def _count(self, expression: str) -> int:
        row = self._database.execute("SELECT count(*) FROM section WHERE section MATCH ?", (expression,)).fetchone()
        return int(row[0])

    def _best(self, expression: str, limit: int) -> list[Hit]:
        """SQLite's bm25() is negative and smaller when better; columns weigh 0 (path), `HEADING_WEIGHT` and 1."""
        rows = self._database.execute(
            "SELECT path, heading, bm25(section, 0, ?, 1) AS rank, snippet(section, -1, '«', '»', '…', ?) FROM section "
            "WHERE section MATCH ? ORDER BY rank, rowid LIMIT ?",
            (HEADING_WEIGHT, SNIPPET_WORDS, expression, limit),
        )
        return [Hit(path, heading, round(-rank, 9), " ".join(snippet.split())) for path, heading, rank, snippet in rows]


@cache
def _library(root: Path) -> Library:
    """The documentation under a folder, read once."""
    return Library(
        [
            section
            for path in documents(root)
            for section in sections(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8"))
            if section.heading or section.text
        ]
    )


SERVICE = Service(
    slug="doc-search",
    title="Documentation search",
    summary="Finds the sections of Paddock's own documentation that answer a few words, with snippets.",
    kind="research database",
    unit="search",
    amount=2_000,
    arguments=SearchArguments,
    answers=SearchReport,
    example={"q": "payment", "limit": 3},
    run=run,
    tags=("documentation", "search"),
    free_calls=5,
)
