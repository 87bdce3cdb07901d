"""The console's page of an order tells which call its payer chose, and whether it is signed."""

import re

import pytest

from tests.fakes.chain import DAI_ASSET, DOLLAR
from tests.fakes.tokens import DAI
from tests.simulation.goat_world import open_goat
from tests.simulation.test_chosen_calldata import FRIEND, ask, hand_in, paid_and_signed
from tests.simulation.world import open_world
from tests.stack.atomic import pay_atomic
from tests.stack.buyer import write_header
from tests.stack.choosing import mint_to, signed_choice
from tests.stack.goat_client import calldata_signature, required_of

CALL = f"mintTo({FRIEND})"


@pytest.fixture
async def world():
    async with open_world() as opened:
        yield opened


async def stages(world, order_id):
    """Name → (state, note) of each station on the page, in its order."""
    await world.entered()
    page = await world.client.get(f"/console/orders/{order_id}")
    assert page.status_code == 200, page.text
    found = re.findall(r'<li class="(\w+)">\s*<p class="stage"><strong>([^<]+)</strong>(.*?)</li>', page.text, re.S)
    return {name: (state, " ".join(re.sub(r"<[^>]+>", " ", rest).split())) for state, name, rest in found}


async def test_a_call_that_waits_for_its_signature_says_until_when_and_then_who_signed(world):
    quoted = await ask(world)
    await world.buyer.present(quoted, world.buyer.pay(quoted))
    await world.work(5)
    told = await stages(world, quoted.id)
    names = list(told)
    assert names.index("Calldata signed") == names.index("Settled") + 1 == names.index("Contract called") - 1
    state, note = told["Calldata signed"]
    assert (state, CALL in note, "waits for the payer" in note, mint_to(FRIEND)[:6] in note) == ("now", *[True] * 3)
    assert told["Contract called"][0] == "ahead"
    await hand_in(world, quoted.id, signed_choice(world.buyer.account, quoted.entry))
    await world.work(5)
    told = await stages(world, quoted.id)
    assert (told["Calldata signed"][0], told["Contract called"][0]) == ("done", "done")
    assert f"{CALL}, by the payer" in told["Calldata signed"][1]


async def test_a_call_that_nobody_signed_in_time_says_so(world):
    quoted = await ask(world)
    await world.buyer.present(quoted, world.buyer.pay(quoted))
    await world.work(460)
    state, note = (await stages(world, quoted.id))["Calldata signed"]
    assert (state, "nobody signed it in time" in note) == ("failed", True)


async def test_an_atomic_payment_signs_its_call_by_its_own_nonce_and_a_base_action_has_no_such_station(world):
    until = int(world.clock.now().timestamp()) + 120
    chosen = await ask(world)
    plain = await world.buyer.ask(world.url("access-pass"), "POST", {})
    async with world.workers():
        header = write_header(pay_atomic(world.buyer.account, chosen, until))
        assert (await world.buyer.present(chosen, header)).status_code == 200
        assert (await world.buyer.present(plain, world.buyer.pay(plain))).status_code == 200
    state, note = (await stages(world, chosen.id))["Calldata signed"]
    assert (state, f"{CALL}, by the payment" in note) == ("done", True)
    assert "Calldata signed" not in await stages(world, plain.id)


async def test_a_call_that_was_signed_with_its_payment_is_done_as_soon_as_it_is_paid(world):
    quoted = await ask(world)
    async with world.workers():
        assert (await world.buyer.present(quoted, paid_and_signed(world, quoted))).status_code == 200
    assert (await stages(world, quoted.id))["Calldata signed"][0] == "done"


@pytest.mark.parametrize("symbol", ["USDC", "DAI"])
async def test_a_merchants_order_tells_its_call_by_the_selector_and_takes_our_struct_too(symbol):
    async with open_goat(assets=(DOLLAR, DAI_ASSET), callback="AccessPass") as goat:
        world = goat.world
        world.chain.give(world.buyer.account.address, 10**24, DAI)
        world.chain.allow(world.paddock.market.delegate, "0x000000000022D473030F116dDEE9F6B43aC78BA3", 10**24, DAI)
        wish = goat.wish(amount_wei="1000000", token_symbol=symbol, callback_calldata=mint_to(FRIEND))
        required = required_of(await goat.shop.create(**wish))
        (terms,) = required["accepts"]
        await goat.send(1_000_000, asset=terms["asset"], to=terms["payTo"])
        await world.work(20)
        state, note = (await stages(world, required["order_id"]))["Calldata signed"]
        assert (state, f"the function {mint_to(FRIEND)[:10]}: waits" in note) == ("now", True)
        document = (await world.client.get(f"/api/orders/{required['order_id']}/calldata-signature")).json()["document"]
        assert document["primaryType"].endswith("CallbackPayment")
        signed = world.buyer.account.sign_typed_data(full_message=document).signature
        assert calldata_signature(required, world.buyer.account) != "0x" + signed.hex()
        answer = await goat.shop.sign_calldata(required["order_id"], "0x" + signed.hex())
        assert answer.status_code == 200, answer.text
        await world.work(20)
        assert await goat.shop.status(required["order_id"]) == "PAYMENT_CONFIRMED"
        assert (await stages(world, required["order_id"]))["Contract called"][0] == "done"
