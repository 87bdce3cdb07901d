"""Taking parts out of a file's text: statements by whole lines, entries of lists with their commas."""

import ast
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from scripts.prune.sources import Function

Span = tuple[int, int]
"""Bytes from and to."""


@dataclass(frozen=True)
class Entry:
    """An entry of a list, or a pair of a dict; its nodes stand one behind the other."""

    nodes: tuple[ast.expr | ast.alias, ...]

    @property
    def ids(self) -> set[int]:
        return {id(node) for node in self.nodes}


def lists(statement: ast.stmt, *, returned: bool) -> Iterator[list[Entry]]:
    """The lists that may become shorter: what is assigned, what tests are made for, what scripts return."""
    values: list[ast.expr | None] = []
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        values.append(statement.value)
    if isinstance(statement, Function):
        values += statement.decorator_list
        values += [one.value for one in ast.walk(statement) if returned and isinstance(one, ast.Return)]
    for value in values:
        if isinstance(value, ast.Call) and ast.unparse(value.func).endswith("parametrize"):
            value = value.args[1]
        if isinstance(value, ast.Dict):
            yield [Entry((key, one)) for key, one in zip(value.keys, value.values, strict=True) if key]
        elif isinstance(value, ast.Tuple | ast.List | ast.Set):
            yield [Entry((one,)) for one in value.elts]


class Text:
    """A file's text, by the places that its syntax tree gives."""

    def __init__(self, text: str) -> None:
        self.bytes = text.encode()
        self.starts = [0]
        for line in self.bytes.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))

    def of_statement(self, statement: ast.stmt) -> Span:
        """Its lines, with those of its decorators."""
        decorated = statement.decorator_list if isinstance(statement, Function | ast.ClassDef) else []
        first = min([statement.lineno, *(one.lineno for one in decorated)])
        return self.starts[first - 1], self.starts[statement.end_lineno or first]

    def of_entries(self, siblings: Sequence[Entry], cut: Collection[int]) -> Iterator[Span]:
        """From each entry's beginning to the next one's; the last one with its comma."""
        places = [self._place(one) for one in siblings]
        for index, one in enumerate(siblings):
            if one.ids.isdisjoint(cut):
                continue
            start, end = places[index]
            if index + 1 < len(siblings):
                yield (start, places[index + 1][0])
            else:
                comma = self.bytes[end:].lstrip()[:1] == b","
                yield (start, self.bytes.index(b",", end) + 1 if comma else end)
                stay = [place for place, other in zip(places, siblings, strict=True) if other.ids.isdisjoint(cut)]
                if stay and isinstance(one.nodes[0], ast.alias) and not comma:
                    yield (stay[-1][1], start)  # imports end without a comma, where they have no brackets

    def _place(self, entry: Entry) -> Span:
        first, last = entry.nodes[0], entry.nodes[-1]
        end_line, end_column = last.end_lineno or last.lineno, last.end_col_offset or 0
        return self.starts[first.lineno - 1] + first.col_offset, self.starts[end_line - 1] + end_column

    def without(self, spans: Collection[Span]) -> str:
        """What is left."""
        left, done = b"", 0
        for start, end in sorted(set(spans)):
            left, done = left + self.bytes[done : max(start, done)], max(done, end)
        return (left + self.bytes[done:]).decode()
