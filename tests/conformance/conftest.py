"""Chains and facilitators, each in all of its forms."""

import contextlib
import shutil

import pytest
from eth_account import Account

from server.adapters.clock import SystemClock
from server.adapters.database import SqlDatabase
from server.adapters.facilitator_client import RemoteFacilitator
from server.adapters.signers import LocalSigner
from tests.conformance.counters import Counter, ours
from tests.conformance.worlds import ETHER, anvil_world, fake_world
from tests.fakes.database import FakeDatabase
from tests.fakes.facilitator import FakeFacilitator
from tests.stack.processes import free_port, start_python

CHAINS = {"fake": 1, "anvil": 1, "three-fakes": 3, "three-anvils": 3}
"""Each chain's kind, with how many nodes it is asked by."""


@pytest.fixture(params=CHAINS)
async def world(request):
    async with open_chain(request, "anvil") as found:
        yield found


@pytest.fixture(params=CHAINS)
async def own_world(request):
    """A world of this test's own, whose blocks may be held up or taken back."""
    async with open_chain(request, "own_anvil") as found:
        yield found


@contextlib.asynccontextmanager
async def open_chain(request, anvil):
    """The world of a kind, on that anvil where it needs one."""
    nodes = CHAINS[request.param]
    if "anvil" in request.param:
        found = anvil_world(request.getfixturevalue(anvil), request.getfixturevalue("market"), nodes)
    else:
        found = fake_world(nodes)
    yield found
    await found.chain.close()


@pytest.fixture(scope="session")
def served(anvil, deployments, _sqlite_template, tmp_path_factory):
    """A facilitator process: (URL, address that it sends with)."""
    folder, port, key = tmp_path_factory.mktemp("facilitator"), free_port(), Account.create()
    shutil.copyfile(_sqlite_template, folder / "paddock.db")
    anvil.set_balance(key.address, ETHER)
    environment = {
        "PADDOCK_DEVNET": "1",
        "PADDOCK_RPC_URL": anvil.url,
        "PADDOCK_DEPLOYMENTS": str(deployments),
        "PADDOCK_DATABASE_URL": f"sqlite:///{folder}/paddock.db",
        "PADDOCK_SETTLEMENT_KEY": "0x" + key.key.hex(),
        "PADDOCK_PORT": str(port),
    }
    child = start_python("facilitator", ["-m", "server.cli", "serve", "facilitator"], folder, environment)
    try:
        child.wait_to_listen(port)
        child.wait_to_answer(f"http://127.0.0.1:{port}/health/live")
        yield f"http://127.0.0.1:{port}/facilitator", key.address
        child.require_running()
    finally:
        child.stop()


@contextlib.asynccontextmanager
async def open_counter(kind, request):
    """One of the four, by name."""
    if kind == "fake":
        world = fake_world()
        signer = LocalSigner(Account.create().key.hex())
        yield Counter(FakeFacilitator(world.chain, SystemClock(), world.market, signer), world, signer.address)
        return
    if kind == "ours-on-fakes":
        async with ours(fake_world(), FakeDatabase(SystemClock())) as found:
            yield found
        return
    world = anvil_world(request.getfixturevalue("anvil"), request.getfixturevalue("market"))
    if kind == "ours-on-anvil":
        db = SqlDatabase(request.getfixturevalue("sqlite_url"), SystemClock())
        async with ours(world, db) as found:
            yield found
        await db.close()
    else:
        url, settler = request.getfixturevalue("served")
        remote = RemoteFacilitator(url)
        yield Counter(remote, world, settler)
        await remote.close()
    await world.chain.close()


@pytest.fixture(params=["fake", "ours-on-fakes", "ours-on-anvil", "ours-over-http"])
async def counter(request):
    """A facilitator in each of its forms."""
    async with open_counter(request.param, request) as found:
        yield found


@pytest.fixture(params=["ours-on-fakes", "ours-on-anvil", "ours-over-http"])
async def our_counter(request):
    """A facilitator of ours in each of its forms."""
    async with open_counter(request.param, request) as found:
        yield found
