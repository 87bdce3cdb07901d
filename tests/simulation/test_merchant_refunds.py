"""Refunds of DIRECT orders from the merchant's own wallet, which it signs and Paddock sends: W9, F23 and F24."""

import asyncio

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from protocol.typed_data import Transfer
from scripts.accounts import account
from server.adapters.signers import LocalSigner
from server.application.decide import Decision, decide
from server.application.merchant_refund import Signed, refund_signed
from server.application.refund_by_hand import refund_by_hand
from server.domain.calls import transfer_with_authorization
from server.domain.cases import CaseKind, CaseState, Outcome
from server.domain.errors import RefundRefused
from server.domain.ledger import standing
from server.domain.payment_calls import MOST_WALLET_GAS
from server.domain.states import MoneyBackState
from server.services.service import Fulfilment
from tests.fakes.wallets import burning, wallet
from tests.simulation.world import MERCHANT_KEY, TOKEN, open_world, refuse, service

OPERATOR = {"Authorization": f"Bearer {TOKEN}"}
MERCHANT = {"Authorization": f"Bearer {MERCHANT_KEY}"}
SHOP = account("merchant")
FLOAT = account("float").address
FLOAT_KEY = LocalSigner(account("float").key.hex())
BROKEN, DELIVERED = "broken", "echo"


def broken():
    """A service that is paid first and then cannot answer."""
    return service(BROKEN, refuse(500), fulfilment=Fulfilment.AFTER_SETTLEMENT)


@pytest.fixture
async def world():
    """The merchant keeps its money itself: there is no refund float."""
    async with open_world(broken()) as opened:
        opened.paddock.floats.clear()
        yield opened


async def paid(world, slug=BROKEN):
    """The id of a settled order of that service, after everything that follows by itself."""
    quoted = await world.buyer.ask(world.url(slug))
    async with world.workers():
        await world.buyer.present(quoted, world.buyer.pay(quoted))
    await world.work(10)
    return quoted.id


async def asked(world, order_id, headers=MERCHANT, **query):
    return await world.client.get(f"/api/orders/{order_id}/refund", headers=headers, params=query)


def signed(given, signer=SHOP):
    """What is handed in for a document: signed as any wallet signs typed data."""
    signature = signer.sign_message(encode_typed_data(full_message=given["document"])).signature
    return {"value": given["value"], "validBefore": given["validBefore"], "signature": "0x" + bytes(signature).hex()}


async def hand_in(world, order_id, body, headers=MERCHANT):
    return await world.client.post(f"/api/orders/{order_id}/refund", headers=headers, json=body)


async def sent_back(world, sender=SHOP.address):
    """Amounts that went from that wallet to the buyer."""
    asset, payer = world.paddock.market.asset.address, world.buyer.account.address
    logs = await world.chain.transfers(asset, payer)
    return [log.amount for log in logs if (log.sender, log.recipient) == (sender, payer)]


async def submit(world, message, signature):
    """A stranger hands an authorization to the token."""
    numbers = [int(message[name]) for name in ("value", "validAfter", "validBefore")]
    transfer = Transfer(message["from"], message["to"], *numbers, bytes.fromhex(message["nonce"][2:]))
    data = transfer_with_authorization(transfer, bytes.fromhex(signature[2:]))
    await world.as_stranger(world.paddock.market.asset.address, data)


async def refund_cases(world, order_id):
    async with world.db.read() as view:
        return [case for case in await view.cases.of(order_id) if case.kind is CaseKind.REFUND_BLOCKED]


async def test_w9_without_a_float_the_refund_waits_for_the_merchant_and_the_buyer_sees_it(world):
    order_id = await paid(world)
    public = (await world.client.get(f"/api/orders/{order_id}")).json()
    assert (public["money_back"], public["refund_awaits"]) == ("blocked", "merchant")
    assert public["failure"].endswith("the refund waits for the merchant's signature, and the money is still owed")
    assert public["case"]["kind"] == "refund_blocked"
    assert (await world.order(order_id)).owes


