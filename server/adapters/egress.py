"""Requests to URLs that strangers chose: to public addresses only, to the address that was checked, and for no longer
and no more than we say."""

import asyncio
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx

from server.domain.addresses import EgressRules

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host and port to addresses, in the order to try them. Raises OSError or UnicodeError for a name that has none."""

MOST_ADDRESSES = 4
"""How many of a host's addresses are tried; all of them are checked."""
RESOLVER_THREADS = 16
"""Threads of their own: a name server that does not answer holds up no other look-up of this process."""


class Unreachable(Exception):
    """No answer came. The text is for whoever chose the URL, and names no address; `begun`: something was sent."""

    def __init__(self, why: str, begun: bool) -> None:
        super().__init__(why)
        self.begun = begun


class AddressRefused(httpx.ConnectError):
    """The host is nowhere that we connect to."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer: `body` is its beginning, as it was sent, and `whole` tells whether it is all of it.

    `seconds` went by until that was read; `media_type` is what Content-Type says, without parameters.
    """

    status: int
    body: bytes
    seconds: float
    media_type: str = ""
    whole: bool = True


class SystemResolver:
    """The machine's resolver, on threads of its own."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(RESOLVER_THREADS, "egress-resolver")

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._pool, socket.getaddrinfo, host, port, 0, socket.SOCK_STREAM)
        return list(dict.fromkeys(str(address[0]) for *_, address in found))


class GuardedTransport(httpx.AsyncBaseTransport):
    """Resolves a host itself, once; refuses it if any of its addresses is inside; connects to the checked address.

    Host header, SNI and the certificate's check keep the name. A name that resolves elsewhere a moment later changes
    nothing: nobody asks again.
    """

    def __init__(self, rules: EgressRules, resolve: Resolve, inner: httpx.AsyncBaseTransport) -> None:
        self._rules, self._resolve, self._inner = rules, resolve, inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        refused: httpx.ConnectError | None = None
        for address in (await self._addresses(request.url))[:MOST_ADDRESSES]:
            try:
                return await self._inner.handle_async_request(pinned(request, address))
            except httpx.ConnectError as error:
                refused = error
        raise refused or AddressRefused("the host has no address")

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def _addresses(self, url: httpx.URL) -> Sequence[str]:
        if url.scheme != "https" and self._rules.https_only:
            raise AddressRefused("only https is allowed")
        try:
            found = await self._resolve(url.host, url.port or (443 if url.scheme == "https" else 80))
        except (OSError, UnicodeError):
            found = []
        # One sentence for both, so that nobody learns which names exist inside.
        if not found or not all(map(self._rules.allows, found)):
            raise AddressRefused("the host does not resolve to public addresses alone")
        return found


class GuardedClient:
    """HTTP for URLs that strangers chose. Follows no redirect, keeps no connection, uses no proxy and no cookie."""

    def __init__(
        self, rules: EgressRules, *, resolve: Resolve | None = None, verify: ssl.SSLContext | None = None
    ) -> None:
        # A kept connection is found by address alone, and might carry another host's request.
        inner = httpx.AsyncHTTPTransport(
            verify=verify or ssl.create_default_context(),
            trust_env=False,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
        )
        transport = GuardedTransport(rules, resolve or SystemResolver(), inner)
        self._client = httpx.AsyncClient(
            transport=transport,
            timeout=None,
            trust_env=False,
            follow_redirects=False,
            headers={"User-Agent": "Paddock"},
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def fetch(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        content: bytes = b"",
        seconds: float = 10.0,
        most: int = 4096,
    ) -> Fetched:
        """One request, over after `seconds` whatever the other side does; at most `most` bytes of the body are read.

        An answer whose status came counts, also when its body does not end. Raises Unreachable.
        """
        started, status, body = time.monotonic(), None, bytearray()
        media_type, whole = "", False
        try:
            async with (
                asyncio.timeout(seconds),
                self._client.stream(
                    method, url, headers={**headers, "Accept-Encoding": "identity"}, content=content
                ) as response,
            ):
                status = response.status_code
                media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
                async for chunk in response.aiter_raw():
                    body += chunk
                    if len(body) > most:
                        break
                whole = len(body) <= most
        except (TimeoutError, httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            if status is None:
                never = isinstance(error, httpx.ConnectError | httpx.InvalidURL | UnicodeError)
                raise Unreachable(_reason(error, seconds), begun=not never) from error
        return Fetched(status, bytes(body[:most]), time.monotonic() - started, media_type, whole)


def pinned(request: httpx.Request, address: str) -> httpx.Request:
    """The same request for an address; the name stays in Host, SNI and the certificate's check."""
    return httpx.Request(
        request.method,
        request.url.copy_with(host=address),
        headers=request.headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": request.url.host},
    )


def _reason(error: Exception, seconds: float) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {seconds:g} s"
    if isinstance(error, AddressRefused):
        return str(error)
    if isinstance(error, httpx.ConnectError):
        certificate = "certificate" in str(error).lower()
        return "its certificate is not valid" if certificate else "no connection"
    return "the connection broke before an answer came" if isinstance(error, httpx.HTTPError) else "not a URL"
