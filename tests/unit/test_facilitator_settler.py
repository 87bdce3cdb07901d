"""What a settler sends, in which chain transactions and at whose cost, and what it writes down of them."""

import asyncio
from datetime import timedelta

import pytest

from server.application.send import GAS_MARGIN
from server.domain.errors import Reverted
from server.domain.evidence import Mined, TransferLog
from server.domain.outages import ChainUnavailable
from server.domain.payment_calls import MOST_WALLET_GAS
from server.domain.settlements import SettlementState
from server.facilitator.settler import LATENESS, MOST_IN_BATCH, MOST_IN_FLIGHT, SOONEST
from tests.fakes.blocks import decode_transaction
from tests.fakes.chain import DOLLAR
from tests.fakes.contracts import SETTLER
from tests.unit.facilitator_samples import TRANSACTION, Place, paid
from tests.unit.protocol_samples import PAYER

S = SettlementState
NO_KEYS = b"\x11" * 64 + b"\x1b"
"""A signature that a wallet's code may call its own: what it signed shares no chain transaction."""


@pytest.fixture
def place(clock):
    return Place(clock)


@pytest.mark.parametrize(("more", "goes"), [(0, True), (1, False)])
async def test_what_one_payment_may_cost_to_settle_is_sent_and_no_more(place, more, goes):
    place.chain.lies["estimate_gas"] = MOST_WALLET_GAS + more
    known = place.knows(paid())
    await place.work(known)
    found = place.rows[known.id]
    assert (found.state, len(place.transactions)) == ((S.SENT, 1) if goes else (S.FAILED, 0))
    assert goes or found.reason == f"settling it would use {int((MOST_WALLET_GAS + 1) * GAS_MARGIN)} gas"


async def test_what_became_of_a_chain_transaction_is_written_down_with_its_block(place):
    place.chain.lies["mined"] = lambda hash_: Mined(hash_, False, 7, "0xblock", 21_000, ())
    known = place.knows(paid())
    await place.work(known)
    (sent,) = place.transactions
    assert (sent.block, sent.block_hash) == (7, "0xblock")
    found = place.rows[known.id]
    assert (found.state, found.transaction) == (S.FAILED, sent.hash)


@pytest.mark.parametrize(
    ("alone", "waiting", "sent"),
    [
        (1, MOST_IN_BATCH - 1, [1]),
        (1, MOST_IN_BATCH, [1, MOST_IN_BATCH]),
        (0, MOST_IN_BATCH + 1, [MOST_IN_BATCH]),
        (MOST_IN_FLIGHT - 1, MOST_IN_BATCH, [1] * (MOST_IN_FLIGHT - 1) + [MOST_IN_BATCH]),
        (MOST_IN_FLIGHT, MOST_IN_BATCH, [1] * MOST_IN_FLIGHT),
    ],
)
async def test_beside_what_is_in_flight_full_batches_alone_go_out_at_once_and_only_so_many(place, alone, waiting, sent):
    began, later = place.clock.now(), 1.5
    async with place.running():
        for one in place.knows_many(alone, signature=NO_KEYS):
            place.settler.offer(one)
        await place.clock.sleep(later)
        for one in place.knows_many(waiting):
            place.settler.offer(one)
        await place.clock.sleep(later)
    assert place.carried() == sent
    went = [(one.newest.signed_at - began).total_seconds() for one in place.transactions]
    assert went == [0.0] * alone + [later] * (len(sent) - alone)


async def test_the_payment_that_fills_a_batch_sends_it_at_once(place, clock):
    async with place.running():
        first, *waiting, last = place.knows_many(1 + MOST_IN_BATCH)
        for one in (first, *waiting):
            place.settler.offer(one)
            await clock.sleep(0)
        await clock.sleep(0.25)
        filled = clock.now()
        place.settler.offer(last)
        await clock.sleep(0.25)
    assert (place.carried(), place.transactions[1].newest.signed_at) == ([1, MOST_IN_BATCH], filled)


@pytest.mark.parametrize(("number", "contract"), [(1, DOLLAR.address), (2, SETTLER), (3, SETTLER)])
async def test_a_payment_alone_goes_to_its_token_and_several_to_the_contract_that_takes_all_of_them(
    place, number, contract
):
    known = place.knows_many(number)
    await place.work(*known)
    (sent,) = place.transactions
    called = decode_transaction(sent.newest.raw)
    assert (called.to, place.carried()) == (contract, [number])
    assert all(one.payment.nonce in called.data for one in known)