async def test_w9_the_merchants_signed_refund_is_sent_once_booked_and_proven(world):
    order_id = await paid(world)
    body = signed((await asked(world, order_id)).json())
    answer = await hand_in(world, order_id, body)
    assert (answer.status_code, answer.json()["money_back"]) == (202, "due")
    await world.work(60)
    order = await world.order(order_id)
    assert (order.money_back, order.owes) == (MoneyBackState.REFUNDED, False)
    assert await sent_back(world) == [10_000]
    async with world.db.read() as view:
        (row,) = [row for row in standing(await view.ledger.of(order_id)) if row.kind == "refund"]
    assert (row.debit, row.credit) == (f"payer:{world.buyer.account.address}", "merchant:paddock")
    (case,) = await refund_cases(world, order_id)
    assert (case.state, case.outcome) == (CaseState.RESOLVED, Outcome.REFUND)
    proof = (await world.client.get(f"/api/orders/{order_id}/proof", headers=OPERATOR)).json()
    assert proof["settlement"]["moneyBack"] == "refunded"
    assert body["signature"][2:] not in str(proof)
    public = (await world.client.get(f"/api/orders/{order_id}")).json()
    assert (public["refund_awaits"], public["failure"]) == (None, order.failure)
    assert "refund" not in public["failure"]


