"""Server-sent events of the console: every change of every order, as it is written."""

import asyncio
import signal
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from types import FrameType
from typing import Any

import msgspec
from litestar import Litestar, Request, get
from litestar.params import FromQuery
from litestar.response import ServerSentEvent
from litestar.response.sse import ServerSentEventMessage

from server.application.paddock import Paddock, Settling
from server.domain.errors import PaddockError, UnknownOrder
from server.domain.roles import Action
from server.domain.trends import Span
from server.ports import Event, UnitOfWork
from server.web.access import Asker, asker_of, needs, who
from server.web.given import GivenPaddock
from server.web.overview import SPANS, GivenSpan, overview
from server.web.pages import ENVIRONMENT, site
from server.web.read_models import row_of

POLL = 0.3
"""Seconds between two looks at the events."""
PULSE = 1.0
"""Seconds between two looks at figures, jobs and the chain's height."""
CHAIN_SECONDS = 2.0
"""How long the stream waits for the chain's word."""
HEARTBEAT = 15.0
BATCH = 200
LOOKBACK = 100
"""Sequence numbers that are looked at again: of two transactions the one with the lower number may commit later."""


@dataclass(slots=True)
class Cursor:
    """A reader's place among the events; gives each of them once."""

    after: int
    seen: set[int] = field(default_factory=set)

    async def start(self, view: UnitOfWork) -> None:
        """Take what is there up to `after` as given; a place beyond the end (of another database) is the end."""
        self.after = max(0, min(self.after, await view.orders.last_event()))
        given = await view.orders.events_after(max(self.after - LOOKBACK, 0), LOOKBACK)
        self.seen = {event.sequence for event in given if event.sequence <= self.after}

    async def new(self, view: UnitOfWork) -> list[Event]:
        """Events that are new since the last call, oldest first."""
        start = max(self.after - LOOKBACK, 0)
        found = await view.orders.events_after(start, LOOKBACK + BATCH)
        fresh = [event for event in found if event.sequence not in self.seen]
        self.seen.update(event.sequence for event in found)
        self.after = max(self.after, *self.seen, 0)
        self.seen = {sequence for sequence in self.seen if sequence > self.after - LOOKBACK}
        return fresh


@dataclass(slots=True)
class Closing:
    """Whether the process was told to end, so that open streams end before the server waits for them."""

    is_set: bool = False


@asynccontextmanager
async def close_streams(app: Litestar) -> AsyncIterator[None]:
    """Lifespan: notices SIGTERM and SIGINT beside the server's own handlers, which run as before."""
    closing = app.state.closing = Closing()
    before = _handlers()

    def noticed(number: int, frame: FrameType | None) -> None:
        closing.is_set = True
        before[number](number, frame)

    for number in before:
        signal.signal(number, noticed)
    try:
        yield
    finally:
        closing.is_set = True
        for number, handler in before.items():
            signal.signal(number, handler)


def _handlers() -> dict[int, Callable[[int, FrameType | None], Any]]:
    """The process's own handlers; only the main thread may change them."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    found = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    return {number: handler for number, handler in found.items() if callable(handler)}


@get("/events", include_in_schema=False, dependencies=SPANS, opt=needs(Action.SEE))
async def events(
    request: Request[Any, Any, Any],
    paddock: GivenPaddock,
    span: GivenSpan,
    after: FromQuery[int | None] = None,
    order: FromQuery[str | None] = None,
) -> ServerSentEvent:
    """New order events, of one order or of all; goes on behind Last-Event-ID, `after`, or the newest event."""
    asker = asker_of(request)
    if asker.merchant:
        await _require_own(paddock, asker, order or "")
    last = request.headers.get("last-event-id", "")
    if last.isdecimal():
        after = int(last)
    if after is None:
        async with paddock.db.read() as view:
            after = await view.orders.last_event()
    state = request.app.state
    told = stream(paddock, state.closing, after, order, settling=state.settling, span=span)
    told = _while_let_in(request, paddock, told)
    return ServerSentEvent(told, headers={"Cache-Control": "no-store"})


async def _require_own(paddock: Paddock, asker: Asker, order_id: str) -> None:
    """A member follows one order, of its merchant. Raises UnknownOrder, also for one that is another's."""
    async with paddock.db.read() as view:
        order = await view.orders.get(order_id)
    if order is None or not asker.owns(order.terms.merchant):
        raise UnknownOrder()


