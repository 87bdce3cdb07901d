"""What ports.Tallies guarantees, on the fake, SQLite and PostgreSQL."""

import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from server.domain import hours
from server.domain.hours import cut as cut_up
from server.domain.hours import hour_of, start_of
from server.domain.ledger import reversed_entry
from server.domain.order_status import status_of
from server.domain.ranking import Record
from server.domain.statements import Period, Place
from server.domain.states import FulfilmentState, PaymentState
from server.domain.trends import Turnover
from tests.conformance.rows import add
from tests.fakes import samples
from tests.fakes.samples import NETWORK, NOW, TOKEN

OTHER = "0x" + "22" * 20
LONG_AGO, FAR_OFF = datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
LARGEST = 2**256 - 1


def cut(start, step, count):
    return [Period(start + step * index, start + step * (index + 1)) for index in range(count)]


async def counted(database, periods):
    async with database.read() as view:
        return [dict(one) for one in await view.tallies.orders(periods)]


async def moved(database, *periods):
    async with database.read() as view:
        return [dict(one) for one in await view.tallies.turnover(periods)]


async def book(database, *rows):
    async with database.begin("test") as work:
        for row in rows:
            await work.ledger.add(row)


async def test_orders_are_counted_where_they_were_made_by_where_they_stand(database):
    chance, step = random.Random(7), timedelta(minutes=5)
    periods = cut(NOW, step, 6)
    wanted = [Counter() for _ in periods]
    for _ in range(60):
        at = NOW + timedelta(microseconds=chance.randrange(-600_000_000, 2_400_000_000))
        order = samples.order(created_at=at)
        end = chance.choice([None, PaymentState.EXPIRED, PaymentState.CANCELLED, PaymentState.FAILED])
        if end:
            order.pay(end)
        await add(database, order)
        index = (at - NOW) // step
        if 0 <= index < len(periods):
            wanted[index][status_of(order)] += 1
    assert await counted(database, periods) == wanted
    assert sum(sum(one.values()) for one in wanted) < 60


async def test_a_period_begins_with_its_first_moment_and_ends_before_its_last(database):
    second = timedelta(seconds=1)
    for at in (NOW - timedelta(microseconds=1), NOW, NOW + second):
        await add(database, samples.order(created_at=at))
    assert await counted(database, cut(NOW - second, second, 3)) == [{"pending": 1}] * 3


async def test_a_periods_sums_are_exact_by_kind_and_asset_and_take_off_what_was_taken_back(database):
    big = await add(database, samples.order(amount=LARGEST))
    small = await add(database, samples.order(amount=10**13 - 1))
    other = await add(database, samples.order(asset=OTHER, amount=10**13))
    payer = f"payer:{big.authorization.payer}"
    gone = samples.entry(small)
    again = replace(samples.entry(small), round=1)
    back = samples.entry(big, "refund", debit=payer, credit="float:x", amount=LARGEST - 1)
    await book(database, samples.entry(big), gone, reversed_entry(gone), again, samples.entry(other), back)
    here, there = Place(NETWORK, TOKEN), Place(NETWORK, OTHER)
    assert await moved(database, Period(LONG_AGO, FAR_OFF)) == [
        {
            ("settlement", here): Turnover(LARGEST + 10**13 - 1, 2),
            ("settlement", there): Turnover(10**13, 1),
            ("refund", here): Turnover(LARGEST - 1, 1),
        }
    ]


async def test_only_what_was_booked_in_a_period_is_in_its_sums(database):
    order = await add(database, samples.order())
    await book(database, samples.entry(order))
    async with database.read() as view:
        [line] = await view.books.lines("paddock", Period(LONG_AGO, FAR_OFF), None, 9)
    moment = timedelta(microseconds=1)
    before, at, after = cut(line.at - moment, moment, 3)
    assert await moved(database, before, at, after) == [
        {}, {("settlement", Place(NETWORK, TOKEN)): Turnover(50_000, 1)}, {},
    ]  # fmt: skip


async def summed(database, periods):
    """Orders and turnover of each period, by closed hours and the pieces beside them."""
    found = []
    for period in periods:
        async with database.read() as view:
            sums = await view.tallies.closed(period)
        parts = cut_up(period, sums)
        orders, turnover, rows = Counter(), Counter(), Counter()
        pieces = zip(await counted(database, parts.pieces), await moved(database, *parts.pieces), strict=True)
        for made, booked in [*((sums[hour].orders, sums[hour].turnover) for hour in parts.hours), *pieces]:
            orders.update(made)
            for name, one in booked.items():
                turnover[name] += one.amount
                rows[name] += one.rows
        found.append((orders, {name: Turnover(amount, rows[name]) for name, amount in turnover.items()}))
    return found


async def close(database, *hours):
    async with database.begin("hours closed") as work:
        await work.tallies.close(hours)


async def test_what_is_summed_is_what_is_counted_whatever_moves_later(database):
    chance = random.Random(11)
    first, periods = hour_of(NOW), cut(NOW - timedelta(minutes=20), timedelta(minutes=130), 5)
    kept = []
    for step in range(60):
        at = NOW + timedelta(microseconds=chance.randrange(11 * 3_600_000_000))
        kept.append(await add(database, samples.order(created_at=at)))
        if chance.random() < 0.5:
            await book(database, samples.entry(kept[-1], amount=chance.choice([1, 10**12, LARGEST])))
        if step % 3 == 0:
            await close(database, first + chance.randrange(11))
        order = chance.choice(kept)
        if order.payment is PaymentState.AUTHORIZED:
            order.pay(chance.choice([PaymentState.EXPIRED, PaymentState.CANCELLED, PaymentState.FAILED]))
            async with database.begin("test") as work:
                await work.orders.save(order)
        if step % 10 == 9:
            whole = list(zip(await counted(database, periods), await moved(database, *periods), strict=True))
            assert await summed(database, periods) == whole
    async with database.read() as view:
        assert len(await view.tallies.closed(Period(LONG_AGO, FAR_OFF))) > 5


