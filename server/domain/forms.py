"""Forms: a text that is the same for many, with holes for what differs."""

import re
import secrets
from collections.abc import Callable, Mapping
from operator import itemgetter

_MARK = secrets.token_hex(16)  # random, so that no text of a stranger's is taken for a hole
_HOLE = re.compile(rf"{_MARK}:(\w+);".encode())


def hole(name: str) -> str:
    """What stands in a text for a value that is filled in later; nothing in it is escaped in JSON."""
    return f"{_MARK}:{name};"


class Form:
    """A text (UTF-8) that was cut at its holes; it has at least one."""

    def __init__(self, text: bytes) -> None:
        pieces = _HOLE.split(text)
        self._text = b"%b".join(piece.replace(b"%", b"%%") for piece in pieces[::2])
        self._values: Callable[[Mapping[str, bytes]], object] = itemgetter(*(name.decode() for name in pieces[1::2]))

    def filled(self, values: Mapping[str, bytes]) -> bytes:
        """The text with the values, by the names of their holes, as they are to stand in it. Raises KeyError."""
        return self._text % self._values(values)
