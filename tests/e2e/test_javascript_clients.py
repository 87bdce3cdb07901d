"""The official JavaScript clients, unmodified, buy from a running marketplace: v2, and the legacy v1 ones."""

import asyncio
import hashlib
import json

import pytest

from scripts.accounts import account
from tests.e2e.conftest import FUNDS
from tests.stack.funds import fund
from tests.stack.known_dollar import DOLLAR
from tests.stack.node_clients import V1, V1_AXIOS, V2, buy

SIGNAL = "/v1/market-signal?symbol=DEMO-TREND&window=20"
PRICE = 5_000
LEGACY = pytest.mark.parametrize("script", [V1, V1_AXIOS])

pytestmark = pytest.mark.usefixtures("node_clients")


def allowed(market):
    return [{"network": market.network, "asset": market.asset.address, "maxAmountPerPayment": "5000000"}]


def held(anvil, asset, address) -> int:
    """What an address holds of an asset now."""
    data = "0x70a08231" + address[2:].rjust(64, "0")
    return int(anvil.rpc("eth_call", {"to": asset, "data": data}, "latest"), 16)


def spent(anvil, asset, buyer) -> int:
    return FUNDS - held(anvil, asset, buyer.address)


async def settled_by(place, bought):
    """The Transfer that the client was told of, read from the chain."""
    async with place.parts() as parts:
        mined = await parts.home.chain.mined(bought.settlement["transaction"])
    assert mined.succeeded
    return mined


# ------------------------------------------------------------------------------------------------ v2, any devnet


async def test_the_v2_client_buys_with_get_and_is_told_the_truth(place, payer, market, anvil):
    bought = await buy(V2, payer, place.url + SIGNAL, allowedAssets=allowed(market))
    assert bought.status == 200, bought
    assert json.loads(bought.text)["symbol"] == "DEMO-TREND"
    assert bought.sha256 == hashlib.sha256(bought.text.encode()).hexdigest()
    told = bought.settlement
    assert (told["success"], told["payer"], told["network"]) == (True, payer.address, market.network)
    await settled_by(place, bought)
    assert spent(anvil, market.asset.address, payer) == PRICE


async def test_the_v2_client_posts_its_body_again_and_buys(place, payer, market, anvil):
    asked = {"address": market.contracts["AccessPass"].address}
    bought = await buy(
        V2, payer, f"{place.url}/v1/contract-risk", method="POST", body=asked, allowedAssets=allowed(market)
    )
    assert bought.status == 200, bought
    assert json.loads(bought.text)["address"] == asked["address"]
    assert spent(anvil, market.asset.address, payer) == 50_000


async def test_the_v2_client_buys_a_fixed_action_and_waits_for_its_callback(place, payer, market):
    bought = await buy(V2, payer, f"{place.url}/v1/access-pass", method="POST", body={}, allowedAssets=allowed(market))
    assert bought.status == 200, bought
    assert json.loads(bought.text)["holder"] == payer.address


async def test_the_v2_client_pays_the_entry_that_is_chosen_and_signs_nothing_without_it(place, payer, market, anvil):
    mine = {"scheme": "exact", "asset": market.asset.address, "transferMethod": "eip3009"}
    url = place.url + SIGNAL
    bought = await buy(V2, payer, url, rpc=anvil.url, entry=mine, allowedAssets=allowed(market))
    assert bought.status == 200, bought
    for other in ({"scheme": "exact", "asset": payer.address}, mine | {"scheme": "no-such-scheme"}):
        refused = await buy(V2, payer, url, rpc=anvil.url, entry=other, allowedAssets=allowed(market))
        assert refused.refused, refused
    assert spent(anvil, market.asset.address, payer) == PRICE


@pytest.mark.parametrize(("symbol", "method"), [("DAI", "permit2"), ("FUSDC", "eip3009")])
async def test_the_v2_client_pays_with_another_asset_by_the_method_of_its_entry(place, market, anvil, symbol, method):
    buyer = account("buyer")
    asset = next(one for one in market.assets if one.symbol == symbol)
    entry = {"scheme": "exact", "asset": asset.address, "transferMethod": method}
    allowed = [{"network": market.network, "asset": asset.address, "maxAmountPerPayment": str(10**asset.decimals)}]
    before = held(anvil, asset.address, buyer.address)
    bought = await buy(V2, buyer, place.url + SIGNAL, rpc=anvil.url, entry=entry, allowedAssets=allowed)
    assert bought.status == 200, bought
    assert json.loads(bought.text)["symbol"] == "DEMO-TREND"
    assert (bought.settlement["success"], bought.settlement["payer"]) == (True, buyer.address)
    await settled_by(place, bought)
    assert before - held(anvil, asset.address, buyer.address) == asset.amount(PRICE)


