"""Traces of OpenTelemetry, sent to a real collector: one for each purchase, whatever a buyer sends with it."""

import io
import logging
import subprocess
import sys
import threading
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from server.adapters import otlp
from server.application.announce import AnnouncingDatabase
from server.domain.errors import PaymentRefused
from server.exporting import open_tracing
from server.logs import DiscreetFormatter
from server.settings import load
from tests.simulation.test_tools import connected, paid, quoted_in
from tests.simulation.transfer_world import PRICE, open_transfers
from tests.simulation.webhook_world import URL, listening
from tests.simulation.world import open_world
from tests.stack.buyer import read_header
from tests.stack.collector import run_collector
from tests.stack.processes import free_port

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SENT = f"00-{TRACE}-{PARENT}-01"
OF_THE_REQUEST = ["verify", "claim", "fulfil", "evidence", "receipt", "settle", "purchase"]
HOSTILE = (
    "",
    "garbage",
    f"00-{'0' * 32}-{PARENT}-01",
    f"00-{TRACE}-{'0' * 16}-01",
    f"ff-{TRACE}-{PARENT}-01",
    f"00-{TRACE.upper()}-{PARENT}-01",
    f"00-{TRACE}-{PARENT}-01-more",
    f"01-{TRACE}-{PARENT}-01-{'x' * 10_000}",
    f"00-{TRACE}-{PARENT}-zz",
    f"00-{TRACE}{PARENT}-01",
)
LIKELY = "0" * 31 + "1"
"""An id that a sampler by ids exports at every rate above none."""


@pytest.fixture
def collector(monkeypatch):
    with run_collector() as running:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", running.url)
        yield running


@asynccontextmanager
async def traced(finality=2):
    """A world whose server exports spans; all of them have been sent at its end."""
    with open_tracing("server", wanted=True) as tracing:
        async with open_world(finality=finality, tracing=tracing) as world:
            yield world


async def buy(world, slug="echo", **headers):
    quoted = await world.buyer.ask(world.url(slug))
    return quoted.id, await world.buyer.present(quoted, world.buyer.pay(quoted), **headers)


def of(spans, name):
    """The one span of a name."""
    (found,) = [span for span in spans if span.name == name]
    return found


async def test_a_purchase_is_one_trace_from_the_request_to_the_anchor_also_later_in_another_process(collector):
    with open_tracing("worker", wanted=True) as workers:
        async with traced() as w:
            order_id, answer = await buy(w, traceparent=SENT)
            assert answer.status_code == 200
            await w.clock.sleep(timedelta(minutes=20).total_seconds())
            w.paddock = replace(w.paddock, tracing=workers, db=AnnouncingDatabase(w.db, workers))
            await w.work(60)
            order = await w.order(order_id)
    spans = collector.spans
    assert {span.trace for span in spans} == {TRACE}
    assert {span.attributes["paddock.order.id"] for span in spans} == {order_id}
    purchase = of(spans, "purchase")
    assert purchase.parent == PARENT
    server, worker = ([span for span in spans if span.service == f"paddock-{role}"] for role in ("server", "worker"))
    assert [span.name for span in server] == OF_THE_REQUEST
    assert {"job follow", "chained", "anchored"} == {span.name for span in worker}
    settle = of(spans, "settle")
    inside = {"evidence": settle.id, "receipt": settle.id, "purchase": PARENT}
    assert {span.name: span.parent for span in spans} == {
        span.name: inside.get(span.name, purchase.id) for span in spans
    }
    seen = settle.attributes["paddock.chain.transaction"], settle.attributes["paddock.chain.block"]
    assert seen == (order.settlement_tx, order.settlement_block)
    assert of(spans, "anchored").attributes["paddock.chain.transaction"] != order.settlement_tx
    assert of(spans, "claim").events == [("claim", {"paddock.moves": "payment authorized; fulfilment none -> running"})]


async def test_no_span_holds_a_payer_a_signature_or_an_argument(collector):
    async with traced() as w:
        quoted = await w.buyer.ask(w.url("echo", "?text=private-words"))
        header = w.buyer.pay(quoted)
        assert (await w.buyer.present(quoted, header, traceparent=SENT)).status_code == 200
        await w.work(60)
    told = str(collector.spans).lower()
    payload = read_header(header)["payload"]
    assert OF_THE_REQUEST[0] in told
    secrets = w.buyer.account.address, payload["signature"], payload["authorization"]["nonce"], "private-words"
    assert [one for one in secrets if one.lower().removeprefix("0x") in told] == []


