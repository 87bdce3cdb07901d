"""What ports.Orders guarantees, on the fake, SQLite and PostgreSQL."""

import secrets
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.event import listen

from server.adapters.clock import SystemClock
from server.adapters.database import SqlDatabase
from server.adapters.order_rows import OrderRows
from server.domain.errors import DuplicateClaim, StaleWrite
from server.domain.order_status import OrderFilter, OrderStatus, status_of
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
from tests.conformance.rows import add, get, race
from tests.fakes import samples
from tests.fakes.samples import NETWORK, NOW, TOKEN

N = 50
LATER = NOW + timedelta(seconds=15)


# --------------------------------------------------------------------------------------------------------------- claims


async def test_s5_of_fifty_claims_of_one_quote_exactly_one_wins(database):
    outcomes = await race(*(add(database, samples.order("the-quote")) for _ in range(N)))
    assert sorted(outcomes) == ["DuplicateClaim"] * (N - 1) + ["won"]


async def test_s5_of_fifty_claims_of_one_payment_exactly_one_wins(database):
    nonce = secrets.token_bytes(32)
    outcomes = await race(*(add(database, samples.order(nonce=nonce)) for _ in range(N)))
    assert sorted(outcomes) == ["DuplicateClaim"] * (N - 1) + ["won"]


@pytest.mark.parametrize(
    "other", [{"network": "eip155:1"}, {"asset": "0x" + "ab" * 20}, {"payer": "0x" + "cd" * 20}, {"nonce": b"\1" * 32}]
)
async def test_the_same_nonce_elsewhere_is_another_payment(database, other):
    first = await add(database, samples.order(nonce=b"\0" * 32))
    second = await add(database, samples.order(**{"nonce": b"\0" * 32} | other))
    assert {first.id, second.id} == {(await get(database, order.id)).id for order in (first, second)}


async def test_a_claim_is_found_by_its_payment(database):
    order = await add(database, samples.order())
    payer, nonce = order.authorization.payer, order.authorization.nonce
    async with database.read() as view:
        assert (await view.orders.claimed_by(NETWORK, TOKEN, payer, nonce)).id == order.id
        assert await view.orders.claimed_by(NETWORK, TOKEN, payer, b"\7" * 32) is None
        assert await view.orders.get("unknown") is None


async def test_a_claim_that_loses_leaves_nothing_behind(database):
    await add(database, samples.order("the-quote"))

    async def claim():
        async with database.begin("claim") as work:
            await work.outbox.add("resolve", "the-quote", NOW)
            await work.orders.add(samples.order("the-quote"))

    with pytest.raises(DuplicateClaim):
        await claim()
    async with database.read() as view:
        assert await view.outbox.waiting() == 0


# ------------------------------------------------------------------------------------------------------ compare and set


async def test_w2_a_write_after_somebody_elses_is_refused(database):
    order = await add(database, samples.order())
    mine, theirs = await get(database, order.id), await get(database, order.id)
    theirs.lease(LATER)
    async with database.begin("take over") as work:
        await work.orders.save(theirs)
    mine.pay(PaymentState.SETTLING)
    with pytest.raises(StaleWrite):
        async with database.begin("late") as work:
            await work.orders.save(mine)
    assert (await get(database, order.id)).payment is PaymentState.AUTHORIZED


async def test_of_fifty_writes_from_one_reading_exactly_one_wins(database):
    order = await add(database, samples.order())
    copies = [await get(database, order.id) for _ in range(N)]

    async def write(copy):
        copy.lease(LATER)
        async with database.begin("take over") as work:
            await work.orders.save(copy)

    outcomes = await race(*(write(copy) for copy in copies))
    assert sorted(outcomes) == ["StaleWrite"] * (N - 1) + ["won"]
    assert (await get(database, order.id)).fence == order.fence + 1


