"""What ports.Facilitator guarantees: the fake, ours on a fake chain, ours on anvil, and ours over HTTP."""

import asyncio
import time

import pytest

from tests.conformance.counters import SHOP
from tests.conformance.worlds import cancel_call, settle_call
from tests.stack import buyer

USED = "invalid_exact_evm_nonce_already_used"


# ---------------------------------------------------------------------------------------------------- good and bad ones


async def test_a_good_payment_is_valid_and_stays_unspent(counter):
    payer = await counter.world.payer()
    payment = counter.payment(payer)
    for _ in range(2):
        verdict = await counter.verify(payment)
        assert verdict.is_valid, verdict
        assert verdict.payer == payer.address
    assert await counter.paid(payment) is None
    assert await counter.world.chain.token_balance(counter.world.token, payer.address) == 1_000_000


async def test_a_good_payment_moves_exactly_its_amount(counter):
    payer = await counter.world.payer()
    payment = counter.payment(payer, 123_456)
    response = await counter.settle(payment)
    assert response.success, response
    assert (response.payer, response.network) == (payer.address, counter.world.market.network)
    transfer = await counter.paid(payment)
    assert (transfer.recipient, transfer.amount, transfer.transaction) == (SHOP, 123_456, response.transaction)
    assert (await counter.world.chain.mined(response.transaction)).succeeded


def soon(seconds: int) -> str:
    return str(int(time.time()) + seconds)


SIGNATURE = "invalid_exact_evm_payload_signature"
REQUIREMENTS = "invalid_payment_requirements"
BAD = {
    "another network": ("accepted.network", "eip155:1", "invalid_network"),
    "no network": ("accepted.network", "solana:mainnet", "invalid_network"),
    "another asset": ("accepted.asset", SHOP, REQUIREMENTS),
    "another domain name": ("accepted.extra.name", "USD Coin", REQUIREMENTS),
    "another domain version": ("accepted.extra.version", "1", REQUIREMENTS),
    "no domain": ("accepted.extra", {}, REQUIREMENTS),
    "another recipient": ("accepted.payTo", "0x" + "11" * 20, "invalid_exact_evm_payload_recipient_mismatch"),
    "a higher price": ("accepted.amount", "50001", "invalid_exact_evm_payload_authorization_value_mismatch"),
    "a lower price": ("accepted.amount", "49999", "invalid_exact_evm_payload_authorization_value_mismatch"),
    "an exponent": ("accepted.amount", "5e4", "invalid_payload"),
    "another scheme": ("accepted.scheme", "deferred", "unsupported_scheme"),
    "a scheme of another form": ("accepted.scheme", "upto", "invalid_payload"),
    "another version": ("x402Version", 3, "invalid_x402_version"),
    "another payer": ("payload.authorization.from", SHOP, SIGNATURE),
    "another nonce": ("payload.authorization.nonce", "0x" + "22" * 32, SIGNATURE),
    "longer validity": ("payload.authorization.validBefore", "99999999999", SIGNATURE),
    "a short nonce": ("payload.authorization.nonce", "0x22", "invalid_payload"),
    "nothing paid": ("payload.authorization.value", "0", "invalid_payload"),
    "a missing field": ("payload.authorization.to", ..., "invalid_payload"),
    "no signature": ("payload.signature", "0x", SIGNATURE),
    "a zero signature": ("payload.signature", "0x" + "00" * 65, SIGNATURE),
    "a compact signature": ("payload.signature", "0x" + "11" * 64, SIGNATURE),
}


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_payment_is_refused_with_its_reason_and_moves_nothing(counter, name):
    path, value, reason = BAD[name]
    payer = await counter.world.payer()
    bad = buyer.changed(counter.payment(payer), path, value)
    verdict = await counter.verify(bad)
    assert (verdict.is_valid, verdict.invalid_reason) == (False, reason)
    response = await counter.settle(bad)
    assert (response.success, response.error_reason, response.transaction) == (False, reason, "")
    assert await counter.world.chain.token_balance(counter.world.token, payer.address) == 1_000_000


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"validAfter": 3600}, "invalid_exact_evm_payload_authorization_valid_after"),
        ({"validBefore": -1}, "invalid_exact_evm_payload_authorization_valid_before"),
        ({"validBefore": 3}, "invalid_exact_evm_payload_authorization_valid_before"),
        ({"value": "49999"}, "invalid_exact_evm_payload_authorization_value_mismatch"),
        ({"to": "0x" + "11" * 20}, "invalid_exact_evm_payload_recipient_mismatch"),
    ],
    ids=lambda value: str(value),
)
async def test_f21_a_well_signed_payment_that_does_not_fit_the_terms_is_refused(counter, changes, reason):
    payer = await counter.world.payer()
    signed = {name: soon(value) if isinstance(value, int) else value for name, value in changes.items()}
    payment = counter.payment(payer, **signed)
    assert (await counter.verify(payment)).invalid_reason == reason
    assert (await counter.settle(payment)).error_reason == reason
    assert await counter.paid(payment) is None


