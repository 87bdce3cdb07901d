"""The trace that the agent's requests name: one for each purchase, from the search that found it to its answer.

Where the program around the agent has set up OpenTelemetry, these are spans of it; else ids that nobody has seen.
"""

import secrets
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import httpx
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

HEADER = "traceparent"
MOST_FOUND = 1000
"""URLs of which it is remembered by which search they were found."""
_W3C = TraceContextTextMapPropagator()
_PRESENT: ContextVar[str | None] = ContextVar("traceparent", default=None)


@contextmanager
def during(name: str, after: str | None = None) -> Iterator[str]:
    """Requests of this block name one trace: the one of `after`, of the span that the program is in, or a new one.

    Yields the `traceparent`. Inside another such block it is the same trace.
    """
    here = trace.get_current_span().get_span_context().is_valid
    parent = _PRESENT.get() or after
    context = None if here or parent is None else _W3C.extract({HEADER: parent}, Context())
    tracer = trace.get_tracer("paddock.agent")
    with tracer.start_as_current_span(
        name, context, trace.SpanKind.CLIENT, record_exception=False, set_status_on_exception=False
    ) as span:
        token = _PRESENT.set(_of(span.get_span_context()) or parent or _new())
        try:
            yield _PRESENT.get() or ""
        finally:
            _PRESENT.reset(token)


def named() -> dict[str, str]:
    """The header of a request that is sent now."""
    return {HEADER: _PRESENT.get() or _of(trace.get_current_span().get_span_context()) or _new()}


def mark(request: httpx.Request) -> None:
    """Give a request that header, unless it has one: then whoever made it traces for itself."""
    if HEADER not in request.headers:
        request.headers.update(named())


class Searches:
    """By which search a URL was found. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: OrderedDict[str, str] = OrderedDict()

    def found(self, urls: Iterable[str], traceparent: str) -> None:
        """A search of that trace found these, without their queries."""
        with self._lock:
            self._found.update((url, traceparent) for url in urls)
            while len(self._found) > MOST_FOUND:
                self._found.popitem(last=False)

    def taken(self, url: httpx.URL) -> str | None:
        """The trace that a purchase of it continues, if it is the first after its search: a purchase has one trace."""
        with self._lock:
            traceparent = self._found.get(str(url.copy_with(query=None, fragment=None)))
            self._found = OrderedDict(one for one in self._found.items() if one[1] != traceparent)
            return traceparent


def _of(context: trace.SpanContext) -> str | None:
    if not context.is_valid:
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def _new() -> str:
    """Not sampled: the agent itself records nothing."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00"
