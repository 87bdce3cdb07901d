"""F14, F15, F16: slow chains, many keys and processes, stuck fees, lost broadcasts, nonces that somebody else used."""

import asyncio
from collections import defaultdict
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import httpx
import pytest

from server.application.send import MOST_ATTEMPTS, PATIENCE
from server.domain.sending import Fees, TransactionState
from server.domain.settlements import SettlementState
from server.domain.states import PaymentState
from server.facilitator.local import LocalFacilitator
from server.facilitator.settler import LATENESS, LATEST, SOONEST, Settler
from server.ports import Call
from server.web.app import create_app
from server.web.credentials import Credentials, digest
from tests.fakes.blocks import decode_transaction
from tests.simulation.world import ORIGIN, TOKEN, open_world

GWEI = 10**9
PAST_PATIENCE = PATIENCE.total_seconds() + 5


@pytest.fixture
async def world():
    async with open_world() as opened:
        yield opened


@asynccontextmanager
async def another_process(world):
    """A server and facilitator of its own on the same database, with the same keys; a client of it."""
    network = world.paddock.market.network
    settlers = [Settler(world.db, world.paddock.home, world.clock, one._signer) for one in world.settlers]
    facilitator = LocalFacilitator(world.db, world.clock, world.paddock.grounds, {network: settlers})
    app = create_app(None, Credentials(digest(TOKEN)), facilitator=True)
    app.state.paddock = replace(world.paddock, facilitator=facilitator)
    tasks = [asyncio.create_task(settler.run()) for settler in settlers]
    try:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN) as client:
            yield client
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def quotes(world, number, **changes):
    """Quotes and their payments; these are valid for an hour."""
    valid = {"validBefore": str(int(world.clock.now().timestamp()) + 3600)} | changes
    found = [await world.buyer.ask(world.url("echo")) for _ in range(number)]
    return [(quoted, world.buyer.pay(quoted, **valid)) for quoted in found]


async def test_what_is_mined_at_once_is_recorded_without_waiting(world):
    quoted = await world.buyer.ask(world.url("echo"))
    before = world.clock.now()
    assert (await world.buyer.present(quoted, world.buyer.pay(quoted))).status_code == 200
    assert world.clock.now() == before


@pytest.mark.parametrize(
    ("seconds", "late", "looks"),
    [(0.003, SOONEST, 8), (0.1, 0.1 * LATENESS, 30), (2.5, 2.5 * LATENESS, 60), (12.5, LATEST, 110)],
)
async def test_f14_looks_for_what_is_in_flight_are_soon_at_first_and_grow_rare(world, seconds, late, looks):
    """Late by a part of the time that the block took, and a node is not asked a hundred times a second for it."""
    world.chain.automine, world.chain.block_seconds = False, 1_000
    asked, look = [], world.chain.mined

    async def counted(transaction):
        asked.append(transaction)
        return await look(transaction)

    async def block():
        await world.clock.sleep(seconds)
        world.chain.mine()

    world.chain.mined = counted
    ((quoted, header),) = await quotes(world, 1)
    before = world.clock.now()
    _, answer = await asyncio.gather(block(), world.buyer.present(quoted, header))
    assert answer.status_code == 200
    assert seconds <= (world.clock.now() - before).total_seconds() <= seconds + late + 0.001
    assert len(asked) <= looks


def let_in(world, number):
    """So many requests of one payer at once; what is tested comes after admission."""
    world.paddock.admission.orders_per_payer = world.paddock.admission.runs_per_route = number


async def present_all(world, presented, clients=()):
    """All at once, by turns over the clients; their statuses."""
    over = (world.client, *clients)

    async def one(index, quoted, header):
        answer = await over[index % len(over)].get(quoted.url, headers={"PAYMENT-SIGNATURE": header})
        return answer.status_code

    return await asyncio.gather(*(one(index, *two) for index, two in enumerate(presented)))


def settling(world):
    """The settlement keys' transactions."""
    return [one for one in world.db.tables.transactions.values() if one.purpose == "settle"]


def assert_no_gap(world):
    """Every key used its nonces from the first to the last, each once and each mined."""
    nonces = defaultdict(list)
    for one in settling(world):
        nonces[one.sender].append(one.nonce)
        assert one.state is TransactionState.SUCCEEDED
    assert all(sorted(used) == list(range(len(used))) for used in nonces.values())
    return nonces


async def test_f14_half_a_minute_a_block_is_pending_with_its_hash_and_later_one_transfer(world):
    world.chain.automine, world.chain.block_seconds = False, 30
    ((quoted, header),) = await quotes(world, 1)
    answer = await world.buyer.present(quoted, header)
    (sent,) = settling(world)
    assert (answer.status_code, answer.json()["transaction"]) == (503, sent.hash)
    assert (await world.order(quoted.id)).payment is PaymentState.IN_DOUBT
    again = await world.buyer.present(quoted, header)
    assert again.status_code in (200, 503)
    await world.work(40)
    assert (await world.buyer.present(quoted, header)).status_code == 200
    assert (world.settlements(), world.runs["echo"], len(settling(world))) == (1, 1, 1)


