"""C2, C5, C11: calldata that a buyer chooses is listed, simulated and signed by its payer, or the money goes back."""

import asyncio
import dataclasses
from contextlib import asynccontextmanager

import pytest
from eth_account import Account
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from server.domain.states import FulfilmentState, MoneyBackState
from tests.fakes.chain import DAI_ASSET
from tests.fakes.evm import TOKEN, digest_of
from tests.fakes.passes import PASS
from tests.fakes.tokens import DAI
from tests.fakes.wallets import bound, owned
from tests.simulation.world import RICH, open_world, read_payment
from tests.stack.buyer import changed, payment, read_header, write_header
from tests.stack.choosing import GOATS, OURS, PERMIT2, choice, mint_to, signed_choice, with_choice

PRICE = 1_000_000
FRIEND = Account.create().address
WALLET = to_checksum_address("0x" + "1b" * 20)
OWNER = Account.create()


@pytest.fixture
async def world():
    async with open_world() as opened:
        yield opened


async def ask(world, calldata=None):
    return await world.buyer.ask(world.url("access-pass"), "POST", {"calldata": calldata or mint_to(FRIEND)})


def paid_and_signed(world, quoted, signature=None):
    """A payment with the payer's signature over the calldata, or with another one in its place."""
    header = world.buyer.pay(quoted)
    given = signature or signed_choice(world.buyer.account, quoted.entry)
    return write_header(with_choice(read_header(header), quoted.required, given))


async def held(world, address=None):
    return await world.chain.token_balance(TOKEN, address or world.buyer.account.address)


async def hand_in(world, order_id, signature):
    return await world.client.post(f"/api/orders/{order_id}/calldata-signature", json={"signature": signature})


async def seen(world, order_id):
    return (await world.client.get(f"/api/orders/{order_id}")).json()


async def test_the_terms_name_the_call_its_function_and_where_to_sign_it(world):
    quoted = await ask(world)
    extra = quoted.entry["extra"]
    assert (extra["calldata"], extra["function"]) == (mint_to(FRIEND), "mintTo(address)")
    assert int(extra["calldataDeadline"]) == int(extra["expiresAt"]) + 900
    url = quoted.required["extensions"]["calldata-signature"]["info"]["url"]
    assert url.endswith(f"/api/orders/{quoted.id}/calldata-signature")
    plain = await world.buyer.ask(world.url("access-pass"), "POST", {})
    assert "calldata" not in plain.entry["extra"]
    assert "calldata-signature" not in plain.required["extensions"]


@pytest.mark.parametrize(
    ("calldata", "why"),
    [
        ("0x" + keccak(b"withdrawRevenue(address,address,uint256)")[:4].hex() + "00" * 96, "selector of no function"),
        ("0x00000000" + "00" * 32, "selector of no function"),
        (mint_to(FRIEND)[:-2], "arguments are not those of"),
        (mint_to(FRIEND) + "00" * 32, "in a second way"),
        (mint_to(FRIEND)[:10] + "01" + mint_to(FRIEND)[12:], "arguments are not those of"),
        ("0x755edd", "regex"),
        ("mintTo", "regex"),
    ],
)
async def test_c2_calldata_that_is_not_on_the_list_is_refused_before_it_is_quoted(world, calldata, why):
    answer = await world.client.post(world.url("access-pass"), json={"calldata": calldata})
    assert (answer.status_code, "payment-required" in answer.headers) == (422, False)
    assert why in answer.json()["detail"], answer.json()["detail"]


@pytest.mark.parametrize("struct", [OURS, GOATS])
async def test_a_signed_choice_runs_for_whom_the_payer_named(world, struct):
    quoted = await ask(world)
    signature = signed_choice(world.buyer.account, quoted.entry, struct)
    async with world.workers():
        answer = await world.buyer.present(quoted, paid_and_signed(world, quoted, signature))
    assert (answer.status_code, answer.json()["holder"], answer.json()["payer"]) == (
        200,
        FRIEND,
        world.buyer.account.address,
    )
    assert (await held(world), await held(world, PASS)) == (RICH - PRICE, PRICE)
    shown = (await seen(world, quoted.id))["execution"]
    assert (shown["state"], shown["action"], shown["error"]) == ("done", f"mintTo({FRIEND})", None)


