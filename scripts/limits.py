"""Check the size limits of the house: lines per file, per function, per template and per contract."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
FILE, FUNCTION, CONTRACT, TEMPLATE = 300, 50, 300, 120


def broken() -> Iterator[str]:
    """One line for each place that is over a limit."""
    for folder in ("protocol", "server", "agent", "scripts"):
        for path in sorted((TOP / folder).rglob("*.py")):
            yield from _python(path)
    for path in sorted((TOP / "contracts").rglob("*.sol")):
        yield from _lines(path, CONTRACT)
    for path in sorted((TOP / "templates").rglob("*.*")):
        yield from _lines(path, TEMPLATE)


def _python(path: Path) -> Iterator[str]:
    yield from _lines(path, FILE)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION:
                yield f"{path.relative_to(TOP)}:{node.lineno}: {node.name} has {length} lines, {FUNCTION} at most"


def _lines(path: Path, most: int) -> Iterator[str]:
    count = len(path.read_text().splitlines())
    if count > most:
        yield f"{path.relative_to(TOP)}: {count} lines, {most} at most"


def main() -> None:
    """1 when a limit is broken."""
    found = list(broken())
    print("\n".join(found) or "all sizes are within their limits")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
