"""W11: when entries are worth a chain transaction, and that nothing is concluded before its block is final."""

from dataclasses import replace
from datetime import timedelta

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from server.application.anchor import anchor, site_of
from server.application.paddock import Anchoring, Ground
from server.application.tracing import BLOCK, ORDER, TRANSACTION, Tracing
from server.domain.anchors import INDEX_UNEXPECTED, Chained, Kind
from server.domain.errors import ConfigurationError, InternalError, Reverted
from server.domain.evidence import Mined
from server.domain.sending import TransactionState
from tests.fakes.chain import FakeChain, fake_market
from tests.fakes.liars import Liar
from tests.fakes.paddocks import bare_paddock
from tests.fakes.samples import NOW

EVERY, AT_ONCE = timedelta(seconds=60), 3


async def chained(clock, number, chain=None, **changes):
    """A marketplace whose merchant's chain has so many entries, all of now."""
    paddock = bare_paddock(clock, chain or FakeChain(clock), anchoring=Anchoring(EVERY, AT_ONCE), **changes)
    await append(paddock, range(number))
    return paddock


async def append(paddock, indexes):
    async with paddock.db.begin("chained") as work:
        for index in indexes:
            previous, link = bytes([index] * 32), bytes([index + 1] * 32)
            entry = Chained("paddock", index, Kind.RECEIPT, f"order-{index}", previous, link, link, NOW)
            await work.receipt_chain.append(entry)


async def last(paddock):
    async with paddock.db.read() as view:
        return await view.anchors.last(site_of(paddock), "paddock")


async def state_of(paddock, transaction):
    async with paddock.db.read() as view:
        return (await view.transactions.get(transaction)).state


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
    assert await state_of(paddock, mined.transaction) is TransactionState.SUCCEEDED
    assert await anchor(paddock, "paddock") is None


async def test_each_batch_goes_on_where_the_one_before_ended(clock):
    paddock = await chained(clock, 0)
    for number in range(3):
        first = number * AT_ONCE
        await append(paddock, range(first, first + AT_ONCE))
        assert await anchor(paddock, "paddock") == 0.5
        clock.advance(10)
        assert await anchor(paddock, "paddock") == 0.0
        found = await last(paddock)
        assert (found.batch, found.first, found.last) == (number, first, first + AT_ONCE - 1)


async def test_without_a_contract_nothing_is_anchored(clock):
    market, chain = replace(fake_market(), contracts={}), FakeChain(clock)
    paddock = await chained(clock, AT_ONCE, chain, grounds={market.network: Ground(market, chain, 1)})
    assert await anchor(paddock, "paddock") is None
    assert chain.broadcasts == []


@pytest.mark.parametrize("lost", [True, False], ids=["its nonce is used by something else", "reverted"])
async def test_a_batch_whose_transaction_came_to_nothing_is_anchored_by_another(clock, lost):
    chain = Liar(FakeChain(clock))
    paddock = await chained(clock, AT_ONCE, chain)
    chain.node.drop_next = 1
    await anchor(paddock, "paddock")
    first = await last(paddock)
    chain.node.state.nonces[paddock.delegate.address] = 1
    if lost:
        async with paddock.db.begin("lost") as work:
            await work.transactions.lose(first.transaction)
    else:
        chain.lies["mined"] = lambda transaction: Mined(transaction, False, 0, "0xblock", 21_000, ())
    assert await anchor(paddock, "paddock") == 0.5
    chain.lies.clear()
    clock.advance(10)
    assert await anchor(paddock, "paddock") == 0.0
    second = await last(paddock)
    assert second == replace(first, transaction=second.transaction, block=second.block)
    assert (second.block is not None, second.transaction != first.transaction) == (True, True)
    assert len(chain.node.broadcasts) == 2


async def test_a_transaction_that_succeeded_without_the_contracts_word_anchors_nothing(clock):
    chain = Liar(FakeChain(clock), mined=lambda transaction: Mined(transaction, True, 0, "0xblock", 21_000, ()))
    paddock = await chained(clock, AT_ONCE, chain)
    await anchor(paddock, "paddock")
    with pytest.raises(InternalError, match="does not say that it anchored"):
        await anchor(paddock, "paddock")
    assert (await last(paddock)).block is None


@pytest.mark.parametrize(
    ("data", "kind", "words"),
    [
        (
            INDEX_UNEXPECTED + (5).to_bytes(32, "big") + bytes(32),
            ConfigurationError,
            "holds 5 entries of paddock's chain, and the database wants to go on from 0",
        ),
        (b"\x12\x34\x56\x78", InternalError, "refuses paddock's batch: 0x12345678"),
    ],
    ids=["another length", "anything else"],
)
async def test_why_the_contract_refuses_a_batch_is_said_and_nothing_is_sent(clock, data, kind, words):
    chain = Liar(FakeChain(clock), estimate_gas=Reverted("no", data))
    paddock = await chained(clock, AT_ONCE, chain)
    with pytest.raises(InternalError, match=words) as refused:
        await anchor(paddock, "paddock")
    assert type(refused.value) is kind
    assert (chain.node.broadcasts, await last(paddock)) == ([], None)


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


async def test_an_order_beyond_the_batch_has_no_anchor_in_its_trace(clock):
    kept, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    paddock = await chained(clock, AT_ONCE, tracing=Tracing(provider.get_tracer("test"), lambda: True))
    await anchor(paddock, "paddock")
    clock.advance(10)
    await anchor(paddock, "paddock")
    await append(paddock, range(AT_ONCE, 2 * AT_ONCE))
    await anchor(paddock, "paddock")
    await append(paddock, range(2 * AT_ONCE, 3 * AT_ONCE))
    async with paddock.db.begin("traced") as work:
        for index in (2 * AT_ONCE - 1, 2 * AT_ONCE):
            await work.traces.put(f"order-{index}", f"00-{index:032x}-{7:016x}-01")
    clock.advance(10)
    assert await anchor(paddock, "paddock") == 0.0
    assert [span.attributes[ORDER] for span in kept.get_finished_spans()] == [f"order-{2 * AT_ONCE - 1}"]