async def test_the_v2_client_without_leave_for_permit2_is_refused_with_the_reason(place, payer, market, anvil):
    dai = next(one for one in market.assets if one.symbol == "DAI")
    fund(anvil, market, payer.address, dai.amount(FUNDS), dai)
    entry = {"scheme": "exact", "asset": dai.address, "transferMethod": "permit2"}
    allowed = [{"network": market.network, "asset": dai.address, "maxAmountPerPayment": str(10**dai.decimals)}]
    bought = await buy(V2, payer, place.url + SIGNAL, rpc=anvil.url, entry=entry, allowedAssets=allowed)
    assert bought.status == 402, bought
    assert bought.settlement["errorReason"] == "permit2_allowance_required"


async def test_the_v2_client_refuses_a_dollar_that_it_was_not_told_of(place, payer, market, anvil):
    bought = await buy(V2, payer, place.url + SIGNAL)
    assert "allowedAssets" in (bought.refused or ""), bought
    assert spent(anvil, market.asset.address, payer) == 0


async def test_v2_clients_of_one_wallet_buy_side_by_side(place, payer, market, anvil):
    urls = [f"{place.url}/v1/market-signal?symbol=DEMO-TREND&window={window}" for window in (20, 30, 40)]
    bought = await asyncio.gather(*(buy(V2, payer, url, allowedAssets=allowed(market)) for url in urls))
    assert [one.status for one in bought] == [200, 200, 200], bought
    assert len({one.settlement["payer"] for one in bought}) == 1
    assert spent(anvil, market.asset.address, payer) == 3 * PRICE


async def test_the_v2_client_without_money_gets_the_reason_and_no_answer(place, market):
    pauper = account("pauper")
    bought = await buy(V2, pauper, place.url + SIGNAL, allowedAssets=allowed(market))
    assert bought.status == 402, bought
    assert bought.settlement["success"] is False
    assert bought.settlement["errorReason"] == "insufficient_funds"


# ------------------------------------------------------------------------------ where network and dollar are known


async def test_the_v2_client_buys_with_default_spend_controls_where_it_knows_the_dollar(known_place, known_payer):
    bought = await buy(V2, known_payer, known_place.url + SIGNAL)
    assert bought.status == 200, bought
    assert bought.settlement["network"] == "eip155:84532"


@LEGACY
async def test_a_v1_client_buys_with_get_and_reads_its_settlement(script, known_place, known_payer, known_chain):
    bought = await buy(script, known_payer, known_place.url + SIGNAL)
    assert bought.status == 200, bought
    assert json.loads(bought.text)["symbol"] == "DEMO-TREND"
    told = bought.settlement
    assert (told["success"], told["payer"], told["network"]) == (True, known_payer.address, "base-sepolia")
    await settled_by(known_place, bought)
    assert spent(known_chain[0], DOLLAR, known_payer) == PRICE


@LEGACY
async def test_a_v1_client_posts_its_body_again_and_buys(script, known_place, known_payer):
    asked = {"address": DOLLAR}
    bought = await buy(script, known_payer, f"{known_place.url}/v1/contract-risk", method="POST", body=asked)
    assert bought.status == 200, bought
    assert json.loads(bought.text)["address"] == DOLLAR


async def test_a_v1_client_buys_a_fixed_action_and_waits_for_its_callback(known_place, known_payer):
    bought = await buy(V1_AXIOS, known_payer, f"{known_place.url}/v1/access-pass", method="POST", body={})
    assert bought.status == 200, bought
    assert json.loads(bought.text)["holder"] == known_payer.address


async def test_a_v1_client_on_a_network_without_a_fixed_name_refuses_before_it_signs(place, payer, market, anvil):
    bought = await buy(V1, payer, place.url + SIGNAL)
    assert bought.refused, bought
    assert spent(anvil, market.asset.address, payer) == 0
