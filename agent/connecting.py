"""Connecting: whom the agent sends anything at all, and at which addresses.

A seller's name must lead to the public internet. What a person wrote down as an address, named as the agent's own node
or marketplace, or marked `inside` in the policy, may be anywhere.
"""

import socket
import ssl
import threading
import urllib.request
from collections.abc import Callable, Collection, Sequence

import httpx

from agent.policy_file import PolicyFile
from agent.terms import is_written, origin_of, site_of
from protocol.addresses import is_public
from protocol.headers import BUYER_KEY

Resolve = Callable[[str, int], Sequence[str]]
"""Host and port to addresses, in the order to try them. Raises OSError or UnicodeError for a name that has none."""

MOST_ADDRESSES = 4
"""How many of a host's addresses are tried; all of them are checked."""


class AddressRefused(httpx.ConnectError):
    """The host is nowhere that the agent connects to."""


class GuardedTransport(httpx.BaseTransport):
    """Resolves a host itself; refuses it if any of its addresses is inside; connects to the checked address.

    Host header, SNI and the certificate's check keep the name. A name that resolves elsewhere a moment later changes
    nothing: nobody asks again. `inside` are the origins that may be anywhere. Each host has a transport of its own
    (`make`), since a kept connection is found by address alone, and might carry another host's request.
    """

    def __init__(self, inside: Collection[str], make: Callable[[], httpx.BaseTransport], resolve: Resolve) -> None:
        self._inside, self._make, self._resolve = inside, make, resolve
        self._hosts: dict[str, httpx.BaseTransport] = {}
        self._lock = threading.Lock()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        own = self._own(request.url.host)
        if origin_of(request.url) in self._inside:
            return own.handle_request(request)
        refused: httpx.ConnectError | None = None
        for address in addresses(request.url, self._resolve)[:MOST_ADDRESSES]:
            try:
                return own.handle_request(_pinned(request, address))
            except httpx.ConnectError as error:
                refused = error
        raise refused or AddressRefused("the host has no address")

    def close(self) -> None:
        for own in self._hosts.values():
            own.close()

    def _own(self, host: str) -> httpx.BaseTransport:
        with self._lock:
            if host not in self._hosts:
                self._hosts[host] = self._make()
            return self._hosts[host]


def addresses(url: httpx.URL, resolve: Resolve) -> Sequence[str]:
    """Where a URL's host is. Raises AddressRefused unless all of it is public."""
    try:
        found = resolve(url.host, url.port or (443 if url.scheme == "https" else 80))
    except (OSError, UnicodeError):
        found = []
    if not found or not all(map(is_public, found)):
        raise AddressRefused(f"{url.host} does not resolve to public addresses alone")
    return found


def proxied() -> bool:
    """Whether a proxy connects, by rules of its own."""
    return bool(set(urllib.request.getproxies()) & {"http", "https", "all"})


def transport(policy: PolicyFile, own: Collection[str]) -> httpx.BaseTransport | None:
    """For the agent's client: `own` are URLs that its user set. None where a proxy connects."""
    if proxied():
        return None
    merchants = (one for one in policy.merchants if one.inside or is_written(one.origin))
    written = {origin for one in merchants for origin in (one.origin, site_of(one.origin))}
    context = ssl.create_default_context()
    inside = written | {origin_of(httpx.URL(url)) for url in own}
    return GuardedTransport(inside, lambda: httpx.HTTPTransport(verify=context), resolve)


def bearing(seller: str, key: str) -> Callable[[httpx.Request], None]:
    """A hook of the agent's client: requests to the seller, and to nobody else, carry the buyer key."""
    own = origin_of(httpx.URL(seller))

    def bear(request: httpx.Request) -> None:
        if origin_of(request.url) == own:
            request.headers[BUYER_KEY] = key

    return bear


def resolve(host: str, port: int) -> Sequence[str]:
    """The machine's resolver."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _pinned(request: httpx.Request, address: str) -> httpx.Request:
    """The same request for an address; the name stays in Host, SNI and the certificate's check."""
    pinned = httpx.Request(
        request.method,
        request.url.copy_with(host=address),
        stream=request.stream,
        extensions=request.extensions | {"sni_hostname": request.url.host},
    )
    pinned.headers = request.headers
    return pinned
