"""Texts inside of texts: base64 and hex that hide something readable."""

import base64
import binascii
import re
from collections.abc import Iterator

from agent.privacy.folding import View

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")
_SEGMENT = re.compile(r"[A-Za-z0-9+_-]{8,}={0,2}")
_HEX = re.compile(r"(?<![0-9A-Za-z])(?:0x)?((?:[0-9A-Fa-f]{2}){5,})(?![0-9A-Za-z])")
_LONGEST = 20_000


def hidden(view: View) -> Iterator[tuple[int, int, str]]:
    """Where something encoded stands, and what it says."""
    for match in _HEX.finditer(view.text):
        if len(match[1]) <= _LONGEST and (said := _readable(bytes.fromhex(match[1]))):
            yield *match.span(), said
    for match in _BASE64.finditer(view.text):
        whole = _said(match[0])
        if whole:
            yield *match.span(), whole
            continue
        for part in _SEGMENT.finditer(view.text, *match.span()):
            if said := _said(part[0]):
                yield *part.span(), said


def _said(text: str) -> str:
    plain = text.rstrip("=").replace("-", "+").replace("_", "/")
    if len(plain) % 4 == 1 or len(plain) > _LONGEST:
        return ""
    try:
        return _readable(base64.b64decode(plain + "=" * (-len(plain) % 4)))
    except (binascii.Error, ValueError):
        return ""


def _readable(octets: bytes) -> str:
    """The text, if it is one; an ABI-encoded string is one between zeros."""
    try:
        said = octets.decode().strip("\x00")
    except UnicodeDecodeError:
        return ""
    return said if len(said) > 1 and all(one.isprintable() or one in "\n\r\t" for one in said) else ""
