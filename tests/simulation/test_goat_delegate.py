"""Merchants whose orders' money is handed to a contract: the callback runs when the transfer has arrived."""

from datetime import timedelta

import pytest

from scripts.accounts import account
from server.domain.calls import encode_call
from server.domain.states import FulfilmentState
from tests.simulation.goat_world import open_goat
from tests.stack.goat_client import calldata_signature, proof_signer, required_of

PASS = 1_000_000
STRANGER = "0x" + "77" * 20
MINT_TO = "0x" + encode_call("mintTo(address)", STRANGER).hex()


@pytest.fixture
async def goat():
    async with open_goat(callback="AccessPass") as world:
        yield world


async def asked(goat, **changes):
    return required_of(await goat.shop.create(**goat.wish(amount_wei=str(PASS), **changes)))


async def pay(goat, required, amount=PASS):
    (terms,) = required["accepts"]
    await goat.send(amount, to=terms["payTo"])


def minted(goat):
    contract = goat.world.paddock.market.contracts["AccessPass"].address
    return goat.world.chain.blocks[-1].state.minted.get(contract, 0)


async def test_w4_the_callback_runs_when_the_transfer_has_arrived(goat):
    required = await asked(goat)
    (terms,) = required["accepts"]
    assert (required["flow"], terms["payTo"]) == ("ERC20_3009", goat.world.paddock.market.delegate)
    assert required["extensions"]["goatx402"]["receiveType"] == "DELEGATE"
    assert "signatureEndpoint" not in required["extensions"]["goatx402"]
    await pay(goat, required)
    await goat.world.work(20)
    order = await goat.stored(required["order_id"])
    assert (order.fulfilment, minted(goat)) == (FulfilmentState.RELEASED, 1)
    assert await goat.shop.status(order.id) == "PAYMENT_CONFIRMED"
    assert await goat.rows(order.id) == [("settlement", PASS, False), ("payout", PASS, False)]
    proof = await goat.shop.proof(order.id)
    assert (proof["payload"]["flow"], proof["payload"]["to_addr"]) == ("ERC20_3009", terms["payTo"])
    assert proof_signer(proof) == account("receipts").address


@pytest.mark.parametrize("early", [True, False])
async def test_calldata_runs_with_the_payers_signature_before_or_after_the_money(goat, early):
    required = await asked(goat, callback_calldata=MINT_TO)
    assert required["extensions"]["goatx402"]["signatureEndpoint"].endswith("/calldata-signature")
    signature = calldata_signature(required, goat.world.buyer.account)
    if not early:
        await pay(goat, required)
        await goat.world.work(60)
        assert (await goat.stored(required["order_id"])).fulfilment is FulfilmentState.EXECUTING
    for _ in range(2):
        answer = await goat.shop.sign_calldata(required["order_id"], signature)
        assert answer.json() == {"status": "ok", "order_id": required["order_id"]}, answer.text
    if early:
        await pay(goat, required)
    await goat.world.work(20)
    assert (await goat.shop.status(required["order_id"]), minted(goat)) == ("PAYMENT_CONFIRMED", 1)


async def test_only_the_payers_signature_over_this_orders_calldata_is_taken(goat):
    required = await asked(goat, callback_calldata=MINT_TO)
    order_id, buyer = required["order_id"], goat.world.buyer.account
    changed = required | {
        "calldata_sign_request": required["calldata_sign_request"]
        | {"message": required["calldata_sign_request"]["message"] | {"calldataHash": "0x" + "11" * 32}}
    }
    for signature in (
        calldata_signature(required, account("stranger")),
        calldata_signature(changed, buyer),
        "0x" + "00" * 65,
    ):
        answer = await goat.shop.sign_calldata(order_id, signature)
        assert (answer.status_code, "PayerSignatureInvalid" in answer.json()["error"]) == (400, True)
    for odd in ("0x12", "nothing", ""):
        assert (await goat.shop.sign_calldata(order_id, odd)).status_code in (400, 401)
    assert (await goat.other.sign_calldata(order_id, calldata_signature(required, buyer))).status_code == 404
    plain = await asked(goat, dapp_order_id="3", from_address=STRANGER)
    nothing = await goat.shop.sign_calldata(plain["order_id"], "0x" + "00" * 65)
    assert (nothing.status_code, "nothing is to be signed" in nothing.json()["error"]) == (400, True)


