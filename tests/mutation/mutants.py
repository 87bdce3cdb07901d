"""What can be changed in the payment core: each condition, comparison, call, raise and answer, one at a time."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

CORE = (
    "protocol",
    *(f"server/{part}" for part in ("domain", "application", "payments", "facilitator", "adapters")),
    "server/web/paywall.py",
)
"""Where money is decided upon."""

_OTHER = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.And: ast.Or,
    ast.Or: ast.And,
}
_UNSEEN = frozenset({"debug", "info", "warning", "error", "exception"})
"""Calls that only write a log."""


@dataclass(frozen=True)
class Mutant:
    """A piece of a file, from one (line, column) to another, and what takes its place; lines count from 1."""

    path: str
    start: tuple[int, int]
    end: tuple[int, int]
    new: str

    @property
    def line(self) -> int:
        return self.start[0]

    def applied(self, source: str) -> str:
        """The file's text with the mutant in it. Columns are those of UTF-8 bytes, as in `ast`."""
        lines = source.encode().splitlines(keepends=True)
        before = b"".join(lines[: self.start[0] - 1]) + lines[self.start[0] - 1][: self.start[1]]
        after = lines[self.end[0] - 1][self.end[1] :] + b"".join(lines[self.end[0] :])
        return (before + self.new.encode() + after).decode()

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.new}"


def all_mutants(top: Path, places: Sequence[str] = CORE) -> list[Mutant]:
    """All of them, in the order of files and lines."""
    found: list[Mutant] = []
    for place in places:
        root = top / place
        for path in sorted(root.rglob("*.py")) if root.is_dir() else [root]:
            found += of_file(path.relative_to(top).as_posix(), path.read_text())
    return found


def of_file(path: str, source: str) -> list[Mutant]:
    """Those of one file."""
    return [_mutant(path, node, new) for node, new in _changes(ast.parse(source))]


def _mutant(path: str, node: ast.expr | ast.stmt, new: ast.AST) -> Mutant:
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    text = " ".join(ast.unparse(ast.fix_missing_locations(new)).split("\n"))
    return Mutant(path, (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset), text)


def _changes(tree: ast.Module) -> Iterator[tuple[ast.expr | ast.stmt, ast.AST]]:
    """Each node that has another form, with that form; nothing inside of annotations."""
    for node in ast.walk(tree):
        match node:
            case ast.If() | ast.While() | ast.IfExp() if not _constant(node.test):
                yield node.test, ast.Constant(value=True)
                yield node.test, ast.Constant(value=False)
            case ast.Compare(ops=[one]):
                yield node, ast.Compare(node.left, [_OTHER[type(one)]()], node.comparators)
            case ast.BoolOp() | ast.BinOp() if type(node.op) in _OTHER and not _types(node):
                yield node, _grouped(node)
            case ast.UnaryOp(op=ast.Not()):
                yield node, node.operand
            case ast.Raise():
                yield node, ast.Pass()
            case ast.Expr(value=ast.Call() | ast.Await()) if not _writes_log(node.value):
                yield node, ast.Pass()
            case ast.Return(value=ast.Constant(value=bool() as answer)):
                yield node, ast.Return(ast.Constant(value=not answer))
            case ast.comprehension(ifs=[one]):
                yield one, ast.Constant(value=True)


def _grouped(node: ast.BoolOp | ast.BinOp) -> ast.AST:
    """The same with the other operator, in brackets of its own."""
    other = _OTHER[type(node.op)]()
    if isinstance(node, ast.BoolOp):
        changed: ast.expr = ast.BoolOp(other, node.values)  # type: ignore[arg-type]
    else:
        changed = ast.BinOp(node.left, other, node.right)  # type: ignore[arg-type]
    return ast.Name(f"({ast.unparse(changed)})")


def _constant(test: ast.expr) -> bool:
    return isinstance(test, ast.Constant) or (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING")


def _types(node: ast.BoolOp | ast.BinOp) -> bool:
    """Texts put together: the words of messages decide nothing."""
    return isinstance(node, ast.BinOp) and any(
        isinstance(side, ast.JoinedStr) or (isinstance(side, ast.Constant) and isinstance(side.value, str))
        for side in (node.left, node.right)
    )


def _writes_log(value: ast.expr) -> bool:
    call = value.value if isinstance(value, ast.Await) else value
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in _UNSEEN