async def test_runs_that_only_wait_are_no_spans_and_those_that_did_something_are(collector):
    async with traced(finality=20) as w:
        _, answer = await buy(w)
        assert answer.status_code == 200
        runs = []
        w.db.hooks.append(lambda name, when: runs.append(name) if (name, when) == ("job", "begin") else None)
        await w.work(60)
    jobs = [span for span in collector.spans if span.name.startswith("job ")]
    assert sorted(span.name for span in jobs) == ["job follow"]
    assert len(runs) > 10


async def test_a_refund_is_in_the_trace_with_its_chain_transaction(collector):
    async with traced() as w:
        for _ in range(2):  # there is one launch pass
            quoted = await w.buyer.ask(w.url("launch-pass"), "POST", {})
            async with w.workers():
                await w.buyer.present(quoted, w.buyer.pay(quoted), traceparent=SENT)
        await w.work(60)
        order = await w.order(quoted.id)
    spans = [span for span in collector.spans if span.attributes["paddock.order.id"] == quoted.id]
    assert {span.trace for span in spans} == {TRACE}
    assert of(spans, "purchase").failed
    told = [span.attributes.get("paddock.chain.transaction") for span in spans if span.name == "job refund"]
    assert order.refund_tx
    assert order.refund_tx in told


async def test_what_a_watcher_books_for_many_is_in_each_orders_trace(collector):
    with open_tracing("server", wanted=True) as tracing:
        async with open_transfers(tracing=tracing) as t:
            t.world.client.headers["traceparent"] = SENT
            order_id = await t.order()
            await t.send(PRICE)
            await t.world.work(60)
    spans = [span for span in collector.spans if span.attributes.get("paddock.order.id") == order_id]
    assert {"purchase", "transfers taken", "job perform"} <= {span.name for span in spans}
    assert {span.trace for span in spans} == {TRACE}


async def test_a_message_to_a_merchant_carries_the_trace_on(collector):
    async with traced() as w:
        await listening(w)
        _, answer = await buy(w, traceparent=SENT)
        assert answer.status_code == 200
        await w.work(10)
    sent = [headers["traceparent"].split("-") for url, headers, _ in w.courier.posted if url == URL]
    jobs = {span.id for span in collector.spans if span.name == "job webhook"}
    assert sent
    assert {parts[1] for parts in sent} == {TRACE}
    assert {parts[2] for parts in sent} <= jobs


async def test_a_tool_call_names_its_trace_in_meta(collector):
    async with traced() as w, connected(w) as client:
        quoted = quoted_in(await client.call_tool("echo", None), "echo")
        result = await client.call_tool("echo", None, meta=paid(w, quoted) | {"traceparent": SENT})
        assert not result.is_error
    assert of(collector.spans, "purchase").trace == TRACE


async def test_a_purchase_that_fails_is_a_failed_span_by_its_kind(collector):
    async with traced() as w:
        quoted = await w.buyer.ask(w.url("echo"))
        assert (await w.buyer.present(quoted, w.buyer.pay(quoted, value="1"))).status_code == 402
    purchase = of(collector.spans, "purchase")
    assert purchase.failed
    assert purchase.events == []
    assert purchase.attributes["error.type"] == PaymentRefused.slug


async def test_a_malformed_traceparent_is_ignored(collector):
    async with traced() as w:
        bought = [await buy(w, traceparent=hostile) for hostile in HOSTILE]
    assert {answer.status_code for _, answer in bought} == {200}
    purchases = collector.named("purchase")["purchase"]
    assert {span.attributes["paddock.order.id"] for span in purchases} == {order_id for order_id, _ in bought}
    assert {span.parent for span in purchases} == {""}
    assert len({span.trace for span in purchases} - {TRACE}) == len(HOSTILE)


