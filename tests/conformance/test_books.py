"""What ports.Bookkeeping guarantees, and that statements agree with the ledger, on the fake, SQLite and PostgreSQL."""

import random
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from server.application.statement import Moved, Opening, Total, statement
from server.domain.books import WalletCursor
from server.domain.errors import StaleWrite
from server.domain.ledger import reversed_entry, standing
from server.domain.statements import Period, Place
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
from tests.conformance.rows import add, race
from tests.fakes import samples
from tests.fakes.samples import NETWORK, TOKEN

OTHER = "0x" + "22" * 20
LONG_AGO, FAR_OFF = datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
ALWAYS = Period(LONG_AGO, FAR_OFF)
LARGEST = 2**256 - 1


@dataclass
class Office:
    """What a statement is made of."""

    db: object
    grounds: dict


async def book(database, *rows):
    async with database.begin("test") as work:
        for row in rows:
            await work.ledger.add(row)


async def history(database, seed, merchants=("paddock", "other"), count=12):
    """Random orders in two assets: paid, some taken back and paid again, some paid out, some partly refunded."""
    chance = random.Random(seed)
    made = []
    for _ in range(count):
        amount = chance.choice([1, 10**6, 10**13, 2**64, 2**200, LARGEST // 4, chance.randrange(1, 10**30)])
        place = {"asset": chance.choice([TOKEN, OTHER]), "amount": amount}
        order = await add(database, samples.order(merchant=chance.choice(merchants), **place))
        payer = f"payer:{order.authorization.payer}"
        rows = [samples.entry(order, debit=chance.choice([f"merchant:{order.terms.merchant}", "delegate:d"]))]
        if chance.random() < 0.4:
            rows += [reversed_entry(rows[0]), replace(samples.entry(order, debit=rows[0].debit), round=1)]
        if chance.random() < 0.3:
            rows.append(samples.entry(order, "payout", debit="callback:c", credit="delegate:d"))
        if chance.random() < 0.5:
            back = samples.entry(order, "refund", debit=payer, credit="float:x", amount=chance.randrange(1, amount + 1))
            rows += [back, reversed_entry(back)] if chance.random() < 0.3 else [back]
        await book(database, *rows)
        made += rows
    return made


async def records(database, period, merchant="paddock"):
    return [one async for one in statement(Office(database, {}), merchant, period)]


# ------------------------------------------------------------------------------------------------------------ balances


@pytest.mark.parametrize("seed", range(3))
async def test_g4_w10_balances_add_up_to_zero_for_each_asset_and_agree_with_the_rows(database, seed):
    made = await history(database, seed)
    for asset in (TOKEN, OTHER):
        async with database.read() as view:
            found = await view.books.balances(NETWORK, asset)
            assert await view.books.balances("eip155:1", asset) == {}
        expected = Counter()
        for row in made:
            if row.asset == asset:
                expected[row.debit] += row.amount
                expected[row.credit] -= row.amount
        assert found == dict(expected)
        assert sum(found.values()) == 0
        assert all(type(balance) is int for balance in found.values())


# ---------------------------------------------------------------------------------------------------------- statements


@pytest.mark.parametrize("seed", range(4))
async def test_g4_w10_a_statement_agrees_with_the_ledger_to_the_atomic_unit(database, seed, monkeypatch):
    monkeypatch.setattr("server.application.statement.PAGE", 4)
    made = await history(database, seed)
    found = await records(database, ALWAYS)
    totals = {one.place: one for one in found if isinstance(one, Total)}
    async with database.read() as view:
        orders = {row.order_id: await view.orders.get(row.order_id) for row in made}
    own = [row for row in made if orders[row.order_id].terms.merchant == "paddock"]
    assert [one.line.order_id for one in found if isinstance(one, Moved)] == [row.order_id for row in own]
    assert {place.asset for place in totals} == {row.asset for row in own}
    for place, total in totals.items():
        rows = [row for row in own if row.asset == place.asset]
        kept = [row for one in {row.order_id for row in rows} for row in standing(r for r in rows if r.order_id == one)]
        assert total.received == sum(row.amount for row in kept if row.credit.startswith("payer:"))
        assert total.returned == sum(row.amount for row in kept if row.debit.startswith("payer:"))
        lines = [one for one in found if isinstance(one, Moved) and one.line.place == place]
        assert total.closing == sum(one.line.change for one in lines) == lines[-1].balance
        assert (total.opening, total.fees) == (0, 0)


@pytest.mark.parametrize("seed", range(4))
async def test_w10_periods_are_half_open_and_one_begins_where_the_last_one_ended(database, seed):
    await history(database, seed)
    chance = random.Random(seed)
    async with database.read() as view:
        times = [one.at for one in await view.books.after(NETWORK, 0, 10_000)]
    cut = chance.choice(times)
    before, after = await records(database, Period(LONG_AGO, cut)), await records(database, Period(cut, FAR_OFF))
    lines = [one.line.sequence for one in (*before, *after) if isinstance(one, Moved)]
    assert lines == [one.line.sequence for one in await records(database, ALWAYS) if isinstance(one, Moved)]
    assert all(one.line.at < cut for one in before if isinstance(one, Moved))
    assert all(one.line.at >= cut for one in after if isinstance(one, Moved))
    closing = {one.place: one.closing for one in before if isinstance(one, Total)}
    assert closing == {one.place: one.balance for one in after if isinstance(one, Opening)}


async def test_f17_a_row_that_was_taken_back_is_shown_as_such_with_the_row_that_takes_it_back(database):
    order = await add(database, samples.order())
    row = samples.entry(order)
    await book(database, row)
    middle = datetime.now(UTC)
    await book(database, reversed_entry(row), replace(samples.entry(order), round=1))
    found = [one for one in await records(database, ALWAYS) if isinstance(one, Moved)]
    shown = [(one.line.state, one.line.change, one.balance) for one in found]
    assert shown == [("reversed", 50_000, 50_000), ("reversal", -50_000, 0), ("standing", 50_000, 50_000)]
    (first,) = [one for one in await records(database, Period(LONG_AGO, middle)) if isinstance(one, Moved)]
    assert first.line.state == "standing"  # as it stood then: a period that is over does not change


async def test_what_is_owed_is_what_was_due_at_the_end_of_the_period(database):
    order = await add(database, samples.order(payment=PaymentState.SETTLED, fulfilment=FulfilmentState.FAILED))
    await book(database, samples.entry(order))
    for state in (MoneyBackState.DUE, MoneyBackState.BLOCKED):
        order.give_back(state)
        async with database.begin("due") as work:
            await work.orders.save(order)
    middle = datetime.now(UTC)
    for state in (MoneyBackState.DUE, MoneyBackState.SENDING, MoneyBackState.REFUNDED):
        order.give_back(state)
        async with database.begin("refunded") as work:
            await work.orders.save(order)
    place = Place(NETWORK, TOKEN)
    async with database.read() as view:
        assert await view.books.owed("paddock", middle) == {place: 50_000}
        assert await view.books.owed("paddock", FAR_OFF) == {}
        assert await view.books.owed("other", middle) == {}
    (total,) = [one for one in await records(database, Period(LONG_AGO, middle)) if isinstance(one, Total)]
    assert (total.owed, total.closing) == (50_000, 50_000)


async def test_w4_what_is_owed_of_plain_transfers_is_what_came_less_what_is_kept(database):
    states = {"payment": PaymentState.SETTLED, "fulfilment": FulfilmentState.READY, "received": 70_000}
    order = await add(database, samples.order(amount=50_000, **states))
    lost = samples.entry(order, amount=2**255, round=1)
    await book(database, samples.entry(order, amount=70_000), lost, reversed_entry(lost))
    order.fulfil(FulfilmentState.RELEASED)
    order.give_back(MoneyBackState.DUE)
    async with database.begin("due") as work:
        await work.orders.save(order)
    middle = datetime.now(UTC)
    payer = f"payer:{order.authorization.payer}"
    await book(database, samples.entry(order, "refund", debit=payer, credit="float:paddock", amount=15_000))
    place, failed = Place(NETWORK, TOKEN), await add(database, samples.order(amount=50_000, **states))
    await book(database, samples.entry(failed, amount=40_000))
    async with database.read() as view:
        assert await view.books.owed("paddock", middle) == {place: 20_000}
        assert await view.books.owed("paddock", FAR_OFF) == {place: 5_000}
    failed.fulfil(FulfilmentState.FAILED)
    failed.give_back(MoneyBackState.DUE)
    async with database.begin("due") as work:
        await work.orders.save(failed)
    async with database.read() as view:
        assert await view.books.owed("paddock", FAR_OFF) == {place: 45_000}


# ------------------------------------------------------------------------------------------------------------- cursors


async def test_rows_are_found_by_number_block_and_log(database):
    order = await add(database, samples.order())
    rows = [samples.entry(order, kind, block=block) for kind, block in (("a", 9), ("b", 7), ("c", 8))]
    async with database.read() as view:
        assert await view.books.first_block(NETWORK) is None
        assert await view.books.before_block(NETWORK, 0) is None
    await book(database, *rows)
    async with database.read() as view:
        booked = await view.books.after(NETWORK, 0, 10)
        assert [one.entry for one in booked] == rows
        assert all(abs(one.at - datetime.now(UTC)) < timedelta(minutes=1) for one in booked)
        assert [one.entry for one in await view.books.after(NETWORK, booked[0].sequence, 1)] == [rows[1]]
        assert await view.books.first_block(NETWORK) == 7
        assert await view.books.before_block(NETWORK, 8) == booked[0].sequence - 1
        assert await view.books.before_block(NETWORK, 10) is None
        assert await view.books.about(NETWORK, rows[1].transaction, 0) == [rows[1]]
        assert await view.books.about(NETWORK, rows[1].transaction, 1) == []
        assert await view.ledger.touching(NETWORK, TOKEN, rows[0].debit, 8, 8) == [rows[2]]


async def test_a_cursor_is_moved_by_one_of_those_who_read_it(database):
    start = WalletCursor(NETWORK, TOKEN, OTHER, 3, 3, "0xa", None, 0)

    async def move(cursor):
        async with database.begin("books compared") as work:
            await work.books.move(cursor)

    async def read():
        async with database.read() as view:
            return await view.books.cursor(NETWORK, TOKEN, OTHER)

    assert await read() is None
    assert sorted(await race(*(move(start) for _ in range(5)))) == ["StaleWrite"] * 4 + ["won"]
    stored = await read()
    assert stored == replace(start, version=1)
    ahead = replace(stored, block=9, block_hash="0xb", opening=LARGEST, moved=-LARGEST)
    assert sorted(await race(*(move(ahead) for _ in range(5)))) == ["StaleWrite"] * 4 + ["won"]
    assert await read() == replace(ahead, version=2)
    with pytest.raises(StaleWrite):
        await move(start)


async def test_the_row_that_was_checked_last_is_moved_by_one_of_those_who_read_it(database):
    async def check(old, new):
        async with database.begin("rows compared") as work:
            await work.books.check(NETWORK, old, new)

    async with database.read() as view:
        assert await view.books.checked(NETWORK) == 0
    for old, new in ((0, 5), (5, 4)):
        assert sorted(await race(*(check(old, new) for _ in range(5)))) == ["StaleWrite"] * 4 + ["won"]
        async with database.read() as view:
            assert await view.books.checked(NETWORK) == new
            assert await view.books.checked("eip155:1") == 0
