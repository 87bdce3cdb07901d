"""W11: when entries are worth a chain transaction, and that nothing is concluded before its block is final."""

from datetime import timedelta

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from server.application.anchor import anchor, site_of
from server.application.paddock import Anchoring
from server.application.tracing import BLOCK, ORDER, TRANSACTION, Tracing
from server.domain.anchors import Chained, Kind
from tests.fakes.chain import FakeChain
from tests.fakes.paddocks import bare_paddock
from tests.fakes.samples import NOW

EVERY, AT_ONCE = timedelta(seconds=60), 3


async def chained(clock, number, **changes):
    """A marketplace whose merchant's chain has so many entries, all of now."""
    paddock = bare_paddock(clock, FakeChain(clock), anchoring=Anchoring(EVERY, AT_ONCE), **changes)
    async with paddock.db.begin("chained") as work:
        for index in range(number):
            previous, link = bytes([index] * 32), bytes([index + 1] * 32)
            entry = Chained("paddock", index, Kind.RECEIPT, f"order-{index}", previous, link, link, NOW)
            await work.receipt_chain.append(entry)
    return paddock


async def last(paddock):
    async with paddock.db.read() as view:
        return await view.anchors.last(site_of(paddock), "paddock")


@pytest.mark.parametrize(
    ("number", "waited", "after"),
    [(0, 60, None), (1, 0, 60.0), (AT_ONCE - 1, 59, 1.0), (1, 60, 0.5), (AT_ONCE, 0, 0.5), (AT_ONCE + 1, 0, 0.5)],
)
async def test_entries_are_anchored_at_exactly_their_age_or_number(clock, number, waited, after):
    paddock = await chained(clock, number)
    clock.advance(waited)
    assert await anchor(paddock, "paddock") == after
    sent = after == 0.5
    assert len(paddock.chain.broadcasts) == int(sent)
    found = await last(paddock)
    assert (found and found.last) == (number - 1 if sent else None)


async def test_an_anchor_in_no_block_is_looked_for_again_soon(clock):
    paddock = await chained(clock, AT_ONCE)
    paddock.chain.drop_next = 1
    for _ in range(2):
        assert await anchor(paddock, "paddock") == 0.5
    assert ((await last(paddock)).block, len(paddock.chain.broadcasts)) == (None, 1)


async def test_an_anchor_counts_from_exactly_the_moment_at_which_its_block_is_final(clock):
    paddock = await chained(clock, AT_ONCE)
    await anchor(paddock, "paddock")
    mined = await paddock.chain.mined((await last(paddock)).transaction)
    while await paddock.chain.final_block() < mined.block:
        assert await anchor(paddock, "paddock") == 1.0
        assert (await last(paddock)).block is None
        clock.advance(1)
    assert await paddock.chain.final_block() == mined.block
    assert await anchor(paddock, "paddock") == 0.0
    assert (await last(paddock)).block == mined.block
    assert await anchor(paddock, "paddock") is None


async def test_each_order_of_the_batch_that_is_traced_has_its_anchor_in_its_trace(clock):
    kept, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    paddock = await chained(clock, AT_ONCE, tracing=Tracing(provider.get_tracer("test"), lambda: True))
    traces = {f"order-{index}": f"{index + 1:032x}" for index in (0, AT_ONCE - 1)}
    async with paddock.db.begin("traced") as work:
        for order_id, trace in traces.items():
            await work.traces.put(order_id, f"00-{trace}-{7:016x}-01")
    await anchor(paddock, "paddock")
    clock.advance(10)
    assert await anchor(paddock, "paddock") == 0.0
    batch, spans = await last(paddock), kept.get_finished_spans()
    assert {span.attributes[ORDER]: f"{span.context.trace_id:032x}" for span in spans} == traces
    told = {(span.name, span.attributes[TRANSACTION], span.attributes[BLOCK]) for span in spans}
    assert told == {("anchored", batch.transaction, batch.block)}
