"""The test kit before the official JavaScript clients: they buy of its seller, and it finds the one without a limit."""

import json

import pytest
from eth_account import Account

from agent.testing import corpus
from agent.testing.seller import NETWORK, USDC
from agent.testing.stand import stand
from tests.stack.node_clients import V1, V1_AXIOS, V2, buy

PAYER = Account.from_key("0x" + "11" * 32)
LIMIT = {"allowedAssets": [{"network": NETWORK, "asset": USDC, "maxAmountPerPayment": "1000000"}]}
EVERY = pytest.mark.parametrize(("script", "version"), [(V2, 2), (V1, 1), (V1_AXIOS, 1)])

pytestmark = pytest.mark.usefixtures("node_clients")


def dear():
    """The attack that asks for a little more than a dollar."""
    (case,) = [case for case in corpus.hostile() if case.name.startswith("amount 0:")]
    return case


@EVERY
async def test_the_honest_seller_sells_to_unmodified_clients_of_both_versions(script, version):
    with stand() as seller:
        bought = await buy(script, PAYER, seller.url, **LIMIT if version == 2 else {})
        assert (bought.status, json.loads(bought.text)) == (200, {"answer": 42}), bought
        assert bought.settlement["payer"] == PAYER.address
        assert [sale.version for sale in seller.sales] == [version]
        seller.assert_within(50_000)


@pytest.mark.parametrize(("script", "version"), [(V2, 2), (V1, 1)])
async def test_a1_a_price_above_a_clients_limit_reaches_it_and_nothing_is_signed(script, version):
    with stand(dear()) as seller:
        bought = await buy(script, PAYER, seller.url, **LIMIT if version == 2 else {})
        assert bought.refused, bought
        assert len(seller.requests) == 1
        seller.assert_within(0)


async def test_a1_the_kit_finds_a_client_that_has_no_limit():
    with stand(dear()) as seller:
        await buy(V1_AXIOS, PAYER, seller.url)
        with pytest.raises(AssertionError, match="1000001 can be taken, and the budget is 1000000"):
            seller.assert_within(1_000_000)
