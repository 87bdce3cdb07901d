"""Marketplaces that the end-to-end tests share: one on the usual devnet, one where the dollar is a known one."""

import asyncio
import shutil
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount

from scripts.accounts import account
from scripts.solc.foundry import ToolMissing
from server.adapters.networks import read_deployments
from tests.conftest import missing
from tests.stack import chromium
from tests.stack.anvil import dump, run_anvil
from tests.stack.buyer import Buyer
from tests.stack.funds import fund
from tests.stack.known_dollar import run_known_dollar
from tests.stack.marketplace import Marketplace
from tests.stack.node_clients import installed
from tests.stack.old_rows import Rows, rows_of
from tests.stack.staging import Staged, stage

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


@pytest.fixture(scope="package")
def place(anvil, deployments, _sqlite_template, tmp_path_factory):
    """The marketplace on the session's devnet."""
    yield from run_marketplace(tmp_path_factory.mktemp("place"), anvil.url, deployments, _sqlite_template)


@pytest.fixture
def payer(anvil, market):
    """An account with money on the session's devnet."""
    made = Account.create()
    fund(anvil, market, made.address, FUNDS)
    return made


@pytest.fixture
async def browser():
    """Chromium as the machine has it."""
    async with chromium.run_chromium() as running:
        yield running


@pytest.fixture(scope="package")
def known_chain(tmp_path_factory):
    """A devnet with Base Sepolia's chain id and dollar: (anvil, deployments file, market)."""
    try:
        with run_known_dollar(tmp_path_factory.mktemp("known-dollar")) as (anvil, deployments):
            (market,) = read_deployments([deployments], account("delegate").address).values()
            yield anvil, deployments, market
    except ToolMissing as error:
        missing(str(error))


@pytest.fixture(scope="package")
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


@dataclass(frozen=True)
class LeftOver:
    """What a marketplace left behind: its origin, orders, buyer, chain as a file, and every row of its database."""

    origin: str
    staged: Staged
    account: LocalAccount
    chain: Path
    rows: Mapping[str, Rows]

    def succeed(self, folder: Path, rpc: str, url: str, deployments: Path, **more: str) -> Marketplace:
        """Another marketplace on its chain and a database, that answers for its origin too."""
        made = Marketplace(folder, rpc, url, deployments)
        made.more = {"PADDOCK_ORIGINS": f"{made.url},{self.origin}"} | more
        return made

    def present(self, place: Marketplace, client: httpx.AsyncClient, name: str) -> Awaitable[httpx.Response]:
        """A purchase's request with its payment once more, at another place."""
        quoted, header = self.staged.sent[name]
        there = replace(quoted, url=quoted.url.replace(self.origin, place.url))
        return Buyer(client, self.account).present(there, header, Host=self.origin.removeprefix("http://"))


@pytest.fixture(scope="package")
def left_over(_devnet, _sqlite_template, tmp_path_factory):
    """An order in every state, and no process any more: once for all tests, each of which takes copies."""
    folder = tmp_path_factory.mktemp("left-over")
    with run_anvil(folder, "left-anvil", _devnet[2]) as anvil:
        url = f"sqlite:///{shutil.copyfile(_sqlite_template, folder / 'paddock.db')}"
        place = Marketplace(folder, anvil.url, url, _devnet[1])
        try:
            staged, account = asyncio.run(_leave(place, anvil))
        finally:
            place.stop()
        return LeftOver(place.url, staged, account, dump(anvil, folder / "state.json"), asyncio.run(rows_of(url)))


async def _leave(place, anvil):
    async with httpx.AsyncClient(timeout=60) as client:
        buyer = Buyer(client)
        (market,) = read_deployments([place.deployments], account("delegate").address).values()
        fund(anvil, market, buyer.account.address, 100_000_000)
        return await stage(place, buyer), buyer.account


@pytest.fixture
def left_anvil(left_over, tmp_path):
    """The chain that the marketplace left, for one test."""
    with run_anvil(tmp_path, "left-anvil", left_over.chain) as anvil:
        yield anvil


@pytest.fixture(scope="package")
def node_clients():
    """The official JavaScript clients are installed."""
    if not installed():
        missing("the official JavaScript clients are not installed: run make setup")
