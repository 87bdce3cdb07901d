"""An ASGI application of the tests' own, served from a thread of this process."""

import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from tests.stack.waiting import until


@contextmanager
def run_served(app: Any, port: int = 0) -> Iterator[str]:
    """Serves until the end of the block; the URL. `port` 0 takes any that is free."""
    config = uvicorn.Config(app, host="127.0.0.1", port=port, loop="asyncio", log_config=None, access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="served", daemon=True)
    thread.start()
    try:
        until(lambda: server.started, 20, "the application is served")
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)


async def nothing_to_close() -> None:
    """For `live`."""


async def live(receive: Any, send: Any, close: Callable[[], Awaitable[None]] = nothing_to_close) -> None:
    """The lifespan of an ASGI application, which closes something in its own loop."""
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await close()
    await send({"type": "lifespan.shutdown.complete"})


async def read_body(receive: Any) -> bytes:
    """The whole body of an ASGI request."""
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


async def answer(send: Any, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
    """A whole ASGI response."""
    given = {name.lower(): value for name, value in (headers or {}).items()}
    named = {"content-type": "application/json", "content-length": str(len(body))} | given
    raw = [(name.encode(), value.encode()) for name, value in named.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
