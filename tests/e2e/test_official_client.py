"""The official Python x402 client, unmodified, buys from a running marketplace."""

import httpx
import pytest
from x402 import x402Client
from x402.http.clients.httpx import x402HttpxClient
from x402.http.utils import decode_payment_required_header
from x402.mechanisms.evm import EthAccountSigner
from x402.mechanisms.evm.exact import ExactEvmScheme

from scripts.accounts import account
from tests.stack import official
from tests.stack.buyer import changed, read_header, write_header


def paying(payer, market, *extensions, asset=None):
    return x402HttpxClient(official.payments(payer, market, *extensions, asset=asset), timeout=60)


async def test_the_official_client_buys_a_direct_service(place, payer, market):
    async with paying(payer, market) as client:
        answer = await client.get(f"{place.url}/v1/market-signal?symbol=DEMO-TREND&window=20")
    assert answer.status_code == 200
    assert answer.json()["symbol"] == "DEMO-TREND"
    assert read_header(answer.headers["payment-response"])["payer"] == payer.address


@pytest.mark.parametrize(("symbol", "method"), [("DAI", "permit2"), ("FUSDC", "eip3009")])
async def test_the_official_client_pays_with_another_asset_by_the_method_of_its_entry(place, market, symbol, method):
    buyer = account("buyer")
    official.extension("eip2612_gas_sponsoring")  # which the client looks at when it pays by Permit2
    asset = next(one for one in market.assets if one.symbol == symbol)
    async with paying(buyer, market, asset=asset) as client:
        answer = await client.get(f"{place.url}/v1/market-signal?symbol=DEMO-TREND&window=20")
    assert answer.status_code == 200, answer.text
    told = read_header(answer.headers["payment-response"])
    assert told["payer"] == buyer.address
    async with place.parts() as parts:
        order = await order_of(parts, told["transaction"])
        mined = await parts.home.chain.mined(told["transaction"])
    assert (order.terms.asset, order.price, order.authorization.method) == (asset.address, asset.amount(5_000), method)
    assert mined.succeeded


async def order_of(parts, transaction):
    async with parts.db.read() as view:
        return await view.orders.get(await view.orders.found_by(transaction))


async def test_the_official_client_posts_the_same_body_again_and_buys(place, payer, market):
    async with paying(payer, market) as client:
        scan = {"address": market.contracts["AccessPass"].address}
        answer = await client.post(f"{place.url}/v1/contract-risk", json=scan)
    assert answer.status_code == 200
    assert answer.json()["address"] == scan["address"]


async def test_the_official_client_that_never_heard_of_delegate_buys_a_fixed_action_and_holds_the_pass(
    place, payer, market, anvil
):
    async with paying(payer, market) as client:
        answer = await client.post(f"{place.url}/v1/access-pass", json={})
    assert answer.status_code == 200
    bought = answer.json()
    assert bought["holder"] == payer.address
    owner_of = "0x6352211e" + int(bought["pass_id"]).to_bytes(32, "big").hex()
    owner = anvil.rpc("eth_call", {"to": market.contracts["AccessPass"].address, "data": owner_of}, "latest")
    assert int(owner, 16) == int(payer.address, 16)


async def test_the_official_client_names_its_payment_and_cannot_pay_twice_for_that_name(place, payer, market):
    sdk = official.extension("payment_identifier")
    url = f"{place.url}/v1/market-signal?symbol=DEMO-TREND&window=21"

    def name(context):
        sdk.append_payment_identifier_to_extensions(context.payment_required.extensions, "the-one-i-want-today")

    answers = []
    for _ in range(2):
        client = x402Client()
        client.set_spend_controls(False)
        client.register("eip155:*", ExactEvmScheme(signer=EthAccountSigner(payer)))
        client.on_before_payment_creation(name)
        async with x402HttpxClient(client, timeout=60) as paid:
            answers.append(await paid.get(url))
    assert [answer.status_code for answer in answers] == [200, 409]
    async with httpx.AsyncClient() as plain:
        first = (await plain.get(answers[1].json()["status_url"])).json()
    settled = read_header(answers[0].headers["payment-response"])
    assert (first["status"], first["transactions"]["settlement"]) == ("completed", settled["transaction"])


async def test_the_official_client_signs_in_to_get_again_what_it_paid_for(place, payer, market, monkeypatch):
    official.lend_siwe(monkeypatch)
    sdk = official.extension("sign_in_with_x")
    sign_in = sdk.create_siwx_client_extension(sdk.CreateSIWxClientExtensionOptions(signers=[payer]))
    url = f"{place.url}/v1/market-signal?symbol=DEMO-TREND&window=22"
    async with paying(payer, market, sign_in) as client:
        first, again = await client.get(url), await client.get(url)
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.content == first.content
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("accepted.extra.beneficiary", "0x14dC79964da2C08b23698B3D3cc7Ca32193d9955"),
        ("accepted.extra.callback", "0x14dC79964da2C08b23698B3D3cc7Ca32193d9955"),
        ("accepted.extra.calldata", "0x1249c58b"),
        ("accepted.extra.flow", "ERC20_APPROVE_XFER"),
        ("accepted.payTo", "0x14dC79964da2C08b23698B3D3cc7Ca32193d9955"),
    ],
)
async def test_a_substituted_calldata_or_beneficiary_is_refused_and_nothing_is_settled(place, payer, field, value):
    client = x402Client()
    client.set_spend_controls(False)
    client.register("eip155:*", ExactEvmScheme(signer=EthAccountSigner(payer)))
    async with httpx.AsyncClient() as plain:
        unpaid = await plain.post(f"{place.url}/v1/access-pass", json={})
        required = read_header(unpaid.headers["payment-required"])
        from_sdk = await client.create_payment_payload(_parsed(unpaid))
        paid = from_sdk.model_dump(by_alias=True, exclude_none=True)
        swapped = write_header(changed(paid, field, value))
        answer = await plain.post(f"{place.url}/v1/access-pass", json={}, headers={"PAYMENT-SIGNATURE": swapped})
        assert answer.status_code == 402
        assert "binding_mismatch" in read_header(answer.headers["payment-required"])["error"]
        status = (await plain.get(required["accepts"][0]["extra"]["statusUrl"])).json()
        assert status["status"] == "quoted"


def _parsed(unpaid):
    return decode_payment_required_header(unpaid.headers["payment-required"])
