"""Which statements and branches of our contracts forge's suites reach: `python -m scripts.proof.coverage`.

forge's own coverage compiles without the optimizer that these contracts need, or takes its positions from optimized
code, where they mean little. Here a copy of the sources says by itself what is reached: each statement, and each answer
of each condition, writes a file of its own by a cheatcode, and puts back what a call before it returned. That costs
gas, so a suite that counts gas may fail in the copy; whether suites pass is seen elsewhere.
"""

import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.proof.syntax import BODIES, Edit, Tree, applied, nodes, read_sources, span_of
from scripts.solc import ROOT
from scripts.solc.foundry import ToolMissing, forge

LEAST = 98.0
"""Percent of the statements, and of the branches, that must be reached."""
BLOCKS = ("Block", "UncheckedBlock")
REACHED = "var/reached"
PROBE = f"""// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

function _reached(string memory point) pure {{
    _pure(_write)(point);
}}

function _branch(bool answer, string memory yes, string memory no) pure returns (bool) {{
    _reached(answer ? yes : no);
    return answer;
}}

function _pure(function(string memory) view writes) pure returns (function(string memory) pure said) {{
    assembly ("memory-safe") {{ said := writes }}
}}

function _write(string memory point) view {{
    uint256 kept;
    uint256 size;
    assembly ("memory-safe") {{
        kept := mload(0x40)
        size := returndatasize()
        returndatacopy(kept, 0, size)
        mstore(0x40, and(add(add(kept, size), 31), not(31)))
    }}
    bytes memory call = abi.encodeWithSignature("writeFile(string,string)", string.concat("{REACHED}/", point), "");
    (bool done, ) = 0x7109709ECfa91a80626fF3989D68f67F5b1DD12D.staticcall(call);
    done;
    assembly ("memory-safe") {{ pop(staticcall(gas(), 4, kept, size, 0, 0)) }}
}}
"""
IMPORT = '\nimport {_reached, _branch} from "contracts/Probe.sol";\n'


@dataclass(frozen=True, slots=True)
class Point:
    """A statement, or one answer of a condition (`answer` is "" for a statement), by its place in a source."""

    unit: str
    line: int
    column: int
    answer: str = ""

    def __str__(self) -> str:
        return f"{self.unit}:{self.line}:{self.column}" + (f" never {self.answer}" if self.answer else "")


class Marker:
    """Finds the points of one source, and the edits by which each says that it was reached."""

    def __init__(self, unit: str, text: bytes, first: int) -> None:
        self._unit, self._text, self._first = unit, text, first
        self.points: list[Point] = []
        self.edits = [Edit(unit, len(text), 0, IMPORT)]

    def read(self, tree: Tree) -> None:
        """Every function and modifier of the source."""
        for body in (node for node in nodes(tree) if node.get("nodeType") in BODIES):
            for node in nodes(body.get("body")):
                for statement in node["statements"] if node.get("nodeType") in BLOCKS else ():
                    if statement["nodeType"] not in BLOCKS:
                        self._mark(statement)
                if condition := _condition(node):
                    self._ask(condition)

    def _mark(self, statement: Tree) -> None:
        """Before a statement, and so before all else that is put in at its place."""
        at, _ = span_of(statement)
        self.edits.append(Edit(self._unit, at, -len(self._text), f'_reached("{self._new(at)}"); '))

    def _ask(self, condition: Tree) -> None:
        at, length = span_of(condition)
        answers = f'"{self._new(at, "true")}", "{self._new(at, "false")}"'
        self.edits.append(Edit(self._unit, at, -length, "_branch("))
        self.edits.append(Edit(self._unit, at + length, length, f", {answers})"))

    def _new(self, at: int, answer: str = "") -> int:
        before = self._text[:at]
        column = at - before.rfind(b"\n")
        self.points.append(Point(self._unit, before.count(b"\n") + 1, column, answer))
        return self._first + len(self.points) - 1


def _condition(node: Tree) -> Tree | None:
    """What a node decides by; None for most."""
    if node.get("nodeType") in ("IfStatement", "Conditional"):
        found: Tree = node["condition"]
        return found
    asks = node.get("nodeType") == "FunctionCall" and node["expression"].get("name") in ("require", "assert")
    return node["arguments"][0] if asks else None


def mark(folder: Path) -> list[Point]:
    """Let our sources below a folder say what of them is reached; the points, by the numbers that they say."""
    found = read_sources(root=folder)
    points: list[Point] = []
    for unit in found.own:
        marker = Marker(unit, found.texts[unit], len(points))
        marker.read(found.trees[unit])
        (folder / unit).write_bytes(applied(found.texts[unit], marker.edits))
        points += marker.points
    (folder / "contracts" / "Probe.sol").write_text(PROBE)
    return points


def reach(folder: Path, root: Path = ROOT) -> tuple[list[Point], list[Point]]:
    """Run forge's suites in a marked copy of the repository, in a folder; all points, and those that none reached.

    The suites of `gas/` are left out. Raises ToolMissing where forge cannot run the copy.
    """
    for name in ("contracts", "tests/contracts/forge"):
        shutil.copytree(root / name, folder / name)
    (folder / "node_modules").symlink_to(ROOT / "node_modules")
    settings = (root / "foundry.toml").read_text()
    granted = f'fs_permissions = [{{ access = "write", path = "{REACHED}" }}, '
    (folder / "foundry.toml").write_text(settings.replace("fs_permissions = [", granted))
    (folder / REACHED).mkdir(parents=True)
    points = mark(folder)
    tested = forge("test", "--no-match-path", "tests/contracts/forge/gas/*", cwd=folder, FOUNDRY_DENY="never")
    reached = {int(path.name) for path in (folder / REACHED).iterdir()}
    if not reached:
        raise ToolMissing(f"it could not run the marked copy:\n{tested.stdout}{tested.stderr}")
    return points, [point for number, point in enumerate(points) if number not in reached]


def table(points: Sequence[Point], missed: Sequence[Point]) -> Iterator[str]:
    """What was reached of each source, and of all."""
    lost = set(missed)
    yield f"{'source':<44} {'statements':>12} {'branches':>12}"
    for unit in (*dict.fromkeys(point.unit for point in points), ""):
        own = [point for point in points if point.unit == (unit or point.unit)]
        kinds = [[point for point in own if bool(point.answer) is branch] for branch in (False, True)]
        figures = (f"{sum(point not in lost for point in kind)}/{len(kind)}" for kind in kinds)
        yield f"{unit or 'all':<44} {' '.join(f'{figure:>12}' for figure in figures)}"


def enough(points: Sequence[Point], missed: Sequence[Point]) -> bool:
    """Whether of the statements, and of the branches, at least `LEAST` percent were reached."""
    shares = []
    for branch in (False, True):
        there, lost = (sum(bool(point.answer) is branch for point in some) for some in (points, missed))
        shares.append(100 * (there - lost) / there)
    return min(shares) >= LEAST


def main() -> int:
    """0 when enough is reached."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            points, missed = reach(Path(folder))
        except ToolMissing as error:
            print(f"coverage: {error}", file=sys.stderr)
            return 1
    print("\n".join((*table(points, missed), *(f"not reached: {point}" for point in missed))))
    return 0 if enough(points, missed) else 1


if __name__ == "__main__":
    sys.exit(main())
