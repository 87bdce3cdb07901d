"""The official Python resource server sells through our facilitator, the embedded one and the one on its own."""

import asyncio
from dataclasses import replace

import httpx
import pytest
from eth_account import Account
from x402 import x402Client
from x402.http import FacilitatorConfig, HTTPFacilitatorClient
from x402.http.clients.httpx import x402HttpxClient
from x402.mechanisms.evm import EthAccountSigner
from x402.mechanisms.evm.exact import ExactEvmScheme
from x402.schemas import PaymentPayload, PaymentRequirements

from tests.stack import buyer
from tests.stack.buyer import read_header, write_header
from tests.stack.foreign_seller import PATH, PRICE, REPORT, Seller
from tests.stack.served import run_served


@pytest.fixture(scope="module")
def standing_alone(place):
    return place.start_facilitator()


@pytest.fixture(scope="module", params=["embedded", "on its own"])
def facilitator_url(request, place):
    """Our facilitator in each of its places; both settle with one key and one database."""
    return f"{place.url}/facilitator" if request.param == "embedded" else request.getfixturevalue("standing_alone")


@pytest.fixture
def seller(facilitator_url, market):
    made = Seller(facilitator_url, market, Account.create().address)
    made.open()
    return made


@pytest.fixture
def shop(seller):
    with run_served(seller) as url:
        yield url + PATH


@pytest.fixture
async def client():
    async with httpx.AsyncClient(timeout=60) as made:
        yield made


def official(payer, market):
    """The official client, with the devnet's token allowed."""
    client = x402Client()
    allowed = {"network": market.network, "asset": market.asset.address, "max_amount_per_payment": "5000000"}
    client.set_spend_controls({"allowed_assets": [allowed]})
    client.register("eip155:*", ExactEvmScheme(signer=EthAccountSigner(payer)))
    return x402HttpxClient(client, timeout=60)


async def terms(client, shop):
    unpaid = await client.get(shop)
    assert unpaid.status_code == 402
    return read_header(unpaid.headers["payment-required"])


async def pay(client, shop, payment):
    return await client.get(shop, headers={"PAYMENT-SIGNATURE": write_header(payment)})


async def received(place, seller):
    """Every Transfer to the seller."""
    async with place.parts() as parts:
        logs = await parts.home.chain.transfers(parts.home.market.asset.address, seller.pay_to)
    return [log for log in logs if log.recipient == seller.pay_to]


async def test_the_official_client_buys_from_the_official_server_and_our_facilitator_settles(
    place, seller, shop, payer, market
):
    async with official(payer, market) as client:
        answer = await client.get(shop)
    assert (answer.status_code, answer.content) == (200, REPORT)
    told = read_header(answer.headers["payment-response"])
    assert (told["success"], told["payer"], told["network"]) == (True, payer.address, market.network)
    (transfer,) = await received(place, seller)
    assert (transfer.sender, transfer.amount, transfer.transaction) == (payer.address, PRICE, told["transaction"])


async def test_the_same_payment_again_is_refused_and_a_new_one_is_taken(place, seller, shop, client, payer):
    required = await terms(client, shop)
    payment = buyer.payment(payer, required["accepts"][0], required["resource"])
    assert (await pay(client, shop, payment)).status_code == 200
    again = await pay(client, shop, payment)
    assert again.status_code == 402
    assert read_header(again.headers["payment-required"])["error"] == "invalid_exact_evm_nonce_already_used"
    assert (await pay(client, shop, buyer.payment(payer, required["accepts"][0]))).status_code == 200
    assert len(await received(place, seller)) == seller.delivered == 2


async def test_f12_twenty_buyers_at_once_pay_once_each(place, seller, shop, payer, market):
    async with official(payer, market) as client:
        answers = await asyncio.gather(*(client.get(shop) for _ in range(20)))
    assert [answer.status_code for answer in answers] == [200] * 20
    told = [read_header(answer.headers["payment-response"])["transaction"] for answer in answers]
    transfers = await received(place, seller)
    assert sorted(log.transaction for log in transfers) == sorted(told)
    assert [log.amount for log in transfers] == [PRICE] * 20


