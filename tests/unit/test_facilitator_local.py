"""What a facilitator says of a payment that it refuses, knows or holds back, and which of its keys settles it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from scripts.accounts import account
from server.application.paddock import Ground
from server.domain.evidence import Mined
from server.domain.outages import Paused
from server.domain.settlements import SettlementState
from server.facilitator import cool_off
from server.facilitator.local import PENDING, LocalFacilitator
from server.facilitator.settler import LEASE, TIDY_EVERY
from tests.fakes import samples
from tests.fakes.executor import EXECUTOR
from tests.unit.facilitator_samples import ENTRY, MARKET, TRANSACTION, VALID, Place, paid, requirements, upto
from tests.unit.protocol_samples import PAYER

EXPIRED = "invalid_exact_evm_payload_authorization_valid_before"
S = SettlementState


@pytest.fixture
def place(clock):
    return Place(clock)


async def test_what_is_refused_says_why_and_names_nobody(place):
    answer = await place.settle(paid(validBefore="1"))
    assert (answer.success, answer.error_reason, answer.payer) == (False, EXPIRED, None)
    assert "must be valid" in answer.error_message
    assert place.rows == {}


async def test_what_is_not_settled_in_time_is_pending_and_names_its_payer(place, clock):
    began = clock.now()
    answer = await place.settle(paid())
    assert (answer.success, answer.error_reason, answer.error_message) == (False, PENDING, None)
    assert (answer.payer, answer.transaction) == (PAYER.address, "")
    assert clock.now() - began == timedelta(seconds=15)
    assert [row.state for row in place.rows.values()] == [S.QUEUED]


async def test_what_is_paused_is_not_admitted(place):
    await place.pause()
    answer = await place.settle(paid())
    assert (answer.error_reason, answer.payer) == (PENDING, None)
    assert "paused" in answer.error_message
    assert place.rows == {}


async def test_what_failed_is_not_queued_again_while_paused(place):
    known = place.knows(payload := paid(), state=S.FAILED, reason="insufficient_funds")
    await place.pause()
    assert "paused" in (await place.settle(payload)).error_message
    assert place.rows[known.id].state is S.FAILED


async def test_what_failed_and_has_expired_is_refused_and_not_queued_again(place, clock):
    known = place.knows(payload := paid(), state=S.FAILED, reason="insufficient_funds")
    clock.advance(VALID)
    assert (await place.settle(payload)).error_reason == EXPIRED
    assert place.rows[known.id].state is S.FAILED


async def test_what_failed_and_is_still_valid_is_queued_again(place):
    known = place.knows(payload := paid(), state=S.FAILED, reason="insufficient_funds")
    assert (await place.settle(payload)).error_reason == PENDING
    assert place.rows[known.id].state is S.QUEUED


async def test_what_failed_and_is_still_valid_is_settled_at_once_when_it_is_asked_for_again(place):
    place.honest(automine=True)
    place.knows(payload := paid(), state=S.FAILED, reason="insufficient_funds")
    async with place.running():
        began = place.clock.now()
        assert (await place.settle(payload)).success
        assert place.clock.now() == began


@pytest.mark.parametrize("paused", [False, True])
async def test_what_was_settled_is_told_so_after_it_expired_and_while_paused(place, clock, paused):
    known = place.knows(payload := paid(), state=S.SETTLED, transaction=TRANSACTION)
    clock.advance(VALID)
    if paused:
        await place.pause()
    answer = await place.settle(payload)
    assert (answer.success, answer.transaction, answer.payer) == (True, TRANSACTION, PAYER.address)
    assert answer.amount == str(known.amount)


def failing(place, failures):
    """The payer has made so many settlements fail just now."""
    known = place.knows(paid(), state=S.FAILED, reason="insufficient_funds")
    place.db.tables.failures[known.id] = [place.clock.now()] * failures


@pytest.mark.parametrize(("failures", "good"), [(cool_off.USUAL.failures - 1, True), (cool_off.USUAL.failures, False)])
async def test_who_keeps_making_settlements_fail_is_neither_verified_nor_settled_for(place, failures, good):
    place.honest()
    failing(place, failures)
    verified, settled = await place.verify(paid()), await place.settle(paid())
    assert (verified.is_valid, verified.invalid_reason) == ((True, None) if good else (False, cool_off.REASON))
    assert settled.error_reason == (PENDING if good else cool_off.REASON)
    assert len(place.rows) == (2 if good else 1)


async def test_while_paused_nothing_is_verified(place):
    place.honest()
    payload = paid()
    assert (await place.verify(payload)).is_valid
    await place.pause()
    place.clock.advance(1)
    with pytest.raises(Paused):
        await place.verify(payload)


async def test_a_payment_on_another_network_is_refused_and_told_where_it_could_be_made(place):
    elsewhere = {"network": "eip155:1"}
    payload = paid()
    payload.accepted = requirements(**elsewhere)
    answer = await place.settle(payload, **elsewhere)
    assert (answer.success, answer.error_reason) == (False, "invalid_network")
    assert MARKET.network in answer.error_message
    assert place.rows == {}


async def test_an_executor_is_named_for_each_network_that_has_one(place):
    bare = Ground(replace(MARKET, chain_id=1, contracts={}), place.chain)
    grounds = {MARKET.network: Ground(MARKET, place.chain), bare.market.network: bare}
    local = LocalFacilitator(place.db, place.clock, grounds, {network: [place.settler] for network in grounds})
    assert local.executors() == {MARKET.network: EXECUTOR}
    assert local.settlers() == dict.fromkeys(grounds, place.settler.address)


async def test_who_does_not_hold_the_price_is_not_verified(place):
    place.honest()
    place.chain.node.give(PAYER.address, -(10**9))
    assert (await place.verify(paid())).invalid_reason == "insufficient_funds"


async def test_another_payment_with_a_nonce_that_failed_is_refused_and_queues_nothing(place):
    first = paid()
    known = place.knows(first, state=S.FAILED, reason="insufficient_funds")
    until = str(int(place.clock.now().timestamp()) + VALID - 1)
    answer = await place.settle(paid(nonce=first.payload["authorization"]["nonce"], validBefore=until))
    assert answer.error_reason == "invalid_exact_evm_nonce_already_used"
    assert place.rows[known.id] == known


GONE = "0x" + "cc" * 32
OWN = samples.chain_transaction(sender=account("settler").address)


@pytest.mark.parametrize(
    ("transaction", "sent_in", "again"),
    [
        (TRANSACTION, None, False),
        (GONE, None, True),
        (GONE, OWN.hash, True),
        (OWN.newest.hash, OWN.hash, False),
        (None, None, False),
    ],
    ids=["a stranger's", "a stranger's, gone", "a stranger's, gone, not ours", "ours, gone", "none: nothing was taken"],
)
async def test_what_a_strangers_transaction_settled_and_took_back_is_queued_again_and_ours_is_broadcast_again(
    place, transaction, sent_in, again
):
    place.db.tables.transactions[OWN.hash] = OWN
    known = place.knows(payload := paid(), state=S.SETTLED, transaction=transaction, sent_in=sent_in)
    answer = await place.settle(payload)
    assert (answer.success, answer.error_reason) == ((False, PENDING) if again else (True, None))
    assert place.rows[known.id].state is (S.QUEUED if again else S.SETTLED)


# ----------------------------------------------------------------------------------------------- scheme upto, and keys


@pytest.fixture
def keys(clock):
    """A facilitator with two keys."""
    return Place(clock, "settler", "float")


async def test_under_scheme_upto_nothing_may_be_taken_and_then_nothing_is_sent(place):
    terms, payload = upto(place.settler.address)
    async with place.running():
        answer = await place.settle(payload, **terms, amount="0")
        await place.clock.sleep(5)
    assert (answer.success, answer.transaction, answer.amount, answer.payer) == (True, "", "0", PAYER.address)
    assert ([row.state for row in place.rows.values()], place.transactions) == ([S.SETTLED], [])


@pytest.mark.parametrize("amount", ["1", ENTRY["amount"]])
async def test_under_scheme_upto_whatever_is_taken_is_sent_and_pending_until_the_chain_has_it(place, amount):
    terms, payload = upto(place.settler.address)
    async with place.running():
        answer = await place.settle(payload, **terms, amount=amount)
    assert (answer.success, answer.error_reason) == (False, PENDING)
    assert [(row.state, row.amount) for row in place.rows.values()] == [(S.SENT, int(amount))]


@pytest.mark.parametrize("named", [0, 1])
async def test_a_permit_that_names_one_of_our_keys_is_settled_by_that_key(keys, named):
    terms, payload = upto(keys.settlers[named].address)
    async with keys.running():
        await keys.settle(payload, **terms)
    assert [one.sender for one in keys.transactions] == [keys.settlers[named].address]


async def test_a_permit_that_names_a_strangers_key_is_refused(keys):
    terms, payload = upto(account("merchant").address)
    answer = await keys.settle(payload, **terms)
    assert (answer.success, answer.error_reason) == (False, "upto_facilitator_mismatch")
    assert keys.rows == {}


async def test_a_payment_goes_to_the_key_with_least_to_do(keys):
    async with keys.running():
        for _ in keys.settlers:
            await keys.settle(paid())
    assert {one.sender for one in keys.transactions} == {one.address for one in keys.settlers}


# --------------------------------------------------------------------------------------------------- several processes


@pytest.mark.parametrize("failed", [False, True])
async def test_what_is_admitted_here_is_no_other_processes_to_send_before_its_lease_is_over(place, clock, failed):
    """Nothing is at work in this process, as when it is killed right after it admitted a payment."""
    payload, other = paid(), place.another("float")
    if failed:
        place.knows(payload, state=S.FAILED, reason="insufficient_funds", lease_until=clock.now())
    began = clock.now()
    async with place.running(other):
        assert (await place.settle(payload)).error_reason == PENDING
        assert place.transactions == []
        await clock.sleep((began + LEASE + 2 * TIDY_EVERY - clock.now()).total_seconds())
    assert [one.sender for one in place.transactions] == [other.address]


def meanwhile(place, unit, change):
    """Another process is faster: it changes the rows right before this one's unit of work."""

    def hook(name, when):
        if (name, when) == (unit, "begin"):
            place.db.hooks.clear()
            change()

    place.db.hooks.append(hook)


