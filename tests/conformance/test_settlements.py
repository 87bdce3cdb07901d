"""What ports.Settlements and Transactions guarantee, on the fake, SQLite and PostgreSQL."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from server.domain.errors import DuplicateClaim
from server.domain.evidence import Mined
from server.domain.sending import Sender, TransactionState
from server.domain.settlements import SettlementState
from tests.conformance.rows import race
from tests.fakes import samples
from tests.fakes.samples import NETWORK, NOW

N = 50
LATER = NOW + timedelta(seconds=15)


# ---------------------------------------------------------------------------------------------------------- settlements


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
    settlement.move(SettlementState.SENT)
    settlement.sent_in = "0x" + "aa" * 32
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


async def test_a_queued_settlement_is_held_without_a_change_of_its_version_and_a_sent_one_is_not(database):
    queued = samples.settlement(lease_until=NOW)
    sent = samples.settlement(lease_until=NOW, state=SettlementState.SENT, transaction="0x" + "aa" * 32)
    other = samples.settlement(lease_until=NOW)
    async with database.begin("admitted") as work:
        for settlement in (queued, sent, other):
            await work.settlements.add(settlement)
    async with database.begin("held") as work:
        await work.settlements.hold([queued.id, sent.id], LATER)
    async with database.read() as view:
        kept = [await view.settlements.get(one.id) for one in (queued, sent, other)]
    assert [(one.lease_until, one.version) for one in kept] == [(LATER, 0), (NOW, 0), (NOW, 0)]
    queued.move(SettlementState.SENT)
    async with database.begin("sent") as work:
        await work.settlements.save(queued)


async def test_only_queued_settlements_without_an_owner_are_abandoned(database):
    queued = samples.settlement(lease_until=NOW)
    owned = samples.settlement(lease_until=LATER)
    sent = samples.settlement(lease_until=NOW, state=SettlementState.SENT, transaction="0x" + "aa" * 32)
    async with database.begin("admitted") as work:
        for settlement in (queued, owned, sent):
            await work.settlements.add(settlement)
    async with database.read() as view:
        assert [item.id for item in await view.settlements.abandoned(NETWORK, NOW, 10)] == [queued.id]
        assert len(await view.settlements.abandoned(NETWORK, LATER, 10)) == 2
        assert len(await view.settlements.abandoned(NETWORK, LATER, 1)) == 1
        assert list(await view.settlements.abandoned("eip155:1", LATER, 10)) == []


# --------------------------------------------------------------------------------------------------------- transactions


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
    mined = Mined(newer.hash, False, 12, "0xblock", 21_000, ())
    async with database.begin("mined") as work:
        for _ in range(2):  # harmless when it is written already
            await work.transactions.record(newer.hash, mined)
        await work.transactions.record("0x" + "00" * 32, mined)
    async with database.read() as view:
        outcome = {"mined_hash": newer.hash, "block": 12, "block_hash": "0xblock"}
        assert await view.transactions.of("refund", "order-1") == replace(
            newer, state=TransactionState.REVERTED, **outcome
        )
        assert await view.transactions.of("refund", "order-2") is None
        assert await view.transactions.get(older.hash) == older
        assert await view.transactions.get("0x00") is None
        assert list(await view.transactions.unmined(NETWORK, waiting.sender)) == [waiting, older]
        assert list(await view.transactions.unmined("eip155:1", waiting.sender)) == []


async def test_senders_are_the_keys_that_signed_with_the_times_of_their_first_and_last_signature(database):
    day, other = timedelta(days=1), "0x" + "0a" * 20
    made = [
        samples.chain_transaction(nonce, purpose=purpose, attempts=(samples.attempt(signed_at=NOW + day * nonce),))
        for nonce, purpose in ((9, "settle"), (10, "anchor"))
    ]
    elsewhere = samples.chain_transaction(3, network="eip155:1", sender=other)
    async with database.begin("signed") as work:
        for one in (*made, elsewhere):
            await work.transactions.allot(one.network, one.sender, one.nonce)
            await work.transactions.add(replace(one, hash=one.newest.hash))
        await work.transactions.attempt(made[1].newest.hash, samples.attempt(4_000_000_000, NOW + day * 20))
        await work.transactions.allot(NETWORK, other, 0)
    async with database.read() as view:
        assert list(await view.transactions.senders()) == [
            Sender("eip155:1", other, "settle", NOW, NOW),
            Sender(NETWORK, made[0].sender, "anchor", NOW + day * 9, NOW + day * 20),
        ]


async def test_f16_a_dearer_attempt_joins_the_first_and_the_one_that_was_mined_is_recorded(database):
    first = samples.chain_transaction(5)
    dearer = samples.attempt(max_fee=4_000_000_000, signed_at=LATER)
    async with database.begin("signed") as work:
        await work.transactions.add(first)
    async with database.begin("dearer") as work:
        await work.transactions.attempt(first.hash, dearer)
    with pytest.raises(DuplicateClaim):
        async with database.begin("dearer") as work:
            await work.transactions.attempt(first.hash, dearer)
    async with database.read() as view:
        stored = await view.transactions.get(first.hash)
    assert stored.attempts == (*first.attempts, dearer)
    assert stored.newest == dearer
    async with database.begin("mined") as work:
        await work.transactions.record(first.hash, Mined(dearer.hash, True, 9, "0xblock", 1, ()))
    async with database.read() as view:
        recorded = await view.transactions.get(first.hash)
        assert (recorded.mined_hash, recorded.state) == (dearer.hash, TransactionState.SUCCEEDED)
        assert list(await view.transactions.unmined(NETWORK, first.sender)) == []


async def test_f17_what_was_mined_above_a_block_can_be_reopened_and_a_lost_nonce_is_neither(database):
    mined, deep, lost = (samples.chain_transaction(nonce) for nonce in (0, 1, 2))
    async with database.begin("signed") as work:
        for transaction in (mined, deep, lost):
            await work.transactions.add(transaction)
        await work.transactions.record(mined.hash, Mined(mined.hash, True, 12, "0xc", 1, ()))
        await work.transactions.record(deep.hash, Mined(deep.hash, False, 10, "0xa", 1, ()))
        await work.transactions.lose(lost.hash)
    async with database.read() as view:
        own = NETWORK, mined.sender
        assert [one.hash for one in await view.transactions.above(*own, 10, 9)] == [mined.hash]
        assert [one.hash for one in await view.transactions.above(*own, 9, 9)] == [mined.hash, deep.hash]
        assert [one.hash for one in await view.transactions.above(*own, 99, 1)] == [deep.hash]
        assert list(await view.transactions.above(*own, 99, 2)) == []
        assert list(await view.transactions.above(NETWORK, "0xother", 0, 0)) == []
        assert list(await view.transactions.unmined(*own)) == []
    async with database.begin("reopened") as work:
        await work.transactions.reopen(mined.hash)
    async with database.read() as view:
        assert list(await view.transactions.unmined(*own)) == [mined]
