"""HTTP by the byte: an application behind a real server, a client that sends what it is told, and proxies between."""

import asyncio
import posixpath
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote_to_bytes

import uvicorn

from tests.stack.processes import free_port
from tests.stack.waiting import eventually

PATIENCE = 20.0


@dataclass(frozen=True)
class Wire:
    """An answer as it came: `head` before the empty line, `body` after it; nothing when the connection just closed."""

    head: bytes
    body: bytes

    @property
    def status(self) -> int:
        """0 without an answer."""
        return int(self.head.split(b" ", 2)[1]) if self.head else 0

    def header(self, name: str) -> str:
        """The header's value; empty when it is not there."""
        for line in self.head.split(b"\r\n")[1:]:
            found, _, value = line.partition(b":")
            if found.lower() == name.lower().encode():
                return value.strip().decode("latin-1")
        return ""


def request(
    target: str | bytes, headers: Mapping[str, str] | None = None, method: str = "GET", body: bytes = b""
) -> bytes:
    """A request for one answer. `target` as it is to stand on the request line; Host is among the `headers`."""
    raw = target if isinstance(target, bytes) else target.encode()
    length = {"Content-Length": str(len(body))} if body else {}
    lines = [f"{name}: {value}" for name, value in {**(headers or {}), **length, "Connection": "close"}.items()]
    return method.encode() + b" " + raw + b" HTTP/1.1\r\n" + "\r\n".join([*lines, "", ""]).encode("latin-1") + body


async def exchange(port: int, *pieces: bytes) -> Wire:
    """Send the pieces one after the other, each in a segment of its own, and read until the connection closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = b""
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        answer = await asyncio.wait_for(reader.read(-1), PATIENCE)
    except ConnectionError:
        pass
    finally:
        writer.close()
    return parse(answer)


def parse(answer: bytes) -> Wire:
    """What came, as an answer."""
    head, _, body = answer.partition(b"\r\n\r\n")
    return Wire(head, body)


@asynccontextmanager
async def serving(app: Any, http: str = "httptools") -> AsyncIterator[int]:
    """The application behind uvicorn, in this loop; its port. Its state is there already, so no lifespan is run."""
    port = free_port()
    config = uvicorn.Config(app, port=port, http=http, lifespan="off", log_config=None, ws="none", access_log=False)
    server = uvicorn.Server(config)
    server.capture_signals = _no_signals  # type: ignore[method-assign]  # they are pytest's
    task = asyncio.create_task(server.serve())
    await eventually(lambda: asyncio.sleep(0, server.started), 10, "the server starts")
    try:
        yield port
    finally:
        server.should_exit = server.force_exit = True
        await task


@contextmanager
def _no_signals() -> Iterator[None]:
    yield


# -------------------------------------------------------------------------------------------------------------- proxies


@dataclass
class Proxy:
    """A reverse proxy that rewrites request targets; None from `rewrite` is a 404 of its own."""

    upstream: int
    rewrite: Callable[[bytes], bytes | None]
    forwarded: list[bytes] = field(default_factory=list)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request, and its answer until either side closes."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            method, _, rest = head.partition(b" ")
            target, _, rest = rest.partition(b" HTTP/1.")
            rewritten = self.rewrite(target)
            if rewritten is None:
                writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            else:
                self.forwarded.append(rewritten)
                await self._forward(method + b" " + rewritten + b" HTTP/1." + rest, reader, writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the client, or the server, went away
        finally:
            writer.close()

    async def _forward(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.upstream)
        up_writer.write(head)
        more = asyncio.create_task(_pipe(reader, up_writer))
        try:
            writer.write(await up_reader.read(-1))
        finally:
            more.cancel()
            up_writer.close()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(65_536):
        writer.write(chunk)


@asynccontextmanager
async def proxying(upstream: int, rewrite: Callable[[bytes], bytes | None]) -> AsyncIterator[tuple[int, Proxy]]:
    """The proxy's port, and what it did."""
    proxy = Proxy(upstream, rewrite)
    server = await asyncio.start_server(proxy.handle, "127.0.0.1", 0, limit=1 << 20)
    async with server:
        try:
            yield server.sockets[0].getsockname()[1], proxy
        finally:
            server.close()


def strips(prefix: bytes) -> Callable[[bytes], bytes | None]:
    """Takes a path prefix away; what does not begin with it is not there."""

    def rewrite(target: bytes) -> bytes | None:
        return target.removeprefix(prefix) if target.startswith(prefix + b"/") else None

    return rewrite


def decodes(target: bytes) -> bytes:
    """Decodes the path, resolves dots and doubled slashes, and encodes again what cannot stand on a request line."""
    path, question, query = target.partition(b"?")
    plain = unquote_to_bytes(path).decode("utf-8", "surrogateescape")
    return quote(posixpath.normpath(plain) or "/", safe="/:@!$&'()*+,;=~-._", errors="surrogateescape").encode() + (
        question + query
    )


def decodes_blindly(target: bytes) -> bytes:
    """Decodes everything once, whatever comes out: such proxies exist, and split requests in two."""
    return unquote_to_bytes(target)
