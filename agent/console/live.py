"""Server-sent events of the console: that something changed, whoever changed it, as soon as it is committed."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import closing
from typing import Any

from litestar import Request, get
from litestar.response import ServerSentEvent
from litestar.response.sse import ServerSentEventMessage

from agent.console.desk import Desk
from agent.console.entering import COOKIE, WATCHES, desk_of
from agent.watching import Watch

POLL = 0.25
"""Seconds between two looks at the database."""
HEARTBEAT = 15.0


@get("/events", opt={WATCHES: True})
async def events(request: Request[Any, Any, Any]) -> ServerSentEvent:
    """`changed` at each commit to the agent's database, by whichever process; ends with the session."""
    return ServerSentEvent(changes(desk_of(request), request.cookies.get(COOKIE, "")))


async def changes(desk: Desk, secret: str) -> AsyncGenerator[ServerSentEventMessage, None]:
    """Messages until the process or the session ends, or the reader goes away. Being watched keeps no session."""
    with closing(Watch(desk.settings.database)) as watch:
        yield ServerSentEventMessage(data=None, comment="this agent's home", retry=1000)
        silent = 0.0
        while not desk.ending() and desk.sessions.find(secret, use=False) is not None:
            silent += POLL
            if watch.changed():
                silent = 0.0
                yield ServerSentEventMessage(data="", event="changed")
            elif silent >= HEARTBEAT:
                silent = 0.0
                yield ServerSentEventMessage(data=None, comment="still here")
            await asyncio.sleep(POLL)
        yield ServerSentEventMessage(data="", event="over")
