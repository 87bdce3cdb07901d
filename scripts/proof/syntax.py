"""The compiler's syntax trees of our own sources, and edits to these sources at places that the trees name."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.compile import standard_input
from scripts.solc import ROOT, find_compiler, use_own_folder

use_own_folder()
import solcx  # noqa: E402 - it looks at its folder when imported

OWN = tuple(f"contracts/{folder}*.sol" for folder in ("", "base/", "callbacks/", "erc8004/", "libraries/", "x402/"))
"""Our own sources, without interfaces and what only tests deploy."""
BODIES = ("FunctionDefinition", "ModifierDefinition")

Tree = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Edit:
    """Text to put in at a byte of a source, for so many `replaced` bytes.

    Of several at one place, that of the lowest `span` comes first: after a node, the length of that node; before it,
    where that matters, less than nothing.
    """

    unit: str
    at: int
    span: int
    text: str
    replaced: int = 0


@dataclass(frozen=True, slots=True)
class Sources:
    """Sources by name: text and tree of those that were asked for (`own`), and of all that they import."""

    own: list[str]
    texts: dict[str, bytes]
    trees: dict[str, Tree]


def read_sources(patterns: tuple[str, ...] = OWN, root: Path = ROOT) -> Sources:
    """The sources that match glob patterns below `root`."""
    paths = sorted(path for pattern in patterns for path in root.glob(pattern))
    own = [path.relative_to(root).as_posix() for path in paths]
    request = standard_input(own, root)
    request["settings"]["outputSelection"] = {"*": {"": ["ast"]}}
    output: dict[str, Any] = solcx.compile_standard(request, solc_binary=find_compiler())
    texts = {unit: source["content"].encode() for unit, source in request["sources"].items()}
    return Sources(own, texts, {unit: source["ast"] for unit, source in output["sources"].items()})


def applied(text: bytes, edits: Iterable[Edit]) -> bytes:
    """A source with all edits."""
    for edit in sorted(edits, key=lambda edit: (edit.at, edit.span), reverse=True):
        text = text[: edit.at] + edit.text.encode() + text[edit.at + edit.replaced :]
    return text


def nodes(node: Any) -> Iterator[Tree]:
    """Every node of a tree, or of a list of trees."""
    for part in parts(node):
        yield part
        yield from nodes(list(part.values()))


def parts(node: Any) -> Iterator[Tree]:
    """The node itself, or those of a list."""
    if isinstance(node, dict):
        yield node
    elif isinstance(node, list):
        for one in node:
            yield from parts(one)


def span_of(node: Tree) -> tuple[int, int]:
    """The byte at which a node begins, and its length."""
    start, length, _ = map(int, node["src"].split(":"))
    return start, length