async def _while_let_in(
    request: Request[Any, Any, Any], paddock: Paddock, told: AsyncGenerator[ServerSentEventMessage, None]
) -> AsyncGenerator[ServerSentEventMessage, None]:
    """Nothing more once the session has ended, or the asker's role is another one."""
    asker = asker_of(request)
    async for message in told:
        if await who(request, paddock, request.app.state.credentials, pages=True) != asker:
            return
        yield message


async def stream(
    paddock: Paddock,
    closing: Closing,
    after: int,
    order_id: str | None = None,
    *,
    settling: Settling | None = None,
    span: Span = Span.DAY,
) -> AsyncGenerator[ServerSentEventMessage, None]:
    """Messages until the process ends or the reader goes away: `order` with an id, `pulse` and `proof` without one."""
    cursor = Cursor(after)
    async with paddock.db.read() as view:
        await cursor.start(view)
    yield ServerSentEventMessage(data=None, comment="orders of this marketplace", retry=1000)
    watched = _Pulse(paddock, settling, span) if order_id is None else _Proof(paddock, order_id)
    spoke = paddock.clock.now()
    while not closing.is_set:
        async with paddock.db.read() as view:
            fresh = [event for event in await cursor.new(view) if order_id in (None, event.order_id)]
            messages = [await _changed(paddock, view, event) for event in fresh]
        messages += await watched.look(changed=bool(fresh))
        for message in messages:
            yield message
        now = paddock.clock.now()
        if messages:
            spoke = now
        elif (now - spoke).total_seconds() >= HEARTBEAT:
            spoke = now
            yield ServerSentEventMessage(data=None, comment="still here")
        await paddock.clock.sleep(POLL)


class _Pulse:
    """The overview, drawn, and health, told when they change."""

    def __init__(self, paddock: Paddock, settling: Settling | None, span: Span) -> None:
        self._paddock, self._settling, self._span = paddock, settling, span
        self._told: dict[str, str] = {}
        self._looked = paddock.clock.now() - timedelta(seconds=PULSE)

    async def look(self, *, changed: bool) -> list[ServerSentEventMessage]:
        now = self._paddock.clock.now()
        if not changed and (now - self._looked).total_seconds() < PULSE:
            return []
        self._looked = now
        async with self._paddock.db.read() as view:
            seen = await overview(self._paddock, self._settling, view, self._span)
            jobs = await view.outbox.waiting()
        drawn = ENVIRONMENT.get_template("console/overview.html").render(overview=seen, site=site(self._paddock))
        newest = {"overview": drawn, "jobs": str(jobs), "block": await block_number(self._paddock)}
        if newest == self._told:
            return []
        self._told = newest
        return [_message("pulse", newest)]


class _Proof:
    """Whether an order's proof is stored, told once: it is no change of the order."""

    def __init__(self, paddock: Paddock, order_id: str) -> None:
        self._paddock = paddock
        self._order_id = order_id
        self._told = False

    async def look(self, *, changed: bool) -> list[ServerSentEventMessage]:
        if self._told:
            return []
        async with self._paddock.db.read() as view:
            self._told = await view.proofs.get(self._order_id) is not None
        return [_message("proof", {"order": self._order_id})] if self._told else []


async def block_number(paddock: Paddock) -> str:
    """The chain's height, at most a second old; empty when it cannot be reached now."""
    try:
        async with asyncio.timeout(CHAIN_SECONDS):
            return str(await paddock.chain.recent_block())
    except (PaddockError, TimeoutError):
        return ""


async def _changed(paddock: Paddock, view: UnitOfWork, event: Event) -> ServerSentEventMessage:
    """One event, with the order's row as the page shows it."""
    order = await view.orders.get(event.order_id)
    assert order is not None
    row = row_of(paddock, order)
    told = {
        "sequence": event.sequence,
        "order": event.order_id,
        "at": event.at,
        "what": event.what,
        "old": event.old,
        "new": event.new,
        "note": event.note,
        "status": row.word,
        "row": ENVIRONMENT.get_template("console/row.html").render(
            row=row, now=paddock.clock.now(), site=site(paddock)
        ),
    }
    return _message("order", told, event.sequence)


def _message(name: str, told: dict[str, Any], sequence: int | None = None) -> ServerSentEventMessage:
    return ServerSentEventMessage(msgspec.json.encode(told).decode(), event=name, id=sequence)
