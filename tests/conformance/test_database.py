"""What ports.Database guarantees, on the fake, SQLite and PostgreSQL."""

import asyncio
import hashlib
import secrets
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy.exc import IntegrityError

from protocol.receipts import Receipt, SignedReceipt
from server.domain.deliveries import Delivery
from server.domain.errors import DuplicateClaim, StaleWrite
from server.domain.orders import Order
from server.domain.sending import TransactionState
from server.domain.settlements import SettlementState
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
from tests.fakes import samples
from tests.fakes.samples import NETWORK, NOW, TOKEN

N = 50
LARGEST = 2**256 - 1
LATER = NOW + timedelta(seconds=15)


async def add(database, order: Order) -> Order:
    async with database.begin("claim") as work:
        await work.orders.add(order)
    return order


async def get(database, order_id: str) -> Order | None:
    async with database.read() as view:
        return await view.orders.get(order_id)


async def race(*attempts) -> list[str]:
    """Run them all at once; for each "won" or the name of its error."""

    async def outcome(attempt):
        try:
            await attempt
        except (DuplicateClaim, StaleWrite) as error:
            return type(error).__name__
        return "won"

    return await asyncio.gather(*(outcome(attempt) for attempt in attempts))


# ------------------------------------------------------------------------------------------------------- claims


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


# ---------------------------------------------------------------------------------------------- compare and set


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


# ------------------------------------------------------------------------------------------------ units of work


async def test_a_unit_that_raises_leaves_nothing(database):
    order, transaction = samples.order(), samples.chain_transaction()

    async def everything():
        async with database.begin("all or nothing") as work:
            await work.orders.add(order)
            await work.deliveries.put(Delivery(order.id, b"answer", "text/plain", NOW))
            await work.ledger.add(samples.entry(order))
            await work.proofs.put(order.id, b"{}", NOW)
            await work.outbox.add("execute", order.id, NOW)
            await work.settlements.add(samples.settlement(id="s"))
            assert await work.transactions.allot(NETWORK, transaction.sender, 5) == 5
            await work.transactions.add(transaction)
            raise LookupError

    with pytest.raises(LookupError):
        await everything()
    async with database.begin("look") as work:
        assert await work.orders.get(order.id) is None
        assert await work.orders.last_event() == 0
        assert await work.deliveries.get(order.id) is None
        assert list(await work.ledger.of(order.id)) == []
        assert await work.proofs.get(order.id) is None
        assert await work.outbox.waiting() == 0
        assert await work.settlements.get("s") is None
        assert await work.transactions.get(transaction.hash) is None
        assert await work.transactions.allot(NETWORK, transaction.sender, 0) == 0


async def test_a_cancelled_unit_leaves_nothing(database):
    order, begun = samples.order(), asyncio.Event()

    async def work_for_ever():
        async with database.begin("held up") as work:
            await work.orders.add(order)
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work_for_ever())
    await begun.wait()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert await get(database, order.id) is None
    await add(database, order)


async def test_a_reader_sees_nothing_of_an_open_unit(database):
    order = samples.order()
    async with database.begin("claim") as work:
        await work.orders.add(order)
        assert await get(database, order.id) is None
    assert await get(database, order.id) is not None


async def test_what_is_written_while_reading_is_not_kept(database):
    order = samples.order()
    async with database.read() as view:
        await view.orders.add(order)
    assert await get(database, order.id) is None


# ----------------------------------------------------------------------------------------------- values survive


@pytest.mark.parametrize("amount", [1, 10**6, 2**63, 2**128, 10**77, LARGEST - 1, LARGEST])
async def test_w10_amounts_of_256_bits_come_back_exactly(database, amount):
    order = await add(database, samples.order(amount=amount))
    async with database.begin("settled") as work:
        await work.ledger.add(samples.entry(order, amount=amount))
    async with database.read() as view:
        assert (await view.orders.get(order.id)).terms.amount == amount
        (row,) = await view.ledger.of(order.id)
    assert row.amount == amount
    assert type(row.amount) is int


