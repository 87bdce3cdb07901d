"""Traces: a purchase's way through server, workers and chain as spans of OpenTelemetry, all under one id.

A process that exports none pays for one look at `Paddock.tracing` at the door, and one at `_CURRENT` at each stage.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass

from opentelemetry.context import Context
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    Tracer,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from server.domain.errors import PaddockError
from server.ports import Database, Job

HEADER = "traceparent"
SERVICE, ORDER, MOVES = "paddock.service", "paddock.order.id", "paddock.moves"
TRANSACTION, BLOCK, ATTEMPT = "paddock.chain.transaction", "paddock.chain.block", "paddock.job.attempt"
"""Attributes. None holds a payer, a signature, or words of a stranger."""
_IDLE = {"asked again"}
"""Units of work that only have somebody look again: a job that does no more is no span."""
_LONGEST = 55
"""Characters of a `traceparent` of version 00; a later version's may be longer, and is taken for none."""
_W3C = TraceContextTextMapPropagator()
_NOTHING = nullcontext()
Ran = tuple[float | None, str | None]
"""Seconds until a job is due again, None when it is done; and its error."""


@dataclass(frozen=True, slots=True)
class Tracing:
    """What makes spans. `drawn` says of a trace that a stranger began whether it is exported: by the configured rate,
    and by nothing that the stranger sent."""

    tracer: Tracer
    drawn: Callable[[], bool]


@dataclass(slots=True)
class _Traced:
    """A span that work goes on in; `entry` is the `traceparent` that everything later of its order continues."""

    tracer: Tracer
    span: Span
    entry: str
    order_id: str = ""
    did: bool = False


_CURRENT: ContextVar[_Traced | None] = ContextVar("trace", default=None)


def purchased(
    tracing: Tracing | None, slug: str, headers: Iterable[tuple[bytes, bytes]]
) -> AbstractContextManager[None]:
    """Around a paid request: a span that continues the buyer's trace, if it names one."""
    return _NOTHING if tracing is None else _purchase(tracing, slug, headers)


@contextmanager
def _purchase(tracing: Tracing, slug: str, headers: Iterable[tuple[bytes, bytes]]) -> Iterator[None]:
    context = _begun_by(tracing, [value for name, value in headers if name == HEADER.encode()])
    span = _start(tracing.tracer, "purchase", context, "", SpanKind.SERVER)
    span.set_attribute(SERVICE, slug)
    with _within(_Traced(tracing.tracer, span, _traceparent(span.get_span_context()))):
        yield


def stage(name: str) -> AbstractContextManager[None]:
    """Around a part of what is traced; of anything else it is nothing."""
    around = _CURRENT.get()
    return _NOTHING if around is None else _stage(around, name)


@contextmanager
def _stage(around: _Traced, name: str) -> Iterator[None]:
    around.did = True
    span = _start(around.tracer, name, set_span_in_context(around.span, Context()), around.order_id)
    with _within(_Traced(around.tracer, span, around.entry, around.order_id)):
        yield


@contextmanager
def _within(traced: _Traced) -> Iterator[None]:
    """Until its end. Of an error only the kind is told: its words may be a stranger's."""
    token = _CURRENT.set(traced)
    try:
        yield
    except BaseException as error:
        _fail(traced.span, error.slug if isinstance(error, PaddockError) else type(error).__name__)
        raise
    finally:
        _CURRENT.reset(token)
        traced.span.end()


def is_for(order_id: str) -> None:
    """The order that the present span is about, as soon as it is known."""
    traced = _CURRENT.get()
    if traced is not None and traced.order_id != order_id:
        traced.order_id = order_id
        traced.span.set_attribute(ORDER, order_id)


def on_chain(transaction: str, block: int) -> None:
    """Where on chain the present span's work is seen."""
    traced = _CURRENT.get()
    if traced is not None:
        traced.span.set_attributes({TRANSACTION: transaction, BLOCK: block})


def committed(unit: str, moves: Mapping[str, str]) -> list[str]:
    """A unit of work is an event of the present span, with the order's moves in the log's words.

    Returns the other orders that it moved: this is not their span.
    """
    traced = _CURRENT.get()
    if traced is None:
        return list(moves)
    traced.did = traced.did or unit not in _IDLE
    own = moves.get(traced.order_id)
    traced.span.add_event(unit, {MOVES: own} if own else None)
    return [one for one in moves if one != traced.order_id]


