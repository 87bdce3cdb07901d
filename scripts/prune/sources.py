"""The checkout's Python files, parsed: what each imports, binds and names."""

import ast
import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

TOPS = ("protocol", "server", "agent", "scripts", "tests")
Function = ast.FunctionDef | ast.AsyncFunctionDef
IMPORT = ast.Import | ast.ImportFrom
ROUTES = r"/(?:v1|services)/({})(?![\w-])"


@dataclass(frozen=True)
class Source:
    """A Python file; `path` is below the checkout."""

    path: Path
    text: str
    tree: ast.Module

    @cached_property
    def module(self) -> str:
        """Its dotted name."""
        parts = self.path.with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @property
    def of_tests(self) -> bool:
        return self.path.parts[0] == "tests"

    @cached_property
    def imports(self) -> "tuple[Alias, ...]":
        """What it imports, anywhere."""
        return tuple(_imports(self.tree))

    @cached_property
    def uses(self) -> dict[ast.stmt, frozenset[str]]:
        """What each statement of the module but imports refers to, be it by a string, as `usefixtures` does."""
        return {one: frozenset((*names(one), *words(one))) for one in self.tree.body if not isinstance(one, IMPORT)}

    @cached_property
    def used(self) -> Counter[str]:
        """How many of its statements refer to a name."""
        return Counter(name for found in self.uses.values() for name in found)

    @cached_property
    def tests(self) -> list[str]:
        """The names of its tests."""
        collected = self.path.name.startswith("test_")
        return [name for one in self.tree.body if collected and is_test(one) for name in bound(one)]


def read(root: Path) -> dict[str, Source]:
    """All of them by module."""
    found = {}
    for top in TOPS:
        for path in sorted((root / top).rglob("*.py")):
            if "node_modules" not in path.parts:
                text = path.read_text()
                source = Source(path.relative_to(root), text, ast.parse(text))
                found[source.module] = source
    return found


def is_test(statement: ast.stmt) -> bool:
    """Whether pytest collects it."""
    if isinstance(statement, Function):
        return statement.name.startswith("test_")
    return isinstance(statement, ast.ClassDef) and statement.name.startswith("Test")


def bound(statement: ast.stmt) -> set[str]:
    """The names that a statement of a module gives to others; none for imports."""
    if isinstance(statement, Function | ast.ClassDef):
        return {statement.name}
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    targets = [statement.target] if isinstance(statement, ast.AnnAssign) else targets
    return {node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)}


@dataclass(frozen=True)
class Alias:
    """An imported name: `module` is where it is from, `name` what is taken of it; empty for a whole module."""

    node: ast.alias
    statement: ast.stmt
    module: str
    name: str

    @property
    def binding(self) -> str:
        return self.node.asname or (self.name or self.module.split(".")[0])

    @property
    def targets(self) -> tuple[str, ...]:
        """The modules that it may mean."""
        return (f"{self.module}.{self.name}", self.module) if self.name else (self.module,)


def _imports(tree: ast.Module) -> Iterator[Alias]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (Alias(one, node, one.name, "") for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (Alias(one, node, node.module, one.name) for one in node.names)


def walk(node: ast.AST, skip: Collection[int] = ()) -> Iterator[ast.AST]:
    """The node and all in it, but for the nodes of these ids."""
    if id(node) not in skip:
        yield node
        for child in ast.iter_child_nodes(node):
            yield from walk(child, skip)


def names(node: ast.AST, skip: Collection[int] = ()) -> set[str]:
    """All that a node reads by name: variables, and parameters, which are fixtures of that name."""
    found = set()
    for one in walk(node, skip):
        if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load):
            found.add(one.id)
        elif isinstance(one, ast.arg):
            found.add(one.arg)
    return found


def words(node: ast.AST, skip: Collection[int] = ()) -> Iterator[str]:
    """The strings in a node."""
    for one in walk(node, skip):
        if isinstance(one, ast.Constant) and isinstance(one.value, str | bytes):
            yield one.value if isinstance(one.value, str) else one.value.decode("latin-1")


@dataclass(frozen=True)
class Gone:
    """What will not be there: names of a file, and slugs, which it may name alone or at the end of a path."""

    names: Collection[str]
    slugs: Collection[str]

    def named_in(self, node: ast.AST, skip: Collection[int] = ()) -> bool:
        """Whether a node refers to any of it."""
        if self.names and not names(node, skip).isdisjoint(self.names):
            return True
        route = re.compile(ROUTES.format("|".join(sorted(self.slugs, key=len, reverse=True)) or "(?!)"))
        return any(word in self.slugs or route.search(word) for word in words(node, skip))
