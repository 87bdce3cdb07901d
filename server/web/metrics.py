"""Prometheus metrics of the server process."""

from litestar import Response, get
from prometheus_client import CONTENT_TYPE_LATEST, Counter, generate_latest

OUTCOMES = Counter("paddock_paid_route_total", "Requests to paid routes by outcome", ["service", "outcome"])


@get("/metrics", include_in_schema=False)
async def metrics() -> Response[bytes]:
    """All metrics in Prometheus' text format."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
