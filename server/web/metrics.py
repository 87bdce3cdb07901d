"""Prometheus metrics of the server process."""

from litestar import Response, get
from litestar.datastructures import State
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, generate_latest

OUTCOMES = Counter("paddock_paid_route_total", "Requests to paid routes by outcome", ["service", "outcome"])
OPEN = Gauge("paddock_circuit_open", "1 while purchases are refused because this keeps failing", ["what"])
RUNNING = Gauge("paddock_handlers_running", "Handlers at work by service", ["service"])
PAUSED = Gauge("paddock_settlement_paused", "1 while the operator's switch holds settlement, as last seen here")


@get("/metrics", include_in_schema=False)
async def metrics(state: State) -> Response[bytes]:
    """All metrics in Prometheus' text format."""
    paddock = state.get("paddock")
    if paddock:
        admission = paddock.admission
        PAUSED.set(admission.pause.seen is not None and admission.pause.seen.on)
        for name, breaker in admission.breakers.items():
            OPEN.labels(name).set(breaker.open)
        for route, running in admission.running.items():
            RUNNING.labels(route).set(running)
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