async def test_w4_without_the_signature_in_time_the_money_goes_back(goat):
    required = await asked(goat, callback_calldata=MINT_TO)
    await pay(goat, required)
    await goat.world.work(10 * 60)
    assert (await goat.shop.status(required["order_id"]), minted(goat)) == ("FAILED", 0)
    assert await goat.returned() == [PASS]
    late = await goat.shop.sign_calldata(required["order_id"], calldata_signature(required, goat.world.buyer.account))
    assert (late.status_code, "could be given until" in late.json()["error"]) == (400, True)


async def test_w4_what_the_contract_refuses_goes_back_under_the_payouts_own_nonce(goat):
    required = required_of(await goat.shop.create(**goat.wish(amount_wei="7")))
    await pay(goat, required, 9)
    await goat.world.work(60)
    order = await goat.stored(required["order_id"])
    assert (await goat.shop.status(order.id), await goat.returned()) == ("FAILED", [9])
    assert (order.failure or "").startswith("0x") or "AmountOutOfBounds" in (order.failure or "")


async def test_w4_too_much_runs_the_callback_with_the_price_and_the_rest_goes_back(goat):
    required = await asked(goat)
    await pay(goat, required, PASS + 11)
    await goat.world.work(60)
    order = await goat.stored(required["order_id"])
    assert (order.fulfilment, await goat.returned()) == (FulfilmentState.RELEASED, [11])
    moved = [("settlement", PASS + 11), ("payout", PASS), ("refund", 11)]
    assert [row[:2] for row in await goat.rows(order.id)] == moved
    await pay(goat, required, 5)
    await goat.world.work(60)
    assert await goat.returned() == [11, 5]


async def test_w4_money_for_a_contract_that_comes_too_late_or_too_little_goes_back(goat):
    short = await asked(goat)
    await pay(goat, short, PASS - 1)
    await goat.world.work(16 * 60)
    assert (await goat.shop.status(short["order_id"]), await goat.returned()) == ("FAILED", [PASS - 1])
    late = await asked(goat, dapp_order_id="late")
    await goat.world.work(16 * 60)
    await pay(goat, late)
    await goat.world.work(60)
    assert (await goat.shop.status(late["order_id"]), minted(goat)) == ("FAILED", 0)
    assert await goat.returned() == [PASS - 1, PASS]


async def test_a_merchant_of_this_kind_is_paid_at_the_delegate_wallet(goat):
    answer = (await goat.world.client.get("/merchants/paddock")).json()
    (wallet,) = answer["wallets"]
    assert (answer["receive_type"], wallet["address"]) == ("DELEGATE", goat.world.paddock.market.delegate)
    other = await goat.other.create(**goat.wish(callback_calldata=MINT_TO))
    assert (other.status_code, "callback_calldata" in other.json()["error"]) == (400, True)


async def test_no_order_says_that_it_is_stuck_while_it_waits_for_a_signature(goat):
    required = await asked(goat, callback_calldata=MINT_TO)
    await pay(goat, required)
    await goat.world.work(9 * 60 - 20)
    answer = await goat.shop.sign_calldata(required["order_id"], calldata_signature(required, goat.world.buyer.account))
    assert answer.status_code == 200, answer.text
    await goat.world.clock.sleep(timedelta(seconds=1).total_seconds())
    await goat.world.work(20)
    assert minted(goat) == 1


@pytest.mark.parametrize("seconds", [2, 4, 6, 8])
@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("keep", [True, False])
async def test_f17_a_reorganisation_of_transfer_callback_or_refund_pays_nothing_twice(goat, seconds, depth, keep):
    required = await asked(goat)
    await pay(goat, required, PASS + 11)
    await goat.world.work(seconds)
    goat.world.chain.reorganise(depth, keep=keep)
    await goat.world.work(120)
    order = await goat.stored(required["order_id"])
    if order.received:
        assert (order.fulfilment, minted(goat), await goat.returned()) == (FulfilmentState.RELEASED, 1, [11])
    else:
        assert (await goat.shop.status(order.id), await goat.returned()) == ("CHECKOUT_VERIFIED", [])
        await pay(goat, required)
        await goat.world.work(60)
        assert (await goat.shop.status(order.id), minted(goat)) == ("PAYMENT_CONFIRMED", 1)
