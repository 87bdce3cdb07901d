"""What a guard of a contract is: whatever can only refuse, and each mark, found in the compiler's syntax tree."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.proof.syntax import BODIES, OWN, Edit, Tree, nodes, parts, read_sources, span_of
from scripts.solc import ROOT

NUMBER = "GUARD_NUMBER"
"""In the text of an edit: the number of its guard."""
COINBASE = "uint160(address(block.coinbase))"
"""A guard is missing where the block's coinbase is its number."""
NOBODY = 2**160
"""The number of what is always there."""
SWITCHED = (f"{{ if ({COINBASE} != {NUMBER}) ", " }")
"""Around a statement that runs while the guard is there."""
NO_MATTER = ("((", f") || {COINBASE} == {NUMBER})")
"""Around a condition whose answer matters while the guard is there."""


@dataclass(frozen=True, slots=True)
class Guard:
    """A piece of a source, `place` being `Contract.function` and `text` what stands there.

    A condition has one guard for the whole of it, and one for each part that must hold beside others. With the edits
    the guard can be switched off; what it reads or calls is read and called all the same.
    """

    unit: str
    place: str
    text: str
    edits: tuple[Edit, ...]

    @property
    def name(self) -> str:
        """Unique among all guards."""
        return f"{self.place}: {self.text}"


@dataclass(frozen=True, slots=True)
class Survey:
    """Every guard, in the order of the sources, and the edits by which modifiers learn the number of their guard."""

    guards: list[Guard]
    modifiers: list[Edit]


