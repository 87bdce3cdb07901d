"""One name with several addresses: requests go to all of them, so that the processes behind it share the work."""

import asyncio
import random
from collections.abc import Sequence
from ipaddress import ip_address

import httpx

from server.adapters.egress import Resolve, SystemResolver, pinned

CONNECT_SECONDS = 2.0
"""For each address of several, and for the look-up: another one may be there at once."""


class SpreadingTransport(httpx.AsyncBaseTransport):
    """Tries a host's addresses in an order of chance until one can be connected to.

    The machine's resolver sorts them, so that without this everybody would ask the same one. They are looked up for
    each request: who was ended is asked no more. Only what never left is tried elsewhere, so nothing is sent twice.
    """

    def __init__(self, inner: httpx.AsyncBaseTransport, resolve: Resolve | None = None) -> None:
        self._inner, self._resolve = inner, resolve or SystemResolver()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        addresses = await self._addresses(request.url)
        if len(addresses) < 2:
            return await self._inner.handle_async_request(request)
        timeout = {**request.extensions.get("timeout", {}), "connect": CONNECT_SECONDS}
        failed: httpx.TransportError | None = None
        for address in random.sample(addresses, len(addresses)):
            there = pinned(request, address)
            there.extensions = {**there.extensions, "timeout": timeout}
            try:
                return await self._inner.handle_async_request(there)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failed = error
        assert failed is not None
        raise failed

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def _addresses(self, url: httpx.URL) -> Sequence[str]:
        """Those of the family that the machine prefers; none for an address, or a name that cannot be looked up."""
        try:
            ip_address(url.host)
        except ValueError:
            pass
        else:
            return []
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                found = await self._resolve(url.host, url.port or (443 if url.scheme == "https" else 80))
        except (OSError, UnicodeError):
            return []
        return [one for one in found if (":" in one) == (":" in found[0])]