async def test_w9_fifty_signatures_handed_in_at_once_are_one_transfer(world):
    order_id = await paid(world)
    body = signed((await asked(world, order_id)).json())
    answers = await asyncio.gather(*(hand_in(world, order_id, body) for _ in range(50)))
    assert sorted(answer.status_code for answer in answers) == [202] + [409] * 49
    await world.work(60)
    assert await sent_back(world) == [10_000]
    assert (await hand_in(world, order_id, body)).status_code == 409


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"value": "9999"}, 422),
        ({"value": "10001"}, 422),
        ({"value": "0"}, 400),
        ({"value": "1e4"}, 400),
        ({"validBefore": "1"}, 422),
        ({"validBefore": "99999999999"}, 422),
        ({"signature": "0x" + "11" * 65}, 422),
        ({"signature": "0x"}, 422),
        ({"signature": "11"}, 400),
        ({"signature": "0x" + "11" * 5000}, 422),
        ({"to": "me"}, 400),
    ],
    ids=str,
)
async def test_w9_a_refund_that_is_not_what_the_merchant_signed_is_refused_and_changes_nothing(world, changes, status):
    order_id = await paid(world)
    before = await world.order(order_id)
    body = signed((await asked(world, order_id)).json()) | changes
    answer = await hand_in(world, order_id, body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    await world.work(10)
    assert await world.order(order_id) == before
    assert await sent_back(world) == []


async def test_w9_nobody_but_the_merchants_wallet_signs_its_refund(world):
    order_id = await paid(world)
    given = (await asked(world, order_id)).json()
    for signer in (Account.create(), account("float"), world.buyer.account):
        assert (await hand_in(world, order_id, signed(given, signer))).status_code == 422
    other = await paid(world)
    assert (await hand_in(world, other, signed(given))).status_code == 422, "another order has another nonce"


async def test_s31_the_document_and_the_signature_are_for_the_merchant_and_the_operator(world):
    order_id = await paid(world)
    given = (await asked(world, order_id, OPERATOR)).json()
    assert given["document"]["message"]["to"] == world.buyer.account.address
    for headers in ({}, {"Authorization": "Bearer nobody"}):
        assert (await asked(world, order_id, headers)).status_code == 404
        assert (await hand_in(world, order_id, signed(given), headers)).status_code == 404


async def test_w9_a_delivered_order_may_be_refunded_in_part_and_a_failed_one_only_whole(world):
    order_id, failed = await paid(world, DELIVERED), await paid(world)
    assert (await asked(world, failed, value="4000")).status_code == 422
    given = (await asked(world, order_id, value="4000")).json()
    assert given["value"] == "4000"
    assert (await hand_in(world, order_id, signed(given))).status_code == 202
    await world.work(60)
    assert await sent_back(world) == [4_000]
    assert (await world.order(order_id)).money_back is MoneyBackState.REFUNDED
    again = await asked(world, order_id, value="6000")
    assert (again.status_code, again.json()["money_back"]) == (409, "refunded")


async def test_w9_a_payment_in_doubt_and_a_delegate_order_are_not_the_merchants_to_refund(world):
    quoted = await world.buyer.ask(world.url("launch-pass"), "POST", {})
    await world.buyer.present(quoted, world.buyer.pay(quoted))
    assert (await asked(world, quoted.id)).status_code == 409
    pending = await world.buyer.ask(world.url(DELIVERED))
    world.chain.automine, world.chain.block_seconds = False, 10**9
    assert (await world.buyer.present(pending, world.buyer.pay(pending))).status_code == 503
    refused = await asked(world, pending.id)
    assert refused.status_code == 409
    assert "in doubt" in refused.json()["detail"]


async def test_w9_a_case_decided_by_refund_waits_for_the_signature(world):
    order_id = await paid(world)
    (case,) = await refund_cases(world, order_id)
    await decide(world.paddock, case.id, Decision(Outcome.REFUND, "you get your money back"))
    await world.work(10)
    public = (await world.client.get(f"/api/orders/{order_id}")).json()
    assert (public["refund_awaits"], public["case"]["state"]) == ("merchant", "open")
    assert (await hand_in(world, order_id, signed((await asked(world, order_id)).json()))).status_code == 202
    await world.work(60)
    assert await sent_back(world) == [10_000]


async def test_w9_while_the_merchants_signature_can_be_used_no_float_sends_the_money(world):
    order_id = await paid(world)
    world.chain.state.blacklist.add(SHOP.address)
    await hand_in(world, order_id, signed((await asked(world, order_id)).json()))
    await world.work(10)
    assert (await world.order(order_id)).money_back is MoneyBackState.BLOCKED
    world.paddock.floats["paddock"] = FLOAT_KEY
    await refund_by_hand(world.paddock, order_id, retry=True)
    await world.work(10)
    assert await sent_back(world, FLOAT) == []
    world.chain.state.blacklist.discard(SHOP.address)
    await refund_by_hand(world.paddock, order_id, retry=True)
    await world.work(60)
    assert (await sent_back(world), await sent_back(world, FLOAT)) == ([10_000], [])


async def test_w9_when_the_merchants_signature_has_lapsed_in_a_final_block_the_float_may_send_it(world):
    order_id = await paid(world)
    world.chain.state.blacklist.add(SHOP.address)
    await hand_in(world, order_id, signed((await asked(world, order_id)).json()))
    await world.work(10)
    world.paddock.floats["paddock"] = FLOAT_KEY
    await world.clock.sleep(25 * 3600)
    world.chain.state.blacklist.discard(SHOP.address)
    await refund_by_hand(world.paddock, order_id, retry=True)
    await world.work(60)
    assert (await sent_back(world), await sent_back(world, FLOAT)) == ([], [10_000])


async def test_w9_a_later_signature_of_the_merchants_may_not_lapse_before_an_earlier_one(world):
    """Else a float would take over while the earlier one can still be used."""
    order_id = await paid(world)
    soon = (await asked(world, order_id)).json()
    await world.clock.sleep(600)
    late = (await asked(world, order_id)).json()
    world.chain.state.blacklist.add(SHOP.address)
    assert (await hand_in(world, order_id, signed(late))).status_code == 202
    await world.work(10)
    assert (await world.order(order_id)).money_back is MoneyBackState.BLOCKED
    refused = await hand_in(world, order_id, signed(soon))
    assert (refused.status_code, f"must be from {late['validBefore']}" in refused.json()["detail"]) == (422, True)
    world.chain.state.blacklist.discard(SHOP.address)
    again = (await asked(world, order_id)).json()
    assert int(again["validBefore"]) >= int(late["validBefore"])
    assert (await hand_in(world, order_id, signed(again))).status_code == 202
    await world.work(60)
    assert await sent_back(world) == [10_000]


@pytest.mark.parametrize(("gas", "sent"), [(MOST_WALLET_GAS + 1, []), (100_000, [10_000])])
async def test_f8_a_merchants_wallet_that_burns_gas_burns_none_of_ours(world, gas, sent):
    order_id = await paid(world)
    broadcasts = len(world.chain.broadcasts)
    world.chain.deploy(wallet(SHOP.address, burning(gas)))
    assert (await hand_in(world, order_id, signed((await asked(world, order_id)).json()))).status_code == 202
    await world.work(60)
    assert await sent_back(world) == sent
    assert len(world.chain.broadcasts) > broadcasts or not sent
    assert (await world.order(order_id)).owes is not bool(sent)


async def test_w9_while_the_floats_authorization_can_be_used_the_merchant_cannot_sign_another(world):
    world.paddock.floats["paddock"] = FLOAT_KEY
    world.chain.state.blacklist.add(FLOAT)
    order_id = await paid(world)
    assert (await world.order(order_id)).money_back is MoneyBackState.BLOCKED
    given = (await asked(world, order_id)).json()
    refused = await hand_in(world, order_id, signed(given))
    assert refused.status_code == 409
    assert "can be used until" in refused.json()["detail"]
    await world.clock.sleep(3700)
    assert (await hand_in(world, order_id, signed(given))).status_code == 202
    world.chain.state.blacklist.discard(FLOAT)
    await world.work(60)
    assert (await sent_back(world), await sent_back(world, FLOAT)) == ([10_000], [])


async def test_f23_a_merchant_without_money_blocks_its_own_refund_and_it_is_sent_when_there_is_some(world):
    order_id = await paid(world)
    held = world.chain.state.money[SHOP.address]
    world.chain.state.money[SHOP.address] = 0
    await hand_in(world, order_id, signed((await asked(world, order_id)).json()))
    await world.work(10)
    order = await world.order(order_id)
    assert (order.money_back, order.owes) == (MoneyBackState.BLOCKED, True)
    assert len(await refund_cases(world, order_id)) == 2
    world.chain.state.money[SHOP.address] = held
    await refund_by_hand(world.paddock, order_id, retry=True)
    await world.work(60)
    assert await sent_back(world) == [10_000]


async def test_f17_a_refund_that_a_reorganisation_took_back_is_sent_again_by_the_same_signature(world):
    order_id = await paid(world)
    await world.work(10)
    await hand_in(world, order_id, signed((await asked(world, order_id)).json()))
    for _ in range(20):
        await world.work_once()
        if (await world.order(order_id)).money_back is MoneyBackState.REFUNDED:
            break
    world.chain.reorganise(1)
    await world.work(60)
    assert (await world.order(order_id)).money_back is MoneyBackState.REFUNDED
    assert await sent_back(world) == [10_000]


async def test_a_merchant_that_sent_less_than_it_owes_by_the_orders_nonce_still_owes_it(world):
    order_id = await paid(world)
    given = (await asked(world, order_id)).json()
    await hand_in(world, order_id, signed(given))
    given["document"]["message"]["value"] = "1"
    await submit(world, given["document"]["message"], signed(given)["signature"])
    await world.work(60)
    order = await world.order(order_id)
    assert (order.money_back, order.owes) == (MoneyBackState.BLOCKED, True)


async def test_the_use_case_refuses_an_order_that_moved_meanwhile(world):
    order_id = await paid(world)
    body = signed((await asked(world, order_id)).json())
    handed = Signed(int(body["value"]), int(body["validBefore"]), bytes.fromhex(body["signature"][2:]))
    outcomes = await asyncio.gather(
        *(refund_signed(world.paddock, order_id, handed, "operator") for _ in range(20)), return_exceptions=True
    )
    assert outcomes.count(None) == 1
    assert all(isinstance(one, RefundRefused) for one in outcomes if one is not None)
