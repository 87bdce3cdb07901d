"""What must not be read by others, taken out of texts on their way to a log or an answer."""

import re
from collections.abc import Iterable

HIDDEN = "[hidden]"
_PATTERNS = re.compile(
    r"(?:0x)?[0-9a-fA-F]{130,}"  # a signature, and whatever is long enough to hold one
    r"|[A-Za-z0-9+/_-]{160,}={0,2}"  # a payment header: base64 of JSON
    r"|(?<=://)[^/@\s:]*:[^/@\s]+(?=@)"  # user and password of a URL
    r"|(?<=[Bb]earer )\S+"
)
_LEAST = 6
"""Shorter secrets are words that stand in every text; nothing keeps a secret that short."""


def scrub(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without what looks like a signed payment or a password, and without the given secrets."""
    for secret in secrets:
        if len(secret) >= _LEAST:
            text = text.replace(secret, HIDDEN)
    return _PATTERNS.sub(HIDDEN, text)
