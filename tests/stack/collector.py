"""A collector of traces: takes OTLP over HTTP, decodes it with the exporter's own types, and keeps the spans."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Event, Thread
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Span:
    """One that was exported; ids in hex, `events` with their attributes."""

    service: str
    name: str
    trace: str
    id: str
    parent: str
    attributes: dict[str, Any]
    events: list[tuple[str, dict[str, Any]]]
    failed: bool


@dataclass
class Collector:
    """`url` is the value of OTEL_EXPORTER_OTLP_ENDPOINT."""

    url: str
    spans: list[Span] = field(default_factory=list)
    came: Condition = field(default_factory=Condition)
    requests: int = 0
    speaks: Event = field(default_factory=Event)

    def named(self, *names: str) -> dict[str, list[Span]]:
        """Spans by name, once there is one of each. Raises AssertionError if one does not come."""
        with self.came:
            wanted = set(names)
            there = self.came.wait_for(lambda: wanted <= {span.name for span in self.spans}, PATIENCE)
            assert there, f"{wanted - {span.name for span in self.spans}} did not come"
            return {name: [span for span in self.spans if span.name == name] for name in names}

    def asked(self) -> None:
        """Wait for a request, taken or not."""
        with self.came:
            assert self.came.wait_for(lambda: self.requests > 0, PATIENCE)

    @contextmanager
    def silent(self) -> Iterator[None]:
        """It answers nothing until the end of the block."""
        self.speaks.clear()
        try:
            yield
        finally:
            self.speaks.set()

    def take(self, body: bytes) -> None:
        """A request of an exporter."""
        with self.came:
            self.requests += 1
            self.came.notify_all()
        self.speaks.wait()
        found = [
            _span(dict(_values(batch.resource.attributes))["service.name"], one)
            for batch in ExportTraceServiceRequest.FromString(body).resource_spans
            for scope in batch.scope_spans
            for one in scope.spans
        ]
        with self.came:
            self.spans += found
            self.came.notify_all()


def _span(service: str, one: Any) -> Span:
    events = [(event.name, dict(_values(event.attributes))) for event in one.events]
    ids = one.trace_id.hex(), one.span_id.hex(), one.parent_span_id.hex()
    return Span(service, one.name, *ids, dict(_values(one.attributes)), events, failed=one.status.code == 2)


def _values(attributes: Any) -> Iterator[tuple[str, Any]]:
    for one in attributes:
        kind = one.value.WhichOneof("value")
        yield one.key, getattr(one.value, kind)


@contextmanager
def run_collector() -> Iterator[Collector]:
    """One that listens until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/v1/traces":
                collector.take(body)
            self.send_response(200 if self.path == "/v1/traces" else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector = Collector(f"http://127.0.0.1:{server.server_port}")
    collector.speaks.set()
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
