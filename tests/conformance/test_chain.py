"""What ports.Chain guarantees, on the fake chain and on anvil with the real contracts."""

import asyncio
import secrets
import time

import pytest
from eth_account import Account
from eth_utils.crypto import keccak

from protocol import exact
from protocol.wire import PaymentRequirements
from server.adapters.chain import EvmChain
from server.adapters.clock import SystemClock
from server.domain import calls
from server.domain.calls import encode_call
from server.domain.errors import ChainUnavailable, Reverted
from server.domain.evidence import transfer_of
from server.ports import Call
from tests.conformance.worlds import (
    FINALITY,
    anvil_world,
    cancel_call,
    fake_world,
    nonce_of,
    settle_call,
)
from tests.fakes.chain import FakeChain
from tests.stack import buyer
from tests.stack.canned import http, run_canned
from tests.stack.processes import free_port
from tests.stack.waiting import eventually

SHOP = Account.create().address


@pytest.fixture(params=["fake", "anvil"])
async def world(request):
    if request.param == "fake":
        yield fake_world()
        return
    found = anvil_world(request.getfixturevalue("anvil"), request.getfixturevalue("market"))
    yield found
    await found.chain.close()


@pytest.fixture(params=["fake", "anvil"])
async def own_world(request):
    """A world whose blocks may be taken back."""
    if request.param == "fake":
        yield fake_world()
        return
    found = anvil_world(request.getfixturevalue("own_anvil"), request.getfixturevalue("market"))
    yield found
    await found.chain.close()


# ------------------------------------------------------------------------------------------------------- blocks


async def test_blocks_are_counted_and_the_final_one_is_so_many_behind(world):
    before = await world.chain.block_number()
    world.mine(3)
    after = await world.chain.block_number()
    assert after >= before + 3
    assert await world.chain.final_block() in (after - FINALITY, after - FINALITY + 1)  # a block may come in between


async def test_a_recent_block_is_a_lower_bound_for_what_happens_next(world):
    payer = await world.payer()
    since = await world.chain.recent_block()
    payment = buyer.payment(payer, world.entry(SHOP))
    mined = await world.transact(world.token, settle_call(payment))
    assert since <= mined.block
    assert await world.chain.authorization_transfer(world.token, payer.address, nonce_of(payment), since)


async def test_block_times_are_unix_seconds_and_never_go_back(world):
    world.mine(2)
    newest = await world.chain.block_number()
    times = [await world.chain.block_time(number) for number in range(newest - 2, newest + 1)]
    assert times == sorted(times)
    assert abs(times[-1] - time.time()) < 3600


# ----------------------------------------------------------------------------------------------------- balances


async def test_token_balances_follow_every_transfer(world):
    payer, other = await world.payer(1_000_000), Account.create().address
    assert await world.chain.token_balance(world.token, other) == 0
    await world.transact(world.token, settle_call(buyer.payment(payer, world.entry(other, 250_000))))
    assert await world.chain.token_balance(world.token, other) == 250_000
    assert await world.chain.token_balance(world.token, payer.address) == 750_000


async def test_an_address_without_a_contract_holds_no_token_and_no_code(world):
    nowhere = Account.create().address
    assert await world.chain.token_balance(nowhere, SHOP) == 0
    assert await world.chain.code(nowhere) == b""
    assert await world.chain.code(world.token) != b""
    assert await world.chain.call(Call(SHOP, nowhere, calls.balance_of(SHOP))) == b""


async def test_the_native_balance_pays_for_gas(world):
    assert await world.chain.balance(world.signer.address) > 10**18
    fees = await world.chain.fees()
    assert fees.max_fee >= fees.priority >= 0
    assert fees.max_fee > 0


# ----------------------------------------------------------------------------------------------- authorizations


async def test_an_authorization_is_used_once_it_is_mined_and_not_before(world):
    payer = await world.payer()
    payment = buyer.payment(payer, world.entry(SHOP))
    nonce, asked = nonce_of(payment), (world.token, payer.address)
    assert not await world.chain.authorization_used(*asked, nonce)
    mined = await world.transact(world.token, settle_call(payment))
    assert await world.chain.authorization_used(*asked, nonce)
    assert await world.chain.authorization_used(*asked, nonce, block=mined.block)
    assert not await world.chain.authorization_used(*asked, nonce, block=mined.block - 1)
    assert not await world.chain.authorization_used(*asked, secrets.token_bytes(32))
    assert not await world.chain.authorization_used(world.token, SHOP, nonce)


async def test_f6_the_transfer_of_an_authorization_is_found_whoever_submitted_it(world):
    payer = await world.payer()
    payment = buyer.payment(payer, world.entry(SHOP, 70_000))
    mined = await world.transact(world.token, settle_call(payment))  # the world's signer is nobody of ours
    found = await world.chain.authorization_transfer(world.token, payer.address, nonce_of(payment), mined.block)
    assert (found.transaction, found.block, found.asset) == (mined.transaction, mined.block, world.token)
    assert (found.sender, found.recipient, found.amount) == (payer.address, SHOP, 70_000)
    assert found == transfer_of(mined, world.token, payer.address, nonce_of(payment))


