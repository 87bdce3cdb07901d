"""What ports.Chain guarantees of sending, on the fake chain and on anvil with the real contracts."""

import secrets
import time

import pytest
from eth_account import Account
from eth_utils.crypto import keccak

from server.domain.calls import encode_call
from server.domain.errors import Reverted
from server.ports import Call
from tests.conformance.worlds import (
    nonce_of,
    settle_call,
    spend,
    transfer_of,
)
from tests.stack import buyer
from tests.stack.waiting import eventually

SHOP = Account.create().address


# -------------------------------------------------------------------------------------------------------------- reverts


def _used(payer, payment, entry):
    return "ERC3009UsedAuthorization(address,bytes32)", (payer.address, nonce_of(payment))


def _short(payer, payment, entry):
    return "ERC20InsufficientBalance(address,uint256,uint256)", (payer.address, 1_000_000, 1_000_001)


def _forged(payer, payment, entry):
    return "ERC3009InvalidSignature()", ()


def _no_key(payer, payment, entry):
    return "ECDSAInvalidSignature()", ()


def _untimely(payer, payment, entry):
    fields = payment["payload"]["authorization"]
    bounds = (int(fields["validAfter"]), int(fields["validBefore"]))
    return "ERC3009InvalidAuthorizationTime(uint256,uint256)", bounds


def _high_s(payer, payment, entry):
    return "ECDSAInvalidSignatureS(bytes32)", (bytes.fromhex(payment["payload"]["signature"][66:130]),)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("used", _used),
        ("short", _short),
        ("forged", _forged),
        ("late", _untimely),
        ("early", _untimely),
        ("high s", _high_s),
        ("v of 29", _no_key),
    ],
)
async def test_a_call_that_would_fail_raises_reverted_with_the_contracts_own_data(world, change, expected):
    payer, entry = await world.payer(1_000_000), world.entry(SHOP)
    now = int(time.time())
    changes = {
        "short": {"value": "1000001"},
        "late": {"validBefore": str(now - 100)},
        "early": {"validAfter": str(now + 9_000), "validBefore": str(now + 9_999)},
    }
    payment = buyer.payment(payer, entry, **changes.get(change, {}))
    if change == "used":
        await world.transact(world.token, settle_call(payment))
    if change == "forged":
        payment = buyer.changed(payment, "payload.authorization.value", "1")
    if change == "high s":
        payment = buyer.mirrored(payment)
    if change == "v of 29":
        payment = buyer.changed(payment, "payload.signature", payment["payload"]["signature"][:-2] + "1d")
    error, values = expected(payer, payment, entry)
    data = keccak(error.encode())[:4] + encode_call(error, *values)[4:]
    call = Call(world.signer.address, world.token, settle_call(payment))
    for attempt in (world.chain.estimate_gas, world.chain.call):
        with pytest.raises(Reverted) as raised:
            await attempt(call)
        assert raised.value.data == data


async def test_a_transaction_that_fails_is_mined_without_effect(world):
    pauper = Account.create()
    payment = buyer.payment(pauper, world.entry(SHOP))
    mined = await world.transact(world.token, settle_call(payment))
    assert not mined.succeeded
    assert mined.logs == ()
    assert transfer_of(mined, world.token, pauper.address, nonce_of(payment)) is None
    assert not await world.chain.nonce_used(spend(world.token, pauper.address, nonce_of(payment)))


async def test_an_estimate_is_enough_gas(world):
    payer = await world.payer()
    data = settle_call(buyer.payment(payer, world.entry(SHOP)))
    gas = await world.chain.estimate_gas(Call(world.signer.address, world.token, data))
    assert 21_000 < gas < 300_000
    mined = await world.transact(world.token, data, gas=int(gas * 1.3))
    assert mined.succeeded
    assert mined.gas_used <= gas * 1.3


# -------------------------------------------------------------------------------------------------------------- sending


async def test_f15_the_same_bytes_may_be_sent_again_and_again(own_world):
    world = own_world
    payer = await world.payer()
    payment = buyer.payment(payer, world.entry(SHOP))
    transaction, raw = await world.sign(world.token, settle_call(payment))
    with world.held():
        for _ in range(3):
            await world.chain.send(raw)
        assert await world.chain.mined(transaction) is None
    mined = await eventually(lambda: world.chain.mined(transaction), 20, "mined")
    for _ in range(3):
        await world.chain.send(raw)
    assert mined.succeeded
    assert await world.chain.token_balance(world.token, payer.address) == 950_000


async def test_the_next_nonce_counts_what_still_waits(own_world):
    world = own_world
    address = world.signer.address
    mined = await world.chain.transaction_count(address)
    with world.held():
        for ahead in range(3):
            assert await world.chain.next_nonce(address) == mined + ahead
            _, raw = await world.sign(world.token, encode_call("mint(address,uint256)", SHOP, 1))
            await world.chain.send(raw)
        assert await world.chain.transaction_count(address) == mined

    async def all_counted():
        return await world.chain.transaction_count(address) == mined + 3

    await eventually(all_counted, 20, "three transactions are counted")
    assert await world.chain.next_nonce(address) == mined + 3


async def test_a_transaction_waits_for_those_before_it(world):
    first, early = await world.sign(world.token, encode_call("mint(address,uint256)", SHOP, 1))
    nonce = await world.chain.next_nonce(world.signer.address)
    call = Call(world.signer.address, world.token, encode_call("mint(address,uint256)", SHOP, 1))
    second = await world.signer.sign(world.market.chain_id, nonce + 1, call, 200_000, await world.chain.fees())
    await world.chain.send(second.raw)
    world.mine(2)
    assert await world.chain.mined(second.hash) is None
    await world.chain.send(early)
    for transaction in (first, second.hash):
        assert await eventually(lambda t=transaction: world.chain.mined(t), 20, "mined")


async def test_an_unknown_transaction_is_not_mined(world):
    assert await world.chain.mined("0x" + secrets.token_hex(32)) is None


async def test_an_outcome_names_its_block(world):
    mined = await world.mint(SHOP, 1)
    assert mined.succeeded
    assert mined.gas_used > 0
    assert mined.block <= await world.chain.block_number()
    assert len(bytes.fromhex(mined.block_hash[2:])) == 32
    assert mined == await world.chain.mined(mined.transaction)
