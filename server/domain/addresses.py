"""Where we connect to on somebody else's word: which URLs are taken, and which addresses are never connected to."""

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from protocol.addresses import is_public
from server.domain.errors import BadUrl

MOST_URL = 2_000
"""Characters of a URL."""

_VISIBLE = re.compile(r"[!-~]+")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class EgressRules:
    """`https_only` everywhere but on a devnet; `allow_private` only for tests on a devnet."""

    https_only: bool = True
    allow_private: bool = False

    def allows(self, address: str) -> bool:
        """Whether an address, as a resolver gave it, may be connected to."""
        return self.allow_private or is_public(address)

    def check(self, url: str) -> None:
        """Raises BadUrl that says what to write. A name is resolved, and judged again, at each connection."""
        parts = _split(url)
        if parts.scheme != "https" and (self.https_only or parts.scheme != "http"):
            raise BadUrl("the URL must begin with https://")
        if parts.username is not None or parts.password is not None or parts.fragment:
            raise BadUrl("the URL must have no user, password or #fragment")
        self._check_host(parts.hostname or "", literal="[" in parts.netloc)

    def _check_host(self, host: str, *, literal: bool) -> None:
        labels = host.split(".")
        if literal or _NUMBER.fullmatch(labels[-1]):
            if not self.allows(host):
                raise BadUrl("the address in the URL is not a public one, or not written in full, as 192.0.43.8")
        elif len(host) > 253 or not all(map(_LABEL.fullmatch, labels)):
            raise BadUrl("the URL's host is no name; write an international one in its xn-- form")
        elif len(labels) < 2 and not self.allow_private:
            raise BadUrl("the URL's host must be a full name, as hooks.example.com")


def _split(url: str) -> SplitResult:
    if len(url) > MOST_URL or not _VISIBLE.fullmatch(url):
        raise BadUrl(f"a URL has at most {MOST_URL} characters, all of them visible ASCII")
    try:
        parts = urlsplit(url)
        if parts.port == 0:
            raise ValueError("port 0")
    except ValueError as error:
        raise BadUrl("the URL cannot be read; write it like https://hooks.example.com/paddock") from error
    return parts
