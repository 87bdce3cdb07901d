"""What ports.MerchantOrders and ports.ApiNonces guarantee, on the fake, SQLite and PostgreSQL."""

from dataclasses import replace
from datetime import timedelta

import pytest

from server.adapters.clock import SystemClock
from server.domain.errors import DuplicateClaim
from server.domain.merchant_orders import MerchantOrder
from server.domain.states import PaymentState
from server.domain.transfers import SCHEME
from server.ports import Way
from tests.conformance.rows import race
from tests.fakes import samples

N = 20
NOW = SystemClock().now()
MINUTE = timedelta(minutes=1)


def waiting(**changes):
    """An order that waits for a transfer."""
    order = samples.order()
    order.authorization = replace(order.authorization, scheme=SCHEME)
    order.payment, order.received = PaymentState.CREATED, 0
    order.terms = replace(order.terms, **changes)
    return order


async def store(database, order, name="1", merchant="paddock"):
    async with database.begin("order created") as work:
        await work.orders.add(order)
        made = MerchantOrder(order.id, merchant, name, "USDC")
        await work.merchant_orders.add(made)
    return made


async def read(database, method, *arguments):
    async with database.read() as view:
        return await getattr(view.merchant_orders, method)(*arguments)


async def test_an_order_is_found_by_its_id_and_by_its_merchants_name_for_it(database):
    made = await store(database, waiting())
    assert await read(database, "get", made.order_id) == await read(database, "named", "paddock", "1") == made
    assert await read(database, "get", "nothing") is await read(database, "named", "other", "1") is None


async def test_of_many_orders_of_one_name_at_once_one_is_made_and_nothing_is_left_of_the_others(database):
    orders = [waiting() for _ in range(N)]
    outcomes = await race(*(store(database, order) for order in orders))
    assert sorted(outcomes) == ["DuplicateClaim"] * (N - 1) + ["won"]
    async with database.read() as view:
        assert [one.id for one in await view.orders.recent(N)] == [orders[outcomes.index("won")].id]
    await store(database, waiting(), merchant="other")


async def test_of_many_equal_orders_at_once_each_sees_those_that_were_before_it(database):
    first = waiting()
    way = Way(first.terms.network, first.terms.asset, first.authorization.payer, first.terms.pay_to)

    async def only(order, name):
        async with database.begin("order created") as work:
            if await work.merchant_orders.equal(way, order.terms.amount):
                raise DuplicateClaim("there is one already")
            await work.orders.add(order)
            await work.merchant_orders.add(MerchantOrder(order.id, "paddock", name, "USDC"))

    same = [replace_payer(waiting(), first) for _ in range(N)]
    outcomes = await race(*(only(order, str(number)) for number, order in enumerate(same)))
    assert sorted(outcomes) == ["DuplicateClaim"] * (N - 1) + ["won"]
    won = same[outcomes.index("won")].id
    assert list(await read(database, "equal", way, first.terms.amount)) == [won]
    assert not await read(database, "equal", way, first.terms.amount + 1)
    assert not await read(database, "equal", way._replace(pay_to="0x" + "77" * 20), first.terms.amount)


def replace_payer(order, other):
    """The same way as another order's."""
    order.authorization = replace(order.authorization, payer=other.authorization.payer)
    order.terms = replace(order.terms, pay_to=other.terms.pay_to, asset=other.terms.asset)
    return order


async def test_w8_a_nonce_is_good_once_for_its_merchant_until_its_time_is_over(database):
    async def use(merchant="paddock", nonce="n", now=NOW):
        async with database.begin("api nonce used") as work:
            await work.api_nonces.use(merchant, nonce, now + MINUTE, now)

    outcomes = await race(*(use() for _ in range(N)))
    assert sorted(outcomes) == ["DuplicateClaim"] * (N - 1) + ["won"]
    await use("other")
    await use(nonce="m")
    with pytest.raises(DuplicateClaim):
        await use(now=NOW + MINUTE - timedelta(seconds=1))
    await use(now=NOW + MINUTE)