async def test_s27_of_many_at_once_the_first_have_their_answers_before_the_last_are_claimed(world):
    let_in(world, 100)
    many, claimed = await quotes(world, 100), []

    async def one(quoted, header):
        answer = await world.client.get(quoted.url, headers={"PAYMENT-SIGNATURE": header})
        claimed.append(len(await world.orders()))
        return answer.status_code

    assert await asyncio.gather(*(one(*two) for two in many)) == [200] * 100
    assert claimed[0] <= 40


@pytest.mark.parametrize("keys", [1, 4])
async def test_f16_two_hundred_settlements_leave_no_gap_whatever_the_number_of_keys(keys):
    async with open_world(keys=keys) as world:
        let_in(world, 200)
        world.chain.automine, world.chain.block_seconds = False, 2
        statuses = await present_all(world, await quotes(world, 200))
        assert statuses == [200] * 200
        assert world.settlements() == 200
        await world.work(120)
        assert len(assert_no_gap(world)) == keys
        assert len(settling(world)) <= 60, "they share chain transactions"


async def test_f16_three_processes_on_one_key_leave_no_gap(world):
    let_in(world, 60)
    world.chain.automine, world.chain.block_seconds = False, 2
    async with another_process(world) as second, another_process(world) as third:
        presented = await quotes(world, 60)
        statuses = await present_all(world, presented, (second, third))
        assert set(statuses) <= {200, 503}
        await world.work(30)
        assert await present_all(world, presented, (third,)) == [200] * 60
    assert world.settlements() == 60
    assert len(assert_no_gap(world)) == 1


async def test_f16_what_another_process_took_over_holds_up_nothing_else_of_its_batch(world):
    world.chain.automine, world.chain.block_seconds = False, 2
    taken = []

    def take_over(name, when):
        """Just before a batch is written down, somebody else has one of its rows."""
        rows = world.db.tables.settlements
        queued = [row for row in rows.values() if row.state is SettlementState.QUEUED]
        if (name, when) == ("settlement signed", "begin") and 0 < len(queued) < len(rows) and not taken:
            lease = world.clock.now() + timedelta(seconds=3)
            rows[queued[0].id] = replace(queued[0], version=queued[0].version + 1, lease_until=lease)
            taken.append(queued[0].id)

    world.db.hooks.append(take_over)
    began = world.clock.now()
    assert await present_all(world, await quotes(world, 6)) == [200] * 6
    assert taken
    assert world.clock.now() - began < timedelta(seconds=15)
    assert world.settlements() == 6


@pytest.fixture
async def stuck(world):
    """A settlement whose fee is too low for the chain since it was signed: (its quote, its payment)."""

    def rise(name, when):
        if (name, when) == ("settlement signed", "committed"):
            world.chain.least_fee = 5 * GWEI

    world.db.hooks.append(rise)
    ((quoted, header),) = await quotes(world, 1)
    assert (await world.buyer.present(quoted, header)).status_code == 503
    world.db.hooks.clear()
    return quoted, header


async def test_f16_a_stuck_fee_is_replaced_at_the_same_nonce(world, stuck):
    await world.work(PAST_PATIENCE)
    (sent,) = settling(world)
    first, second = (decode_transaction(one.raw) for one in sent.attempts)
    assert (first.nonce, first.to, first.data) == (second.nonce, second.to, second.data)
    assert second.max_fee >= 5 * GWEI
    assert (sent.state, sent.mined_hash) == (TransactionState.SUCCEEDED, second.hash)
    assert (await world.order(stuck[0].id)).settlement_tx == second.hash
    assert (await world.buyer.present(*stuck)).status_code == 200
    assert world.settlements() == 1


async def test_f16_the_first_attempt_that_is_mined_after_all_is_recognised(world, stuck):
    world.chain.automine, world.chain.block_seconds = False, 10_000
    await world.work(PAST_PATIENCE)
    (sent,) = settling(world)
    first = decode_transaction(sent.attempts[0].raw)
    assert len(sent.attempts) == 2
    world.chain.pending[first.sender, first.nonce] = first  # a miner who never heard of the second
    world.chain.least_fee = 0
    world.chain.mine()
    world.chain.automine, world.chain.block_seconds = True, 1
    await world.work(10)
    (sent,) = settling(world)
    assert (sent.state, sent.mined_hash) == (TransactionState.SUCCEEDED, first.hash)
    assert (await world.order(stuck[0].id)).settlement_tx == first.hash
    assert (await world.buyer.present(*stuck)).status_code == 200