async def mark(
    tracing: Tracing | None,
    db: Database,
    name: str,
    orders: Sequence[str],
    attributes: Mapping[str, str | int] | None = None,
) -> None:
    """A span of no length in the trace of each order that has one, for work that was done for many at once."""
    if tracing is None or not orders:
        return
    async with db.read() as view:
        kept = await view.traces.of(orders)
    for order_id, entry in kept.items():
        span = _start(tracing.tracer, name, _continued(entry), order_id)
        span.set_attributes(attributes or {})
        span.end()


async def followed(tracing: Tracing | None, db: Database, job: Job, run: Callable[[], Awaitable[Ran]]) -> Ran:
    """A job's run, as a span of its order's trace: hours later, and in whatever process.

    A run that only found that it has to wait is no span: an order may be looked at every second for an hour.
    """
    order_id = job.subject.rpartition("/")[2]
    entry = await _entry_of(db, order_id) if tracing else None
    if tracing is None or entry is None:
        return await run()
    span = _start(tracing.tracer, f"job {job.topic}", _continued(entry), order_id, SpanKind.CONSUMER)
    span.set_attribute(ATTEMPT, job.attempts)
    traced = _Traced(tracing.tracer, span, entry, order_id)
    token = _CURRENT.set(traced)
    try:
        wait, error = await run()
    finally:
        _CURRENT.reset(token)
    if error:
        _fail(span, "failed")
    if error or traced.did:
        span.end()
    return wait, error


async def _entry_of(db: Database, order_id: str) -> str | None:
    async with db.read() as view:
        return (await view.traces.of([order_id])).get(order_id)


def to_keep(order_id: str) -> str | None:
    """The `traceparent` to keep with an order that is made now; None where nothing is traced."""
    is_for(order_id)
    traced = _CURRENT.get()
    return traced.entry if traced else None


def passed_on() -> dict[str, str]:
    """The header by which whoever is asked now continues the trace; none where nothing is traced."""
    traced = _CURRENT.get()
    return {HEADER: _traceparent(traced.span.get_span_context())} if traced else {}


def trace_id() -> str:
    """Of the present trace, 32 hex digits; empty where nothing is traced."""
    traced = _CURRENT.get()
    return id_in(traced.entry) if traced else ""


def id_in(traceparent: str) -> str:
    """The trace's id in a `traceparent` of ours."""
    return traceparent.split("-")[1]


def _start(tracer: Tracer, name: str, context: Context, order_id: str, kind: SpanKind = SpanKind.INTERNAL) -> Span:
    """Context is always given, so nothing that runs beside us gets into our traces."""
    attributes = {ORDER: order_id} if order_id else None
    return tracer.start_span(name, context, kind, attributes)


def _fail(span: Span, kind: str) -> None:
    span.set_status(StatusCode.ERROR)
    span.set_attribute("error.type", kind)


def _begun_by(tracing: Tracing, given: Sequence[bytes]) -> Context:
    """The trace that a stranger's `traceparent` names, exported by our own draw; an empty one for what is no such.

    Its sampled flag and its id decide nothing: whoever chooses an id chooses what a rate makes of it. `tracestate` and
    `baggage` are not read.
    """
    if len(given) != 1 or len(given[0]) > _LONGEST:
        return Context()
    found = get_current_span(_W3C.extract({HEADER: given[0].decode("latin-1")}, Context())).get_span_context()
    if not found.is_valid:
        return Context()
    flags = TraceFlags(TraceFlags.SAMPLED if tracing.drawn() else TraceFlags.DEFAULT)
    return _under(SpanContext(found.trace_id, found.span_id, is_remote=True, trace_flags=flags))


def _continued(entry: str) -> Context:
    """The trace that we kept."""
    return _W3C.extract({HEADER: entry}, Context())


def _under(parent: SpanContext) -> Context:
    return set_span_in_context(NonRecordingSpan(parent), Context())


def _traceparent(context: SpanContext) -> str:
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags & TraceFlags.SAMPLED:02x}"
