"""Refunds of orders by plain transfers that the merchant signs: each by a nonce and a pledge of its own."""

import pytest
from eth_account.messages import encode_typed_data

from scripts.accounts import account
from server.adapters.signers import LocalSigner
from server.application.refund_by_hand import refund_by_hand
from server.domain.states import MoneyBackState
from tests.simulation.transfer_world import PRICE, open_transfers
from tests.simulation.world import MERCHANT_KEY

MERCHANT = {"Authorization": f"Bearer {MERCHANT_KEY}"}
SHOP, FLOAT = account("merchant"), account("float")


@pytest.fixture
async def shop():
    """The merchant keeps its money itself: there is no refund float."""
    async with open_transfers() as opened:
        opened.world.paddock.floats.clear()
        yield opened


async def asked(shop, order_id, value=""):
    query = {"value": value} if value else {}
    return await shop.world.client.get(f"/api/orders/{order_id}/refund", headers=MERCHANT, params=query)


async def hand_in(shop, order_id, given=None):
    given = given or (await asked(shop, order_id)).json()
    signature = SHOP.sign_message(encode_typed_data(full_message=given["document"])).signature
    body = {"value": given["value"], "validBefore": given["validBefore"], "signature": "0x" + bytes(signature).hex()}
    return await shop.world.client.post(f"/api/orders/{order_id}/refund", headers=MERCHANT, json=body)


async def sent_back(shop, sender=SHOP.address):
    payer = shop.world.buyer.account.address
    logs = await shop.world.chain.transfers(shop.world.paddock.market.asset.address, payer)
    return [log.amount for log in logs if (log.sender, log.recipient) == (sender, payer)]


async def paid(shop, amount):
    """The id of an order for which so much came, after everything that follows by itself."""
    order_id = await shop.order()
    await shop.send(amount)
    await shop.watch()
    await shop.world.work(30)
    return order_id


async def test_w9_what_came_too_much_goes_back_by_the_merchants_signature(shop):
    order_id = await paid(shop, PRICE + 5)
    assert (await shop.stored(order_id)).money_back is MoneyBackState.BLOCKED
    assert (await asked(shop, order_id, "4")).status_code == 422
    assert (await asked(shop, order_id, "6")).status_code == 422
    assert (await hand_in(shop, order_id)).status_code == 202
    await shop.world.work(60)
    assert (await sent_back(shop), (await shop.stored(order_id)).returned) == ([5], 5)


async def test_w9_each_further_refund_wants_a_signature_of_its_own(shop):
    order_id = await paid(shop, PRICE + 5)
    first = (await asked(shop, order_id)).json()
    assert (await hand_in(shop, order_id, first)).status_code == 202
    await shop.world.work(60)
    await shop.send(7)
    await shop.watch()
    await shop.world.work(60)
    order = await shop.stored(order_id)
    assert (order.money_back, order.due_back, await sent_back(shop)) == (MoneyBackState.BLOCKED, 7, [5])
    assert (await hand_in(shop, order_id, first)).status_code == 422
    assert (await hand_in(shop, order_id)).status_code == 202
    await shop.world.work(60)
    assert (await sent_back(shop), (await shop.stored(order_id)).returned) == ([5, 7], 12)


async def test_w9_a_delivered_order_that_plain_transfers_paid_is_given_back_whole(shop):
    order_id = await paid(shop, PRICE)
    assert (await shop.stored(order_id)).money_back is MoneyBackState.NONE
    assert (await asked(shop, order_id, "1")).status_code == 422
    assert (await hand_in(shop, order_id)).status_code == 202
    await shop.world.work(60)
    order = await shop.stored(order_id)
    assert (order.money_back, order.due_back, await sent_back(shop)) == (MoneyBackState.REFUNDED, 0, [PRICE])


async def test_w9_a_signature_over_more_than_is_due_by_now_is_not_sent(shop):
    """More came, the merchant signed for it, and a reorganisation took it away again."""
    order_id = await paid(shop, PRICE + 5)
    await shop.send(7)
    await shop.watch()
    await shop.world.work(1)
    assert (await shop.stored(order_id)).due_back == 12
    assert (await hand_in(shop, order_id)).status_code == 202
    shop.world.chain.reorganise(2)
    await shop.world.work(60)
    order = await shop.stored(order_id)
    assert (order.due_back, order.money_back, await sent_back(shop)) == (5, MoneyBackState.BLOCKED, [])
    assert (await hand_in(shop, order_id)).status_code == 202
    await shop.world.work(60)
    assert await sent_back(shop) == [5]


async def test_w9_while_the_merchants_signature_can_be_used_no_float_sends_what_came_too_much(shop):
    order_id = await paid(shop, PRICE + 5)
    shop.world.chain.state.blacklist.add(SHOP.address)
    assert (await hand_in(shop, order_id)).status_code == 202
    await shop.world.work(20)
    shop.world.paddock.floats["paddock"] = LocalSigner(FLOAT.key.hex())
    await refund_by_hand(shop.world.paddock, order_id, retry=True)
    await shop.world.work(20)
    assert await sent_back(shop, FLOAT.address) == []
    shop.world.chain.state.blacklist.discard(SHOP.address)
    await refund_by_hand(shop.world.paddock, order_id, retry=True)
    await shop.world.work(60)
    assert (await sent_back(shop), await sent_back(shop, FLOAT.address)) == ([5], [])
