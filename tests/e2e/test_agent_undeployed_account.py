"""F2 on real processes: the bundled agent's account pays before it is there, is made by that, and then pays itself."""

import secrets

import pytest
from eth_account import Account

from agent import Buyer, Settings
from server.domain.calls import encode_call
from tests.e2e.conftest import FUNDS
from tests.stack.funds import fund
from tests.stack.marketplace import Marketplace
from tests.stack.policies import policy

PATH = "market-signal?symbol=DEMO-TREND"
SELLER = 'modes = ["DIRECT"]\n'


def run_place(folder, anvil, deployments, template, factory):
    """A marketplace whose facilitator makes the wallets of one factory."""
    path = folder / "paddock.db"
    path.write_bytes(template.read_bytes())
    listed = {"PADDOCK_WALLET_FACTORIES": factory}
    made = Marketplace(folder, anvil.url, f"sqlite:///{path}", deployments, more=listed)
    try:
        made.start_server()
        yield made
    finally:
        made.stop()


@pytest.fixture
def factory(market):
    return market.contracts["SmartWalletFactory"].address


@pytest.fixture
def place(anvil, deployments, factory, _sqlite_template, tmp_path):
    """It lists the devnet's factory."""
    yield from run_place(tmp_path, anvil, deployments, _sqlite_template, factory)


@pytest.fixture
def strict_place(anvil, deployments, market, _sqlite_template, tmp_path):
    """It lists another contract, and not the factory."""
    listed = market.contracts["WalletSettler"].address
    yield from run_place(tmp_path, anvil, deployments, _sqlite_template, listed)


@pytest.fixture
def agent_at(anvil, market, factory, tmp_path):
    """Makes the agent of an account that has money at a marketplace's chain and is not there: (agent, account)."""
    opened = []

    def make(place):
        owner, salt = Account.create(), secrets.token_bytes(32)
        asked = {"to": factory, "data": "0x" + encode_call("addressOf(address,bytes32)", owner.address, salt).hex()}
        address = "0x" + anvil.rpc("eth_call", asked, "latest")[-40:]
        fund(anvil, market, address, FUNDS)
        made = Settings(
            home=tmp_path / "agent",
            policy_text=policy(market.network, market.asset, place.url, SELLER),
            rpc=anvil.url,
            seller=place.url,
            finality="latest",
            key=owner.key.hex(),
            account=address,
            account_factory=factory,
            account_deployment="0x" + encode_call("deploy(address,bytes32)", owner.address, salt).hex(),
        )
        opened.append(Buyer(made))
        return opened[-1], address

    yield make
    for buyer in opened:
        buyer.close()


def is_there(anvil, address):
    return anvil.rpc("eth_getCode", address, "latest") != "0x"


def test_f2_the_first_purchase_makes_the_account_and_the_second_is_by_the_account(place, agent_at, anvil, market):
    buyer, address = agent_at(place)
    settler, through_settler = market.contracts["WalletSettler"].address.lower(), []
    for is_second in (False, True):
        assert is_there(anvil, address) is is_second
        outcome = buyer.buy(f"{place.url}/v1/{PATH}")
        assert (outcome.status, outcome.proof) == ("delivered", "proven"), outcome.detail
        through_settler.append(anvil.rpc("eth_getTransactionByHash", outcome.settlement)["to"] == settler)
    assert through_settler == [True, False]
    assert buyer.chain.balance(market.asset.address, address) == FUNDS - 2 * outcome.amount


def test_f2_a_factory_off_the_list_is_refused_and_costs_nothing(strict_place, agent_at, anvil, market):
    buyer, address = agent_at(strict_place)
    outcome = buyer.buy(f"{strict_place.url}/v1/{PATH}")
    assert (outcome.status, outcome.settlement) == ("in_doubt", None)
    assert "eip6492_factory_not_allowed" in outcome.detail
    assert (is_there(anvil, address), buyer.chain.balance(market.asset.address, address)) == (False, FUNDS)