async def test_a_402_for_chosen_calldata_asks_no_chain(world):
    world.chain.unavailable = True
    assert (await ask(world)).entry["extra"]["function"] == "mintTo(address)"
    world.chain.unavailable = False


async def test_a_choice_that_is_signed_after_paying_runs_as_soon_as_it_is_signed(world):
    quoted = await ask(world)
    answer = await world.buyer.present(quoted, world.buyer.pay(quoted))
    assert (answer.status_code, answer.json()["order_id"]) == (202, quoted.id)
    await world.work(5)
    shown = await seen(world, quoted.id)
    assert (shown["fulfilment"], shown["execution"]["state"]) == ("executing", "awaits_signature")
    document = (await world.client.get(f"/api/orders/{quoted.id}/calldata-signature")).json()["document"]
    signature = world.buyer.account.sign_typed_data(full_message=document).signature
    taken = await hand_in(world, quoted.id, "0x" + signature.hex())
    assert (taken.status_code, taken.json()["execution"]["state"]) == (202, "running")
    await world.work(5)
    assert (await world.order(quoted.id)).fulfilment is FulfilmentState.RELEASED
    again = await hand_in(world, quoted.id, "0x" + signature.hex())
    assert (again.status_code, again.json()["type"].rpartition("/")[2]) == (409, "signature-not-awaited")


async def test_a_choice_that_is_signed_while_the_payment_settles_runs_at_once(world):
    """It was not executing when the signature came, and by the time that is kept its job has looked and gone to sleep
    until the signature is too late."""
    quoted = await ask(world)
    honest, world.chain.automine = world.chain.preview, False
    waits = asyncio.create_task(world.buyer.present(quoted, world.buyer.pay(quoted)))
    while not world.chain.pending:
        await world.clock.sleep(0.01)

    async def slow(call, code):
        world.chain.automine = True
        world.chain.mine()
        await world.work(3)
        assert (await seen(world, quoted.id))["execution"]["state"] == "awaits_signature"
        return await honest(call, code)

    world.chain.preview = slow
    given = signed_choice(world.buyer.account, quoted.entry)
    assert (await hand_in(world, quoted.id, given)).status_code == 202
    await world.work(3)
    assert (await seen(world, quoted.id))["execution"]["state"] == "done"
    assert (await waits).status_code == 202


async def test_a_choice_that_nobody_signs_in_time_ends_in_a_refund(world):
    """So does every purchase of a client that never heard of DELEGATE, if it chooses calldata."""
    quoted = await ask(world)
    assert (await world.buyer.present(quoted, world.buyer.pay(quoted))).status_code == 202
    await world.work(400)
    assert (await world.order(quoted.id)).money_back is MoneyBackState.NONE
    await world.work(60)
    order = await world.order(quoted.id)
    assert (order.fulfilment, order.money_back) == (FulfilmentState.FAILED, MoneyBackState.REFUNDED)
    assert await held(world) == RICH
    shown = (await seen(world, quoted.id))["execution"]
    assert (shown["state"], "did not sign" in shown["error"]) == ("failed", True)
    late = await hand_in(world, quoted.id, signed_choice(world.buyer.account, quoted.entry))
    assert (late.status_code, await held(world)) == (409, RICH)


