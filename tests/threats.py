"""Which rows of the threat model have a test: by ids in the names of tests, and of forge's suites.

`python -m tests.threats` prints the table and fails for a row that must have a test and has none.
"""

import ast
import re
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
TABLE = Path(__file__).with_suffix(".toml")
_ROW = r"[SFACWP][1-9]\d?"
_FUNCTION = re.compile(rf"test((?:_{_ROW})+)(?![A-Z0-9])", re.IGNORECASE)
_CLASS = re.compile(rf"Test((?:{_ROW})+)(?=[A-Z]|$)")
_SUITE = re.compile(rf"\[({_ROW})_?[A-Z]\w*\]$")


@dataclass(frozen=True)
class Coverage:
    """Tests by row. A row without any is in `stated` with the reason, or in `unproven`; `stale` ones are tested now."""

    tests: Mapping[str, list[str]]
    unproven: list[str]
    stated: Mapping[str, str]
    stale: list[str]

    def line(self) -> str:
        """All of it in one line."""
        covered = len([row for row, tests in self.tests.items() if tests])
        said = f"{covered} of {len(self.tests)} rows have a test"
        for word, rows in (("stated as open", self.stated), ("WITHOUT A TEST", self.unproven), ("STALE", self.stale)):
            said += f"; {word}: {' '.join(rows)}" if rows else ""
        return said


def rows_of(test: str) -> set[str]:
    """The rows that a test's name carries: `test_s5_s6_…`, `TestS27…::test_…`, or a forge suite `C1CallerTest`."""
    named = [_FUNCTION.match(part) or _CLASS.match(part) for part in test.split("::")]
    if "test_forge_suite_passes[" in test:
        named.append(_SUITE.search(test))
    return {row.upper() for match in named if match for row in re.findall(_ROW, match[1], re.IGNORECASE)}


def written() -> Iterator[str]:
    """Every test as `file::Class::function`, and every suite of forge's, without importing any of them."""
    for path in sorted(HERE.rglob("test_*.py")):
        for names in _tests(ast.parse(path.read_text())):
            yield "::".join([path.relative_to(HERE).as_posix(), *names])
    for path in sorted(HERE.rglob("*.t.sol")):
        for suite in re.findall(r"^contract (\w+)", path.read_text(), re.MULTILINE):
            yield f"{path.relative_to(HERE).as_posix()}::test_forge_suite_passes[{suite}]"


def _tests(within: ast.Module | ast.ClassDef, *names: str) -> Iterator[tuple[str, ...]]:
    for node in within.body:
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            yield from _tests(node, *names, node.name)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
            yield (*names, node.name)


def table() -> dict[str, dict[str, str]]:
    """`rows` with a few words each, and `open` with the reasons, by id."""
    return tomllib.loads(TABLE.read_text())


def coverage(tests: Iterable[str]) -> Coverage:
    """What these tests cover of the table. Raises ValueError for an id that is no row."""
    rows, stated = table()["rows"], table()["open"]
    found: dict[str, list[str]] = defaultdict(list)
    for test in tests:
        for row in rows_of(test):
            found[row].append(test)
    unknown = (found.keys() | stated.keys()) - rows.keys()
    if unknown:
        raise ValueError(f"no rows of the threat model: {sorted(unknown)}")
    by_row = {row: found[row] for row in rows}
    bare = [row for row, carried in by_row.items() if not carried]
    return Coverage(
        tests=by_row,
        unproven=[row for row in bare if row not in stated],
        stated={row: stated[row] for row in bare if row in stated},
        stale=[row for row in stated if by_row[row]],
    )


def main() -> int:
    """The table; 1 if a row has no test and nobody says why, or one is stated as open and has a test."""
    found, words = coverage(written()), table()["rows"]
    for row, tests in found.tests.items():
        said = f"tests: {len(tests)}" if tests else f"open: {found.stated.get(row, 'nobody says why')}"
        sys.stdout.write(f"{row:<4} {words[row]:<66} {said}\n")
    sys.stdout.write(f"\n{found.line()}\n")
    return 1 if found.stale or found.unproven else 0


if __name__ == "__main__":
    sys.exit(main())
