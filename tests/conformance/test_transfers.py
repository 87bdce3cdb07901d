"""What ports.Transfers guarantees, and what orders and ledger keep of plain transfers: fake, SQLite and PostgreSQL."""

from datetime import timedelta

import pytest

from protocol.payment import Method
from server.domain.errors import DuplicateClaim, StaleWrite
from server.domain.ledger import numbered, reversed_entry
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
from server.domain.transfers import SCHEME, Cursor
from server.ports import Way
from tests.conformance.rows import add, get, race
from tests.fakes import samples
from tests.fakes.samples import NETWORK, NOW

SECOND = timedelta(seconds=1)
CURSOR = Cursor(NETWORK, 5, 7, "0x" + "ab" * 32, NOW)


def waiting(**changes):
    usual = {
        "scheme": SCHEME,
        "method": Method.TRANSFER,
        "payment": PaymentState.CREATED,
        "received": 0,
        "amount": 10_000,
    }
    return samples.order(**usual | changes)


def way(order, **changes):
    terms = order.terms
    return Way(terms.network, terms.asset, order.authorization.payer, terms.pay_to)._replace(**changes)


async def move(database, cursor):
    async with database.begin("transfers looked for") as work:
        await work.transfers.move(cursor)


async def seen(database, method, *arguments):
    async with database.read() as view:
        return await getattr(view.transfers, method)(*arguments)


async def test_a_cursor_comes_back_as_it_was_written_one_version_on(database):
    assert await seen(database, "cursor", NETWORK) is None
    await move(database, CURSOR)
    first = await seen(database, "cursor", NETWORK)
    assert first == Cursor(NETWORK, 5, 7, CURSOR.block_hash, NOW, 1)
    await move(database, Cursor(NETWORK, 5, 9, "0x" + "cd" * 32, NOW + SECOND, first.version))
    assert (await seen(database, "cursor", NETWORK)).block == 9
    assert await seen(database, "cursor", "eip155:1") is None


@pytest.mark.parametrize("begun", [False, True])
async def test_w1_of_twenty_who_read_on_at_once_one_writes(database, begun):
    cursor = CURSOR
    if begun:
        await move(database, CURSOR)
        cursor = await seen(database, "cursor", NETWORK)
    outcomes = await race(*(move(database, cursor) for _ in range(20)))
    assert sorted(outcomes) == ["StaleWrite"] * 19 + ["won"]


async def test_w1_what_is_written_with_a_stale_cursor_is_not_written(database):
    await move(database, CURSOR)
    order = await add(database, waiting())

    async def take():
        async with database.begin("transfers taken") as work:
            order.received = 1
            await work.orders.save(order)
            await work.transfers.move(CURSOR)

    with pytest.raises(StaleWrite):
        await take()
    assert (await get(database, order.id)).received == 0


async def test_waiting_orders_of_one_way_come_oldest_first_and_no_others(database):
    second = await add(database, waiting(created_at=NOW + SECOND))
    first = await add(database, waiting())
    await add(database, waiting(payment=PaymentState.EXPIRED))
    await add(database, samples.order())
    assert await seen(database, "waiting", way(first)) == [first.id, second.id]
    other = "0x" + "ab" * 20
    for name in Way._fields:
        assert await seen(database, "waiting", way(first, **{name: other})) == []
        assert await seen(database, "newest", way(first, **{name: other})) is None


async def test_the_newest_order_of_a_way_counts_in_any_state_but_no_x402_order(database):
    old = await add(database, waiting())
    new = await add(database, waiting(payment=PaymentState.SETTLED, created_at=NOW + SECOND))
    await add(database, samples.order(created_at=NOW + 2 * SECOND))
    assert await seen(database, "newest", way(old)) == new.id


async def test_orders_lapse_by_their_time_oldest_first_and_only_while_they_wait(database):
    late = await add(database, waiting(expires_at=NOW + 2 * SECOND))
    early = await add(database, waiting(expires_at=NOW + SECOND))
    await add(database, waiting(expires_at=NOW, payment=PaymentState.SETTLED))
    assert await seen(database, "lapsed", NETWORK, NOW + 3 * SECOND, 10) == [early.id, late.id]
    assert await seen(database, "lapsed", NETWORK, NOW + 3 * SECOND, 1) == [early.id]
    assert await seen(database, "lapsed", NETWORK, NOW + 2 * SECOND, 10) == [early.id]
    assert await seen(database, "lapsed", "eip155:1", NOW + 3 * SECOND, 10) == []


async def test_payees_are_those_that_waiting_orders_name(database):
    other = "0x" + "ab" * 20
    await add(database, waiting(pay_to=other))
    await add(database, waiting(pay_to="0x" + "cd" * 20, payment=PaymentState.CANCELLED))
    await add(database, samples.order(pay_to="0x" + "ef" * 20))
    assert await seen(database, "payees", NETWORK) == {other}


async def test_orders_by_transfer_are_found_by_their_rows_above_a_block(database):
    paid, x402 = await add(database, waiting()), await add(database, samples.order())
    async with database.begin("transfers taken") as work:
        await work.ledger.add(samples.entry(paid, block=8))
        await work.ledger.add(samples.entry(x402, block=8))
    assert await seen(database, "booked_above", NETWORK, 7) == [paid.id]
    assert await seen(database, "booked_above", NETWORK, 8) == []


async def test_what_came_and_went_back_is_kept_to_the_atomic_unit(database):
    order = await add(database, waiting())
    order.received, order.returned, order.refunds = 2**255 + 1, 2**200 + 1, 3
    async with database.begin("transfers taken") as work:
        await work.orders.save(order)
    stored = await get(database, order.id)
    assert (stored.received, stored.returned, stored.refunds) == (2**255 + 1, 2**200 + 1, 3)
    assert (stored.authorization.method, stored.authorization.scheme) == (Method.TRANSFER, SCHEME)
    assert (await get(database, (await add(database, samples.order())).id)).received is None


async def test_w4_an_order_has_a_numbered_row_for_each_transfer_and_a_number_holds_one(database):
    order = await add(database, waiting())
    rows = []
    for amount in (1, 2, 3):
        row = numbered(samples.entry(order, amount=amount), rows)
        async with database.begin("transfers taken") as work:
            await work.ledger.add(row)
        rows.append(row)
    async with database.begin("transfer reversed") as work:
        await work.ledger.add(reversed_entry(rows[0]))
    async with database.read() as view:
        assert [row.round for row in await view.ledger.of(order.id)] == [0, 1, 2, 0]
    with pytest.raises(DuplicateClaim):
        async with database.begin("transfers taken") as work:
            await work.ledger.add(samples.entry(order, round=2))


@pytest.mark.parametrize("payment", PaymentState)
async def test_s27_an_order_that_waits_for_a_transfer_takes_one_of_its_payers_places(database, payment):
    order = await add(database, waiting(payment=payment, money_back=MoneyBackState.NONE))
    async with database.begin("transfer ordered") as work:
        found = await work.orders.in_flight(order.authorization.payer, NOW)
    moving = {PaymentState.CREATED, PaymentState.SETTLING, PaymentState.IN_DOUBT, PaymentState.SETTLED}
    assert found == (payment in moving)
    assert order.fulfilment is FulfilmentState.NONE
