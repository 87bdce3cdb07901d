"""The official Python client where it knows network and dollar by heart: default spend controls, and v1."""

import httpx
import pytest
from eth_account import Account
from x402 import x402Client
from x402.http import FacilitatorConfig, HTTPFacilitatorClient
from x402.http.clients.httpx import x402AsyncTransport, x402HttpxClient
from x402.mechanisms.evm import EthAccountSigner
from x402.mechanisms.evm.exact import ExactEvmScheme, register_exact_evm_client
from x402.mechanisms.evm.exact.v1.client import ExactEvmSchemeV1
from x402.schemas.v1 import PaymentPayloadV1, PaymentRequirementsV1

from tests.stack.buyer import read_header

SIGNAL = "/v1/market-signal?symbol=DEMO-TREND&window=20"


class BodyOnly(httpx.AsyncHTTPTransport):
    """What a client sees that knows no header of v2; `paid` is the last payment that it sent."""

    paid = ""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.paid = request.headers.get("x-payment", self.paid)
        answer = await super().handle_async_request(request)
        answer.headers.pop("payment-required", None)
        return answer


def speaks_v2(payer):
    return x402Client().register("eip155:*", ExactEvmScheme(signer=EthAccountSigner(payer)))


def speaks_v1(payer):
    return x402Client().register_v1("base-sepolia", ExactEvmSchemeV1(EthAccountSigner(payer)))


def speaks_both(payer):
    return register_exact_evm_client(x402Client(), EthAccountSigner(payer))


@pytest.mark.parametrize("speaks", [speaks_v2, speaks_both])
async def test_a_client_with_default_spend_controls_buys_for_a_dollar_that_it_knows(speaks, known_place, known_payer):
    async with x402HttpxClient(speaks(known_payer), timeout=60) as client:
        answer = await client.get(known_place.url + SIGNAL)
    assert answer.status_code == 200, answer.text
    told = read_header(answer.headers["payment-response"])
    assert (told["success"], told["payer"], told["network"]) == (True, known_payer.address, "eip155:84532")


@pytest.mark.parametrize("speaks", [speaks_v1, speaks_both])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_v1_client_buys_by_the_body_of_the_402(speaks, method, known_place, known_payer):
    seen = BodyOnly()
    transport = x402AsyncTransport(speaks(known_payer), seen)
    scan = {"address": "0x036CbD53842c5426634e7929541eC2318f3dCF7e"}
    url, body = (SIGNAL, None) if method == "GET" else ("/v1/contract-risk", scan)
    async with httpx.AsyncClient(transport=transport, timeout=60) as client:
        answer = await client.request(method, known_place.url + url, json=body)
        again = await client.request(method, known_place.url + url, json=body, headers={"X-PAYMENT": seen.paid})
    assert answer.status_code == 200, answer.text
    told = read_header(answer.headers["x-payment-response"])
    assert (told["success"], told["payer"], told["network"]) == (True, known_payer.address, "base-sepolia")
    assert (again.status_code, again.content) == (200, answer.content)
    assert again.headers["idempotent-replayed"] == "true"


@pytest.fixture
def v1_payment(known_payer, known_chain):
    """A v1 payment and its requirements, as an official v1 resource server has them."""
    market = known_chain[2]
    wanted = PaymentRequirementsV1(
        scheme="exact",
        network="base-sepolia",
        max_amount_required="9000",
        resource="http://seller.example/report",
        pay_to=Account.create().address,
        max_timeout_seconds=60,
        asset=market.asset.address,
        extra={"name": market.asset.name, "version": market.asset.version},
    )
    paid = ExactEvmSchemeV1(EthAccountSigner(known_payer)).create_payment_payload(wanted)
    return PaymentPayloadV1(scheme="exact", network="base-sepolia", payload=paid), wanted


async def test_a_v1_seller_settles_through_our_facilitator_and_reads_v1_words(known_place, known_payer, v1_payment):
    paid, wanted = v1_payment
    async with HTTPFacilitatorClient(FacilitatorConfig(url=f"{known_place.url}/facilitator")) as facilitator:
        kinds = {(kind.x402_version, kind.network) for kind in facilitator.get_supported().kinds}
        assert {(1, "base-sepolia"), (2, "eip155:84532")} <= kinds
        assert (await facilitator.verify(paid, wanted)).is_valid
        settled = await facilitator.settle(paid, wanted)
    assert (settled.success, settled.network, settled.payer) == (True, "base-sepolia", known_payer.address)
    async with known_place.parts() as parts:
        (transfer,) = await parts.home.chain.transfers(wanted.asset, wanted.pay_to)
    assert (transfer.sender, transfer.amount, transfer.transaction) == (known_payer.address, 9_000, settled.transaction)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"network": "polygon"}, "invalid_network"),
        ({"network": "atlantis"}, "invalid_network"),
        ({"scheme": "upto"}, "invalid_scheme"),
        ({"max_amount_required": "9001"}, "invalid_exact_evm_payload_authorization_value_mismatch"),
        ({"pay_to": "0x" + "44" * 20}, "invalid_exact_evm_payload_recipient_mismatch"),
        ({"extra": None}, "invalid_payment_requirements"),
    ],
)
async def test_a_v1_payment_that_does_not_fit_is_refused_with_its_reason(known_place, v1_payment, change, reason):
    paid, wanted = v1_payment
    async with HTTPFacilitatorClient(FacilitatorConfig(url=f"{known_place.url}/facilitator")) as facilitator:
        verdict = await facilitator.verify(paid, wanted.model_copy(update=change))
        settled = await facilitator.settle(paid, wanted.model_copy(update=change))
    assert (verdict.is_valid, verdict.invalid_reason) == (False, reason)
    assert (settled.success, settled.error_reason) == (False, reason)


@pytest.mark.parametrize(
    ("change", "reason"), [({"network": "polygon"}, "invalid_network"), ({"scheme": "upto"}, "invalid_scheme")]
)
async def test_a_v1_payment_made_for_another_scheme_or_network_is_refused(known_place, v1_payment, change, reason):
    paid, wanted = v1_payment
    async with HTTPFacilitatorClient(FacilitatorConfig(url=f"{known_place.url}/facilitator")) as facilitator:
        verdict = await facilitator.verify(paid.model_copy(update=change), wanted)
        settled = await facilitator.settle(paid.model_copy(update=change), wanted)
    assert (verdict.is_valid, verdict.invalid_reason) == (False, reason)
    assert (settled.success, settled.error_reason) == (False, reason)