async def test_moments_come_back_aware_in_utc_to_the_microsecond(database):
    elsewhere = timezone(timedelta(hours=5, minutes=30))
    moment = datetime(2026, 3, 1, 17, 30, 0, 123456, tzinfo=elsewhere)
    order = samples.order(created_at=moment, quoted_at=moment, valid_before=moment, lease_until=moment)
    stored = await get(database, (await add(database, order)).id)
    for read in (stored.created_at, stored.terms.quoted_at, stored.authorization.valid_before, stored.lease_until):
        assert read == moment
        assert read.utcoffset() == timedelta(0)


async def test_the_end_of_the_calendar_can_be_stored(database):
    for_ever = datetime(9999, 12, 31, tzinfo=UTC)
    order = await add(database, samples.order(valid_before=for_ever))
    assert (await get(database, order.id)).authorization.valid_before == for_ever


async def test_an_order_comes_back_as_it_was_saved(database):
    order = await add(database, samples.order(payload=bytes(range(256)), resource_url="http://127.0.0.1/ü?q=%00"))
    order.pay(PaymentState.SETTLING)
    order.pay(PaymentState.SETTLED)
    order.fulfil(FulfilmentState.EXECUTING)
    order.fulfil(FulfilmentState.FAILED)
    order.give_back(MoneyBackState.DUE)
    order.lease(LATER)
    order.settlement_tx, order.settlement_block, order.callback_tx, order.refund_tx = "0x1", 2**31 - 1, "0x3", "0x4"
    order.paid_at = order.released_at = order.final_at = NOW
    order.failure = "sold out — ünïcode"
    async with database.begin("step") as work:
        await work.orders.save(order)
    assert await get(database, order.id) == order


# ------------------------------------------------------------------------------------------------------ timeline


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


# --------------------------------------------------------------------------------------------------- the ledger


async def test_g4_an_order_has_one_row_of_a_kind(database):
    order = await add(database, samples.order())

    async def book():
        async with database.begin("settled") as work:
            await work.ledger.add(samples.entry(order))

    outcomes = await race(*(book() for _ in range(10)))
    assert sorted(outcomes) == ["DuplicateClaim"] * 9 + ["won"]


async def test_g4_a_transfer_is_booked_once(database):
    first, second = await add(database, samples.order()), await add(database, samples.order())
    row = samples.entry(first)
    async with database.begin("settled") as work:
        await work.ledger.add(row)
    with pytest.raises(DuplicateClaim):
        async with database.begin("settled") as work:
            await work.ledger.add(samples.entry(second, transaction=row.transaction, log_index=row.log_index))
    async with database.begin("settled") as work:
        await work.ledger.add(samples.entry(second, transaction=row.transaction, log_index=1))


@pytest.mark.parametrize("amount", [0, -1, -LARGEST])
async def test_g4_a_row_below_one_atomic_unit_is_refused_by_the_database_itself(database, amount):
    order = await add(database, samples.order())
    row = samples.entry(order)
    object.__setattr__(row, "amount", amount)  # past the entry's own check
    with pytest.raises(DuplicateClaim):
        async with database.begin("settled") as work:
            await work.ledger.add(row)


async def test_g4_a_row_from_an_account_to_itself_is_refused(database):
    order = await add(database, samples.order())
    with pytest.raises(DuplicateClaim):
        async with database.begin("settled") as work:
            await work.ledger.add(samples.entry(order, debit="payer:x", credit="payer:x"))


async def test_rows_are_found_by_order_and_by_account_in_the_order_they_came(database):
    order, other = await add(database, samples.order()), await add(database, samples.order())
    rows = [
        samples.entry(order, "settlement", debit="delegate:d", credit="payer:p"),
        samples.entry(other, "settlement", debit="delegate:e", credit="payer:p"),
        samples.entry(order, "refund", debit="payer:p", credit="delegate:d"),
    ]
    async with database.begin("books") as work:
        for row in rows:
            await work.ledger.add(row)
    async with database.read() as view:
        assert list(await view.ledger.of(order.id)) == [rows[0], rows[2]]
        assert await view.ledger.touching(NETWORK, TOKEN, "delegate:d") == [rows[0], rows[2]]
        assert await view.ledger.touching(NETWORK, TOKEN, "payer:p") == rows
        assert await view.ledger.touching("eip155:1", TOKEN, "payer:p") == []


