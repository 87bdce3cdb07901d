"""JSON-RPC over HTTP for web3, on one kept session.

web3's own provider guards its sessions with a lock that a cancelled request leaves held for ever (7.16), and multiplies
the timeout by five retries.
"""

import asyncio
import itertools
import re
from collections.abc import Hashable, Sequence
from functools import lru_cache
from typing import Any, Generic, TypeVar, cast
from urllib.parse import urlsplit

import msgspec
from aiohttp import ClientOSError, ClientSession, ServerDisconnectedError
from web3 import AsyncHTTPProvider
from web3.exceptions import Web3RPCError
from web3.types import RPCEndpoint

T = TypeVar("T")

_KEY_LENGTH = 16
"""Words of a URL from this length on are taken for keys; shorter ones are names and versions."""


class RpcAnswer(msgspec.Struct, Generic[T]):
    """A JSON-RPC answer; one of the two is there."""

    result: T | msgspec.UnsetType | None = msgspec.UNSET
    error: Any = None


class HttpProvider(AsyncHTTPProvider):
    """Every call ends within `timeout` seconds; only a kept connection that had died is tried once more.

    A node may repeat the keys of its URL in an error, and errors are shown: they are cut out of whatever it answers.
    """

    def __init__(self, url: str, timeout: float) -> None:
        super().__init__(url)
        self._url, self._timeout = url, timeout
        self._keys = keys_in(url)
        self._session: ClientSession | None = None
        self._numbers = itertools.count()

    async def disconnect(self) -> None:
        if self._session:
            await self._session.close()

    async def ask(self, kind: type[T], method: str, params: Sequence[object]) -> T | None:
        """A call's result as `kind`, None where it is null: without web3's own way of taking answers apart.

        Raises Web3RPCError for the node's error, msgspec.MsgspecError and TypeError for nonsense.
        """
        asked = {"jsonrpc": "2.0", "id": next(self._numbers), "method": method, "params": params}
        raw = await self._make_request(RPCEndpoint(method), msgspec.json.encode(asked))
        answer: RpcAnswer[T] = _decoder(cast(Hashable, kind)).decode(raw)
        if answer.error is not None:
            raise Web3RPCError(str(answer.error))
        if answer.result is msgspec.UNSET:
            raise TypeError("neither result nor error")
        return answer.result

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
            answer = await response.read()
        for key in self._keys:
            answer = answer.replace(key, b"...")
        return answer


@lru_cache
def _decoder(kind: Hashable) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(RpcAnswer[kind])  # type: ignore[valid-type]


def keys_in(url: str) -> list[bytes]:
    """What a node's URL holds beside its host that must not be shown."""
    parts = urlsplit(url)
    words = re.split(r"[/&=;:]", f"{parts.path}/{parts.query}")
    long = [word for word in words if len(word) >= _KEY_LENGTH]
    return [word.encode() for word in (*long, parts.username, parts.password) if word]