async def test_an_hour_that_is_summed_reads_no_order_again(database):
    hour = hour_of(NOW)
    await add(database, samples.order(created_at=NOW))
    await close(database, hour)
    async with database.read() as view:
        sums = await view.tallies.closed(Period(start_of(hour), start_of(hour + 1)))
    assert {one: dict(each.orders) for one, each in sums.items()} == {hour: {"pending": 1}}
    parts = cut_up(Period(start_of(hour - 1), start_of(hour + 2)), sums)
    assert parts.hours == [hour]
    assert [(one.start, one.end) for one in parts.pieces] == [
        (start_of(hour - 1), start_of(hour)),
        (start_of(hour + 1), start_of(hour + 2)),
    ]


async def test_an_hour_whose_sums_have_become_long_is_summed_up_anew(database, monkeypatch):
    monkeypatch.setattr(hours, "REACH", timedelta(days=1))
    hour, later = hour_of(NOW), NOW + timedelta(hours=12)
    await close(database, hour)
    for _ in range(70):
        await add(database, samples.order(created_at=NOW))
    async with database.read() as view:
        late = await view.tallies.to_close(later, 50)
    await close(database, *late)
    assert await summed(database, [Period(start_of(hour), start_of(hour + 1))]) == [({"pending": 70}, {})]
    async with database.read() as view:
        assert hour not in await view.tallies.to_close(later, 50)


async def test_an_order_that_moves_back_and_forth_counts_once(database):
    hour = hour_of(NOW)
    order = await add(database, samples.order(created_at=NOW))
    await close(database, hour)
    for end in (PaymentState.FAILED, PaymentState.SETTLED):
        order.pay(end)
        async with database.begin("test") as work:
            await work.orders.save(order)
    period = Period(start_of(hour), start_of(hour + 1))
    assert await summed(database, [period]) == [(Counter(*await counted(database, [period])), {})]
    assert sum((await summed(database, [period]))[0][0].values()) == 1


async def test_a_change_that_is_not_committed_changes_no_sum(database):
    hour = hour_of(NOW)
    order = await add(database, samples.order(created_at=NOW))
    await close(database, hour)
    order.pay(PaymentState.EXPIRED)

    async def give_up():
        async with database.begin("test") as work:
            await work.orders.save(order)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await give_up()
    assert await summed(database, [Period(start_of(hour), start_of(hour + 1))]) == [({"pending": 1}, {})]


async def test_hours_are_closed_once_they_are_calm_the_newest_first(database):
    now = NOW + timedelta(days=90)
    async with database.read() as view:
        hours = await view.tallies.to_close(now, 5000)
    assert hours == list(range(hour_of(now) - 2, hour_of(now) - 61 * 24 - 1, -1))
    await close(database, *hours[:3])
    async with database.read() as view:
        assert await view.tallies.to_close(now, 2) == hours[3:5]


async def test_where_nothing_happened_there_is_nothing(database):
    periods = cut(NOW, timedelta(hours=1), 3)
    assert await counted(database, periods) == await moved(database, *periods) == [{}, {}, {}]


def ended(payer, *, good=True, ms=1_000, **changes):
    """An order that somebody paid for, delivered or not."""
    paid = NOW + timedelta(milliseconds=300)
    order = samples.order(payer=payer, **changes)
    order.pay(PaymentState.SETTLING)
    order.pay(PaymentState.SETTLED)
    order.paid_at = paid
    order.fulfil(FulfilmentState.RUNNING)
    if good:
        order.fulfil(FulfilmentState.READY)
        order.fulfil(FulfilmentState.RELEASED)
        order.released_at = order.created_at + timedelta(milliseconds=ms)
    else:
        order.fulfil(FulfilmentState.FAILED)
    return order


async def recorded(database, since=LONG_AGO):
    async with database.read() as view:
        return dict(await view.tallies.records(since))


async def test_a20_a_service_is_told_by_its_payers_and_no_payer_has_more_than_three_votes(database):
    for ms in (100, 200, 300, 400):
        await add(database, ended(OTHER, ms=ms))
    await add(database, ended(OTHER, good=False))
    await add(database, ended(TOKEN, ms=5_000))
    await add(database, ended(OTHER, good=False, service="other"))
    assert await recorded(database) == {
        "echo": Record(calls=5, failed=1, payers=2, votes=4_000, good=2_400 + 1_000, p50_ms=300),
        "other": Record(calls=0, failed=1, payers=1, votes=1_000, good=0),
    }


async def test_a20_who_never_paid_or_pays_himself_has_no_vote_and_neither_has_what_is_old(database):
    unpaid = samples.order(payer=OTHER)
    unpaid.pay(PaymentState.FAILED)
    waiting = samples.order(payer=TOKEN)
    own = ended(OTHER, pay_to=OTHER)
    old = ended(OTHER, created_at=NOW - timedelta(days=2), service="old")
    for one in (unpaid, waiting, own, old):
        await add(database, one)
    assert await recorded(database, NOW - timedelta(days=1)) == {}
    assert set(await recorded(database)) == set(await recorded(database, old.created_at)) == {"old"}
    assert await recorded(database, old.created_at + timedelta(milliseconds=1)) == {}


async def test_times_of_plain_transfers_are_counted_from_the_money(database):
    order = ended(OTHER, scheme="transfer", received=50_000, ms=2_300)
    await add(database, order)
    assert (await recorded(database))["echo"].p50_ms == 2_000
