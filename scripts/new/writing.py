"""What all that is written anew keeps: nothing is overwritten, and of what is refused nothing is left."""

import re
from collections.abc import Sequence
from pathlib import Path


class NewError(Exception):
    """Nothing was written; the message says why and what to do."""


def untaken(taken: Sequence[Path], name: str, root: Path) -> None:
    """Raises NewError where a file has the name already."""
    if taken:
        raise NewError(f"{taken[0].relative_to(root)} has a {name} already: choose another name; nothing was written")


def with_entry(source: str, path: str, name: str, line: str) -> str:
    """The source with a line more at the end of its tuple of that name. Raises NewError where it has none."""
    source = re.sub(rf"^({name}\b[^\n]* = \()(\S[^\n]*,)\)$", r"\1\n    \2\n)", source, flags=re.MULTILINE)
    end = re.search(rf"^{name}\b[^\n]* = \(\n.*?^(?=\)$)", source, re.MULTILINE | re.DOTALL)
    if end is None:
        raise NewError(f"{path} has no list {name} that a line could be added to; nothing was written")
    return source[: end.end()] + line + source[end.end() :]
