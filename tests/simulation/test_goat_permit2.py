"""Flow ERC20_APPROVE_XFER: a token without EIP-3009 is handed to the merchant's contract by Permit2."""

from contextlib import asynccontextmanager

import pytest

from protocol.payment import PERMIT2
from scripts.accounts import account
from server.application.execute import execute
from server.application.refund import refund
from server.application.watch_transfers import watch_transfers
from server.domain.states import FulfilmentState, MoneyBackState
from tests.fakes.chain import DAI_ASSET, DOLLAR
from tests.fakes.tokens import DAI
from tests.simulation.goat_world import open_goat
from tests.simulation.test_goat_delegate import MINT_TO, PASS, minted
from tests.stack.goat_client import calldata_signature, proof_signer, required_of


@asynccontextmanager
async def selling(approved=10**24):
    """A merchant whose contract takes DAI, and a delegate wallet that lets Permit2 take so much."""
    async with open_goat(assets=(DOLLAR, DAI_ASSET), callback="AccessPass") as goat:
        chain, delegate = goat.world.chain, account("delegate").address
        chain.give(goat.world.buyer.account.address, 10**24, DAI)
        chain.allow(delegate, PERMIT2, approved, DAI)
        yield goat


@pytest.fixture
async def goat():
    async with selling() as world:
        yield world


async def asked(goat, **changes):
    wish = goat.wish(amount_wei=str(PASS), token_symbol="DAI", **changes)
    return required_of(await goat.shop.create(**wish))


async def pay(goat, required, amount=PASS):
    (terms,) = required["accepts"]
    await goat.send(amount, asset=terms["asset"], to=terms["payTo"])


async def returned(goat):
    payer = goat.world.buyer.account.address
    logs = await goat.world.chain.transfers(DAI, payer)
    return [log.amount for log in logs if log.recipient == payer]


async def test_w4_the_contract_takes_the_price_by_permit2(goat):
    required = await asked(goat)
    assert required["flow"] == "ERC20_APPROVE_XFER"
    await pay(goat, required)
    await goat.world.work(20)
    order = await goat.stored(required["order_id"])
    assert (order.fulfilment, minted(goat)) == (FulfilmentState.RELEASED, 1)
    assert await goat.rows(order.id) == [("settlement", PASS, False), ("payout", PASS, False)]
    assert proof_signer(await goat.shop.proof(order.id)) == account("receipts").address


async def test_calldata_is_signed_for_permit2(goat):
    required = await asked(goat, callback_calldata=MINT_TO)
    assert required["calldata_sign_request"]["primaryType"] == "Permit2CallbackData"
    signature = calldata_signature(required, goat.world.buyer.account)
    assert (await goat.shop.sign_calldata(required["order_id"], signature)).status_code == 200
    await pay(goat, required)
    await goat.world.work(20)
    assert (await goat.shop.status(required["order_id"]), minted(goat)) == ("PAYMENT_CONFIRMED", 1)


async def test_w4_what_the_contract_refuses_goes_back_by_permit2_under_the_payouts_nonce(goat):
    required = required_of(await goat.shop.create(**goat.wish(amount_wei="7", token_symbol="DAI")))
    await pay(goat, required, 9)
    await goat.world.work(60)
    assert (await goat.shop.status(required["order_id"]), await returned(goat)) == ("FAILED", [9])


async def test_w4_too_much_runs_the_callback_and_the_rest_goes_back(goat):
    required = await asked(goat)
    await pay(goat, required, PASS + 11)
    await goat.world.work(60)
    order = await goat.stored(required["order_id"])
    assert (order.fulfilment, await returned(goat), minted(goat)) == (FulfilmentState.RELEASED, [11], 1)


async def test_no_order_is_made_that_the_delegate_wallet_could_not_hand_in():
    async with selling(approved=PASS - 1) as goat:
        answer = await goat.shop.create(**goat.wish(amount_wei=str(PASS), token_symbol="DAI"))
        assert (answer.status_code, "not approved Permit2" in answer.json()["error"]) == (400, True)


@pytest.mark.parametrize("seconds", [3, 5, 8])
@pytest.mark.parametrize("depth", [1, 2])
async def test_f17_a_reorganisation_pays_nothing_twice_by_permit2(goat, seconds, depth):
    required = await asked(goat)
    await pay(goat, required, PASS + 11)
    await goat.world.work(seconds)
    goat.world.chain.reorganise(depth, keep=True)
    await goat.world.work(120)
    order = await goat.stored(required["order_id"])
    assert (order.fulfilment, minted(goat), await returned(goat)) == (FulfilmentState.RELEASED, 1, [11])


async def test_f24_a_callback_that_is_mined_after_all_is_believed_and_nothing_goes_back(goat):
    world, required = goat.world, await asked(goat)
    await pay(goat, required)
    await world.clock.sleep(5)
    await watch_transfers(world.paddock, world.paddock.market.network)
    world.chain.automine, world.chain.block_seconds = False, 10**6
    await execute(world.paddock, required["order_id"])
    order = await goat.stored(required["order_id"])
    order.fulfil(FulfilmentState.FAILED, "declared failed by the test")
    order.give_back(MoneyBackState.DUE)
    async with world.db.begin("test") as work:
        await work.orders.save(order)
    await refund(world.paddock, order.id)
    assert len(world.chain.pending) == 2, "callback and refund"
    world.chain.mine(3)
    world.chain.automine, world.chain.block_seconds = True, 1
    await world.work(60)
    order = await goat.stored(order.id)
    assert (order.fulfilment, order.money_back) == (FulfilmentState.RELEASED, MoneyBackState.NONE)
    assert (minted(goat), await returned(goat)) == (1, [])
