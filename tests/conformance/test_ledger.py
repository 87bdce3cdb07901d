"""What ports.Ledger, Deliveries, Receipts and Proofs guarantee, on the fake, SQLite and PostgreSQL."""

import hashlib
from dataclasses import replace

import pytest
from sqlalchemy.exc import IntegrityError

from protocol.receipts import Receipt, SignedReceipt
from server.domain.deliveries import Delivery
from server.domain.errors import DuplicateClaim, EntryRefused
from server.domain.ledger import reversed_entry, standing
from tests.conformance.rows import add, race
from tests.fakes import samples
from tests.fakes.samples import NETWORK, NOW, TOKEN

LARGEST = 2**256 - 1


# ----------------------------------------------------------------------------------------------------------- the ledger


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
            await work.ledger.add(replace(row, order_id=second.id))
    async with database.begin("settled") as work:
        await work.ledger.add(replace(row, order_id=second.id, log_index=1))


async def test_f17_a_row_is_taken_back_once_and_then_the_next_round_has_its_own(database):
    order = await add(database, samples.order())
    row = samples.entry(order)
    async with database.begin("settled") as work:
        await work.ledger.add(row)
        assert await work.ledger.booked(NETWORK, row.block_hash, row.log_index)
        assert not await work.ledger.booked(NETWORK, row.block_hash, row.log_index + 1)
    async with database.begin("reversed") as work:
        await work.ledger.add(reversed_entry(row))
        assert not await work.ledger.booked(NETWORK, row.block_hash, row.log_index)
    with pytest.raises(DuplicateClaim):
        async with database.begin("reversed") as work:
            await work.ledger.add(reversed_entry(row))
    again = replace(samples.entry(order), round=1)
    async with database.begin("settled") as work:
        await work.ledger.add(again)
    async with database.read() as view:
        rows = await view.ledger.of(order.id)
    assert list(rows) == [row, reversed_entry(row), again]
    assert standing(rows) == [again]


@pytest.mark.parametrize("amount", [0, -1, -LARGEST])
async def test_g4_a_row_below_one_atomic_unit_is_refused_by_the_database_itself(database, amount):
    order = await add(database, samples.order())
    row = samples.entry(order)
    object.__setattr__(row, "amount", amount)  # past the entry's own check
    with pytest.raises(EntryRefused):
        async with database.begin("settled") as work:
            await work.ledger.add(row)


async def test_g4_a_row_from_an_account_to_itself_is_refused(database):
    order = await add(database, samples.order())
    with pytest.raises(EntryRefused):
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


# -------------------------------------------------------------------------------------- deliveries, receipts and proofs


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


async def test_receipts_come_back_whole(database):
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


async def test_the_newest_proof_stands(database):
    order = await add(database, samples.order())
    for record in (b'{"first":1}', b'{"second":2}'):
        async with database.begin("proof") as work:
            await work.proofs.put(order.id, record, NOW)
            await work.outbox.add("done", record.decode(), NOW)  # the unit of work goes on after the second one
    async with database.read() as view:
        assert await view.proofs.get(order.id) == b'{"second":2}'
        assert await view.outbox.waiting() == 2


@pytest.mark.parametrize("kind", ["delivery", "ledger"])
async def test_nothing_can_belong_to_an_order_that_does_not_exist(database, kind):
    async def orphan():
        async with database.begin("orphan") as work:
            if kind == "delivery":
                await work.deliveries.put(Delivery("missing", b"x", "text/plain", NOW))
            else:
                await work.ledger.add(samples.entry(samples.order("missing")))

    with pytest.raises((IntegrityError, EntryRefused, KeyError)):
        await orphan()