async def test_what_needs_its_payers_code_shares_no_chain_transaction_with_others(place):
    await place.work(*place.knows_many(2), *place.knows_many(2, signature=NO_KEYS))
    assert place.carried() == [1, 1, 2]
    assert place.called() == [DOLLAR.address, DOLLAR.address, SETTLER]


async def test_of_a_batch_that_would_fail_each_goes_alone_and_only_the_bad_one_is_refused(place):
    good, bad = place.knows_many(2)

    def estimate(call):
        if call.to == SETTLER or bad.payment.nonce in call.data:
            raise Reverted("no", b"")
        return 60_000

    place.chain.lies["estimate_gas"] = estimate
    await place.work(good, bad)
    assert (place.rows[good.id].state, place.called()) == (S.SENT, [DOLLAR.address])
    refused = place.rows[bad.id]
    assert (refused.state, refused.reason, refused.sent_in) == (S.FAILED, "reverted without a reason", None)


# ------------------------------------------------------------------------------------------------------------- in time


async def test_what_is_mined_at_once_is_answered_at_once_one_payment_after_the_other(place, clock):
    place.honest(automine=True)
    async with place.running():
        await clock.sleep(0.5)
        for _ in range(2):
            began = clock.now()
            answer = await place.settle(paid())
            assert (answer.success, clock.now() - began) == (True, timedelta())
            assert place.settler.load == 0


async def test_what_is_mined_soon_is_answered_soon(place, clock):
    place.honest()

    async def block():
        await clock.sleep(0.1)
        place.chain.node.mine()

    async with place.running():
        began = clock.now()
        answer, _ = await asyncio.gather(place.settle(paid()), block())
        assert answer.success
        assert 0.1 <= (clock.now() - began).total_seconds() <= 0.1 * (1 + LATENESS) + SOONEST


async def test_what_would_fail_is_answered_at_once(place, clock):
    place.chain.lies["estimate_gas"] = Reverted("no", b"")
    async with place.running():
        await clock.sleep(0.5)
        began = clock.now()
        answer = await place.settle(paid())
        assert (answer.error_reason, clock.now() - began) == ("reverted without a reason", timedelta())
        assert (answer.payer, place.transactions) == (PAYER.address, [])
        place.honest(automine=True)
        assert (await place.settle(paid())).success, "the settler goes on"


@pytest.mark.parametrize(("less", "settled"), [(0, True), (1, False)])
async def test_what_a_stranger_settled_first_is_settled_if_it_moved_exactly_the_amount(place, less, settled):
    known = place.knows(paid())
    payment = known.payment
    moved = TransferLog(TRANSACTION, 0, 1, "0xblock", payment.asset, payment.payer, payment.to, payment.value - less)
    place.chain.lies |= {"estimate_gas": Reverted("no", b""), "nonce_used": True, "spent_in": [moved]}
    await place.work(known)
    found = place.rows[known.id]
    assert (found.state, found.transaction) == ((S.SETTLED, TRANSACTION) if settled else (S.FAILED, None))
    assert found.reason == (None if settled else "invalid_exact_evm_nonce_already_used")


async def test_what_our_own_transaction_shows_is_not_searched_for(place):
    place.honest(automine=True)
    async with place.running():
        assert (await place.settle(paid())).success
    assert place.chain.asked["spent_in"] == 0


# ----------------------------------------------------------------------------------------------- a chain that goes away


async def test_what_could_not_be_estimated_is_tried_again_every_second_and_sent_when_the_chain_is_back(place, clock):
    place.chain.lies["estimate_gas"] = ChainUnavailable("away")
    known = place.knows(paid())
    async with place.running():
        place.settler.offer(known)
        await clock.sleep(4.5)
        assert place.chain.asked["estimate_gas"] == 5
        assert place.rows[known.id].state is S.QUEUED
        place.chain.lies["estimate_gas"] = 60_000
        await clock.sleep(1)
    assert (place.rows[known.id].state, place.carried()) == (S.SENT, [1])


async def test_what_was_signed_and_did_not_get_through_is_not_signed_again_and_holds_up_no_other(place, clock):
    place.chain.lies["send"] = ChainUnavailable("away")
    first, second = place.knows_many(2)
    async with place.running():
        place.settler.offer(first)
        await clock.sleep(0.5)
        place.chain.lies["send"] = None
        await clock.sleep(5)
        sent = place.transactions
        assert ([one.hash for one in sent], place.rows[first.id].state) == ([place.rows[first.id].sent_in], S.SENT)
        place.chain.lies["mined"] = lambda hash_: Mined(hash_, False, 7, "0xblock", 21_000, ())
        await clock.sleep(2)
        place.settler.offer(second)
        await clock.sleep(0.5)
    assert place.carried() == [1, 1]