@pytest.mark.parametrize("other", [False, True])
async def test_of_two_payments_with_one_nonce_the_one_admitted_second_is_not_told_the_firsts_outcome(place, other):
    payload = paid()
    nonce = payload.payload["authorization"]["nonce"]
    first = paid(nonce=nonce, validBefore=str(int(place.clock.now().timestamp()) + VALID - 1)) if other else payload
    settled = {"state": S.SETTLED, "transaction": TRANSACTION}
    meanwhile(place, "settlement admitted", lambda: place.knows(first, **settled))
    began = place.clock.now()
    answer = await place.settle(payload)
    assert (answer.success, answer.error_reason) == (
        (False, "invalid_exact_evm_nonce_already_used") if other else (True, None)
    )
    assert place.clock.now() == began


async def test_what_another_process_revived_and_settled_is_told_at_once(place):
    known = place.knows(payload := paid(), state=S.FAILED, reason="insufficient_funds")
    settled = replace(known, state=S.SETTLED, transaction=TRANSACTION, version=known.version + 1)
    meanwhile(place, "settlement queued again", lambda: place.stored(settled))
    began = place.clock.now()
    answer = await place.settle(payload)
    assert (answer.success, answer.transaction, place.clock.now()) == (True, TRANSACTION, began)


@pytest.mark.parametrize("mined", [False, True])
async def test_what_is_pending_or_failed_names_the_chain_transaction_that_carries_it(place, mined):
    if mined:
        place.chain.lies["mined"] = lambda hash_: Mined(hash_, False, 7, "0xblock", 21_000, ())
    async with place.running():
        answer = await place.settle(paid())
    (sent,) = place.transactions
    assert (answer.success, answer.transaction, answer.payer) == (False, sent.hash, PAYER.address)
    assert answer.error_reason == ("invalid_transaction_state" if mined else PENDING)