async def test_f12_one_payment_presented_ten_times_at_once_moves_money_once(place, seller, shop, client, payer):
    required = await terms(client, shop)
    payment = buyer.payment(payer, required["accepts"][0], required["resource"])
    answers = await asyncio.gather(*(pay(client, shop, payment) for _ in range(10)))
    good = [answer for answer in answers if answer.status_code == 200]
    assert good
    assert {answer.status_code for answer in answers} <= {200, 402}
    (transfer,) = await received(place, seller)
    assert {read_header(one.headers["payment-response"])["transaction"] for one in good} == {transfer.transaction}


SIGNATURE = "invalid_exact_evm_payload_signature"
TAMPERED = {
    "another signature": ("payload.signature", "0x" + "11" * 64 + "1b", SIGNATURE),
    "a signature cut short": ("payload.signature", "0x" + "11" * 64, SIGNATURE),
    "another nonce": ("payload.authorization.nonce", "0x" + "22" * 32, SIGNATURE),
    "longer validity": ("payload.authorization.validBefore", "99999999999", SIGNATURE),
    "another payer": ("payload.authorization.from", "0x" + "33" * 20, SIGNATURE),
    "a lower amount": ("payload.authorization.value", "1", "invalid_exact_evm_payload_authorization_value_mismatch"),
    "another payee": ("payload.authorization.to", "0x" + "44" * 20, "invalid_exact_evm_payload_recipient_mismatch"),
    "a lapsed validity": (
        "payload.authorization.validBefore",
        "1700000000",
        "invalid_exact_evm_payload_authorization_valid_before",
    ),
    "a validity to come": (
        "payload.authorization.validAfter",
        "99999999999",
        "invalid_exact_evm_payload_authorization_valid_after",
    ),
}


@pytest.mark.parametrize("name", TAMPERED)
async def test_f1_f21_a_tampered_payment_is_refused_with_its_reason_and_moves_nothing(
    place, seller, shop, client, payer, name
):
    path, value, reason = TAMPERED[name]
    required = await terms(client, shop)
    payment = buyer.payment(payer, required["accepts"][0], required["resource"])
    refused = await pay(client, shop, buyer.changed(payment, path, value))
    assert refused.status_code == 402
    assert read_header(refused.headers["payment-required"])["error"] == reason
    assert await received(place, seller) == []
    assert seller.delivered == 0


async def test_a_payer_without_money_is_refused_with_the_reason(seller, shop, client):
    required = await terms(client, shop)
    refused = await pay(client, shop, buyer.payment(Account.create(), required["accepts"][0], required["resource"]))
    assert read_header(refused.headers["payment-required"])["error"] == "insufficient_funds"
    assert seller.delivered == 0


async def test_f12_the_official_facilitator_client_settles_twice_and_is_told_the_same(
    facilitator_url, seller, shop, client, payer, place
):
    required = await terms(client, shop)
    signed = buyer.payment(payer, required["accepts"][0], required["resource"])
    payment = PaymentPayload.model_validate(signed)
    wanted = PaymentRequirements.model_validate(required["accepts"][0])
    async with HTTPFacilitatorClient(FacilitatorConfig(url=facilitator_url)) as facilitator:
        assert (await facilitator.verify(payment, wanted)).is_valid
        first, second = await facilitator.settle(payment, wanted), await facilitator.settle(payment, wanted)
    assert first.success
    assert first.model_dump() == second.model_dump()
    assert len(await received(place, seller)) == 1


async def test_s30_the_official_server_refuses_a_route_that_our_facilitator_does_not_support(facilitator_url, market):
    elsewhere = Seller(facilitator_url, replace(market, chain_id=1), Account.create().address)
    with pytest.raises(Exception, match="eip155:1"):
        elsewhere.open()
