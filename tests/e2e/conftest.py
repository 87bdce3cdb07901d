"""Marketplaces that the end-to-end tests share: one on the usual devnet, one where the dollar is a known one."""

import pytest
from eth_account import Account

from scripts.accounts import account
from scripts.solc.foundry import ToolMissing
from server.adapters.networks import read_deployments
from tests.conftest import missing
from tests.stack.funds import fund
from tests.stack.known_dollar import run_known_dollar
from tests.stack.marketplace import Marketplace
from tests.stack.node_clients import installed

FUNDS = 20_000_000


def run_marketplace(folder, rpc, deployments, template):
    """A server with the facilitator in it, and a worker, on a database of their own; ended at the end."""
    path = folder / "paddock.db"
    path.write_bytes(template.read_bytes())
    marketplace = Marketplace(folder, rpc, f"sqlite:///{path}", deployments)
    try:
        marketplace.start_server()
        marketplace.start_worker()
        yield marketplace
    finally:
        marketplace.stop()


@pytest.fixture(scope="session")
def place(anvil, deployments, _sqlite_template, tmp_path_factory):
    """The marketplace on the session's devnet."""
    yield from run_marketplace(tmp_path_factory.mktemp("place"), anvil.url, deployments, _sqlite_template)


@pytest.fixture
def payer(anvil, market):
    """An account with money on the session's devnet."""
    made = Account.create()
    fund(anvil, market, made.address, FUNDS)
    return made


@pytest.fixture(scope="session")
def known_chain(tmp_path_factory):
    """A devnet with Base Sepolia's chain id and dollar: (anvil, deployments file, market)."""
    try:
        with run_known_dollar(tmp_path_factory.mktemp("known-dollar")) as (anvil, deployments):
            (market,) = read_deployments([deployments], account("delegate").address).values()
            yield anvil, deployments, market
    except ToolMissing as error:
        missing(str(error))


@pytest.fixture(scope="session")
def known_place(known_chain, _sqlite_template, tmp_path_factory):
    """A marketplace where chain id and dollar are Base Sepolia's: for clients that know those by heart."""
    folder = tmp_path_factory.mktemp("known-place")
    yield from run_marketplace(folder, known_chain[0].url, known_chain[1], _sqlite_template)


@pytest.fixture
def known_payer(known_chain):
    """An account with money where the dollar is a known one."""
    made = Account.create()
    fund(known_chain[0], known_chain[2], made.address, FUNDS)
    return made


@pytest.fixture(scope="session")
def node_clients():
    """The official JavaScript clients are installed."""
    if not installed():
        missing("the official JavaScript clients are not installed: run make setup")
