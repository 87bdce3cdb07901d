"""Orders that a merchant's back end makes by GOAT's order API, paid by plain transfers."""

import asyncio

import pytest

from scripts.accounts import account
from tests.simulation.goat_world import open_goat
from tests.simulation.transfer_world import PRICE
from tests.stack.goat_client import proof_signer, required_of


@pytest.fixture
async def goat():
    async with open_goat() as world:
        yield world


async def test_w4_an_order_is_paid_by_a_transfer_confirmed_proven_and_invoiced_an_hour_later(goat):
    required = required_of(await goat.shop.create(**goat.wish()))
    (terms,) = required["accepts"]
    extension = required["extensions"]["goatx402"]
    assert (terms["scheme"], terms["network"], terms["payTo"]) == ("exact", "eip155:31337", goat.payee)
    assert (required["flow"], terms["extra"]["flow"], terms["extra"]["tokenSymbol"]) == (*["ERC20_DIRECT"] * 2, "USDC")
    assert (extension["paymentMethod"], extension["receiveType"]) == ("transfer", "DIRECT")
    order_id = required["order_id"]
    assert await goat.shop.status(order_id) == "CHECKOUT_VERIFIED"
    sent = await goat.send(int(terms["amount"]))
    await goat.world.work(10)
    assert await goat.shop.status(order_id) == "PAYMENT_CONFIRMED"
    proof = await goat.shop.proof(order_id)
    assert (proof["payload"]["tx_hash"], proof["payload"]["amount_wei"]) == (sent, str(PRICE))
    assert proof["binding"]["dapp_order_id"] == "1"
    assert proof_signer(proof) == proof["signer"] == account("receipts").address
    await goat.world.clock.sleep(3600)
    stored = await goat.stored(order_id)
    assert await goat.shop.status(order_id) == "INVOICED"
    assert await goat.stored(order_id) == stored, "no GET changes an order"


@pytest.mark.parametrize("member", ["payload", "binding"])
async def test_a_proof_with_one_member_changed_is_signed_by_nobody_we_know(goat, member):
    order_id = await goat.create()
    await goat.send(PRICE)
    await goat.world.work(10)
    proof = await goat.shop.proof(order_id)
    for name, value in proof[member].items():
        if isinstance(value, int):
            other = value + 1
        elif value.startswith("0x"):
            other = value[:-1] + ("1" if value[-1] != "1" else "2")
        else:
            other = str(int(value) + 1) if value.isdecimal() else value + "x"
        changed = proof | {member: proof[member] | {name: other}}
        assert proof_signer(changed) != proof["signer"], name


async def test_the_same_wish_gets_the_same_order_and_other_terms_under_its_name_are_refused(goat):
    order_id = await goat.create()
    assert await goat.create() == order_id
    other = await goat.shop.create(**goat.wish(amount_wei="20000"))
    assert (other.status_code, order_id in other.json()["error"]) == (400, True)
    await goat.send(PRICE)
    await goat.world.work(10)
    late = await goat.shop.create(**goat.wish())
    assert (late.status_code, "PAYMENT_CONFIRMED already" in late.json()["error"]) == (400, True)


async def test_the_same_wish_many_times_at_once_gets_one_order(goat):
    answers = await asyncio.gather(*(goat.shop.create(**goat.wish()) for _ in range(10)))
    assert len({required_of(answer)["order_id"] for answer in answers}) == 1
    wishes = [goat.wish(dapp_order_id=str(number), amount_wei="7") for number in range(9)]
    others = await asyncio.gather(*(goat.shop.create(**wish) for wish in wishes))
    assert sorted(answer.status_code for answer in others) == [400] * 8 + [402]


async def test_a_second_open_order_for_the_same_transfer_is_refused_until_the_first_has_ended(goat):
    first = await goat.create()
    refused = await goat.shop.create(**goat.wish(dapp_order_id="2"))
    assert (refused.status_code, "open order over this amount" in refused.json()["error"]) == (400, True)
    assert (await goat.shop.cancel(first)).json() == {"status": "cancelled", "order_id": first}
    second = await goat.create(dapp_order_id="2")
    assert await goat.create(dapp_order_id="3", amount_wei="20000")
    assert [await goat.shop.status(one) for one in (first, second)] == ["CANCELLED", "CHECKOUT_VERIFIED"]


