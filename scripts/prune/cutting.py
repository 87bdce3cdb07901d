"""What goes of one file because of what is gone elsewhere, and what nothing in it uses then."""

import ast
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from scripts.prune.editing import Entry, Span, Text, lists
from scripts.prune.sources import IMPORT, Alias, Function, Gone, Source, bound, is_test, names, words


class NotCut(Exception):
    """A file names what goes where it cannot be taken out; the message says where and what to do."""


@dataclass
class Cut:
    """What goes of a file: statements of the module, and entries of its lists, by the ids of their nodes."""

    source: Source
    statements: list[ast.stmt] = field(default_factory=list)
    entries: set[int] = field(default_factory=set)
    names: set[str] = field(default_factory=set)

    @property
    def rest(self) -> list[ast.stmt]:
        """The statements that stay, without imports."""
        body = self.source.tree.body
        return [one for one in body if one not in self.statements and not isinstance(one, IMPORT)]

    @property
    def size(self) -> int:
        """How much goes."""
        return len(self.statements) + len(self.entries)

    @property
    def tests(self) -> list[str]:
        """The tests that go."""
        return [name for one in self.statements if is_test(one) for name in bound(one)]

    @property
    def is_empty(self) -> bool:
        """Whether tests were in it, and none is left."""
        return bool(self.source.tests) and not any(map(is_test, self.rest))

    def used(self) -> set[str]:
        """What the rest refers to, be it by a string, as `usefixtures` does."""
        skip, uses = self.entries, self.source.uses
        return {name for one in self.rest for name in ((*names(one, skip), *words(one, skip)) if skip else uses[one])}

    def imported(self) -> Iterator[Alias]:
        """What is imported and still used, or never was by name."""
        used = self.used()
        return (one for one in self.source.imports if one.binding in used or not self.source.used[one.binding])

    def take_out(self, gone: Gone) -> None:
        """Everything that refers to what is gone, and whatever refers to that."""
        before = -1
        while before != (before := self.size):
            for statement in self.rest:
                self._consider(statement, Gone({*gone.names, *self.names}, gone.slugs))

    def _consider(self, statement: ast.stmt, gone: Gone) -> None:
        emptied, tests = False, self.source.of_tests
        for entries in lists(statement, returned=not tests):
            cut = [one for one in entries if any(gone.named_in(node, self.entries) for node in one.nodes)]
            self.entries |= {one for entry in cut for one in entry.ids}
            emptied |= bool(entries) and all(not one.ids.isdisjoint(self.entries) for one in entries)
        if gone.named_in(statement, self.entries) and not tests:
            raise NotCut(
                f"{self.source.path}:{statement.lineno} names what goes, and is no list that could do without; "
                "have it name one of server/services/samples.py instead"
            )
        if tests and (emptied or gone.named_in(statement, self.entries)):
            self._drop(statement)

    def _drop(self, statement: ast.stmt) -> None:
        body = self.source.tree.body
        self.statements.append(statement)
        if not isinstance(statement, Function):
            self.statements += filter(_is_text, body[body.index(statement) + 1 :][:1])
        self.names |= bound(statement)

    def tidy(self, wanted: Collection[str]) -> None:
        """Of what was used in this file, take out what nothing that stays uses; `wanted` by others stays."""
        before = -1
        while before != (before := self.size):
            used = {*self.used(), *wanted}
            for statement in self.rest:
                own = bound(statement)
                idle = own.isdisjoint(used) and not is_test(statement) and not _is_autouse(statement)
                if idle and any(self.source.used[name] > (name in self.source.uses[statement]) for name in own):
                    self._drop(statement)

    def text(self) -> str:
        """The file without it, and without imports of what nothing uses any more."""
        text, body = Text(self.source.text), self.source.tree.body
        spans: list[Span] = [text.of_statement(one) for one in self.statements]
        for statement in self.rest:
            for entries in lists(statement, returned=not self.source.of_tests):
                spans += text.of_entries(entries, self.entries)
        stay = {id(one.node) for one in self.imported()}
        for statement in body:
            if isinstance(statement, IMPORT) and getattr(statement, "module", "") != "__future__":
                idle = {id(one) for one in statement.names} - stay
                if len(idle) == len(statement.names):
                    spans.append(text.of_statement(statement))
                else:
                    spans += text.of_entries([Entry((one,)) for one in statement.names], idle)
        return text.without(spans)


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _is_autouse(statement: ast.stmt) -> bool:
    return isinstance(statement, Function) and "autouse" in "".join(map(ast.unparse, statement.decorator_list))
