"""Who reads an order's trace finds the chain transaction by which its money reached a callback, or went back."""

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from server.application.execute import complete
from server.application.refund import refund
from server.application.tracing import BLOCK, TRANSACTION, Tracing, purchased
from server.domain.states import FulfilmentState, MoneyBackState
from server.services.service import Answer
from tests.unit.hold_samples import (
    CONTRACT,
    ENDED,
    ENDING,
    OVER,
    TAKEN,
    TAKING,
    TASK,
    Chain,
    begun,
    given_back,
    made,
    mined,
    taken,
)

DUE = {"fulfilment": FulfilmentState.FAILED, "money_back": MoneyBackState.DUE}


async def done(_arguments, _context):
    return Answer(b"done", "text/plain")


async def run_callback(clock):
    order = made("order")
    paddock = await begun(clock, order, Chain(), run=done, since=None)
    await complete(paddock, order, paddock.services[TASK.slug], CONTRACT, taken(order))


async def give_back(clock):
    order, chain = made("order", **DUE), Chain(OVER)
    chain.show(mined(ENDING, ENDED, *given_back(order)))
    await refund(await begun(clock, order, chain), order.id)


@pytest.mark.parametrize(
    ("work", "transaction", "block"), [(run_callback, TAKING, TAKEN), (give_back, ENDING, ENDED)], ids=["run", "back"]
)
async def test_a_span_says_where_the_chain_shows_its_work(clock, work, transaction, block):
    provider, spans = TracerProvider(), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    with purchased(Tracing(provider.get_tracer("test"), lambda: True), "chain-watch", []):
        await work(clock)
    told = next(span.attributes for span in spans.get_finished_spans() if span.name == "purchase")
    assert (told[TRANSACTION], told[BLOCK]) == (transaction, block)
