"""What processes count of purchases: moves of orders once they are committed, settlements, and why payments failed."""

from contextlib import suppress

import pytest
from prometheus_client import REGISTRY

from protocol import schemes
from server.application.announce import AnnouncingDatabase
from server.application.measures import MOVES, timed_settlement
from server.domain.errors import PaymentRefused, StaleWrite
from server.domain.outages import SettlementInDoubt
from server.domain.states import FulfilmentState, PaymentState
from server.facilitator.cool_off import REASON
from server.web.outcomes import OTHER, REASONS, count_refusal
from tests.fakes import samples
from tests.fakes.clock import FakeClock
from tests.fakes.database import FakeDatabase
from tests.simulation.test_evidence import in_doubt, says
from tests.simulation.world import open_world
from tests.stack.buyer import changed, read_header, write_header


def value(metric, **labels):
    return REGISTRY.get_sample_value(metric, labels)


def moves(column, old, new):
    return value("paddock_order_moves_total", column=column, old=old, new=new)


def settlements(outcome):
    return value("paddock_settle_seconds_count", outcome=outcome)


def refusals(reason):
    return value("paddock_payments_refused_total", reason=reason)


async def buy(w, slug="echo"):
    quoted = await w.buyer.ask(w.url(slug))
    return await w.buyer.present(quoted, w.buyer.pay(quoted))


async def test_a_purchase_counts_its_402_its_settlement_and_its_delivery_once():
    def seen():
        quoted = value("paddock_paid_route_total", service="echo", outcome="quoted") or 0
        paid, delivered = moves("payment", "settling", "settled"), moves("fulfilment", "ready", "released")
        return [quoted, paid, delivered, settlements("settled")]

    async with open_world() as w:
        before = seen()
        assert (await buy(w)).status_code == 200
        assert [new - old for new, old in zip(seen(), before, strict=True)] == [1, 1, 1, 1]


async def test_a_settlement_that_the_facilitator_refuses_is_a_failed_one():
    async with open_world() as w:
        before = moves("payment", "settling", "failed"), settlements("refused"), refusals("insufficient_funds")
        says(w, success=False, error_reason="insufficient_funds")
        assert (await buy(w)).status_code == 402
        after = moves("payment", "settling", "failed"), settlements("refused"), refusals("insufficient_funds")
        assert [new - old for new, old in zip(after, before, strict=True)] == [1, 1, 1]


async def test_a_settlement_that_nobody_vouches_for_is_in_doubt():
    async with open_world() as w:
        before = moves("payment", "settling", "in_doubt"), settlements("in_doubt")
        await in_doubt(w)
        assert moves("payment", "settling", "in_doubt") == before[0] + 1
        assert settlements("in_doubt") == before[1] + 1


async def test_a_refused_payment_is_counted_by_its_reason():
    async with open_world() as w:
        before = refusals("binding_mismatch")
        quoted = await w.buyer.ask(w.url("echo"))
        paid = changed(read_header(w.buyer.pay(quoted)), "accepted.extra.quoteId", "another")
        assert (await w.buyer.present(quoted, write_header(paid))).status_code == 402
        assert refusals("binding_mismatch") == before + 1


async def test_g8_a_reason_that_a_facilitator_made_up_is_no_label():
    async with open_world() as w:
        before = refusals(OTHER)
        says(w, success=False, error_reason="reverted: of 0xSECRET")
        assert (await buy(w)).status_code == 402
        assert refusals(OTHER) == before + 1
        assert "SECRET" not in (await w.client.get("/metrics")).text


def test_the_reasons_of_our_own_checks_have_a_label_each():
    named = {reason for of_method in schemes._REASONS.values() for reason in of_method.values()}
    assert named | {REASON} <= REASONS
    before = refusals(REASON)
    count_refusal("echo", PaymentRefused(REASON))
    assert refusals(REASON) == before + 1


async def test_what_is_not_committed_is_not_counted():
    db, order = AnnouncingDatabase(FakeDatabase(FakeClock())), samples.order(fulfilment=FulfilmentState.READY)
    order.pay(PaymentState.SETTLING)
    before = moves("payment", "authorized", "settling")

    async def lost():
        async with db.begin("claim") as work:
            await work.orders.add(order)
            raise LookupError

    with pytest.raises(LookupError):
        await lost()
    assert moves("payment", "authorized", "settling") == before


async def test_a_write_that_lost_a_race_is_not_counted_even_if_the_unit_goes_on():
    db, order = AnnouncingDatabase(FakeDatabase(FakeClock())), samples.order(payment=PaymentState.SETTLING)
    order.pay(PaymentState.SETTLED)
    before = moves("payment", "settling", "settled")
    async with db.begin("settled") as work:
        with pytest.raises(StaleWrite):
            await work.orders.save(order)
    assert moves("payment", "settling", "settled") == before


async def test_g8_a_note_is_logged_only_if_it_is_a_transaction(caplog):
    caplog.set_level("INFO")
    db = AnnouncingDatabase(FakeDatabase(FakeClock()))
    order, transaction = samples.order(payment=PaymentState.SETTLING), "0x" + "ab" * 32
    order.learn("calldata", "signed", "0x" + "cd" * 40)
    order.pay(PaymentState.IN_DOUBT, "somebody's words")
    order.pay(PaymentState.SETTLED, transaction)
    async with db.begin("settled") as work:
        await work.orders.add(order)
    moves = f"payment settling -> in_doubt; payment in_doubt -> settled {transaction}"
    assert caplog.messages == [f"order {order.id}, settled: calldata signed; {moves}"]


def test_every_move_has_a_series_before_it_first_happens():
    assert moves("payment", "settled", "in_doubt") is not None
    assert moves("money_back", "due", "blocked") is not None
    assert len(MOVES.collect()[0].samples) > 80


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(PaymentRefused("quote_expired"), "refused"), (SettlementInDoubt("who knows"), "in_doubt"), (None, "settled")],
)
def test_a_settlement_takes_as_long_as_its_clock_says(error, outcome):
    clock = FakeClock()
    before = value("paddock_settle_seconds_sum", outcome=outcome)
    with suppress(PaymentRefused, SettlementInDoubt), timed_settlement(clock):
        clock.advance(7)
        if error:
            raise error
    assert value("paddock_settle_seconds_sum", outcome=outcome) - before == pytest.approx(7)