async def test_f16_fees_rise_by_an_eighth_at_least_and_only_so_often(world, stuck, monkeypatch):
    async def fees():
        return Fees(3 * GWEI, GWEI)

    monkeypatch.setattr(world.chain, "fees", fees)
    world.chain.least_fee = 10**6 * GWEI
    await world.work((MOST_ATTEMPTS + 3) * PAST_PATIENCE)
    (sent,) = settling(world)
    offered = [one.fees.max_fee for one in sent.attempts]
    assert len(offered) == MOST_ATTEMPTS
    assert all(8 * later >= 9 * earlier for earlier, later in pairwise(offered))
    world.chain.least_fee = 0
    await world.work(10)
    assert (await world.buyer.present(*stuck)).status_code == 200


async def test_f16_a_dropped_broadcast_is_made_again_with_the_same_bytes(world):
    world.chain.drop_next = 3
    ((quoted, header),) = await quotes(world, 1)
    assert (await world.buyer.present(quoted, header)).status_code == 200
    assert len(world.chain.broadcasts) >= 4
    assert len(set(world.chain.broadcasts)) == 1


async def test_f15_a_broadcast_whose_answer_is_lost_is_not_signed_again(world):
    world.chain.lose_next = 1
    ((quoted, header),) = await quotes(world, 1)
    assert (await world.buyer.present(quoted, header)).status_code == 200
    assert len(set(world.chain.broadcasts)) == world.settlements() == 1


async def use_nonce(world, signer, nonce):
    """The key's owner sends something else with that nonce, by another program."""
    call = Call(signer.address, world.paddock.market.asset.address, b"")
    signed = await signer.sign(world.chain.id, nonce, call, 50_000, Fees(9 * GWEI, GWEI))
    world.chain.pending[signer.address, nonce] = decode_transaction(signed.raw)
    world.chain.mine()


async def test_f16_payments_whose_nonce_somebody_else_used_are_settled_by_another_transaction(world):
    world.chain.drop_next = 10**6
    presented = await quotes(world, 3)
    assert await present_all(world, presented) == [503] * 3
    lost = settling(world)
    assert lost
    await use_nonce(world, world.settler._signer, lost[0].nonce)
    world.chain.drop_next = 0
    await world.work(30)
    assert await present_all(world, presented) == [200] * 3
    assert world.settlements() == 3
    states = [one.state for one in settling(world)]
    assert states.count(TransactionState.LOST) == 1
    assert {one.state for one in world.db.tables.settlements.values()} == {SettlementState.SETTLED}


async def test_f16_a_nonce_that_is_used_in_the_newest_block_is_not_lost_yet(world):
    world.chain.drop_next = 10**6
    ((quoted, header),) = await quotes(world, 1)
    await world.buyer.present(quoted, header)
    (sent,) = settling(world)
    world.chain.finality = 50
    await use_nonce(world, world.settler._signer, sent.nonce)
    await world.work(10)
    assert [one.state for one in settling(world)] == [TransactionState.SIGNED]
    world.chain.reorganise(len(world.chain.blocks) - next(b.number for b in world.chain.blocks if b.transactions))
    world.chain.drop_next, world.chain.finality = 0, 2
    await world.work(10)
    assert (await world.buyer.present(quoted, header)).status_code == 200
    assert [one.state for one in settling(world)] == [TransactionState.SUCCEEDED]


WORKERS_WORK = [("access-pass", "callback"), ("launch-pass", "refund"), ("access-pass", "anchor")]


@pytest.mark.parametrize(("service", "purpose"), WORKERS_WORK)
async def test_f16_a_worker_whose_nonce_somebody_else_used_sends_again(world, service, purpose):
    if service == "launch-pass":  # sold out: the second buyer is refunded
        async with world.workers():
            assert (await world.buyer.buy(world.url(service), "POST", {})).status_code == 200
        await world.work(120)
    quoted = await world.buyer.ask(world.url(service), "POST", {})
    known = set(world.db.tables.transactions)

    def drop(name, when):
        if (name, when) == (f"{purpose} signed", "committed"):
            world.chain.drop_next = 10**6

    world.db.hooks.append(drop)
    answer = asyncio.create_task(world.buyer.present(quoted, world.buyer.pay(quoted)))
    while not world.chain.drop_next:
        await world.work(0.5)
    (sent,) = (one for one in world.db.tables.transactions.values() if one.purpose == purpose and one.hash not in known)
    await use_nonce(world, world.paddock.delegate, sent.nonce)
    world.db.hooks.clear()
    world.chain.drop_next = 0
    await world.work(30)
    await answer
    again = max((one for one in world.db.tables.transactions.values() if one.purpose == purpose), key=_nonce)
    states = world.db.tables.transactions[sent.hash].state, again.state
    assert states == (TransactionState.LOST, TransactionState.SUCCEEDED)
    order = await world.order(quoted.id)
    assert order.ended, f"{order.fulfilment}, money back {order.money_back}"


def _nonce(transaction):
    return transaction.nonce
