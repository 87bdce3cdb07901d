"""Traces of a process, where the environment asks for them."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

from server.application.tracing import Tracing
from server.domain.errors import ConfigurationError


@contextmanager
def open_tracing(role: str, *, wanted: bool) -> Iterator[Tracing | None]:
    """None, and nothing loaded or started, where no endpoint is set. Raises ConfigurationError without the SDK."""
    if not wanted:
        yield None
        return
    try:
        otlp = import_module("server.adapters.otlp")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "opentelemetry":
            raise
        raise ConfigurationError(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set and OpenTelemetry's SDK is not installed: pip install 'paddock[traces]'"
        ) from error
    with otlp.exporting(role) as tracing:
        yield tracing