async def test_an_order_can_be_saved_again_after_its_own_write(database):
    order = await add(database, samples.order())
    for state in (PaymentState.SETTLING, PaymentState.SETTLED):
        order.pay(state)
        async with database.begin("step") as work:
            await work.orders.save(order)
    assert (await get(database, order.id)).payment is PaymentState.SETTLED


async def test_terms_and_payment_of_an_order_never_change(database):
    order = await add(database, samples.order())
    forged = replace(await get(database, order.id), terms=replace(order.terms, amount=1), arguments=b"other")
    async with database.begin("step") as work:
        await work.orders.save(forged)
    stored = await get(database, order.id)
    assert (stored.terms, stored.arguments) == (order.terms, order.arguments)


async def test_an_unknown_order_cannot_be_saved(database):
    with pytest.raises(StaleWrite):
        async with database.begin("step") as work:
            await work.orders.save(samples.order())


# ------------------------------------------------------------------------------------------------------------- timeline


async def test_a_timeline_keeps_the_order_of_its_changes(database):
    order = samples.order()
    order.learn("payment", "authorized", "exact, x402 v2")
    await add(database, order)
    order.fulfil(FulfilmentState.RUNNING)
    order.fulfil(FulfilmentState.READY, "7 bytes")
    order.pay(PaymentState.SETTLING)
    async with database.begin("ready") as work:
        await work.orders.save(order)
    async with database.read() as view:
        events = await view.orders.timeline(order.id)
    assert [(event.what, event.old, event.new, event.note) for event in events] == [
        ("payment", "", "authorized", "exact, x402 v2"),
        ("fulfilment", "none", "running", ""),
        ("fulfilment", "running", "ready", "7 bytes"),
        ("payment", "authorized", "settling", ""),
    ]
    assert [event.sequence for event in events] == sorted({event.sequence for event in events})
    assert all(event.at.utcoffset() == timedelta(0) for event in events)
    assert order.changes == []


async def test_events_of_all_orders_can_be_followed_by_their_number(database):
    for number in range(6):
        order = samples.order()
        order.learn("number", str(number))
        await add(database, order)
    async with database.read() as view:
        last = await view.orders.last_event()
        everything = await view.orders.events_after(0, 100)
        middle = await view.orders.events_after(everything[1].sequence, 3)
    assert [event.new for event in everything] == list("012345")
    assert everything[-1].sequence == last
    assert [event.new for event in middle] == list("234")


async def test_recent_orders_come_newest_first(database):
    ids = [(await add(database, samples.order(created_at=NOW + timedelta(seconds=i)))).id for i in (2, 0, 1)]
    async with database.read() as view:
        assert [order.id for order in await view.orders.recent(2)] == [ids[0], ids[2]]


