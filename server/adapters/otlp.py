"""Spans to a collector, by OTLP over HTTP with OpenTelemetry's SDK; loaded only where an endpoint is set."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.environment_variables import OTEL_SERVICE_NAME
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import Decision, ParentBased

from server.application.tracing import Tracing

LAST_WORDS = 5.0
"""Seconds that the end of a process waits for the last spans to leave."""


@contextmanager
def exporting(role: str) -> Iterator[Tracing]:
    """Spans of this process, as `OTEL_…` variables say; they are `paddock-` and its role's where `OTEL_SERVICE_NAME`
    is not set.

    A thread of its own sends them from a bounded queue, so that a collector that is slow or away loses spans and holds
    up nobody. No provider is set for the whole process: what libraries do is none of these traces' business.
    """
    logging.getLogger("opentelemetry").setLevel(logging.ERROR)
    exporter = OTLPSpanExporter()
    resource = Resource.create({} if os.environ.get(OTEL_SERVICE_NAME) else {SERVICE_NAME: f"paddock-{role}"})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    configured, ids = provider.sampler, provider.id_generator
    provider.sampler = ParentBased(configured)
    provider.add_span_processor(BatchSpanProcessor(exporter))

    def drawn() -> bool:
        return configured.should_sample(None, ids.generate_trace_id(), "purchase").decision is not Decision.DROP

    try:
        yield Tracing(provider.get_tracer("paddock"), drawn)
    finally:
        ending = Thread(target=provider.shutdown, daemon=True)
        ending.start()
        ending.join(LAST_WORDS)
        if ending.is_alive():
            exporter.shutdown()  # type: ignore[no-untyped-call]  # which waits to try again no more