async def test_w5_only_an_order_that_waits_is_cancelled(goat):
    order_id = await goat.create()
    await goat.send(PRICE)
    await goat.world.work(10)
    refused = await goat.shop.cancel(order_id)
    assert (refused.status_code, "PAYMENT_CONFIRMED" in refused.json()["error"]) == (400, True)
    assert await goat.shop.status(order_id) == "PAYMENT_CONFIRMED"


async def test_w4_an_order_that_nobody_pays_expires_and_what_comes_later_goes_back(goat):
    order_id = await goat.create()
    await goat.world.work(16 * 60)
    assert await goat.shop.status(order_id) == "EXPIRED"
    await goat.send(PRICE)
    await goat.world.work(30)
    assert await goat.shop.status(order_id) == "FAILED"
    assert await goat.returned() == [PRICE]


async def test_w4_too_little_goes_back_when_the_time_is_over_and_too_much_at_once(goat):
    short = await goat.create()
    await goat.send(PRICE - 1)
    await goat.world.work(16 * 60)
    assert (await goat.shop.status(short), await goat.returned()) == ("FAILED", [PRICE - 1])
    assert (await goat.shop.call("GET", f"/api/v1/orders/{short}/proof")).status_code == 400
    over = await goat.create(dapp_order_id="over")
    await goat.send(PRICE + 5)
    await goat.world.work(60)
    assert (await goat.shop.status(over), await goat.returned()) == ("PAYMENT_CONFIRMED", [PRICE - 1, 5])


async def test_there_is_no_proof_of_an_order_that_is_not_paid(goat):
    order_id = await goat.create()
    answer = await goat.shop.call("GET", f"/api/v1/orders/{order_id}/proof")
    assert (answer.status_code, "once it is paid" in answer.json()["error"]) == (400, True)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"chain_id": 1}, "chain_id"),
        ({"token_symbol": "GOLD"}, "token GOLD"),
        ({"token_contract": "0x" + "11" * 20}, "token USDC"),
        ({"amount_wei": "0"}, "amount_wei"),
        ({"amount_wei": "1e6"}, "amount_wei"),
        ({"amount_wei": 5}, "amount_wei"),
        ({"from_address": "0x12"}, "from_address"),
        ({"callback_calldata": "0x1234"}, "callback_calldata"),
        ({"dapp_order_id": ""}, "dapp_order_id"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_terms_that_cannot_be_are_refused_with_the_name_of_the_field(goat, changes, words):
    answer = await goat.shop.create(**goat.wish(**changes))
    assert (answer.status_code, words in answer.json()["error"]) == (400, True)
    assert set(answer.json()) == {"error"}


async def test_s31_another_merchants_order_is_as_unknown_as_one_that_is_not_there(goat):
    order_id = await goat.create()
    answers = [
        await goat.other.call("GET", f"/api/v1/orders/{one}{tail}")
        for one in (order_id, "x")
        for tail in ("", "/proof")
    ]
    answers += [await goat.other.cancel(order_id)]
    assert {(one.status_code, one.text) for one in answers} == {(404, answers[0].text)}
    assert (await goat.shop.create(**goat.wish(dapp_order_id="2", merchant_id="other"))).status_code == 403
    assert await goat.shop.status(order_id) == "CHECKOUT_VERIFIED"


async def test_everybody_may_know_where_a_merchant_is_paid(goat):
    answer = await goat.world.client.get("/merchants/paddock")
    (wallet,) = answer.json()["wallets"]
    assert (answer.json()["receive_type"], wallet["address"], wallet["chain_id"]) == ("DIRECT", goat.payee, 31337)
    assert (await goat.world.client.get("/merchants/nobody")).json().keys() == {"error"}


async def test_a_back_end_cannot_use_up_the_places_of_a_payer(goat):
    goat.world.paddock.admission.orders_per_payer = 1
    for number in range(3):
        await goat.create(dapp_order_id=str(number), amount_wei=str(PRICE + number))
    assert (await goat.ask()).status_code == 201
