"""Metered calls on real processes: official clients and the bundled agent buy them, ours and foreign parts settle."""

import asyncio
import json
from contextlib import contextmanager
from dataclasses import replace

import httpx
import pytest
from eth_account import Account
from x402 import x402Client
from x402.http.clients.httpx import x402HttpxClient
from x402.mechanisms.evm import EthAccountSigner
from x402.mechanisms.evm.upto.client import UptoEvmScheme

from agent import Buyer, Settings
from agent.cli import main
from protocol.payment import PERMIT2, UPTO_PROXY
from scripts.accounts import account
from server.services.disassembly import METER, SERVICE
from tests.conformance.worlds import ETHER
from tests.e2e.conftest import FUNDS
from tests.stack import official
from tests.stack.buyer import read_header, write_header
from tests.stack.foreign_facilitator import ForeignFacilitator
from tests.stack.foreign_seller import PATH, PRICE, Seller
from tests.stack.funds import allow_permit2, fund
from tests.stack.node_clients import V2, buy
from tests.stack.permits import permit_payment
from tests.stack.policies import policy
from tests.stack.processes import free_port
from tests.stack.served import run_served

NOBODY = "0x00000000000000000000000000000000000000ff"
"""An address without code: disassembling it uses nothing."""


@pytest.fixture
def payer(payer, anvil, market):
    """A payer who has let Permit2 move the first asset."""
    allow_permit2(anvil, market, payer.address, FUNDS)
    return payer


def url(place, address=PERMIT2, limit=123):
    return f"{place.url}/v1/contract-disassembly?address={address}&limit={limit}"


def python_client(payer, market):
    """The official client, with scheme upto registered and the devnet's dollar allowed up to the ceiling."""
    official.extension("eip2612_gas_sponsoring")  # which the client looks at when it pays by Permit2
    client = x402Client()
    most = {"network": market.network, "asset": market.asset.address, "max_amount_per_payment": str(SERVICE.amount)}
    client.set_spend_controls({"allowed_assets": [most]})
    client.register("eip155:*", UptoEvmScheme(signer=EthAccountSigner(payer)))
    return x402HttpxClient(client, timeout=60)


async def spent(place, asset, payer):
    """Amounts of the payer's Transfers, in order, and who sent their transactions."""
    async with place.parts() as parts:
        logs = await parts.home.chain.transfers(asset.address, payer.address)
    return [log.amount for log in logs if log.sender == payer.address]


# --------------------------------------------------------------------------------------------------------- clients


async def test_the_official_python_client_pays_for_what_was_listed(place, payer, market):
    async with python_client(payer, market) as client:
        answer = await client.get(url(place))
    assert answer.status_code == 200, answer.text
    listed = answer.json()["listed"]
    told = read_header(answer.headers["payment-response"])
    assert (listed, told["amount"], told["payer"]) == (123, str(METER.charge(123)), payer.address)
    assert await spent(place, market.asset, payer) == [METER.charge(123)]


async def test_the_official_python_client_pays_nothing_for_nothing(place, payer, market):
    async with python_client(payer, market) as client:
        answer = await client.get(url(place, NOBODY))
    assert (answer.status_code, answer.json()["listed"]) == (200, 0)
    told = read_header(answer.headers["payment-response"])
    assert (told["success"], told["amount"], told["transaction"]) == (True, "0", "")
    assert await spent(place, market.asset, payer) == []


async def test_many_metered_calls_at_once_are_each_charged_once(place, payer, market):
    limits = range(20, 28)
    async with python_client(payer, market) as client:
        answers = await asyncio.gather(*(client.get(url(place, limit=limit)) for limit in limits))
    assert [answer.text for answer in answers if answer.status_code != 200] == []
    assert sorted(await spent(place, market.asset, payer)) == sorted(METER.charge(limit) for limit in limits)


async def test_s28_one_permit_presented_ten_times_at_once_is_charged_once(place, payer, market):
    async with httpx.AsyncClient(timeout=60) as client:
        unpaid = await client.get(url(place))
        required = read_header(unpaid.headers["payment-required"])
        header = write_header(permit_payment(payer, required["accepts"][0], required["resource"]))
        paid = {"PAYMENT-SIGNATURE": header}
        answers = await asyncio.gather(*(client.get(url(place), headers=paid) for _ in range(10)))
        other = await client.get(url(place, limit=5_000), headers=paid)
    assert {answer.status_code for answer in answers} == {200}
    assert other.status_code == 402
    assert await spent(place, market.asset, payer) == [METER.charge(123)]


@pytest.mark.usefixtures("node_clients")
@pytest.mark.parametrize(("address", "listed"), [(PERMIT2, 123), (NOBODY, 0)])
async def test_the_official_typescript_client_pays_for_what_was_listed(place, payer, market, anvil, address, listed):
    entry = {"scheme": "upto", "asset": market.asset.address, "transferMethod": "permit2"}
    most = {"network": market.network, "asset": market.asset.address, "maxAmountPerPayment": str(SERVICE.amount)}
    bought = await buy(V2, payer, url(place, address), rpc=anvil.url, entry=entry, allowedAssets=[most])
    assert bought.status == 200, bought
    assert json.loads(bought.text)["listed"] == listed
    assert (bought.settlement["success"], bought.settlement["amount"]) == (True, str(METER.charge(listed)))
    assert await spent(place, market.asset, payer) == ([METER.charge(listed)] if listed else [])


