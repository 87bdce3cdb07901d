"""Spans and figures: steps that leave no moment out, totals that add up, and what counts as success."""

from datetime import UTC, datetime, timedelta

import pytest

from server.domain.errors import BadArguments
from server.domain.order_status import OrderStatus
from server.domain.statements import Place
from server.domain.trends import Figures, Span, Trend, read_span

NOW = datetime(2026, 3, 1, 12, 34, 56, 789, tzinfo=UTC)
HERE, THERE = Place("eip155:1", "0xa"), Place("eip155:1", "0xb")


@pytest.mark.parametrize("span", Span)
@pytest.mark.parametrize("now", [NOW, NOW.replace(minute=0, second=0, microsecond=0)])
def test_steps_follow_each_other_up_to_now_and_as_much_of_the_span_before_is_beside_them(span, now):
    before, *steps = span.periods(now)
    assert steps[-1].end == now
    assert [one.end for one in steps[:-1]] == [one.start for one in steps[1:]]
    assert {one.end - one.start for one in steps[:-1]} == {span.step}
    assert steps[-1].end - steps[-1].start <= span.step
    assert (steps[0].start - before.start, steps[-1].end - before.end) == (span.length, span.length)
    full = min(span.step, timedelta(hours=1))
    assert all((one.start - datetime(1970, 1, 1, tzinfo=UTC)) % full == timedelta() for one in steps)
    assert span.length - full < now - steps[0].start <= span.length


def test_spans_are_as_long_as_they_are_called():
    lengths = [timedelta(hours=1), timedelta(hours=24), timedelta(days=7), timedelta(days=30)]
    assert [read_span(text).length for text in ("1h", "24h", "7d", "30d")] == lengths


@pytest.mark.parametrize("text", ["", "1H", "24", "forever" * 100])
def test_any_other_span_is_refused_with_those_that_there_are(text):
    with pytest.raises(BadArguments, match="1h, 24h, 7d, 30d") as refused:
        read_span(text)
    assert len(refused.value.detail) < 120


def test_totals_add_up_over_the_steps():
    first = Figures({OrderStatus.DELIVERED: 2, OrderStatus.FAILED: 1}, {HERE: 5}, {HERE: 1}, 1)
    second = Figures({OrderStatus.DELIVERED: 1, OrderStatus.PENDING: 4}, {HERE: -2, THERE: 7}, {THERE: 3}, 2)
    total = Trend(Span.DAY, NOW, Figures(), (first, second)).total
    assert (total.orders, total.delivered, total.refunds) == (8, 3, 3)
    assert (total.revenue, total.refunded) == ({HERE: 3, THERE: 7}, {HERE: 1, THERE: 3})
    assert total.success == 750


@pytest.mark.parametrize("status", [OrderStatus.PENDING, OrderStatus.EXPIRED, OrderStatus.CANCELLED])
def test_orders_that_nobody_paid_for_are_neither_success_nor_failure(status):
    assert Figures({OrderStatus.DELIVERED: 1, status: 9}).success == 1000
    assert Figures({status: 9}).success is None


@pytest.mark.parametrize(
    "status", [OrderStatus.FAILED, OrderStatus.REFUNDING, OrderStatus.REFUNDED, OrderStatus.BLOCKED]
)
def test_orders_that_failed_or_were_refunded_lower_the_rate(status):
    assert Figures({OrderStatus.DELIVERED: 2, status: 1}).success == 666
