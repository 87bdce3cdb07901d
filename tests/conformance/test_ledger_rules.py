"""G4: SQLite and PostgreSQL themselves keep the books, whatever program writes; the fake refuses the same entries."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import bindparam, create_engine, insert, select, text
from sqlalchemy.exc import DBAPIError

from protocol.chains import GENESIS
from protocol.chains import entry as chain_entry
from server.adapters.clock import SystemClock
from server.adapters.database import SqlDatabase
from server.adapters.fee_models import fee_entries
from server.adapters.models import ledger_entries, metadata
from server.adapters.proof_models import receipt_chain
from server.adapters.triggers import MARK
from server.domain import fees
from server.domain.anchors import Chained, Kind
from server.domain.errors import DuplicateClaim, EntryRefused
from server.domain.ledger import Entry, reversed_entry
from tests.conformance.rows import add
from tests.fakes import samples
from tests.fakes.samples import NOW
from tests.stack.waiting import eventually

LARGEST = 2**256 - 1
OTHER = "0x" + "22" * 20


@pytest.fixture(params=["sqlite", "postgres"])
async def real(request):
    """A migrated database of each kind."""
    db = SqlDatabase(request.getfixturevalue(f"{request.param}_url"), SystemClock())
    yield db
    await db.close()


async def book(database, *rows):
    async with database.begin("test") as work:
        for row in rows:
            await work.ledger.add(row)


async def settled(database, amount=50_000):
    """An order with its settlement in the books, and that row."""
    order = await add(database, samples.order(amount=amount))
    row = samples.entry(order)
    await book(database, row)
    return order, row


def refund(order, amount, **changes):
    accounts = {"debit": f"payer:{order.authorization.payer}", "credit": "float:paddock"}
    return samples.entry(order, "refund", amount=amount, **accounts | changes)


async def raw(database, statement, **values):
    async with database.change() as connection:
        await connection.execute(text(statement) if isinstance(statement, str) else statement, values)


async def rows_of(database):
    async with database.view() as connection:
        return (await connection.execute(select(ledger_entries).order_by(ledger_entries.c.id))).all()


def as_row(entry: Entry, **changes):
    """An entry as a program writes it that knows nothing of ours."""
    return {name: getattr(entry, name) for name in Entry.__dataclass_fields__} | {"booked_at": NOW} | changes


# ------------------------------------------------------------------------------- rows that are there stay as they are


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_entries SET amount = '1'",
        "UPDATE ledger_entries SET debit = 'merchant:thief'",
        "UPDATE ledger_entries SET id = id + 1000",
        "DELETE FROM ledger_entries",
        "TRUNCATE ledger_entries",
        "TRUNCATE orders CASCADE",
    ],
)
async def test_g4_w10_no_program_can_change_or_take_away_a_row_of_the_ledger(real, statement):
    if "TRUNCATE" in statement and real._surveyor.dialect.name == "sqlite":
        statement = "DELETE FROM ledger_entries WHERE 1"  # what TRUNCATE is there
    statement = statement.replace("'1'", "1") if real._surveyor.dialect.name == "postgresql" else statement
    await settled(real)
    before = await rows_of(real)
    with pytest.raises(DBAPIError, match=MARK):
        await raw(real, statement)
    assert await rows_of(real) == before


async def test_g4_insert_or_replace_takes_no_row_away_either(request):
    db = SqlDatabase(request.getfixturevalue("sqlite_url"), SystemClock())
    order, row = await settled(db)
    before = await rows_of(db)
    same_kind = as_row(samples.entry(order, amount=9))
    same_log = as_row(replace(row, kind="payout", amount=9))
    same_id = as_row(samples.entry(order, "payout", amount=9), id=before[0].id)
    for values in (same_kind, same_log, same_id):
        with pytest.raises(DBAPIError, match=MARK):
            await raw(db, insert(ledger_entries).prefix_with("OR REPLACE").values(values))
    assert await rows_of(db) == before
    await db.close()


@pytest.mark.parametrize("statement", ["UPDATE receipt_chain SET kind = 'revoked'", "DELETE FROM receipt_chain"])
async def test_w11_no_program_can_change_or_take_away_an_entry_of_a_receipt_chain(real, statement):
    order = await add(real, samples.order())
    made = chain_entry("shop", 0, GENESIS, b"c" * 32)
    hashes = {"previous": made.previous, "content": made.content, "link": made.link}
    async with real.begin("chained") as work:
        await work.receipt_chain.append(
            Chained(merchant="shop", index=0, kind=Kind.RECEIPT, order_id=order.id, appended_at=NOW, **hashes)
        )
    with pytest.raises(DBAPIError, match=MARK):
        await raw(real, statement)
    async with real.view() as connection:
        assert len((await connection.execute(select(receipt_chain))).all()) == 1


@pytest.mark.parametrize(
    "statement",
    ["UPDATE fee_entries SET amount = 1", "UPDATE fee_entries SET merchant = 'other'", "DELETE FROM fee_entries"],
)
async def test_w10_no_program_can_change_or_take_away_a_fee(real, statement):
    _, before = await charged(real)
    with pytest.raises(DBAPIError, match=MARK):
        await raw(real, statement)
    assert await fees_of(real) == before


async def test_w10_no_fee_is_written_over(request):
    db = SqlDatabase(request.getfixturevalue("sqlite_url"), SystemClock())
    order, before = await charged(db)
    row = {name: before[0]._mapping[name] for name in ("merchant", "kind", "debit", "credit", "booked_at")}
    for values in ({"id": before[0].id, "order_id": None}, {"order_id": order.id}):
        with pytest.raises(DBAPIError, match=MARK):
            await raw(db, insert(fee_entries).prefix_with("OR REPLACE").values(row | values | {"amount": 1}))
    assert await fees_of(db) == before
    await db.close()


@pytest.mark.parametrize("amount", ["0", "-1", str(LARGEST + 1)])
async def test_w10_the_database_refuses_a_fee_that_is_no_amount(real, amount):
    written = "INSERT INTO fee_entries (merchant, kind, debit, credit, amount, booked_at) VALUES "
    value = amount if real._surveyor.dialect.name == "postgresql" else f"'{amount}'"
    with pytest.raises(DBAPIError, match=MARK):
        await raw(real, f"{written} ('shop', 'deposit', 'prepaid:shop', 'outside', {value}, '2026-01-01 00:00:00')")
    assert await fees_of(real) == []


async def charged(database):
    """An order whose fee was taken, and its row."""
    order = await add(database, samples.order())
    async with database.begin("charged") as work:
        await work.fee_book.add(fees.fee("shop", 3, order.id))
    return order, await fees_of(database)


async def fees_of(database):
    async with database.view() as connection:
        return (await connection.execute(select(fee_entries))).all()


# ------------------------------------------------------------------------------------------------------------- amounts


@pytest.mark.parametrize("amount", ["'0'", "'-1'", "'NaN'", f"'{LARGEST + 1}'", "'1" + "0" * 78 + "'"])
async def test_w10_the_database_refuses_what_is_no_amount_of_atomic_units(real, amount):
    order = await add(real, samples.order())
    await assert_amount_refused(real, order, amount)


@pytest.mark.parametrize(
    "amount", ["1.5", "'1.5'", "1e3", "'1e3'", "'01'", "'+1'", "' 1'", "'0x1'", "''", "'\uff11'", "x'31'"]
)
async def test_w10_sqlite_that_takes_any_text_refuses_floats_and_second_spellings(request, amount):
    db = SqlDatabase(request.getfixturevalue("sqlite_url"), SystemClock())
    order = await add(db, samples.order())
    await assert_amount_refused(db, order, amount)
    await db.close()


async def assert_amount_refused(db, order, amount):
    values = as_row(samples.entry(order))
    del values["amount"]
    columns = ", ".join(f'"{name}"' for name in values)
    marks = ", ".join(f":{name}" for name in values)
    typed = [bindparam(name, type_=ledger_entries.c[name].type) for name in values]
    statement = text(f"INSERT INTO ledger_entries ({columns}, amount) VALUES ({marks}, {amount})").bindparams(*typed)
    with pytest.raises(DBAPIError):
        await raw(db, statement, **values)
    assert await rows_of(db) == []


async def test_w10_the_largest_amount_there_is_can_be_booked_and_sent_back(database):
    order, _ = await settled(database, LARGEST)
    await book(database, refund(order, LARGEST))
    with pytest.raises(EntryRefused):
        await book(database, refund(order, 1, round=1))


# ----------------------------------------------------------------------------------------------------------- reversals


WRONG = {
    "no row at all": {"kind": "payout"},
    "another amount": {"amount": 49_999},
    "the accounts not swapped": {"debit": "merchant:paddock", "credit": f"payer:{samples.order().authorization.payer}"},
    "another debit": {"debit": "payer:" + OTHER},
    "another credit": {"credit": "merchant:thief"},
    "another asset": {"asset": OTHER},
    "another network": {"network": "eip155:1"},
    "another transaction": {"transaction": "0x" + "33" * 32},
    "another block": {"block": 9},
    "another fork": {"block_hash": "0x" + "44" * 32},
    "another log": {"log_index": 1},
    "another round": {"round": 1},
}


@pytest.mark.parametrize("what", WRONG)
async def test_g4_a_reversal_is_of_a_row_with_its_accounts_asset_amount_and_log(database, what):
    _, row = await settled(database)
    with pytest.raises(EntryRefused):
        await book(database, replace(reversed_entry(row), **WRONG[what]))
    await book(database, reversed_entry(row))


@pytest.mark.parametrize("what", WRONG)
async def test_g4_raw_sql_cannot_reverse_what_is_not_there(real, what):
    _, row = await settled(real)
    values = as_row(replace(reversed_entry(row), **WRONG[what]))
    with pytest.raises(DBAPIError, match=MARK):
        await raw(real, insert(ledger_entries).values(values))
    await raw(real, insert(ledger_entries).values(as_row(reversed_entry(row))))


async def test_g4_another_orders_row_cannot_be_reversed(database):
    _, row = await settled(database)
    other = await add(database, samples.order())
    with pytest.raises(EntryRefused):
        await book(database, replace(reversed_entry(row), order_id=other.id))


# ------------------------------------------------------------------------------------------------------------- refunds


@pytest.mark.parametrize("amount", [50_000, 10**13, 10**13 - 1, 10**26, 2**128, 10**65 + 1, LARGEST - 1])
async def test_g4_one_atomic_unit_above_what_came_cannot_be_refunded(database, amount):
    order, _ = await settled(database, amount)
    with pytest.raises(EntryRefused):
        await book(database, refund(order, amount + 1))
    await book(database, refund(order, amount))


async def test_g4_raw_sql_cannot_refund_more_than_came(real):
    order, _ = await settled(real)
    with pytest.raises(DBAPIError, match=MARK):
        await raw(real, insert(ledger_entries).values(as_row(refund(order, 50_001))))
    await raw(real, insert(ledger_entries).values(as_row(refund(order, 50_000))))


async def test_g4_w4_several_receipts_and_several_refunds_are_counted_together(database):
    order = await add(database, samples.order())
    came = [10**13 - 1, 2, 3 * 10**26, 7]
    await book(database, *(samples.entry(order, amount=one, round=index) for index, one in enumerate(came)))
    back = [5, 3 * 10**26 - 4, 10**13]
    await book(database, *(refund(order, one, round=index) for index, one in enumerate(back)))
    left = sum(came) - sum(back)
    with pytest.raises(EntryRefused):
        await book(database, refund(order, left + 1, round=8))
    await book(database, refund(order, left, round=9))


@pytest.mark.parametrize("changes", [{"asset": OTHER}, {"network": "eip155:1"}])
async def test_g4_what_came_in_one_asset_is_not_refunded_in_another(database, changes):
    order, _ = await settled(database)
    with pytest.raises(EntryRefused):
        await book(database, refund(order, 1, **changes))


async def test_g4_what_another_order_received_is_not_refunded_for_this_one(database):
    await settled(database)
    other = await add(database, samples.order())
    with pytest.raises(EntryRefused):
        await book(database, refund(other, 1))


async def test_f17_what_a_reorganisation_took_back_is_not_there_to_refund_and_a_lost_refund_may_be_sent_again(database):
    order, row = await settled(database)
    sent = refund(order, 50_000)
    await book(database, sent, reversed_entry(sent), replace(refund(order, 50_000), round=1))
    other, taken = await settled(database)
    await book(database, reversed_entry(taken))
    with pytest.raises(EntryRefused):
        await book(database, refund(other, 1))
    await book(database, reversed_entry(row))


async def test_f17_one_refund_that_was_under_way_when_its_payment_was_taken_back_is_booked(database):
    order, row = await settled(database)
    sent = refund(order, 50_000)
    await book(database, reversed_entry(row))
    for changes in ({"amount": 50_001}, {"amount": 49_999}, {"debit": "payer:" + OTHER}, {"asset": OTHER}):
        with pytest.raises(EntryRefused):
            await book(database, replace(sent, **changes))
    await book(database, sent)
    with pytest.raises(EntryRefused):
        await book(database, refund(order, 50_000, round=1))
    await book(database, replace(samples.entry(order), round=1))
    with pytest.raises(EntryRefused):
        await book(database, refund(order, 50_000, round=1))
    await book(database, reversed_entry(sent), refund(order, 50_000, round=1))
    with pytest.raises(EntryRefused):
        await book(database, refund(order, 50_000, round=2))


async def test_w9_of_ten_refunds_at_once_the_database_takes_one(database):
    order, _ = await settled(database)

    async def pay_back(index):
        try:
            await book(database, refund(order, 50_000, round=index))
        except (EntryRefused, DuplicateClaim):
            return 0
        return 1

    assert sum(await asyncio.gather(*(pay_back(index) for index in range(10)))) == 1


async def test_w9_a_refund_waits_for_one_that_is_not_committed_yet_and_counts_it(request):
    """On PostgreSQL, where two write at once; the rule holds the order's row."""
    db = SqlDatabase(request.getfixturevalue("postgres_url"), SystemClock())
    order, _ = await settled(db)
    first, second = (as_row(refund(order, 50_000, round=number)) for number in (1, 2))
    waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'INSERT%'")
    async with db.change() as connection:
        await connection.execute(insert(ledger_entries).values(first))
        again = asyncio.create_task(raw(db, insert(ledger_entries).values(second)))

        async def held():
            async with db.view() as other:
                return again.done() or (await other.execute(waiting)).scalar_one()

        await eventually(held, 20, "the second refund waits, or is in")
    with pytest.raises(DBAPIError, match=MARK):
        await again
    await db.close()


async def test_a_database_that_is_made_from_the_metadata_keeps_the_same_rules(tmp_path):
    url = f"sqlite:///{tmp_path}/made.db"
    engine = create_engine(url)
    metadata.create_all(engine)
    engine.dispose()
    db = SqlDatabase(url, SystemClock())
    order, _ = await settled(db)
    with pytest.raises(EntryRefused):
        await book(db, refund(order, 50_001))
    with pytest.raises(DBAPIError, match=MARK):
        await raw(db, "DELETE FROM ledger_entries")
    await charged(db)
    with pytest.raises(DBAPIError, match=MARK):
        await raw(db, "DELETE FROM fee_entries")
    await db.close()