async def test_no_transfer_is_found_of_another_nonce_payer_or_in_later_blocks(world):
    payer = await world.payer()
    payment = buyer.payment(payer, world.entry(SHOP))
    mined = await world.transact(world.token, settle_call(payment))
    find, nonce = world.chain.authorization_transfer, nonce_of(payment)
    assert await find(world.token, payer.address, secrets.token_bytes(32), 0) is None
    assert await find(world.token, SHOP, nonce, 0) is None
    assert await find(SHOP, payer.address, nonce, 0) is None
    assert await find(world.token, payer.address, nonce, mined.block + 1) is None


async def test_f7_a_cancelled_authorization_is_used_and_has_no_transfer(world):
    payer, entry = await world.payer(), world.entry(SHOP)
    payment = buyer.payment(payer, entry)
    nonce = payment["payload"]["authorization"]["nonce"]
    mined = await world.transact(world.token, cancel_call(payer, entry, nonce))
    assert mined.succeeded
    assert await world.chain.authorization_used(world.token, payer.address, nonce_of(payment))
    assert await world.chain.authorization_transfer(world.token, payer.address, nonce_of(payment), 0) is None
    assert transfer_of(mined, world.token, payer.address, nonce_of(payment)) is None


async def test_each_payment_of_a_batch_has_its_own_transfer_and_a_bad_one_has_none(world):
    payers = [await world.payer() for _ in range(3)]
    pauper = Account.create()
    amounts = (10_000, 20_000, 30_000)
    paid = [buyer.payment(p, world.entry(SHOP, a)) for p, a in zip(payers, amounts, strict=True)]
    items = [paid[0], buyer.payment(pauper, world.entry(SHOP)), paid[1], paid[2]]
    read = [exact.read(_requirements(item["accepted"]), item["payload"]) for item in items]
    mined = await world.transact(
        world.market.contracts["BatchSettler"].address, calls.settle_batch(world.token, read), gas=5_000_000
    )
    assert mined.succeeded
    for payer, payment, amount in zip(payers, paid, amounts, strict=True):
        found = transfer_of(mined, world.token, payer.address, nonce_of(payment))
        assert (found.sender, found.recipient, found.amount) == (payer.address, SHOP, amount)
        assert found == await world.chain.authorization_transfer(world.token, payer.address, nonce_of(payment), 0)
    assert transfer_of(mined, world.token, pauper.address, nonce_of(items[1])) is None
    assert len({log.index for log in mined.logs}) == len(mined.logs)


def _requirements(entry):
    names = {"pay_to": "payTo", "max_timeout_seconds": "maxTimeoutSeconds"}
    fields = ("scheme", "network", "amount", "asset", "pay_to", "max_timeout_seconds", "extra")
    return PaymentRequirements(**{name: entry[names.get(name, name)] for name in fields})


# ------------------------------------------------------------------------------------------------------ reverts


def _used(payer, payment, entry):
    return "ERC3009UsedAuthorization(address,bytes32)", (payer.address, nonce_of(payment))


def _short(payer, payment, entry):
    return "ERC20InsufficientBalance(address,uint256,uint256)", (payer.address, 1_000_000, 1_000_001)


def _forged(payer, payment, entry):
    return "ERC3009InvalidSignature()", ()


def _untimely(payer, payment, entry):
    fields = payment["payload"]["authorization"]
    bounds = (int(fields["validAfter"]), int(fields["validBefore"]))
    return "ERC3009InvalidAuthorizationTime(uint256,uint256)", bounds


def _high_s(payer, payment, entry):
    return "ECDSAInvalidSignatureS(bytes32)", (bytes.fromhex(payment["payload"]["signature"][66:130]),)


ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def malleated(payment):
    """The second signature of the same authorization: s mirrored, v toggled."""
    signature = bytes.fromhex(payment["payload"]["signature"][2:])
    s = ORDER - int.from_bytes(signature[32:64], "big")
    twin = signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])
    return buyer.changed(payment, "payload.signature", "0x" + twin.hex())


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("used", _used),
        ("short", _short),
        ("forged", _forged),
        ("late", _untimely),
        ("early", _untimely),
        ("high s", _high_s),
        ("v of 29", _forged),
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
        payment = malleated(payment)
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
    assert not await world.chain.authorization_used(world.token, pauper.address, nonce_of(payment))


async def test_an_estimate_is_enough_gas(world):
    payer = await world.payer()
    data = settle_call(buyer.payment(payer, world.entry(SHOP)))
    gas = await world.chain.estimate_gas(Call(world.signer.address, world.token, data))
    assert 21_000 < gas < 300_000
    mined = await world.transact(world.token, data, gas=int(gas * 1.3))
    assert mined.succeeded
    assert mined.gas_used <= gas * 1.3


# ------------------------------------------------------------------------------------------------------ sending


async def test_f15_the_same_bytes_may_be_sent_again_and_again(world):
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