@pytest.mark.usefixtures("node_clients")
async def test_the_official_typescript_client_refuses_a_ceiling_above_its_own(place, payer, market, anvil):
    entry = {"scheme": "upto", "asset": market.asset.address, "transferMethod": "permit2"}
    low = {"network": market.network, "asset": market.asset.address, "maxAmountPerPayment": str(SERVICE.amount - 1)}
    bought = await buy(V2, payer, url(place), rpc=anvil.url, entry=entry, allowedAssets=[low])
    assert bought.refused, bought
    assert await spent(place, market.asset, payer) == []


# ------------------------------------------------------------------------------------------------- the bundled agent


@contextmanager
def agent(home, place, anvil, key, market, asset=None):
    """The bundled agent with a policy file for one asset."""
    more = f'facilitators = ["{account("settler").address}"]'
    text = policy(market.network, asset or market.asset, place.url, more)
    (home / "policy.toml").write_text(text)
    buyer = Buyer(Settings(home=home, rpc=anvil.url, finality="latest", key=key))
    try:
        yield buyer
    finally:
        buyer.close()


def test_the_agent_buys_a_metered_call_and_proves_its_charge_on_chain(place, payer, market, anvil, tmp_path):
    with agent(tmp_path, place, anvil, "0x" + bytes(payer.key).hex(), market) as buyer:
        outcome = buyer.buy(url(place), task="lists")
        spent_on_lists = buyer.budgets(market.network, market.asset.address, "lists")["limits.per_task"].spent
    assert (outcome.status, outcome.proof, outcome.detail) == ("delivered", "proven", "")
    assert (outcome.amount, outcome.charged, spent_on_lists) == (SERVICE.amount, METER.charge(123), METER.charge(123))


def test_the_agent_that_lacks_leave_for_permit2_says_so_and_a_command_gives_exactly_so_much(
    place, anvil, market, tmp_path, monkeypatch, capsys
):
    dai = next(asset for asset in market.assets if asset.symbol == "DAI")
    payer = Account.create()
    fund(anvil, market, payer.address, dai.amount(FUNDS), dai)
    anvil.set_balance(payer.address, ETHER)
    key = "0x" + bytes(payer.key).hex()
    for name, value in {"HOME": str(tmp_path), "RPC": anvil.url, "KEY": key, "STACK": str(tmp_path / "none")}.items():
        monkeypatch.setenv(f"PADDOCK_AGENT_{name}", value)
    signal = f"{place.url}/v1/market-signal?symbol=DEMO-TREND&window=20"
    with agent(tmp_path, place, anvil, key, market, dai) as buyer:
        refused = buyer.buy(signal)
        assert (refused.status, refused.rule) == ("refused", "wallet.allowance")
        assert main(refused.detail.rpartition("paddock-agent ")[2].split()) == 0
        assert "Permit2 may move 0.005 of" in capsys.readouterr().out
        bought = buyer.buy(signal)
        assert (bought.status, bought.proof) == ("delivered", "proven")
        assert buyer.chain.allowance(dai.address, payer.address, PERMIT2) == 0
    assert main(["allow", market.asset.address, "1"]) == 3


# ------------------------------------------------------------------------------------------------------ foreign parts


@pytest.mark.parametrize("charge", [PRICE, 1_234, 0])
async def test_a_foreign_seller_settles_less_than_the_ceiling_through_our_facilitator(place, payer, market, charge):
    seller = Seller(f"{place.url}/facilitator", market, Account.create().address, charge)
    seller.open()
    with run_served(seller) as shop:
        async with python_client(payer, market) as client:
            answer = await client.get(shop + PATH)
    assert (answer.status_code, seller.delivered) == (200, 1), answer.text
    told = read_header(answer.headers["payment-response"])
    assert (told["success"], told["amount"], bool(told["transaction"])) == (True, str(charge), charge > 0)
    assert await spent(place, market.asset, payer) == ([charge] if charge else [])


async def test_s28_a_foreign_seller_that_wants_more_than_the_ceiling_gets_nothing(place, payer, market):
    seller = Seller(f"{place.url}/facilitator", market, Account.create().address, PRICE + 1)
    seller.open()
    with run_served(seller) as shop:
        async with python_client(payer, market) as client:
            answer = await client.get(shop + PATH)
    assert (answer.status_code, seller.delivered) == (402, 0)
    assert await spent(place, market.asset, payer) == []


@pytest.fixture(scope="module")
def foreign(anvil, market):
    made = ForeignFacilitator(anvil.url, market.network)
    anvil.set_balance(made.key.address, ETHER)
    return made


@pytest.fixture(scope="module")
def abroad(place, foreign):
    """Our server, settling through the official facilitator."""
    with run_served(foreign) as elsewhere:
        made = replace(place, more={"PADDOCK_FACILITATOR_URL": elsewhere}, port=free_port(), children=[])
        try:
            made.start_server()
            yield made
        finally:
            made.stop()


@pytest.mark.parametrize(("address", "listed"), [(PERMIT2, 77), (NOBODY, 0)])
async def test_our_server_settles_a_metered_call_through_a_foreign_facilitator(
    abroad, foreign, payer, market, anvil, address, listed
):
    async with python_client(payer, market) as client:
        answer = await client.get(url(abroad, address, 77))
    assert answer.status_code == 200, answer.text
    assert await spent(abroad, market.asset, payer) == ([METER.charge(listed)] if listed else [])
    told = read_header(answer.headers["payment-response"])
    assert told["amount"] == str(METER.charge(listed))
    if listed:
        sent = anvil.rpc("eth_getTransactionByHash", told["transaction"])
        assert (sent["from"], sent["to"]) == (foreign.key.address.lower(), UPTO_PROXY.lower())