async def test_a_list_has_the_orders_that_are_wanted_page_by_page(database):
    """Two of each second, so that the place within a second counts too."""
    payers = ("0x" + "a1" * 20, "0x" + "b2" * 20)
    made = []
    for number in range(12):
        order = samples.order(
            service=("one", "two", "three")[number % 3], payer=payers[number % 2],
            created_at=NOW + timedelta(seconds=number // 2), merchant=("paddock", "acme")[number % 5 == 0],
        )  # fmt: skip
        if number % 4 == 0:
            order.pay(PaymentState.EXPIRED)
        made.append(await add(database, order))
    newest = sorted(made, key=lambda order: (order.created_at, order.id), reverse=True)

    async def listed(limit=100, **wanted):
        async with database.read() as view:
            return [order.id for order in await view.orders.recent(limit, OrderFilter(**wanted))]

    def chosen(fits):
        return [order.id for order in newest if fits(order)]

    assert await listed() == chosen(lambda order: True)
    assert await listed(service="two") == chosen(lambda order: order.terms.service == "two")
    assert await listed(payer=payers[1]) == chosen(lambda order: order.authorization.payer == payers[1])
    assert await listed(merchant="acme") == chosen(lambda order: order.terms.merchant == "acme")
    expired = chosen(lambda order: order.payment is PaymentState.EXPIRED)
    assert await listed(status=OrderStatus.EXPIRED) == expired
    assert len(expired) == 3
    assert await listed(status=OrderStatus.PENDING, service="one", payer=payers[0]) == chosen(
        lambda order: (
            order.payment is not PaymentState.EXPIRED
            and (order.terms.service, order.authorization.payer) == ("one", payers[0])
        )
    )
    pages, before = [], ""
    while page := await listed(5, before=before):
        pages.append(page)
        before = page[-1]
    assert [len(page) for page in pages] == [5, 5, 2]
    assert [one for page in pages for one in page] == await listed()
    assert await listed(before="nobody") == []


def every_state():
    for payment in PaymentState:
        for fulfilment in FulfilmentState:
            for money_back in MoneyBackState:
                yield payment, fulfilment, money_back


async def test_an_orders_status_is_found_as_it_is_now_in_every_state(database):
    async with database.begin("test") as work:
        for payment, fulfilment, money_back in every_state():
            order = samples.order()
            await work.orders.add(order)
            order.payment, order.fulfilment, order.money_back = payment, fulfilment, money_back
            await work.orders.save(order)
    found = {}
    for status in OrderStatus:
        async with database.read() as view:
            for order in await view.orders.recent(1000, OrderFilter(status=status)):
                assert status_of(order) is status
                found[order.id] = (order.payment, order.fulfilment, order.money_back)
    assert sorted(found.values()) == sorted(every_state())


async def test_w1_unfinished_orders_are_those_with_something_to_come_and_no_owner(database):
    P, F, M = PaymentState, FulfilmentState, MoneyBackState
    valid, lapsed = {"valid_before": LATER}, {"valid_before": NOW}
    cases = {
        "settling": ({"payment": P.SETTLING, **valid}, True),
        "in doubt": ({"payment": P.IN_DOUBT, **valid}, True),
        "authorized": ({"payment": P.AUTHORIZED, **valid}, False),
        "lapsed": ({"payment": P.AUTHORIZED, **lapsed}, True),
        "created": ({"payment": P.CREATED, **lapsed}, True),
        "executing": ({"payment": P.SETTLED, "fulfilment": F.EXECUTING, **valid}, True),
        "released": ({"payment": P.SETTLED, "fulfilment": F.RELEASED, **lapsed}, False),
        "due": ({"payment": P.SETTLED, "fulfilment": F.FAILED, "money_back": M.DUE, **lapsed}, True),
        "sending": ({"payment": P.SETTLED, "fulfilment": F.FAILED, "money_back": M.SENDING, **lapsed}, True),
        "back in doubt": ({"payment": P.SETTLED, "fulfilment": F.FAILED, "money_back": M.IN_DOUBT, **lapsed}, True),
        "refunded": ({"payment": P.SETTLED, "fulfilment": F.FAILED, "money_back": M.REFUNDED, **lapsed}, False),
        "blocked": ({"payment": P.SETTLED, "fulfilment": F.FAILED, "money_back": M.BLOCKED, **lapsed}, False),
        "expired": ({"payment": P.EXPIRED, **lapsed}, False),
        "failed": ({"payment": P.FAILED, **lapsed}, False),
        "cancelled": ({"payment": P.CANCELLED, **lapsed}, False),
        "owned": ({"payment": P.SETTLING, "lease_until": LATER, **valid}, False),
        "abandoned": ({"payment": P.SETTLING, "lease_until": NOW, **valid}, True),
    }
    for name, (values, _) in cases.items():
        await add(database, samples.order(name, **values))
    async with database.read() as view:
        found = await view.orders.unfinished(NOW, 100)
        limited = await view.orders.unfinished(NOW, 3)
    assert set(found) == {name for name, (_, wanted) in cases.items() if wanted}
    assert len(limited) == 3


async def test_orders_that_wait_are_counted_by_payment_state_with_the_time_of_the_longest(database):
    P, F = PaymentState, FulfilmentState
    old, young = NOW - timedelta(minutes=9), NOW - timedelta(minutes=2)
    for payment, fulfilment, since in (
        (P.SETTLING, F.READY, old),
        (P.SETTLING, F.NONE, young),
        (P.SETTLED, F.EXECUTING, young),
        (P.CREATED, F.NONE, young),
        (P.AUTHORIZED, F.FAILED, old),
        (P.SETTLED, F.RELEASED, old),
        (P.SETTLED, F.FAILED, old),
        (P.FAILED, F.NONE, old),
        (P.IN_DOUBT, F.RELEASED, young),
    ):
        await add(database, samples.order(payment=payment, fulfilment=fulfilment, created_at=since))
    async with database.read() as view:
        found = await view.orders.waiting()
    one = (1, young)
    assert found == {P.SETTLING: (2, old), P.SETTLED: one, P.CREATED: one, P.IN_DOUBT: one}


async def test_an_order_waits_in_a_state_since_it_moved_there(database):
    order = await add(database, samples.order(fulfilment=FulfilmentState.READY, created_at=NOW))
    order.pay(PaymentState.SETTLING)
    async with database.begin("ready") as work:
        await work.orders.save(order)
    order.learn("claimed", "nothing that moves the payment")
    async with database.begin("learnt") as work:
        await work.orders.save(order)
    async with database.read() as view:
        moved = next(event.at for event in await view.orders.timeline(order.id) if event.what == "payment")
        assert await view.orders.waiting() == {PaymentState.SETTLING: (1, moved)}
    assert moved != NOW


async def test_money_that_is_to_go_back_is_counted_by_state(database):
    M = MoneyBackState
    failed = {"payment": PaymentState.SETTLED, "fulfilment": FulfilmentState.FAILED}
    for state in (M.DUE, M.DUE, M.BLOCKED, M.REFUNDED, M.NONE):
        await add(database, samples.order(money_back=state, **failed))
    async with database.read() as view:
        assert dict(await view.orders.owed()) == {M.DUE: 2, M.BLOCKED: 1}


async def test_an_order_is_found_by_its_id_and_by_each_of_its_transactions(database):
    order = samples.order(settlement_tx="0x" + "01" * 32, callback_tx="0x" + "02" * 32, refund_tx="0x" + "03" * 32)
    async with database.begin("test") as work:
        await work.orders.add(order)
        await work.orders.add(samples.order())
    async with database.read() as view:
        for text in (order.id, order.settlement_tx, order.callback_tx, order.refund_tx):
            assert await view.orders.found_by(text) == order.id
        assert await view.orders.found_by("0x" + "04" * 32) is None
        assert await view.orders.found_by("") is None


@pytest.mark.parametrize(
    ("index", "wanted"),
    [
        ("created_at_id", {}),
        ("created_at_id", {"before": "x"}),
        ("status_created_at_id", {"status": OrderStatus.BLOCKED}),
        ("service_created_at_id", {"service": "one", "before": "x"}),
        ("merchant_created_at_id", {"merchant": "acme", "before": "x"}),
    ],
)
async def test_a_list_reads_no_more_rows_than_it_shows(sqlite_url, index, wanted):
    """By an index in the list's own order: nothing is sorted, and nothing is read to be left out."""
    database = SqlDatabase(sqlite_url, SystemClock())
    asked = []
    async with database.view() as connection:
        listen(connection.sync_engine, "before_cursor_execute", lambda *given: asked.append(given[2:4]))
        await OrderRows(connection, SystemClock()).recent(50, OrderFilter(**wanted))
        query, values = asked[-1]
        plan = (await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", values)).all()
    await database.close()
    steps = [row.detail for row in plan]
    assert [step for step in steps if f"orders USING INDEX ix_orders_{index}" in step]
    assert not [step for step in steps if "TEMP B-TREE" in step]
