"""Refunds of what was paid by Permit2, in a token without EIP-3009: W9, F23 and F24 hold by Permit2's nonce."""

import pytest
from eth_account.messages import encode_typed_data

from protocol.payment import PERMIT2
from scripts.accounts import account
from server.adapters.signers import LocalSigner
from server.application.refund_by_hand import refund_by_hand
from server.application.refund_source import signed_by, source_of
from server.domain.ledger import standing
from server.domain.payment_calls import payment_call
from server.domain.states import MoneyBackState
from server.services.service import Fulfilment
from tests.fakes.chain import DAI_ASSET
from tests.fakes.permit2 import bundle
from tests.simulation.world import MERCHANT_KEY, open_world, refuse, service

MERCHANT = {"Authorization": f"Bearer {MERCHANT_KEY}"}
SHOP, FLOAT = account("merchant"), account("float").address
DAI = DAI_ASSET.address
PRICE = 10**16
RICH = 10**24


@pytest.fixture
async def world():
    broken = service("broken", refuse(500), fulfilment=Fulfilment.AFTER_SETTLEMENT)
    async with open_world(broken, assets=(DAI_ASSET,)) as opened:
        for wallet in (opened.buyer.account.address, FLOAT):
            opened.chain.give(wallet, RICH, DAI)
        opened.chain.allow(opened.buyer.account.address, PERMIT2, RICH, DAI)
        yield opened


async def paid(world):
    """The id of a settled order without an answer, after everything that follows by itself."""
    quoted = await world.buyer.ask(world.url("broken"))
    async with world.workers():
        await world.buyer.present(quoted, world.buyer.permit(quoted))
    await world.work(60)
    return quoted.id


async def sent_back(world, sender):
    payer = world.buyer.account.address
    logs = await world.chain.transfers(DAI, payer)
    return [log.amount for log in logs if (log.sender, log.recipient) == (sender, payer)]


async def hand_in(world, order_id):
    """The merchant signs what it is given, as any wallet signs typed data."""
    given = (await world.client.get(f"/api/orders/{order_id}/refund", headers=MERCHANT)).json()
    signature = SHOP.sign_message(encode_typed_data(full_message=given["document"])).signature
    body = {"value": given["value"], "validBefore": given["validBefore"], "signature": "0x" + bytes(signature).hex()}
    return await world.client.post(f"/api/orders/{order_id}/refund", headers=MERCHANT, json=body)


async def assert_refunded_once(world, order_id, by):
    assert (await world.order(order_id)).money_back is MoneyBackState.REFUNDED
    assert await sent_back(world, by) == [PRICE]
    async with world.db.read() as view:
        rows = [row for row in standing(await view.ledger.of(order_id)) if row.kind == "refund"]
    assert [(row.asset, row.amount) for row in rows] == [(DAI, PRICE)]


async def test_w9_a_float_refunds_by_permit2(world):
    world.chain.allow(FLOAT, PERMIT2, RICH, DAI)
    order_id = await paid(world)
    await assert_refunded_once(world, order_id, FLOAT)


async def test_f23_a_float_that_has_not_let_permit2_take_its_money_says_so_and_pays_when_it_has(world):
    order_id = await paid(world)
    order = await world.order(order_id)
    assert (order.money_back, order.owes) == (MoneyBackState.BLOCKED, True)
    async with world.db.read() as view:
        (case,) = [case for case in await view.cases.of(order_id) if case.kind == "refund_blocked"]
    assert f"approve {PERMIT2} once" in case.detail
    world.chain.allow(FLOAT, PERMIT2, RICH, DAI)
    await refund_by_hand(world.paddock, order_id, retry=True)
    await world.work(60)
    await assert_refunded_once(world, order_id, FLOAT)


async def test_w9_a_merchant_signs_a_refund_by_permit2(world):
    world.paddock.floats.clear()
    order_id = await paid(world)
    world.chain.allow(SHOP.address, PERMIT2, RICH, DAI)
    assert (await hand_in(world, order_id)).status_code == 202
    await world.work(60)
    await assert_refunded_once(world, order_id, SHOP.address)


async def test_w9_while_the_merchants_permit_can_be_used_no_float_sends_the_money(world):
    world.paddock.floats.clear()
    order_id = await paid(world)
    assert (await hand_in(world, order_id)).status_code == 202
    await world.work(10)
    assert (await world.order(order_id)).money_back is MoneyBackState.BLOCKED
    world.chain.allow(FLOAT, PERMIT2, RICH, DAI)
    world.paddock.floats["paddock"] = LocalSigner(account("float").key.hex())
    await refund_by_hand(world.paddock, order_id, retry=True)
    await world.work(10)
    assert (await sent_back(world, FLOAT), await sent_back(world, SHOP.address)) == ([], [])
    world.chain.allow(SHOP.address, PERMIT2, RICH, DAI)
    await refund_by_hand(world.paddock, order_id, retry=True)
    await world.work(60)
    await assert_refunded_once(world, order_id, SHOP.address)


async def test_f24_two_refunds_in_one_transaction_of_a_strangers_are_each_booked_by_a_transfer_of_their_own(world):
    world.paddock.floats.clear()
    order_ids, calls = [await paid(world), await paid(world)], []
    for order_id in order_ids:
        assert (await hand_in(world, order_id)).status_code == 202
        await world.work(10)
        order = await world.order(order_id)
        back = await signed_by(world.paddock, order, await source_of(world.paddock, order))
        calls.append(payment_call(back, back.value))
    world.chain.allow(SHOP.address, PERMIT2, RICH, DAI)
    await world.as_stranger(*bundle(calls))
    world.foreign.clear()  # what it moved belongs into our books
    for order_id in order_ids:
        await refund_by_hand(world.paddock, order_id, retry=True)
    await world.work(60)
    for order_id in order_ids:
        assert (await world.order(order_id)).money_back is MoneyBackState.REFUNDED
    async with world.db.read() as view:
        rows = [row for one in order_ids for row in await view.ledger.of(one) if row.kind == "refund"]
    assert len({(row.transaction, row.log_index) for row in rows}) == len(rows) == 2
