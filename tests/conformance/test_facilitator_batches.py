"""How our facilitator gathers, waits and recovers."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from eth_account import Account

from server.adapters.clock import SystemClock
from server.adapters.signers import LocalSigner
from server.application.paddock import Ground
from server.domain.evidence import Mined
from server.domain.settlements import SettlementState
from server.facilitator import local, settler
from server.facilitator.local import LocalFacilitator
from server.facilitator.settler import Settler
from tests.conformance.counters import SHOP, ours, read
from tests.conformance.worlds import fake_world, settle_call
from tests.fakes import samples
from tests.fakes.chain import decode_transaction
from tests.fakes.contracts import SETTLER
from tests.fakes.database import FakeDatabase
from tests.fakes.evm import Contract
from tests.stack import buyer
from tests.stack.waiting import eventually


async def test_ten_payments_at_once_settle_each_with_its_own_transfer(our_counter):
    counter = our_counter
    payers = [await counter.world.payer() for _ in range(10)]
    payments = [counter.payment(payer, 1_000 + number) for number, payer in enumerate(payers)]
    before = await counter.sent()
    responses = await asyncio.gather(*(counter.settle(payment) for payment in payments))
    assert [response.success for response in responses] == [True] * 10
    assert await counter.sent() - before <= 10
    for number, (payment, response) in enumerate(zip(payments, responses, strict=True)):
        transfer = await counter.paid(payment)
        assert (transfer.amount, transfer.transaction) == (1_000 + number, response.transaction)


async def test_payments_gather_into_a_batch_while_one_is_in_flight():
    world = fake_world()
    async with ours(world, FakeDatabase(SystemClock())) as counter:
        payers = [await world.payer() for _ in range(10)]
        with world.held():
            first = asyncio.create_task(counter.settle(counter.payment(payers[0])))

            async def in_flight():
                return (counter.settler, 0) in world.fake.pending

            await eventually(in_flight, 5, "the first is in flight")
            others = [asyncio.create_task(counter.settle(counter.payment(payer))) for payer in payers[1:]]

            async def admitted():
                return len(counter.database.tables.settlements) == 10

            await eventually(admitted, 5, "the others are admitted")
        responses = await asyncio.gather(first, *others)
        assert all(response.success for response in responses)
        assert len({response.transaction for response in responses[1:]}) == 1
        assert await counter.sent() == 2


async def test_what_waits_for_longer_than_a_lease_stays_with_whom_it_waits_for():
    world = fake_world()
    async with ours(world, FakeDatabase(SystemClock())) as counter:
        payments = [counter.payment(await world.payer()) for _ in range(5)]

        def stored():
            return counter.database.tables.settlements

        with world.held():
            first = asyncio.create_task(counter.settle(payments[0]))

            async def in_flight():
                return (counter.settler, 0) in world.fake.pending

            await eventually(in_flight, 5, "the first is in flight")
            others = [asyncio.create_task(counter.settle(payment)) for payment in payments[1:]]

            async def admitted():
                return len(stored()) == 5

            await eventually(admitted, 5, "the others are admitted")
            queued = [one.id for one in stored().values() if one.state is SettlementState.QUEUED]
            for name in queued:
                stored()[name] = replace(stored()[name], lease_until=samples.NOW)

            async def held():
                return all(stored()[name].lease_until > SystemClock().now() for name in queued)

            await eventually(held, 10, "they are held")
            assert [stored()[name].version for name in queued] == [0] * 4, "nobody took them over"
        assert all(one.success for one in await asyncio.gather(first, *others))
        assert await counter.sent() == 2


async def test_a_bad_payment_among_nine_good_ones_fails_alone(our_counter):
    counter = our_counter
    payers = [await counter.world.payer() for _ in range(10)]
    payments = [counter.payment(payer) for payer in payers]
    drained = buyer.payment(payers[4], counter.world.entry("0x" + "33" * 20, 1_000_000))
    await counter.world.transact(counter.world.token, settle_call(drained))
    responses = await asyncio.gather(*(counter.settle(payment) for payment in payments))
    assert [response.success for response in responses] == [number != 4 for number in range(10)]
    assert await counter.paid(payments[4]) is None


async def test_payments_that_cannot_go_as_a_batch_go_one_by_one():
    world = fake_world()
    world.fake._contracts[SETTLER] = Contract(SETTLER, {})  # it reverts, whatever it is asked
    async with ours(world, FakeDatabase(SystemClock())) as counter:
        payers = [await world.payer() for _ in range(5)]
        responses = await asyncio.gather(*(counter.settle(counter.payment(payer)) for payer in payers))
        assert [response.success for response in responses] == [True] * 5
        assert await counter.sent() == 5


@pytest.mark.parametrize("odd", [{"amount": 2**128}, {"validBefore": str(2**48)}], ids=str)
async def test_a_payment_too_large_for_a_batch_settles_alone(counter, odd):
    payer = await counter.world.payer(2**129)
    payments = [counter.payment(payer, **odd), counter.payment(payer), counter.payment(payer)]
    responses = await asyncio.gather(*(counter.settle(payment) for payment in payments))
    assert [response.success for response in responses] == [True] * 3
    assert (await counter.paid(payments[0])).amount == odd.get("amount", 50_000)


async def test_f14_a_settlement_that_takes_too_long_is_pending_with_its_transaction_and_settled_later():
    world = fake_world()
    async with ours(world, FakeDatabase(SystemClock()), wait=0.2) as counter:
        payer = await counter.world.payer()
        payment = counter.payment(payer)
        with world.held():
            pending = await counter.settle(payment)
            assert (pending.success, pending.error_reason) == (False, "settlement_pending")
            assert pending.transaction.startswith("0x")

        async def settled():
            response = await counter.settle(payment)
            return response if response.success else None

        response = await eventually(settled, 10, "the settlement is settled")
        assert response.transaction == pending.transaction
        assert await counter.sent() == 1


async def test_f13_what_a_dead_process_had_queued_is_settled_by_the_next_one():
    world, db = fake_world(), FakeDatabase(SystemClock())
    grounds = {world.market.network: Ground(world.market, world.chain)}
    dead = Settler(db, grounds[world.market.network], SystemClock(), LocalSigner(Account.create().key.hex()))
    facilitator = LocalFacilitator(db, SystemClock(), grounds, {world.market.network: [dead]}, wait=0.05)
    payer = await world.payer()
    payment = buyer.payment(payer, world.entry(SHOP))
    response = await facilitator.settle(*read(payment))
    assert (response.error_reason, response.transaction) == ("settlement_pending", "")
    async with ours(world, db) as counter:
        assert (await facilitator.settle(*read(payment))).error_reason == "settlement_pending", "its lease still holds"
        (settlement,) = db.tables.settlements.values()
        db.tables.settlements[settlement.id] = replace(settlement, lease_until=samples.NOW)

        async def settled():
            return (await facilitator.settle(*read(payment))).success

        await eventually(settled, 10, "another process settles it")
        assert (await counter.paid(payment)).amount == 50_000
        assert await counter.sent() == 1


async def test_f15_a_broadcast_whose_answer_is_lost_settles_once():
    world = fake_world()
    async with ours(world, FakeDatabase(SystemClock()), wait=0.2) as counter:
        payer = await counter.world.payer()
        payment = counter.payment(payer)
        world.fake.lose_next = 1

        async def settled():
            response = await counter.settle(payment)
            assert response.success or response.error_reason == "settlement_pending", "nobody is blamed meanwhile"
            return response.success

        await eventually(settled, 10, "the settlement is settled")
        assert await counter.sent() == 1
        assert len(world.fake.broadcasts) >= 1


async def test_f15_a_broadcast_that_was_dropped_goes_out_again_with_the_same_bytes():
    world = fake_world()
    async with ours(world, FakeDatabase(SystemClock()), wait=10) as counter:
        payer = await counter.world.payer()
        payment = counter.payment(payer)
        world.fake.drop_next = 1
        assert (await counter.settle(payment)).success
        sent = [raw for raw in world.fake.broadcasts if decode_transaction(raw).sender == counter.settler]
        assert len(sent) >= 2
        assert len(set(sent)) == 1
        assert await counter.sent() == 1


async def test_many_who_wait_look_together_no_more_often_than_so_many_times_a_second(monkeypatch):
    monkeypatch.setattr(local, "LOOK_FOR_EACH", 0.2)
    world, waits = fake_world(), []
    async with ours(world, FakeDatabase(SystemClock())) as counter:
        own = counter.facilitator._settlers[world.market.network][0]

        async def recorded(settlement_id, timeout):
            waits.append(timeout)
            return await Settler.recorded(own, settlement_id, timeout)

        monkeypatch.setattr(own, "recorded", recorded)
        payers = [await world.payer() for _ in range(30)]
        with world.held():
            waiting = [asyncio.create_task(counter.settle(counter.payment(payer))) for payer in payers]

            async def all_wait():
                return len(waits) >= 30

            await eventually(all_wait, 10, "all of them wait")
        responses = await asyncio.gather(*waiting)
    assert all(response.success for response in responses), "each is told as soon as its outcome is recorded"
    assert (waits[0], max(waits)) == (local.LOOK_EVERY, 30 / 5)
    assert counter.facilitator._waiting == 0


async def test_what_this_process_records_is_not_read_back(monkeypatch):
    monkeypatch.setattr(local, "LOOK_EVERY", 10.0)
    world, looks = fake_world(), []
    async with ours(world, FakeDatabase(SystemClock())) as counter:
        known = counter.facilitator._known

        async def looked(payment):
            looks.append(payment)
            return await known(payment)

        monkeypatch.setattr(counter.facilitator, "_known", looked)
        response = await counter.settle(counter.payment(await world.payer()))
    assert response.success
    assert len(looks) == 1, "whether the payment is known, before it is admitted"


async def test_who_waits_for_what_another_process_records_is_told_without_a_look_of_its_own(monkeypatch):
    monkeypatch.setattr(local, "LOOK_EVERY", 60.0)
    monkeypatch.setattr(settler, "TIDY_EVERY", timedelta(seconds=0.02))

    async def none_is_gone(*_):
        return []

    monkeypatch.setattr(settler, "gone_from_chain", none_is_gone)  # the fake chain has no block with it
    world, db = fake_world(), FakeDatabase(SystemClock())
    async with ours(world, db, wait=60.0) as counter:
        payment = counter.payment(await world.payer())
        with world.held():
            waiting = asyncio.create_task(counter.settle(payment))

            async def sent():
                return (counter.settler, 0) in world.fake.pending

            await eventually(sent, 5, "it is in flight")
            (settlement,) = db.tables.settlements.values()
            async with db.begin("settlement recorded") as work:
                mined = Mined(settlement.sent_in, True, 1, "0x" + "11" * 32, 21_000, ())
                await work.transactions.record(settlement.sent_in, mined)
                stored = await work.settlements.get(settlement.id)
                stored.move(SettlementState.SETTLED, settlement.sent_in)
                await work.settlements.save(stored)
            response = await asyncio.wait_for(waiting, 10)
    assert (response.success, response.transaction) == (True, settlement.sent_in)