# ---------------------------------------------------------------------------- deliveries, receipts and proofs


async def test_an_unreleased_answer_may_be_replaced(database):
    order = await add(database, samples.order())
    for body in (b"first", bytes(range(256)) * 400):
        async with database.begin("ready") as work:
            await work.deliveries.put(Delivery(order.id, body, "text/plain; charset=utf-8", NOW))
    async with database.read() as view:
        stored = await view.deliveries.get(order.id)
        assert await view.deliveries.get("unknown") is None
    assert (stored.body, stored.content_type, stored.created_at) == (body, "text/plain; charset=utf-8", NOW)
    assert stored.digest == hashlib.sha256(body).digest()


async def test_receipts_come_back_whole_and_only_once(database):
    order = await add(database, samples.order())
    fields = dict.fromkeys(Receipt.__struct_fields__, "0x" + "ab" * 32) | dict.fromkeys(
        ("body_size", "paid_at", "issued_at"), 2**40
    )
    signed = SignedReceipt(Receipt(**fields), "0x" + "11" * 65)
    async with database.begin("released") as work:
        await work.receipts.put(order.id, signed, b'{"format":"eip712"}')
    async with database.read() as view:
        assert await view.receipts.get(order.id) == (signed, b'{"format":"eip712"}')
        assert await view.receipts.get("unknown") is None
    with pytest.raises((IntegrityError, DuplicateClaim)):
        async with database.begin("again") as work:
            await work.receipts.put(order.id, signed, b"{}")


async def test_the_first_proof_stands(database):
    order = await add(database, samples.order())
    for record in (b'{"first":1}', b'{"second":2}'):
        async with database.begin("proof") as work:
            await work.proofs.put(order.id, record, NOW)
            await work.outbox.add("done", record.decode(), NOW)  # the unit of work goes on after the second one
    async with database.read() as view:
        assert await view.proofs.get(order.id) == b'{"first":1}'
        assert await view.outbox.waiting() == 2


@pytest.mark.parametrize("kind", ["delivery", "ledger"])
async def test_nothing_can_belong_to_an_order_that_does_not_exist(database, kind):
    async def orphan():
        async with database.begin("orphan") as work:
            if kind == "delivery":
                await work.deliveries.put(Delivery("missing", b"x", "text/plain", NOW))
            else:
                await work.ledger.add(samples.entry(samples.order("missing")))

    with pytest.raises((IntegrityError, DuplicateClaim, KeyError)):
        await orphan()


# --------------------------------------------------------------------------------------------------- settlements


async def test_f12_of_fifty_admissions_of_one_payment_exactly_one_wins(database):
    settlement = samples.settlement()

    async def admit():
        async with database.begin("admitted") as work:
            await work.settlements.add(replace(settlement))

    outcomes = await race(*(admit() for _ in range(N)))
    assert sorted(outcomes) == ["DuplicateClaim"] * (N - 1) + ["won"]


async def test_a_settlement_comes_back_with_its_payment(database):
    settlement = samples.settlement()
    async with database.begin("admitted") as work:
        await work.settlements.add(settlement)
    settlement.move(SettlementState.SENT, "0x" + "aa" * 32)
    async with database.begin("sent") as work:
        await work.settlements.save(settlement)
    async with database.read() as view:
        stored = await view.settlements.get(settlement.id)
        assert [item.id for item in await view.settlements.sent_in("0x" + "aa" * 32)] == [settlement.id]
        assert list(await view.settlements.sent_in("0x" + "bb" * 32)) == []
    assert stored == settlement


