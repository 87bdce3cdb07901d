"""Reaching an MCP server: started here, or elsewhere at one checked address, whatever its name leads to later."""

import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TextIO

import httpx
import httpx2
from mcp import StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client

from agent import connecting
from agent.merchant_rules import MerchantRules
from agent.terms import is_written

_PATIENCE = httpx2.Timeout(30.0, read=300.0)
"""Seconds; a server may hold a stream open and say nothing on it."""


class Pinned(httpx2.AsyncBaseTransport):
    """Sends everything to one address; Host header, SNI and the certificate's check keep the name."""

    def __init__(self, address: str, own: httpx2.AsyncBaseTransport) -> None:
        self._address, self._own = address, own

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        pinned = httpx2.Request(
            request.method,
            request.url.copy_with(host=self._address),
            stream=request.stream,
            extensions=request.extensions | {"sni_hostname": request.url.host},
        )
        pinned.headers = request.headers
        return await self._own.handle_async_request(pinned)

    async def aclose(self) -> None:
        await self._own.aclose()


def reach(endpoint: str, merchant: MerchantRules) -> AbstractAsyncContextManager[Any] | str:
    """What `mcp.Client` connects to. Raises connecting.AddressRefused for a name that leads inside.

    Redirects are followed within the endpoint's origin alone: the SDK sees to it.
    """
    if merchant.command:
        return _started(merchant.command)
    if merchant.inside or is_written(merchant.origin) or connecting.proxied():
        return endpoint
    address = connecting.addresses(httpx.URL(endpoint), connecting.resolve)[0]
    return _streams(endpoint, Pinned(address, httpx2.AsyncHTTPTransport()))


@asynccontextmanager
async def _started(command: tuple[str, ...]) -> AsyncIterator[Any]:
    """By standard input and output. What it writes to its error output is a stranger's words, for no terminal."""
    parameters = StdioServerParameters(command=command[0], args=list(command[1:]))
    with _nowhere() as errors:
        async with stdio_client(parameters, errlog=errors) as streams:
            yield streams


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")


@asynccontextmanager
async def _streams(endpoint: str, transport: httpx2.AsyncBaseTransport) -> AsyncIterator[Any]:
    async with (
        httpx2.AsyncClient(transport=transport, timeout=_PATIENCE) as client,
        streamable_http_client(endpoint, http_client=client) as streams,
    ):
        yield streams