def find_guards(units: tuple[str, ...] = OWN, root: Path = ROOT) -> Survey:
    """The guards of these sources, glob patterns below `root`."""
    found = read_sources(units, root)
    known = {node["id"]: node for tree in found.trees.values() for node in nodes(tree) if "id" in node}
    readers = {unit: Reader(unit, found.texts[unit], known) for unit in found.trees}
    own = [(readers[unit], found.trees[unit]) for unit in found.own]
    guards = [guard for reader, tree in own for guard in reader.guards(tree)]
    used = {node["id"] for reader, tree in own for one in nodes(tree) if (node := reader.modifier(one))}
    every = ((readers[unit], tree, unit in found.own) for unit, tree in found.trees.items())
    modifiers = [edit for reader, tree, ours in every for edit in reader.numbered(tree, used, own=ours)]
    return Survey(guards, modifiers)


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the guards out of one source's tree; `known` has every declaration by its id."""

    unit: str
    text: bytes
    known: dict[int, Tree]

    def guards(self, tree: Tree) -> Iterator[Guard]:
        """Those of every function and modifier, in the order of the source."""
        for contract in tree["nodes"]:
            bodies = [one for one in contract.get("nodes", ()) if one["nodeType"] in BODIES]
            for function in bodies:
                place = f"{contract['name']}.{function['name'] or function['kind']}"
                for invoked in filter(self.modifier, function.get("modifiers", ())):
                    yield self._guard(place, invoked, ("", f"({NUMBER})"))
                yield from self._below(place, function.get("body"))

    def modifier(self, node: Tree) -> Tree:
        """The modifier that is invoked here; empty where none is."""
        found = self._declared(node["modifierName"]) if node.get("nodeType") == "ModifierInvocation" else {}
        return found if found.get("nodeType") == "ModifierDefinition" else {}

    def numbered(self, tree: Tree, used: set[int], *, own: bool) -> Iterator[Edit]:
        """What these modifiers need to be switched off by a number, and the number where no guard of ours has one."""
        for node in nodes(tree):
            if node.get("nodeType") == "ModifierDefinition" and node["id"] in used:
                yield Edit(self.unit, self._end(node["parameters"]) - 1, 0, "uint256 guard")
                for statement in node["body"]["statements"]:
                    if statement["nodeType"] != "PlaceholderStatement":
                        yield from self._around(statement, (f"if ({COINBASE} != guard) {{ ", " }"))
            elif not own and self.modifier(node).get("id") in used:
                yield Edit(self.unit, self._end(node), 0, f"({NOBODY})")

    def _below(self, place: str, node: Any) -> Iterator[Guard]:
        """What the statements below a body refuse or mark; what an `if` refuses is one guard with it."""
        for part in parts(node):
            if part.get("nodeType") == "IfStatement" and self._refuses(only := _only(part["trueBody"])):
                yield self._guard(place, only, SWITCHED, f"if ({self._words(part['condition'])})")
                yield from self._below(place, part.get("falseBody"))
            elif part.get("nodeType") == "RevertStatement":
                yield self._guard(place, part, SWITCHED)
            elif part.get("nodeType") == "ExpressionStatement":
                yield from self._of_expression(place, part["expression"])
            else:
                yield from self._below(place, list(part.values()))

    def _of_expression(self, place: str, node: Tree) -> Iterator[Guard]:
        if _is_call(node, "require") or _is_call(node, "assert"):
            condition = node["arguments"][0]
            yield self._guard(place, condition, NO_MATTER)
            yield from self._conditions(place, condition)
        elif self._refuses(node) or self._marks(node):
            yield self._guard(place, node, SWITCHED)

    def _conditions(self, place: str, node: Tree) -> Iterator[Guard]:
        """The parts of a condition that must hold beside others."""
        if node["nodeType"] == "TupleExpression" and len(node["components"]) == 1:
            yield from self._conditions(place, node["components"][0])
        elif node.get("operator") in ("&&", "||"):
            for part in (node["leftExpression"], node["rightExpression"]):
                if node["operator"] == "&&" and part.get("operator") != "&&":
                    yield self._guard(place, part, NO_MATTER)
                yield from self._conditions(place, part)

    def _refuses(self, node: Tree) -> bool:
        """Whether it is a `revert`, or a call of a function that stores nothing and returns nothing."""
        if node["nodeType"] == "RevertStatement" or _is_call(node, "revert"):
            return True
        if node["nodeType"] == "ExpressionStatement":
            return self._refuses(node["expression"])
        called = self._declared(node["expression"]) if node["nodeType"] == "FunctionCall" else {}
        reads = called.get("nodeType") == "FunctionDefinition" and called["stateMutability"] in ("view", "pure")
        return reads and not called["returnParameters"]["parameters"]

    def _marks(self, node: Tree) -> bool:
        """Whether it deletes what is stored, or stores a fixed value."""
        if node["nodeType"] == "UnaryOperation":
            return bool(node["operator"] == "delete")
        if node["nodeType"] != "Assignment" or node["operator"] != "=" or not _is_fixed(node["rightHandSide"]):
            return False
        stored = self._declared(_base(node["leftHandSide"]))
        return bool(stored.get("stateVariable") or stored.get("storageLocation") == "storage")

    def _declared(self, node: Tree) -> Tree:
        """The declaration that a name stands for; empty for what the language itself has."""
        return self.known.get(node.get("referencedDeclaration", 0), {})

    def _guard(self, place: str, node: Tree, around: tuple[str, str], words: str = "") -> Guard:
        return Guard(self.unit, place, words or self._words(node), tuple(self._around(node, around)))

    def _around(self, node: Tree, around: tuple[str, str]) -> Iterator[Edit]:
        """Text before and after a node; after a statement means after its semicolon."""
        start, end = span_of(node)[0], self._end(node)
        if around[1].endswith("}") and self.text[end - 1 : end] != b";":
            end = self.text.index(b";", end) + 1
        yield Edit(self.unit, start, end - start, around[0])
        yield Edit(self.unit, end, end - start, around[1])

    def _end(self, node: Tree) -> int:
        return sum(span_of(node))

    def _words(self, node: Tree) -> str:
        """The source text on one line; of a call that refuses, the name alone."""
        if node["nodeType"] == "FunctionCall" and self._refuses(node):
            node = node["expression"]
        return " ".join(self.text[span_of(node)[0] : self._end(node)].decode().removesuffix(";").split())


def _only(node: Tree) -> Tree:
    """The one statement of a block, or the statement itself."""
    return node["statements"][0] if len(node.get("statements", ())) == 1 else node


def _base(node: Tree) -> Tree:
    """The variable that an index or a member is of."""
    while node["nodeType"] in ("IndexAccess", "MemberAccess"):
        node = node.get("baseExpression") or node["expression"]
    return node


def _is_call(node: Tree, name: str) -> bool:
    """Whether a function of the language is called."""
    return bool(node["nodeType"] == "FunctionCall" and node["expression"].get("name") == name)


def _is_fixed(node: Tree) -> bool:
    """Whether it is a value as written: `true`, `0`, `address(0)`."""
    if node["nodeType"] == "FunctionCall" and node["kind"] == "typeConversion":
        return all(map(_is_fixed, node["arguments"]))
    return bool(node["nodeType"] == "Literal")
