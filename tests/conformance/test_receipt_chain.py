"""What ports.ReceiptChain and ports.Anchors guarantee, on the fake, SQLite and PostgreSQL."""

import asyncio
import secrets
from dataclasses import replace
from datetime import timedelta

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from protocol.chains import GENESIS, entry
from server.adapters.clock import SystemClock
from server.adapters.database import SqlDatabase
from server.domain.anchors import Anchor, Chained, Kind, Site
from server.domain.errors import DuplicateClaim, StaleWrite
from tests.conformance.rows import add, race
from tests.fakes import samples
from tests.fakes.samples import NETWORK, NOW, TOKEN
from tests.stack.processes import ROOT
from tests.stack.waiting import eventually
from tests.unit.chain_samples import signed

SITE = Site(NETWORK, TOKEN, "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC")
OTHER_SITE = replace(SITE, publisher=TOKEN)


async def known(database, **changes):
    """The id of an order in the database."""
    return (await add(database, samples.order(**changes))).id


def chained(order_id, index=0, previous=GENESIS, **changes) -> Chained:
    made = entry("shop", index, previous, secrets.token_bytes(32))
    values = {"merchant": "shop", "kind": Kind.RECEIPT, "order_id": order_id, "appended_at": NOW, "index": index}
    hashes = {"previous": made.previous, "content": made.content, "link": made.link}
    return Chained(**values | hashes | changes)


async def append(database, one):
    async with database.begin("chained") as work:
        await work.receipt_chain.append(one)
    return one


async def filled(database, count):
    """A chain of so many entries."""
    made, previous = [], GENESIS
    for index in range(count):
        made.append(await append(database, chained(await known(database), index, previous)))
        previous = made[-1].link
    return made


def anchor(batch=0, first=0, last=4, **changes) -> Anchor:
    hashes = {"root": secrets.token_bytes(32), "head": secrets.token_bytes(32)}
    values = {"site": SITE, "merchant": "shop", "batch": batch, "first": first, "last": last}
    return Anchor(**values | hashes | {"transaction": "0x" + secrets.token_hex(32)} | changes)


async def anchored(database, *batches):
    """Added, and confirmed where a block is given."""
    for one in batches:
        async with database.begin("anchored") as work:
            await work.anchors.add(replace(one, block=None))
            if one.block is not None:
                await work.anchors.confirm(one, one.block)
    return batches


# ------------------------------------------------------------------------------------------------------------ queue


async def test_receipts_wait_in_the_order_of_their_release_each_merchant_by_itself(database):
    first, second, third, other = [await known(database) for _ in range(4)]
    async with database.begin("proof") as work:
        for order_id, seconds, merchant in (
            (third, 3, "shop"),
            (first, 1, "shop"),
            (other, 0, "b"),
            (second, 2, "shop"),
        ):
            await work.receipt_chain.enqueue(order_id, merchant, NOW + timedelta(seconds=seconds))
    async with database.read() as view:
        assert list(await view.receipt_chain.waiting("shop", 10)) == [first, second, third]
        assert list(await view.receipt_chain.waiting("shop", 2)) == [first, second]
        assert list(await view.receipt_chain.waiting("b", 10)) == [other]
        assert list(await view.receipt_chain.waiting("c", 10)) == []


async def test_a_receipt_waits_once_and_not_again_when_it_is_in_the_chain(database):
    order_id = await known(database)

    async def enqueue():
        async with database.begin("proof") as work:
            await work.receipt_chain.enqueue(order_id, "shop", NOW)
            await work.outbox.add("chain_receipts", "shop", NOW)  # the unit of work goes on

    for _ in range(2):
        await enqueue()
    async with database.read() as view:
        assert list(await view.receipt_chain.waiting("shop", 10)) == [order_id]
    await append(database, chained(order_id))
    await enqueue()
    async with database.read() as view:
        assert list(await view.receipt_chain.waiting("shop", 10)) == []


async def test_concurrent_requests_let_a_receipt_wait_once(database):
    order_id = await known(database)

    async def enqueue():
        async with database.begin("proof") as work:
            await work.receipt_chain.enqueue(order_id, "shop", NOW)

    await asyncio.gather(*(enqueue() for _ in range(8)))
    async with database.read() as view:
        assert list(await view.receipt_chain.waiting("shop", 10)) == [order_id]


