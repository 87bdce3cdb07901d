"""The project's own documentation, and an index of its sections."""

import re
import sqlite3
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct

from server.domain.outages import Unavailable

TOP_LEVEL = ("README.md", "ARCHITECTURE.md", "SECURITY.md", "CONTRIBUTING.md")
FOLDER = "docs"
MAX_WORDS = 16
HEADING_WEIGHT = 4.0
"""A word in a heading counts as often as this in the text below it."""
SNIPPET_WORDS = 32
PREFIX_LETTERS = 3
"""Shorter words must match whole."""

_WORD = re.compile(r"[^\W_]+")
_HEADING = re.compile(r"(#{1,6})[ \t]+(.+?)[ \t]*#*")
_ITEM = re.compile(r"\||[-*+] |[0-9]+\. ")
"""Begins a row of a table or an item of a list."""
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")


class Hit(Struct):
    """A section. `heading` is its path of headings; `snippet` has found words between « and »; a higher `score` is
    better: BM25, comparable within one answer."""

    path: str
    heading: str
    score: float
    snippet: str


class Section(NamedTuple):
    """A heading with the text up to the next one, which begins at line `line` of the document, counted from 1.

    `heading` is the path of headings, joined by " > ".
    """

    path: str
    heading: str
    text: str
    line: int


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
    for number, line in enumerate(markdown.splitlines(), 1):
        fence = _fence_after(line, fence)
        heading = None if fence else _HEADING.fullmatch(line)
        if heading is None:
            lines.append(line)
            continue
        yield _section(path, trail, lines, number)
        trail = [(level, title) for level, title in trail if level < len(heading[1])]
        trail.append((len(heading[1]), heading[2]))
        lines = []
    yield _section(path, trail, lines, len(markdown.splitlines()) + 1)


def _section(path: str, trail: list[tuple[int, str]], lines: list[str], end: int) -> Section:
    text = "\n".join(lines)
    blank = text[: len(text) - len(text.lstrip())].count("\n")
    return Section(path, " > ".join(title for _, title in trail), text.strip(), end - len(lines) + blank)


def _fence_after(line: str, fence: str) -> str:
    """The fence of code that is open behind a line, given the one before it; empty outside code."""
    opened = _FENCE.match(line)
    if opened and (not fence or (opened[1].startswith(fence) and not line.strip(" `~"))):
        return "" if fence else opened[1]
    return fence


class Passage(NamedTuple):
    """A paragraph, an item of a list, a row of a table or a block of code, beginning at a line of its document."""

    text: str
    line: int


def passages(section: Section) -> Iterator[Passage]:
    """The passages of a section, in order."""
    lines: list[str] = []
    fence = ""
    for number, line in enumerate([*section.text.splitlines(), ""], section.line):
        if not fence and lines and (not line.strip() or _ITEM.match(line)):
            yield Passage("\n".join(lines), number - len(lines))
            lines = []
        fence = _fence_after(line, fence)
        if line.strip() or fence:
            lines.append(line)


class Indexed(NamedTuple):
    """A passage, its section, the words in it and those of the headings above it."""

    passage: Passage
    section: Section
    words: frozenset[str]
    above: frozenset[str]


def words(query: str) -> list[str]:
    """The query's words, lower case, each once, at most `MAX_WORDS`: nothing that FTS5 would read as syntax."""
    return list(dict.fromkeys(words_in(query)))[:MAX_WORDS]


def words_in(text: str) -> list[str]:
    """Runs of letters and digits, in lower case."""
    return _WORD.findall(text.lower())


def term(word: str) -> str:
    """A word as an FTS5 expression: one of `PREFIX_LETTERS` letters or more finds those that begin with it."""
    return f'"{word}"*' if len(word) >= PREFIX_LETTERS else f'"{word}"'


class Library:
    """Sections in an in-memory SQLite FTS5 table, and their passages."""

    def __init__(self, contents: list[Section]) -> None:
        self.sections = contents
        self.passages = [
            Indexed(passage, section, frozenset(words_in(passage.text)), frozenset(words_in(section.heading)))
            for section in contents
            for passage in passages(section)
        ]
        self._database = sqlite3.connect(":memory:", check_same_thread=False)
        self._database.execute(
            "CREATE VIRTUAL TABLE section USING fts5(path UNINDEXED, heading, text, tokenize = 'unicode61')"
        )
        self._database.executemany("INSERT INTO section VALUES (?, ?, ?)", [one[:3] for one in contents])

    def count(self, expression: str) -> int:
        """How many sections match an FTS5 expression."""
        row = self._database.execute("SELECT count(*) FROM section WHERE section MATCH ?", (expression,)).fetchone()
        return int(row[0])

    def best(self, expression: str, limit: int) -> list[Hit]:
        """The sections that match best.

        SQLite's bm25() is negative and smaller when better; columns weigh 0 (path), `HEADING_WEIGHT` and 1.
        """
        rows = self._database.execute(
            "SELECT path, heading, bm25(section, 0, ?, 1) AS rank, snippet(section, -1, '«', '»', '…', ?) FROM section "
            "WHERE section MATCH ? ORDER BY rank, rowid LIMIT ?",
            (HEADING_WEIGHT, SNIPPET_WORDS, expression, limit),
        )
        return [Hit(path, heading, round(-rank, 9), " ".join(snippet.split())) for path, heading, rank, snippet in rows]


FUNCTION_WORDS = frozenset(
    words_in(
        """a am an and any are as at be been but by can could did do does done for from get gets had has have how i if
        in into is it its may me might must my no not of on or our shall she he should so some than that the their them
        then there these they this those to was we were what when where which while who whom whose why will with would
        you your"""
    )
)
"""Words that say nothing of what a question or a sentence is about."""


@cache
def opened(root: Path) -> Library:
    """The documentation under a folder, read once."""
    return Library(
        [
            section
            for path in documents(root)
            for section in sections(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8"))
            if section.heading or section.text
        ]
    )
