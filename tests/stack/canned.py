"""A server that gives every request the same answer, however wrong, and keeps what it was asked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Canned:
    """`answer` are the bytes of every HTTP answer; None leaves the caller waiting. `asked` are the requests' bytes.

    A path in `answers` has an answer of its own.
    """

    answer: bytes | None
    port: int = 0
    asked: list[bytes] = field(default_factory=list)
    answers: dict[str, bytes | None] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def http(status: str, body: bytes, *headers: str) -> bytes:
    """The bytes of an HTTP answer that closes its connection: `http("200 OK", b"{}")`."""
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + body


@asynccontextmanager
async def run_canned(answer: bytes | None) -> AsyncIterator[Canned]:
    """Listens until the end of the block."""
    canned = Canned(answer)
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.read(65_536)
        canned.asked.append(request)
        answer = canned.answers.get(request.decode("latin-1").split(" ")[1], canned.answer)
        if answer is None:
            await ended.wait()
        else:
            writer.write(answer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    canned.port = server.sockets[0].getsockname()[1]
    async with server:
        try:
            yield canned
        finally:
            ended.set()
            server.close()