async def test_a_receipt_that_is_appended_while_it_is_asked_for_again_waits_no_more(postgres_url):
    """Whoever asks waits for the row that is on its way out; PostgreSQL then lets it in again."""
    database = SqlDatabase(postgres_url, SystemClock())
    order_id = await known(database)

    async def enqueue():
        async with database.begin("proof") as work:
            await work.receipt_chain.enqueue(order_id, "shop", NOW)

    async def held_up():
        async with database.view() as connection:
            return (await connection.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted"))).scalar_one()

    await enqueue()
    async with database.begin("chained") as work:
        await work.receipt_chain.append(chained(order_id))
        again = asyncio.create_task(enqueue())
        await eventually(held_up, 10, "the second one waits")
    await again
    async with database.read() as view:
        assert list(await view.receipt_chain.waiting("shop", 10)) == []
    await database.close()


async def test_no_receipt_of_an_unknown_order_waits(database):
    with pytest.raises((IntegrityError, KeyError)):
        async with database.begin("proof") as work:
            await work.receipt_chain.enqueue("nobody", "shop", NOW)


# ------------------------------------------------------------------------------------------------------------ chain


async def test_entries_come_back_as_they_were_appended(database):
    made = await filled(database, 5)
    revoked = replace(
        chained(made[1].order_id, 5, made[4].link), kind=Kind.REVOKED, revocation=b'{"reason":"\xc3\xbc"}'
    )
    await append(database, revoked)
    async with database.read() as view:
        assert list(await view.receipt_chain.entries("shop", 0, 100)) == [*made, revoked]
        assert list(await view.receipt_chain.entries("shop", 2, 2)) == made[2:4]
        assert list(await view.receipt_chain.entries("shop", 6, 2)) == []
        assert list(await view.receipt_chain.of(made[1].order_id)) == [made[1], revoked]
        assert list(await view.receipt_chain.of("unknown")) == []
        assert await view.receipt_chain.tail("shop") == revoked
        assert await view.receipt_chain.tail("other") is None


async def test_w11_of_many_writers_one_writes_an_index_and_the_others_read_again(database):
    orders = [await known(database) for _ in range(8)]
    outcomes = await race(*(append(database, chained(order_id)) for order_id in orders))
    assert sorted(outcomes) == ["StaleWrite"] * 7 + ["won"]
    async with database.read() as view:
        assert len(await view.receipt_chain.entries("shop", 0, 100)) == 1


async def test_w11_many_writers_that_read_again_leave_no_gap_and_no_double(database):
    orders = [await known(database) for _ in range(12)]

    async def write(order_id):
        while True:
            try:
                async with database.begin("chained") as work:
                    tail = await work.receipt_chain.tail("shop")
                    after = (tail.index + 1, tail.link) if tail else (0, GENESIS)
                    await work.receipt_chain.append(chained(order_id, *after))
                return
            except StaleWrite:
                await asyncio.sleep(0)

    await asyncio.gather(*(write(order_id) for order_id in orders))
    async with database.read() as view:
        entries = await view.receipt_chain.entries("shop", 0, 100)
    assert [one.index for one in entries] == list(range(12))
    assert [one.previous for one in entries] == [GENESIS, *(one.link for one in entries[:-1])]
    assert {one.order_id for one in entries} == set(orders)


async def test_w11_an_order_has_one_entry_of_a_kind(database):
    (made,) = await filled(database, 1)
    with pytest.raises(DuplicateClaim):
        await append(database, chained(made.order_id, 1, made.link))
    await append(database, chained(made.order_id, 1, made.link, kind=Kind.REVOKED))


async def test_an_appended_receipt_waits_no_more_and_one_that_was_not_does(database):
    order_id = await known(database)
    async with database.begin("proof") as work:
        await work.receipt_chain.enqueue(order_id, "shop", NOW)
    await filled(database, 1)
    with pytest.raises(StaleWrite):
        await append(database, chained(order_id, 0))
    async with database.read() as view:
        assert list(await view.receipt_chain.waiting("shop", 10)) == [order_id]
    await append(database, chained(order_id, 1))
    async with database.read() as view:
        assert list(await view.receipt_chain.waiting("shop", 10)) == []


# ---------------------------------------------------------------------------------------------------------- anchors


async def test_a_batch_is_final_when_it_is_confirmed(database):
    (one,) = await anchored(database, anchor())
    async with database.read() as view:
        assert await view.anchors.last(SITE, "shop") == one
        assert await view.anchors.covering("shop", 2) is None
        assert list(await view.anchors.between(SITE, "shop", 0, 9)) == []
    for _ in range(2):
        async with database.begin("anchored") as work:
            await work.anchors.confirm(one, 17)
    async with database.read() as view:
        assert await view.anchors.last(SITE, "shop") == replace(one, block=17)
        assert await view.anchors.covering("shop", 2) == replace(one, block=17)


async def test_batches_are_found_by_the_entries_that_they_hold(database):
    made = await anchored(database, *(anchor(n, 5 * n, 5 * n + 4, block=10 + n) for n in range(4)))
    (other,) = await anchored(database, anchor(merchant="other", block=30))
    async with database.read() as view:
        assert await view.anchors.last(SITE, "shop") == made[3]
        assert await view.anchors.last(SITE, "nobody") is None
        for index in range(20):
            assert await view.anchors.covering("shop", index) == made[index // 5]
        assert await view.anchors.covering("shop", 20) is None
        assert list(await view.anchors.between(SITE, "shop", 4, 10)) == list(made[:3])
        assert list(await view.anchors.between(SITE, "shop", 20, 90)) == []
        assert list(await view.anchors.between(SITE, "other", 0, 90)) == [other]


async def test_each_site_has_batches_of_its_own(database):
    here, there = await anchored(database, anchor(block=5), anchor(site=OTHER_SITE, block=9))
    async with database.read() as view:
        assert await view.anchors.last(OTHER_SITE, "shop") == there
        assert list(await view.anchors.between(SITE, "shop", 0, 9)) == [here]
        assert await view.anchors.covering("shop", 0) == there, "the newest"


async def test_batches_are_listed_newest_first_page_by_page_final_or_not(database):
    places = [(0, 0, 4, 20), (1, 5, 9, 21), (2, 10, 11, 22), (3, 12, 12, None)]
    zero, one, two, three = await anchored(
        database, *(anchor(batch, first, last, block=block) for batch, first, last, block in places)
    )
    await anchored(database, anchor(4, site=OTHER_SITE), anchor(5, merchant="other"))
    async with database.read() as view:
        assert await view.anchors.newest(SITE, "shop", None, 2) == [three, two]
        assert await view.anchors.newest(SITE, "shop", 2, 9) == [one, zero]
        assert (
            await view.anchors.newest(SITE, "shop", 0, 9) == await view.anchors.newest(SITE, "shop", -(2**70), 9) == []
        )
        assert len(await view.anchors.newest(SITE, "shop", 2**70, 9)) == 4


async def test_of_many_writers_one_writes_a_batch(database):
    async def write():
        async with database.begin("anchor signed") as work:
            await work.anchors.add(anchor())

    assert sorted(await race(*(write() for _ in range(6)))) == ["StaleWrite"] * 5 + ["won"]


async def test_a_batch_is_sent_again_once_for_each_failure(database):
    (one,) = await anchored(database, anchor())

    async def again(transaction):
        async with database.begin("anchor signed again") as work:
            await work.anchors.sent_again(one, transaction)

    assert sorted(await race(again("0x" + "aa" * 32), again("0x" + "bb" * 32))) == ["StaleWrite", "won"]
    async with database.read() as view:
        assert (await view.anchors.last(SITE, "shop")).transaction in ("0x" + "aa" * 32, "0x" + "bb" * 32)


# -------------------------------------------------------------------------------------------------------- migration


def move(url, step, revision):
    config = Config()
    config.set_main_option("script_location", str(ROOT / "server" / "migrations"))
    config.attributes["url"] = url
    step(config, revision)


@pytest.mark.parametrize("kind", ["sqlite_url", "postgres_url"])
async def test_receipts_of_orders_that_were_final_before_the_chain_was_wait_for_it(request, kind):
    url = request.getfixturevalue(kind)
    database = SqlDatabase(url, SystemClock())
    final = await known(database, released_at=NOW, final_at=NOW)
    late = await known(database, released_at=NOW)
    await known(database, final_at=NOW)  # refunded: it has no receipt
    async with database.begin("released") as work:
        for order_id in (final, late):
            await work.receipts.put(order_id, signed(1), b"{}")
    await asyncio.to_thread(move, url, command.downgrade, "0020-1")
    await asyncio.to_thread(move, url, command.upgrade, "head")
    async with database.begin("jobs taken") as work:
        assert list(await work.receipt_chain.waiting("paddock", 10)) == [final]
        (job,) = await work.outbox.take(NOW, NOW, 10)
    assert (job.topic, job.subject) == ("chain_receipts", "paddock")
    await database.close()