async def test_f1_the_mirrored_signature_of_a_good_payment_is_refused(counter):
    payer = await counter.world.payer()
    twin = buyer.mirrored(counter.payment(payer))
    assert (await counter.verify(twin)).invalid_reason == SIGNATURE
    assert (await counter.settle(twin)).error_reason == SIGNATURE


async def test_the_requirements_count_and_not_what_the_payer_says_they_were(counter):
    payer = await counter.world.payer()
    payment = counter.payment(payer, 1)
    asked = counter.world.entry(SHOP, 50_000)
    assert not (await counter.verify(payment, asked)).is_valid
    assert not (await counter.settle(payment, asked)).success


# ----------------------------------------------------------------------------------------------------------------- once


async def test_f12_twenty_settle_calls_at_once_move_the_money_once(counter):
    payer = await counter.world.payer()
    payment, before = counter.payment(payer), await counter.sent()
    responses = await asyncio.gather(*(counter.settle(payment) for _ in range(20)))
    assert all(response.success for response in responses)
    assert len({response.transaction for response in responses}) == 1
    assert await counter.sent() == before + 1
    assert await counter.world.chain.token_balance(counter.world.token, payer.address) == 950_000


async def test_f12_asking_again_gives_the_same_transaction(counter):
    payer = await counter.world.payer()
    payment = counter.payment(payer)
    first, before = await counter.settle(payment), await counter.sent()
    for _ in range(3):
        assert await counter.settle(payment) == first
    assert await counter.sent() == before


async def test_another_payment_with_a_spent_nonce_is_refused(counter):
    payer = await counter.world.payer()
    payment = counter.payment(payer, 10_000)
    assert (await counter.settle(payment)).success
    again = counter.payment(payer, 20_000, nonce=payment["payload"]["authorization"]["nonce"])
    assert (await counter.verify(again)).invalid_reason == USED
    response = await counter.settle(again)
    assert (response.success, response.error_reason) == (False, USED)
    assert await counter.world.chain.token_balance(counter.world.token, payer.address) == 990_000


# ---------------------------------------------------------------------------------------------------- the chain differs


async def test_a_payer_without_money_is_refused_and_may_pay_later(counter):
    payer = await counter.world.payer(49_999)
    payment = counter.payment(payer)
    assert (await counter.verify(payment)).invalid_reason == "insufficient_funds"
    assert not (await counter.settle(payment)).success
    await counter.world.mint(payer.address, 1)
    assert (await counter.settle(payment)).success, "f20: a transient failure does not burn the payment"


async def test_f6_a_payment_that_a_stranger_submitted_first_counts_by_its_transfer(our_counter):
    counter = our_counter
    payer = await counter.world.payer()
    payment = counter.payment(payer)
    since = await counter.world.chain.block_number()
    strangers = await counter.world.transact(counter.world.token, settle_call(payment))
    assert (await counter.verify(payment)).invalid_reason == USED
    response = await counter.settle(payment)
    if strangers.block >= since and response.success:
        assert response.transaction == strangers.transaction
    else:  # it was first seen after it was spent: the caller looks at the chain itself
        assert response.error_reason == USED


async def test_s7_a_payment_cancelled_after_it_was_verified_does_not_settle(counter):
    payer = await counter.world.payer()
    payment = counter.payment(payer)
    assert (await counter.verify(payment)).is_valid
    nonce = payment["payload"]["authorization"]["nonce"]
    await counter.world.transact(counter.world.token, cancel_call(payer, counter.world.entry(SHOP), nonce))
    response = await counter.settle(payment)
    assert not response.success
    assert response.error_reason in (USED, "invalid_transaction_state")
    assert await counter.paid(payment) is None


async def test_s7_money_spent_after_it_was_verified_does_not_settle(counter):
    payer = await counter.world.payer(50_000)
    payment = counter.payment(payer)
    assert (await counter.verify(payment)).is_valid
    away = buyer.payment(payer, counter.world.entry("0x" + "33" * 20, 50_000))
    await counter.world.transact(counter.world.token, settle_call(away))
    assert not (await counter.settle(payment)).success
    assert await counter.paid(payment) is None


@pytest.mark.parametrize("measure", ["pause", "blacklist"])
async def test_s7_a_token_stopped_after_it_was_verified_does_not_settle(counter, measure):
    payer = await counter.world.payer()
    payment = counter.payment(payer)
    assert (await counter.verify(payment)).is_valid
    stop = counter.world.pause if measure == "pause" else lambda on: counter.world.blacklist(payer.address, on)
    await stop(True)
    try:
        assert not (await counter.settle(payment)).success
        assert await counter.paid(payment) is None
    finally:
        await stop(False)
    assert (await counter.settle(payment)).success
