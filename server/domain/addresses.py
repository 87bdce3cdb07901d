"""Where we connect to on somebody else's word: which URLs are taken, and which addresses are never connected to."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address
from urllib.parse import SplitResult, urlsplit

from server.domain.errors import BadUrl

MOST_URL = 2_000
"""Characters of a URL."""

INSIDE_IPV4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",
        "100.64.0.0/10",  # carriers' NAT; a cloud's metadata
        "127.0.0.0/8",
        "168.63.129.16/32",  # a cloud's metadata on a public address
        "169.254.0.0/16",  # link-local; most clouds' metadata
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
PUBLIC_IPV6 = IPv6Network("2000::/3")
"""Everything else is special: loopback, mapped, NAT64, unique local, link-local, multicast."""
INSIDE_IPV6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments: Teredo, which holds an IPv4 address, benchmarks, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which holds an IPv4 address
        "3fff::/20",  # documentation
    )
)
_VISIBLE = re.compile(r"[!-~]+")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.IGNORECASE)


def is_public(address: str) -> bool:
    """Whether an address belongs to the public internet. Also False for what is no address, or has a zone."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv4Address):
        return not any(parsed in network for network in INSIDE_IPV4)
    if parsed.scope_id is not None:
        return False
    return parsed in PUBLIC_IPV6 and not any(parsed in network for network in INSIDE_IPV6)


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