async def test_the_next_nonce_counts_what_still_waits(world):
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
    second = world.signer.sign(world.market.chain_id, nonce + 1, call, 200_000, await world.chain.fees())
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


# ---------------------------------------------------------------------------------------------------- transfers


async def test_g4_all_transfers_of_an_address_come_oldest_first(world):
    payer, shop = await world.payer(1_000_000), Account.create().address
    for amount, to in ((1, shop), (2, payer.address), (3, shop)):
        await world.transact(world.token, settle_call(buyer.payment(payer, world.entry(to, amount))))
    of_payer = await world.chain.transfers(world.token, payer.address)
    assert [log.amount for log in of_payer] == [1_000_000, 1, 2, 3]  # the one to itself counts once
    of_shop = await world.chain.transfers(world.token, shop)
    assert [(log.sender, log.recipient, log.amount) for log in of_shop] == [
        (payer.address, shop, 1),
        (payer.address, shop, 3),
    ]
    assert await world.chain.transfers(world.token, shop, of_shop[1].block) == of_shop[1:]
    assert await world.chain.transfers(Account.create().address, shop) == []
    assert sum(log.amount for log in of_shop) == await world.chain.token_balance(world.token, shop)


# ---------------------------------------------------------------------------------------------- reorganisations


async def test_f17_what_a_reorganisation_takes_back_is_gone_and_can_be_sent_again(own_world):
    world = own_world
    payer = await world.payer()
    world.mine(2)
    payment = buyer.payment(payer, world.entry(SHOP))
    transaction, raw = await world.sign(world.token, settle_call(payment))
    with world.held():  # no block in between, so that the depth is known
        await world.chain.send(raw)
        world.mine()
        mined = await world.chain.mined(transaction)
        world.reorganise(1)
        assert await world.chain.mined(transaction) is None
        assert not await world.chain.authorization_used(world.token, payer.address, nonce_of(payment))
        assert await world.chain.authorization_transfer(world.token, payer.address, nonce_of(payment), 0) is None
        await world.chain.send(raw)
    again = await eventually(lambda: world.chain.mined(transaction), 20, "mined again")
    assert again.succeeded
    assert again.block_hash != mined.block_hash
    assert await world.chain.authorization_transfer(world.token, payer.address, nonce_of(payment), 0)


# ----------------------------------------------------------------------------------------------------- bad nodes


def every_method(chain):
    call = Call(SHOP, SHOP, b"")
    yield chain.block_number()
    yield chain.recent_block()
    yield chain.final_block()
    yield chain.block_time(0)
    yield chain.balance(SHOP)
    yield chain.token_balance(SHOP, SHOP)
    yield chain.transaction_count(SHOP)
    yield chain.code(SHOP)
    yield chain.transfers(SHOP, SHOP)
    yield chain.authorization_used(SHOP, SHOP, bytes(32))
    yield chain.authorization_transfer(SHOP, SHOP, bytes(32), 0)
    yield chain.mined("0x" + "00" * 32)
    yield chain.call(call)
    yield chain.estimate_gas(call)
    yield chain.fees()
    yield chain.next_nonce(SHOP)
    yield chain.send(b"\x02")


async def assert_unavailable(chain):
    results = await asyncio.gather(*every_method(chain), return_exceptions=True)
    assert [type(result) for result in results] == [ChainUnavailable] * len(results)
    await chain.close() if isinstance(chain, EvmChain) else None


async def test_f18_every_method_says_when_the_chain_cannot_be_reached():
    await assert_unavailable(FakeChain(SystemClock(), unavailable=True))
    await assert_unavailable(EvmChain(f"http://127.0.0.1:{free_port()}", FINALITY))


@pytest.mark.parametrize(
    "answer",
    [
        http("500 Internal Server Error", b"oops"),
        http("502 Bad Gateway", b"<html>nginx</html>"),
        http("429 Too Many Requests", b"{}"),
        http("200 OK", b"<html>captive portal</html>"),
        http("200 OK", b"{}"),
        http("200 OK", b"[]"),
        http("200 OK", b"null"),
        http("200 OK", b'{"jsonrpc":"2.0","id":0}'),
        http("200 OK", b'{"jsonrpc":"2.0","id":0,"error":{"code":-32005,"message":"limit exceeded"}}'),
        http("200 OK", b'{"jsonrpc":"2.0","id":0,"error":"no"}'),
        http("200 OK", b'{"jsonrpc":"2.0","id":0,"result":'),
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{",
        b"",
    ],
    ids=lambda answer: answer.decode()[:90].replace("\r\n", " ") or "closed",
)
async def test_f18_every_method_says_when_a_node_talks_nonsense(answer):
    async with run_canned(answer) as node:
        await assert_unavailable(EvmChain(node.url, FINALITY, timeout=3))


async def test_f18_every_method_says_when_a_node_does_not_answer_in_time():
    async with run_canned(None) as node:
        await assert_unavailable(EvmChain(node.url, FINALITY, timeout=0.3))