@pytest.mark.parametrize(
    "change",
    [
        {"calldataHash": keccak(b"another call")},
        {"amount": PRICE - 1},
        {"orderId": b"\1" * 32},
        {"deadline": 1},
        {"payer": FRIEND},
        {"paymentNonce": b"\2" * 32},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_c5_a_signature_over_anything_else_is_refused_and_nothing_is_charged(world, change):
    quoted = await ask(world)
    other = signed_choice(world.buyer.account, quoted.entry, **change)
    answer = await world.buyer.present(quoted, paid_and_signed(world, quoted, other))
    assert answer.status_code == 402
    assert read_header(answer.headers["payment-response"])["errorReason"] == "callback_would_fail"
    assert "PayerSignatureInvalid" in read_header(answer.headers["payment-response"])["errorMessage"]
    assert (await world.orders(), await held(world)) == ([], RICH)


async def test_c5_a_strangers_signature_is_not_taken_after_paying_either(world):
    quoted = await ask(world)
    await world.buyer.present(quoted, world.buyer.pay(quoted))
    refused = await hand_in(world, quoted.id, signed_choice(OWNER, quoted.entry))
    assert (refused.status_code, "PayerSignatureInvalid" in refused.json()["detail"]) == (422, True)
    assert (await seen(world, quoted.id))["execution"]["state"] == "awaits_signature"
    await world.work(460)
    assert await held(world) == RICH


@pytest.mark.parametrize("signature", ["0x" + "11" * 64, "0x" + "11" * 66, "0x", 7, "no hex"])
async def test_c11_a_signature_of_another_length_is_malformed(world, signature):
    quoted = await ask(world)
    answer = await world.buyer.present(quoted, paid_and_signed(world, quoted, signature))
    assert (answer.status_code, await world.orders()) == (400, [])


async def test_what_the_callback_would_refuse_is_refused_before_any_money_moves(world):
    """The edition of one is gone: whoever chooses calldata for it is told so, signed or not."""
    async with world.workers():
        assert (await world.buyer.buy(world.url("launch-pass"), "POST", {})).status_code == 200
    for sign in (True, False):
        quoted = await world.buyer.ask(world.url("launch-pass"), "POST", {"calldata": mint_to(FRIEND)})
        header = paid_and_signed(world, quoted) if sign else world.buyer.pay(quoted)
        answer = await world.buyer.present(quoted, header)
        assert answer.status_code == 402
        assert "SoldOut(1)" in read_header(answer.headers["payment-response"])["errorMessage"]
    assert await held(world) == RICH - 2_500_000


async def test_a_callback_that_fails_after_the_preview_refunds_and_says_why(world):
    """Somebody was faster: the last one is minted between this buyer's preview and its callback."""
    quoted = await world.buyer.ask(world.url("launch-pass"), "POST", {"calldata": mint_to(FRIEND)})
    waits = asyncio.create_task(world.buyer.present(quoted, paid_and_signed(world, quoted)))
    await world.clock.sleep(2)
    world.chain.state.minted[to_checksum_address("0x" + "1a" * 20)] = 1
    async with world.workers():
        answer = await waits
    assert (answer.status_code, "SoldOut(1)" in answer.json()["detail"]) == (502, True)
    await world.work(10)
    assert (await seen(world, quoted.id))["execution"]["error"] == "SoldOut(1)"
    assert await held(world) == RICH


async def test_a_smart_wallet_chooses_and_signs_by_its_own_code(world):
    world.chain.deploy(owned(OWNER.address, WALLET))
    world.chain.give(WALLET, RICH)
    quoted = await ask(world)
    until = str(int(world.clock.now().timestamp()) + 120)
    paid = payment(OWNER, quoted.entry, quoted.required["resource"], from_=WALLET, validBefore=until)
    pays = OWNER.unsafe_sign_hash(bound(WALLET, read_payment(write_header(paid)).signed)).signature
    chooses = OWNER.unsafe_sign_hash(bound(WALLET, digest_of(choice(quoted.entry, WALLET)))).signature
    paid = changed(paid, "payload.signature", "0x" + bytes(pays).hex())
    async with world.workers():
        header = write_header(with_choice(paid, quoted.required, "0x" + bytes(chooses).hex()))
        answer = await world.buyer.present(quoted, header)
    assert (answer.status_code, answer.json()["holder"], answer.json()["payer"]) == (200, FRIEND, WALLET)


async def test_f24_a_signed_choice_that_is_mined_after_its_refund_was_sent_takes_the_money_once(world):
    """Payout and refund have one nonce, also where the payer chose the call."""
    quoted = await ask(world)
    world.chain.automine = True
    async with world.workers():
        await world.buyer.present(quoted, paid_and_signed(world, quoted))
    gone = world.chain.reorganise(1)
    await world.work(5)
    assert gone
    assert (await world.order(quoted.id)).fulfilment is not FulfilmentState.FAILED
    await world.work(60)
    assert (await held(world, PASS), await held(world)) == (PRICE, RICH - PRICE)


async def test_the_same_payment_gets_the_same_answer_again_and_mints_once(world):
    quoted = await ask(world)
    header = paid_and_signed(world, quoted)
    async with world.workers():
        first = await world.buyer.present(quoted, header)
        second = await world.buyer.present(quoted, header)
    assert (second.content, second.headers["idempotent-replayed"]) == (first.content, "true")
    assert await held(world, PASS) == PRICE


async def test_a_callback_that_reverts_when_mined_says_why_and_refunds(world):
    """Between estimate and block somebody took the last one: the chain keeps no reason, the contract still has it."""
    quoted = await world.buyer.ask(world.url("launch-pass"), "POST", {"calldata": mint_to(FRIEND)})
    waits = asyncio.create_task(world.buyer.present(quoted, paid_and_signed(world, quoted)))
    await world.clock.sleep(2)
    world.chain.automine = False
    async with world.workers():
        while not world.chain.pending:
            await world.clock.sleep(0.01)
        world.chain.state.minted[to_checksum_address("0x" + "1a" * 20)] = 1
        world.chain.automine = True
        world.chain.mine()
        answer = await waits
    assert (answer.status_code, answer.json()["detail"]) == (502, "the callback's transaction reverted: SoldOut(1)")
    await world.work(10)
    assert await held(world) == RICH


@pytest.mark.parametrize("chosen", [False, True], ids=["the base action", "chosen calldata"])
async def test_c7_a_callback_that_wants_more_gas_than_is_paid_for_is_refunded(chosen):
    async with open_world() as world:
        ground = world.paddock.home
        cheap = dataclasses.replace(ground.market, execution_gas=20_000)
        grounds = {cheap.network: dataclasses.replace(ground, market=cheap)}
        world.app.state.paddock = world.paddock = dataclasses.replace(world.paddock, grounds=grounds)
        quoted = await world.buyer.ask(
            world.url("access-pass"), "POST", {"calldata": mint_to(FRIEND)} if chosen else {}
        )
        header = paid_and_signed(world, quoted) if chosen else world.buyer.pay(quoted)
        async with world.workers():
            answer = await world.buyer.present(quoted, header)
        assert (answer.status_code, "more than is paid for" in answer.json()["detail"]) == (502, True)
        await world.work(10)
        assert await held(world) == RICH


@asynccontextmanager
async def without_eip3009(approved=RICH):
    """A world whose first asset moves by Permit2 alone, and a delegate wallet that lets it take so much."""
    async with open_world(assets=(dataclasses.replace(DAI_ASSET, decimals=6),)) as world:
        buyer, delegate = world.buyer.account.address, world.paddock.market.delegate
        world.chain.give(buyer, RICH, DAI)
        world.chain.allow(buyer, PERMIT2, RICH, DAI)
        world.chain.allow(delegate, PERMIT2, approved, DAI)
        yield world


async def choose_by_permit2(world, struct=OURS):
    """The answer to a choice that is paid and signed by Permit2, and what the buyer has left."""
    quoted = await ask(world)
    assert quoted.entry["extra"]["flow"] == "ERC20_APPROVE_XFER"
    assert quoted.required["extensions"]["calldata-signature"]["info"]["primaryType"] == "Permit2CallbackPayment"
    paid = read_header(world.buyer.permit(quoted, quoted.entry))
    given = signed_choice(world.buyer.account, quoted.entry, struct)
    async with world.workers():
        answer = await world.buyer.present(quoted, write_header(with_choice(paid, quoted.required, given)))
    return answer, await world.chain.token_balance(DAI, world.buyer.account.address)


@pytest.mark.parametrize("struct", [OURS, GOATS])
async def test_a_choice_is_paid_and_run_by_permit2_where_the_asset_knows_nothing_else(struct):
    async with without_eip3009() as world:
        answer, left = await choose_by_permit2(world, struct)
        assert (answer.status_code, left) == (200, RICH - PRICE), answer.text
        assert answer.json()["holder"] == FRIEND


@pytest.mark.parametrize("why", ["SoldOut(1000000)", "has not approved Permit2"])
async def test_what_permit2_or_the_callback_would_refuse_is_refused_before_any_money_moves(why):
    async with without_eip3009(RICH if "Sold" in why else PRICE - 1) as world:
        world.chain.state.minted[PASS] = 1_000_000 if "Sold" in why else 0
        answer, left = await choose_by_permit2(world)
        assert (answer.status_code, left) == (402, RICH)
        assert why in read_header(answer.headers["payment-response"])["errorMessage"]
