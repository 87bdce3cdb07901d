"""Asking for an order by transfer: who may, for what, how often, and what a stranger learns."""

import hashlib
import json
from dataclasses import replace

import pytest
from eth_account import Account

from server.application.pause import turn
from server.domain.states import PaymentState
from server.services.tariffs import Tier, Tiers
from tests.simulation.transfer_world import PRICE, TransferWorld, open_transfers
from tests.simulation.world import WorldBuyer, open_world
from tests.stack.signed import signed_request


@pytest.fixture
async def market():
    async with open_transfers() as opened:
        yield opened


async def post(market, body, signer, action="transfer-order", over=None):
    """A body as it is, signed by somebody over it, or over something else."""
    raw = json.dumps(body).encode()
    name = over or "0x" + hashlib.sha256(raw).hexdigest()
    header = signed_request(signer, action, name, market.world.clock.now().timestamp()) if signer else {}
    return await market.world.client.post("/api/transfer-orders", content=raw, headers=header)


def body_of(market, **changes):
    values = {"service": "echo", "arguments": {"text": "hi"}, "payer": market.world.buyer.account.address}
    return {name: value for name, value in (values | changes).items() if value is not ...}


async def test_the_answer_says_what_to_send_where_and_until_when(market):
    answer = (await market.ask()).json()
    world = market.world
    assert answer["pay_to"] == market.payee
    assert (answer["amount"], answer["network"]) == (str(PRICE), "eip155:31337")
    assert (answer["asset"], answer["status"]) == (world.paddock.market.asset.address, "pending")
    order = await market.stored(answer["id"])
    assert (order.terms.expires_at - order.terms.quoted_at).total_seconds() == 900
    status = (await world.client.get(answer["status_url"])).json()
    assert (status["id"], status["received"], status["returned"]) == (answer["id"], "0", "0")


async def test_s31_strangers_see_neither_payer_nor_arguments_of_an_order_by_transfer(market):
    order_id = await market.order()
    shown = (await market.world.client.get(f"/api/orders/{order_id}")).text
    assert market.world.buyer.account.address.lower() not in shown.lower()
    assert "arguments" not in shown


@pytest.mark.parametrize("signer", ["nobody", "a stranger", "the payer over another body", "the payer for an action"])
async def test_s31_nobody_makes_an_order_that_somebody_elses_transfer_would_pay(market, signer):
    body, payer = body_of(market), market.world.buyer.account
    answer = {
        "nobody": lambda: post(market, body, None),
        "a stranger": lambda: post(market, body, Account.create()),
        "the payer over another body": lambda: post(market, body, payer, over="0x" + "00" * 32),
        "the payer for an action": lambda: post(market, body, payer, action="delivery"),
    }[signer]
    answered = await answer()
    assert answered.status_code == 400
    assert answered.json()["type"] == "/problems/bad-signed-request"
    assert await market.world.orders() == []


async def test_s4_the_same_signed_request_again_gets_the_same_order(market):
    raw = json.dumps(body_of(market)).encode()
    now = market.world.clock.now().timestamp()
    name = "0x" + hashlib.sha256(raw).hexdigest()
    header = signed_request(market.world.buyer.account, "transfer-order", name, now)
    answers = [await market.world.client.post("/api/transfer-orders", content=raw, headers=header) for _ in range(3)]
    assert [one.status_code for one in answers] == [201] * 3
    assert len({one.json()["id"] for one in answers}) == len(await market.world.orders()) == 1


async def test_s13_a_nonce_that_named_another_wish_is_refused(market):
    payer, now, nonce = market.world.buyer.account, market.world.clock.now().timestamp(), "0x" + "07" * 32
    codes = []
    for text in ("one", "two"):
        raw = json.dumps(body_of(market, arguments={"text": text})).encode()
        name = "0x" + hashlib.sha256(raw).hexdigest()
        header = signed_request(payer, "transfer-order", name, now, nonce=nonce)
        codes.append((await market.world.client.post("/api/transfer-orders", content=raw, headers=header)).status_code)
    assert codes == [201, 409]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"service": "nothing"}, 404),
        ({"service": "access-pass", "arguments": {}}, 422),
        ({"arguments": {"text": 5, "more": 1}}, 422),
        ({"arguments": [1]}, 422),
        ({"payer": "0x12"}, 422),
        ({"payer": ...}, 422),
        ({"network": "eip155:1"}, 422),
        ({"asset": "0x" + "11" * 20}, 422),
        ({"surprise": 1}, 422),
    ],
)
async def test_what_cannot_be_sold_is_refused_with_what_to_do_and_makes_no_order(market, changes, status):
    answer = await post(market, body_of(market, **changes), market.world.buyer.account)
    assert answer.status_code == status, answer.text
    assert answer.json()["action"]
    assert await market.world.orders() == []


async def test_s27_a_payer_has_so_many_open_orders_and_others_are_served(market):
    market.world.paddock.admission.orders_per_payer = 3
    answers = [await market.ask() for _ in range(4)]
    assert [one.status_code for one in answers] == [201, 201, 201, 429]
    other = WorldBuyer(market.world.client, clock=market.world.clock)
    assert (await market.ask(buyer=other)).status_code == 201
    market.world.clock.advance(16 * 60)
    await market.world.work(5)
    assert (await market.ask()).status_code == 201


async def test_s26_an_order_costs_no_chain_request(market):
    market.world.chain.unavailable = True
    assert (await market.ask()).status_code == 201
    assert (await post(market, body_of(market), Account.create())).status_code == 400


async def test_s30_where_nobody_has_begun_to_watch_no_order_is_made():
    async with open_world() as world:
        market = TransferWorld(world, world.paddock.merchants["paddock"].pay_to)
        answer = await market.ask()
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/transfers-unwatched")
        assert answer.headers["retry-after"]
        assert await world.orders() == []


async def test_s30_where_nobody_watches_any_more_no_order_is_made(market):
    market.world.clock.advance(61)
    assert (await market.ask()).status_code == 503
    await market.world.work(3)
    assert (await market.ask()).status_code == 201


async def test_while_paused_no_order_is_made(market):
    await turn(market.world.db, market.world.clock, on=True, reason="maintenance", by="operator")
    market.world.clock.advance(2)
    assert (await market.ask()).status_code == 503
    assert await market.world.orders() == []


async def test_money_that_came_before_the_order_is_not_taken_for_it(market):
    market.world.foreign.add(await market.send(PRICE))
    await market.world.work(5)
    order_id = await market.order()
    await market.world.work(5)
    assert (await market.stored(order_id)).payment is PaymentState.CREATED


async def test_an_order_by_transfer_costs_what_its_arguments_ask_for(market):
    tiers = Tiers("letter", lambda asked: len(asked.text), (Tier(100),))
    echo = market.world.paddock.services["echo"]
    market.world.paddock.services["echo"] = replace(echo, tariff=tiers)
    body = body_of(market, arguments={"text": "abc"})
    answer = await post(market, body, market.world.buyer.account)
    assert (await market.stored(answer.json()["id"])).price == 300