async def test_w2_a_settlement_is_taken_over_by_one(database):
    settlement = samples.settlement()
    async with database.begin("admitted") as work:
        await work.settlements.add(settlement)
    async with database.read() as view:
        copies = [await view.settlements.get(settlement.id) for _ in range(10)]

    async def take_over(copy):
        copy.lease_until = LATER
        async with database.begin("taken over") as work:
            await work.settlements.save(copy)

    outcomes = await race(*(take_over(copy) for copy in copies))
    assert sorted(outcomes) == ["StaleWrite"] * 9 + ["won"]


async def test_only_queued_settlements_without_an_owner_are_abandoned(database):
    queued = samples.settlement(lease_until=NOW)
    owned = samples.settlement(lease_until=LATER)
    sent = samples.settlement(lease_until=NOW, state=SettlementState.SENT, transaction="0x" + "aa" * 32)
    async with database.begin("admitted") as work:
        for settlement in (queued, owned, sent):
            await work.settlements.add(settlement)
    async with database.read() as view:
        assert [item.id for item in await view.settlements.abandoned(NOW, 10)] == [queued.id]
        assert len(await view.settlements.abandoned(LATER, 10)) == 2
        assert len(await view.settlements.abandoned(LATER, 1)) == 1


# -------------------------------------------------------------------------------------------------- transactions


async def test_f16_nonces_have_no_gap_and_no_double(database):
    sender, taken = samples.chain_transaction().sender, []

    async def send():
        async with database.begin("signed") as work:
            nonce = await work.transactions.allot(NETWORK, sender, 3)
            await asyncio.sleep(0)
            await work.transactions.add(samples.chain_transaction(nonce))
        taken.append(nonce)

    await asyncio.gather(*(send() for _ in range(N)))
    assert sorted(taken) == list(range(3, 3 + N))


async def test_f16_a_unit_that_fails_gives_its_nonce_back(database):
    sender, taken = samples.chain_transaction().sender, []

    async def send(number):
        with suppress(LookupError):
            async with database.begin("signed") as work:
                nonce = await work.transactions.allot(NETWORK, sender, 0)
                await work.transactions.add(samples.chain_transaction(nonce))
                if number % 3 == 0:
                    raise LookupError
            taken.append(nonce)

    await asyncio.gather(*(send(number) for number in range(30)))
    assert sorted(taken) == list(range(20))


async def test_a_chain_that_is_ahead_moves_the_next_nonce_and_one_that_is_behind_does_not(database):
    taken = []
    for chain_says in (0, 0, 7, 2):
        async with database.begin("signed") as work:
            taken.append(await work.transactions.allot(NETWORK, "0xsender", chain_says))
            assert await work.transactions.allot(NETWORK, "0xother", 100) >= 100
    assert taken == [0, 1, 7, 8]


async def test_f15_a_nonce_is_signed_for_once(database):
    async with database.begin("signed") as work:
        await work.transactions.add(samples.chain_transaction(4))
    with pytest.raises(DuplicateClaim):
        async with database.begin("signed") as work:
            await work.transactions.add(samples.chain_transaction(4))


async def test_signed_bytes_come_back_with_purpose_and_outcome(database):
    older = samples.chain_transaction(1, purpose="refund", subject="order-1")
    newer = samples.chain_transaction(2, purpose="refund", subject="order-1")
    waiting = samples.chain_transaction(0)
    async with database.begin("signed") as work:
        for transaction in (newer, older, waiting):
            await work.transactions.add(transaction)
    async with database.begin("mined") as work:
        for _ in range(2):  # harmless when it is written already
            await work.transactions.record(newer.hash, TransactionState.REVERTED, 12)
        await work.transactions.record("0x" + "00" * 32, TransactionState.SUCCEEDED, 12)
    async with database.read() as view:
        assert await view.transactions.of("refund", "order-1") == replace(
            newer, state=TransactionState.REVERTED, block=12
        )
        assert await view.transactions.of("refund", "order-2") is None
        assert await view.transactions.get(older.hash) == older
        assert await view.transactions.get("0x00") is None
        assert list(await view.transactions.unmined(NETWORK, waiting.sender)) == [waiting, older]
        assert list(await view.transactions.unmined("eip155:1", waiting.sender)) == []
