"""HTTP/1.1 from the client's side with as little work as possible, so that the server is what is measured."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from scripts.bench.errors import BenchFailed

HOST = "127.0.0.1"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer as it came; `head` is status line and headers with the empty line's first CRLF."""

    head: bytes
    body: bytes

    @property
    def status(self) -> int:
        return int(self.head[9:12])

    def header(self, name: str) -> bytes:
        """A header's value. Raises BenchFailed if the answer has none of that name."""
        found = re.search(rb"\r\n" + re.escape(name.encode()) + rb": *([^\r\n]*)\r\n", self.head, re.IGNORECASE)
        if found is None:
            raise BenchFailed(f"an answer with status {self.status} has no {name}: {self.body[:300]!r}")
        return found[1]


def request(port: int, target: str, **headers: str) -> bytes:
    """A GET's bytes; `PAYMENT_SIGNATURE="…"` is the header PAYMENT-SIGNATURE."""
    lines = [f"GET {target} HTTP/1.1", f"Host: {HOST}:{port}", "Accept: application/json"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def split(received: bytes) -> tuple[Answer, bytes] | None:
    """The first answer and what follows it; None while it is not whole. Raises BenchFailed for one without a length."""
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = received[: end + 2]
    length = _LENGTH.search(head)
    if length is None:
        raise BenchFailed(f"an answer has no Content-Length: {head[:300]!r}")
    whole = end + 4 + int(length[1])
    if len(received) < whole:
        return None
    return Answer(head, received[end + 4 : whole]), received[whole:]


class Connection(asyncio.Protocol):
    """A connection that hands each answer to `answered`, and why it ended to `ended`; one request at a time."""

    def __init__(self, answered: Callable[["Connection", Answer], None], ended: Callable[[BenchFailed], None]) -> None:
        self._answered, self._ended = answered, ended
        self._received = b""
        self._closing = False
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def open(
        cls, port: int, answered: Callable[["Connection", Answer], None], ended: Callable[[BenchFailed], None]
    ) -> "Connection":
        """Connected to a port of this machine."""
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: cls(answered, ended), HOST, port)
        return connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        try:
            found = split(self._received)
        except BenchFailed as error:
            self._ended(error)
            return
        if found:
            answer, self._received = found
            self._answered(self, answer)

    def connection_lost(self, error: Exception | None) -> None:
        if not self._closing:
            self._ended(BenchFailed(f"the server ended a connection: {error or 'it closed it'}"))

    def send(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.write(data)

    def close(self) -> None:
        """End the connection; harmless to repeat."""
        self._closing = True
        if self._transport is not None:
            self._transport.close()


class Caller:
    """One request after the other on one connection, each awaited."""

    def __init__(self) -> None:
        self._waiting: asyncio.Future[Answer] | None = None
        self._connection: Connection | None = None

    @classmethod
    async def open(cls, port: int) -> "Caller":
        """Connected to a port of this machine."""
        caller = cls()
        caller._connection = await Connection.open(port, caller._arrived, caller._failed)
        return caller

    async def ask(self, data: bytes) -> Answer:
        """The answer to a request. Raises BenchFailed when the connection ends before it."""
        assert self._connection is not None
        self._waiting = asyncio.get_running_loop().create_future()
        self._connection.send(data)
        return await self._waiting

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _arrived(self, connection: Connection, answer: Answer) -> None:
        if self._waiting and not self._waiting.done():
            self._waiting.set_result(answer)

    def _failed(self, error: BenchFailed) -> None:
        if self._waiting and not self._waiting.done():
            self._waiting.set_exception(error)
