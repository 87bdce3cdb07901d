"""A merchant's server that misbehaves on demand: real sockets, and an answer, or none, by a function of the test."""

import asyncio
import ssl
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from socket import SO_LINGER, SOL_SOCKET
from typing import Any

CERTIFICATE = Path(__file__).parent / "certificates" / "hooks.test.pem"
"""For the name hooks.test, signed by itself; with its key, which opens nothing."""
DRIP_EVERY = 0.05

Headers = Mapping[str, str]
Answer = Callable[[Headers, bytes], Awaitable[bytes | None]]


def response(status: int, body: bytes = b"", **headers: str) -> bytes:
    """A whole response; underscores in header names stand for hyphens."""
    lines = [f"HTTP/1.1 {status} Something", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


@dataclass
class Receiver:
    """`answer` gives the bytes to send, or None to reset the connection.

    `drip` sends them one at a time, for ever; `hold` keeps the connection open after them.
    """

    answer: Answer
    drip: bool = False
    hold: bool = False
    tls: ssl.SSLContext | None = None
    connections: int = 0
    requests: list[tuple[str, Headers, bytes]] = field(default_factory=list)
    port: int = 0
    _server: asyncio.Server | None = None
    _open: set[asyncio.Task[Any]] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}/hook"

    async def __aenter__(self) -> "Receiver":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_error: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            await self._exchange(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            self._open.discard(task)

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.requests.append((head[0], headers, body))
        answer = await self.answer(headers, body)
        if answer is None:
            writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            return
        if self.drip:
            await _drip(writer, answer)
        writer.write(answer)
        await writer.drain()
        if self.hold:
            await asyncio.Event().wait()
        writer.close()


async def _drip(writer: asyncio.StreamWriter, answer: bytes) -> None:
    """A byte now and then, and then the last one again and again."""
    for place in range(1_000_000):
        writer.write(answer[place : place + 1] or b"x")
        await writer.drain()
        await asyncio.sleep(DRIP_EVERY)


def tls_server() -> ssl.SSLContext:
    """A server that has a certificate for hooks.test."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


def tls_client() -> ssl.SSLContext:
    """A client that trusts that certificate, and checks names."""
    return ssl.create_default_context(cafile=str(CERTIFICATE))