async def test_of_two_traceparents_neither_counts_and_tracestate_and_baggage_are_not_read(collector):
    async with traced() as w:
        quoted = await w.buyer.ask(w.url("echo"))
        headers = [("PAYMENT-SIGNATURE", w.buyer.pay(quoted)), ("traceparent", SENT), ("traceparent", SENT)]
        headers += [("tracestate", "a=unwanted"), ("baggage", "b=unwanted")]
        assert (await w.client.get(quoted.url, headers=headers)).status_code == 200
    assert of(collector.spans, "purchase").trace != TRACE
    assert "unwanted" not in str(collector.spans)


@pytest.mark.parametrize(
    ("sampler", "rate"),
    [
        ("always_off", ""),
        ("parentbased_always_off", ""),
        ("traceidratio", "1e-18"),
        ("parentbased_traceidratio", "1e-18"),
    ],
)
async def test_neither_a_sampled_flag_nor_a_chosen_id_has_more_exported_than_the_rate(
    collector, monkeypatch, sampler, rate
):
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", sampler)
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", rate)
    async with traced() as w:
        for flag in ("00", "01", "ff"):
            order_id, answer = await buy(w, traceparent=f"00-{LIKELY}-{PARENT}-{flag}")
            assert answer.status_code == 200
        await w.work(60)
        async with w.db.read() as view:
            kept = (await view.traces.of([order_id]))[order_id]
    assert collector.spans == []
    assert kept.startswith(f"00-{LIKELY}-")
    assert kept.endswith("-00")


async def test_a_buyers_flag_cannot_hide_a_purchase_either(collector):
    async with traced() as w:
        _, answer = await buy(w, traceparent=f"00-{TRACE}-{PARENT}-00")
        assert answer.status_code == 200
    assert [span.name for span in collector.spans if not span.name.startswith("job ")][:7] == OF_THE_REQUEST


async def test_the_log_and_the_console_name_the_trace(collector):
    lines = io.StringIO()
    handler = logging.StreamHandler(lines)
    handler.setFormatter(DiscreetFormatter())
    log = logging.getLogger("server.application.measures")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        async with traced() as w:
            order_id, answer = await buy(w, traceparent=SENT)
            assert answer.status_code == 200
            await w.work(60)
            page = await (await w.entered()).get(f"/console/orders/{order_id}")
            open_to_all = await w.client.get(f"/api/orders/{order_id}")
    finally:
        log.removeHandler(handler)
    told = [line for line in lines.getvalue().splitlines() if f"order {order_id}" in line]
    assert len(told) == 4
    assert all(line.endswith(f" trace_id={TRACE}") for line in told)
    assert TRACE in page.text
    assert TRACE not in open_to_all.text


async def test_without_an_endpoint_nothing_is_kept_loaded_or_started():
    assert not load({"PADDOCK_DEVNET": "1"}).traces
    assert load({"PADDOCK_DEVNET": "1", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}).traces
    before = threading.enumerate()
    with open_tracing("server", wanted=False) as tracing:
        assert tracing is None
        async with open_world(tracing=tracing) as w:
            order_id, answer = await buy(w, traceparent=SENT)
            assert answer.status_code == 200
            async with w.db.read() as view:
                assert await view.traces.of([order_id]) == {}
    assert set(threading.enumerate()) <= set(before)


def test_without_an_endpoint_no_process_loads_an_exporter():
    asks = "import sys, server.asgi, server.worker; print([n for n in sys.modules if 'otlp' in n or 'sdk.trace' in n])"
    ran = subprocess.run([sys.executable, "-W", "ignore", "-c", asks], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


async def test_a_collector_that_never_answers_loses_no_request_and_holds_up_none(collector, monkeypatch):
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "4")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "2")
    monkeypatch.setattr(otlp, "LAST_WORDS", 0.1)
    with collector.silent():
        async with traced() as w:
            for _ in range(5):
                _, answer = await buy(w)
                assert answer.status_code == 200
            collector.asked()
            await w.work(60)
        assert collector.spans == []
    for thread in threading.enumerate():
        if thread.name.startswith("Otel"):
            thread.join()
    assert 0 < len(collector.spans) <= 2 + 4, "what did not fit into the queue is gone"


async def test_a_collector_that_is_away_loses_no_request(monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setattr(otlp, "LAST_WORDS", 0.1)
    async with traced() as w:
        _, answer = await buy(w)
        assert answer.status_code == 200
        await w.work(60)
