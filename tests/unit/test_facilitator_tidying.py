"""What settlers do about pauses, lost nonces, reorganisations and each other, so that each payment has one sender."""

from dataclasses import replace

import pytest

from server.domain.sending import TransactionState
from server.domain.settlements import SettlementState
from server.facilitator.settler import LEASE
from tests.fakes import samples
from tests.fakes.liars import Liar, hang
from tests.unit.facilitator_samples import TRANSACTION, Place, paid

S, T = SettlementState, TransactionState
LEASED = LEASE.total_seconds()


@pytest.fixture
def place(clock):
    return Place(clock)


@pytest.fixture
def broadcast(place):
    """All bytes that went out; the chain takes any."""
    sent = []
    place.chain.lies["send"] = sent.append
    return sent


def earlier(place, **changes):
    """A chain transaction of the key's from before this process began, that nobody has recorded."""
    made = samples.chain_transaction(nonce=7, sender=place.settler.address, **changes)
    place.db.tables.transactions[made.hash] = made
    return made


async def test_while_paused_nothing_is_signed_and_no_bytes_go_out_and_afterwards_all_of_it(place, clock, broadcast):
    left, known = earlier(place), place.knows(paid())
    await place.pause()
    async with place.running():
        place.settler.offer(known)
        await clock.sleep(5)
        assert (broadcast, place.transactions, place.rows[known.id].state) == ([], [left], S.QUEUED)
        await place.pause(on=False)
        await clock.sleep(5)
    signed = place.db.tables.transactions[place.rows[known.id].sent_in]
    assert {left.newest.raw, signed.newest.raw} == set(broadcast)


async def test_what_lost_its_nonce_goes_out_in_another_transaction_but_for_what_was_settled_meanwhile(place, clock):
    async with place.running():
        waits, settled = place.knows_many(2)
        for one in (waits, settled):
            place.settler.offer(one)
        await clock.sleep(0.5)
        (lost,) = place.transactions
        place.stored(replace(place.rows[settled.id], state=S.SETTLED, transaction=TRANSACTION))
        place.chain.lies["transaction_count"] = lost.nonce + 1
        await clock.sleep(LEASED + 5)
    lost, again = place.transactions
    assert (lost.state, again.state, place.carried()) == (T.LOST, T.SIGNED, [1, 1])
    assert (place.rows[waits.id].state, place.rows[waits.id].sent_in) == (S.SENT, again.hash)
    assert (place.rows[settled.id].state, place.rows[settled.id].transaction) == (S.SETTLED, TRANSACTION)


@pytest.mark.parametrize("gone", [True, False])
async def test_what_a_reorganisation_took_back_is_sent_again_and_its_payments_wait_but_for_those_that_failed(
    place, broadcast, gone
):
    place.chain.lies["block_hash"] = "0xother" if gone else "0xours"
    mined = earlier(place, state=T.SUCCEEDED, mined_hash=TRANSACTION, block=100, block_hash="0xours")
    kept = [
        place.stored(samples.settlement(state=state, sent_in=mined.hash, transaction=TRANSACTION))
        for state in (S.SETTLED, S.FAILED)
    ]
    await place.work(seconds=1)
    (found,) = place.transactions
    states = [place.rows[one.id].state for one in kept]
    assert (found.state, states) == ((T.SIGNED, [S.SENT, S.FAILED]) if gone else (T.SUCCEEDED, [S.SETTLED, S.FAILED]))
    assert broadcast == ([mined.newest.raw] if gone else [])


# -------------------------------------------------------------------------------------------------- several processes


@pytest.mark.parametrize("state", [S.QUEUED, S.SENT, S.FAILED])
async def test_what_another_process_took_out_of_a_batch_is_left_to_it_and_the_others_go_out(place, state):
    kept, taken = place.knows_many(2)
    took = replace(taken, state=state, version=taken.version + 1)

    def take(name, when):
        if (name, when) == ("settlement signed", "begin"):
            place.db.hooks.clear()
            place.stored(took)

    place.db.hooks.append(take)
    await place.work(kept, taken)
    assert (place.rows[kept.id].state, place.carried()) == (S.SENT, [1])
    assert place.rows[taken.id] == took


async def test_what_waits_here_longer_than_a_lease_is_not_another_processes_to_send(place, clock):
    first, waits = place.knows_many(2)
    async with place.running(place.settler, place.another("float")):
        for one in (first, waits):
            place.settler.offer(one)
            await clock.sleep(0.5)
        await clock.sleep(2 * LEASED)
    assert [(one.sender, place.carried()) for one in place.transactions] == [(place.settler.address, [1])]
    assert (place.rows[waits.id].state, place.rows[waits.id].version) == (S.QUEUED, waits.version)


async def test_what_one_process_took_over_is_taken_over_by_no_other_before_its_lease_is_over(place, clock):
    place.chain.lies["estimate_gas"] = hang
    known = place.knows(paid(), lease_until=clock.now())
    async with place.running():
        await clock.sleep(1)
    other = place.another("float", Liar(place.chain.node, estimate_gas=60_000))
    async with place.running(other):
        await clock.sleep(LEASED - 3)
        assert place.rows[known.id].state is S.QUEUED
        await clock.sleep(5)
    assert [one.sender for one in place.transactions] == [other.address]
