"""JSON-RPC over HTTP for web3, on one kept session.

web3's own provider guards its sessions with a lock that a cancelled request leaves held for ever (7.16), and multiplies
the timeout by five retries.
"""

import asyncio

from aiohttp import ClientOSError, ClientSession, ServerDisconnectedError
from web3 import AsyncHTTPProvider
from web3.types import RPCEndpoint


class HttpProvider(AsyncHTTPProvider):
    """Every call ends within `timeout` seconds; only a kept connection that had died is tried once more."""

    def __init__(self, url: str, timeout: float) -> None:
        super().__init__(url)
        self._url, self._timeout = url, timeout
        self._session: ClientSession | None = None

    async def disconnect(self) -> None:
        if self._session:
            await self._session.close()

    async def _make_request(self, method: RPCEndpoint, request_data: bytes) -> bytes:
        async with asyncio.timeout(self._timeout):
            try:
                return await self._post(request_data)
            except (ServerDisconnectedError, ClientOSError):
                return await self._post(request_data)

    async def _post(self, data: bytes) -> bytes:
        if self._session is None:
            self._session = ClientSession(raise_for_status=True, headers={"Content-Type": "application/json"})
        async with self._session.post(self._url, data=data) as response:
            return await response.read()
