"""Prometheus metrics of the server process, and of what the database has for all processes."""

import logging

from litestar import Response, get
from litestar.datastructures import State
from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest

from server.application.admission import Admission
from server.application.paddock import Paddock
from server.domain.webhooks import DeliveryState
from server.web.backlog import show_backlog

log = logging.getLogger(__name__)

DELIVERIES = Gauge("paddock_webhook_deliveries", "Webhook deliveries by outcome, as the database has them", ["outcome"])
ANSWERS = Gauge("paddock_database_answers", "1 if the database could be asked for what is shown of it")
OPEN = Gauge("paddock_circuit_open", "1 while purchases are refused because this keeps failing", ["what"])
RUNNING = Gauge("paddock_handlers_running", "Handlers at work by service", ["service"])
PAUSED = Gauge("paddock_settlement_paused", "1 while the operator's switch holds settlement, as last seen here")


@get("/metrics", include_in_schema=False)
async def metrics(state: State) -> Response[bytes]:
    """All metrics in Prometheus' text format."""
    paddock: Paddock | None = state.get("paddock")
    if paddock:
        _show_admission(paddock.admission)
        await _show_database(paddock)
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def _show_admission(admission: Admission) -> None:
    PAUSED.set(admission.pause.seen is not None and admission.pause.seen.on)
    for name, breaker in admission.breakers.items():
        OPEN.labels(name).set(breaker.open)
    for route, running in admission.running.items():
        RUNNING.labels(route).set(running)


async def _show_database(paddock: Paddock) -> None:
    """What the workers leave there, so that one place shows all of it; without the database ANSWERS alone says so."""
    try:
        async with paddock.db.read() as view:
            counts = await view.webhooks.counts()
            await show_backlog(paddock, view)
    except Exception as error:
        log.warning("the database cannot be asked for metrics: %s", type(error).__name__)
        DELIVERIES.clear()
        ANSWERS.set(0)
        return
    ANSWERS.set(1)
    for state in DeliveryState:
        DELIVERIES.labels(outcome=state.value).set(counts.get(state, 0))
