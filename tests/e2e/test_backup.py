"""Backup and restore as docs/operations.md says it: copied while it sells, restored beside a chain that went on."""

import asyncio
import shutil
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import pytest

from scripts.accounts import account
from server.application.reconcile import reconcile
from tests.stack.buyer import Buyer, read_header
from tests.stack.commands import documented, paddock, shell
from tests.stack.funds import fund
from tests.stack.marketplace import Marketplace
from tests.stack.waiting import eventually

PAGE = "docs/operations.md"
DIRECT, DELEGATE = "/v1/market-signal?symbol=DEMO-TREND&window=20", "/v1/access-pass"


@dataclass
class Sqlite:
    """A file, and where its copy is restored to."""

    folder: Path
    template: Path

    def create(self):
        (self.folder / "var").mkdir()
        shutil.copyfile(self.template, self.folder / "var" / "paddock.db")
        return f"sqlite:///{self.folder}/var/paddock.db"

    def copy(self, url):
        shell(documented(PAGE, ".venv/bin/python -c"), self.folder, url, self.folder)

    def restore(self):
        shutil.copyfile(self.folder / "var" / "backup.db", self.folder / "restored.db")
        return f"sqlite:///{self.folder}/restored.db"


@dataclass
class Postgres:
    """A database, and an empty one that its dump is restored into."""

    folder: Path
    server: object
    template: str

    def create(self):
        (self.folder / "var").mkdir()
        return self.server.url(self.server.create(self.template))

    def copy(self, url):
        shell(documented(PAGE, "pg_dump"), self.folder, url, self.server.programs)

    def restore(self):
        url = self.server.url(self.server.create())
        shell(documented(PAGE, "pg_restore"), self.folder, url, self.server.programs)
        return url


@pytest.fixture(params=["sqlite", "postgres"])
def kept(request, tmp_path):
    if request.param == "sqlite":
        return Sqlite(tmp_path, request.getfixturevalue("_sqlite_template"))
    server, template = request.getfixturevalue("_postgres")
    return Postgres(tmp_path, server, template)


@asynccontextmanager
async def running(folder, rpc, url, deployments, **more):
    place = Marketplace(folder, rpc, url, deployments)
    place.more = {"PADDOCK_ORIGINS": ",".join([place.url, *more.values()])}
    try:
        yield place
    finally:
        place.stop()


@dataclass
class Bought:
    """Purchases by order id: how each was quoted and paid, and the chain transaction that settled it."""

    direct: dict = field(default_factory=dict)
    delegate: dict = field(default_factory=dict)
    sent: dict = field(default_factory=dict)

    async def buy(self, place, buyer, path):
        quoted = await (buyer.ask(place.url + path) if path == DIRECT else buyer.ask(place.url + path, "POST", {}))
        header = buyer.pay(quoted)
        answer = await buyer.present(quoted, header)
        assert answer.status_code == 200, answer.text
        settled = read_header(answer.headers["payment-response"])["transaction"]
        (self.direct if path == DIRECT else self.delegate)[quoted.id] = settled
        self.sent[quoted.id] = quoted, header


@pytest.mark.timeout(420)
async def test_a_copy_that_was_taken_while_it_sold_is_restored_and_nothing_is_lost(
    kept, own_anvil, market, deployments, tmp_path
):
    url, bought = kept.create(), Bought()
    async with httpx.AsyncClient(timeout=60) as client:
        buyer = Buyer(client)
        for address in (buyer.account.address, account("float").address):
            fund(own_anvil, market, address, 100_000_000)
        async with running(tmp_path, own_anvil.url, url, deployments) as place:
            place.start_server()
            place.start_worker()
            await bought.buy(place, buyer, DIRECT)
            copying = asyncio.create_task(asyncio.to_thread(kept.copy, url))
            while not copying.done():
                await asyncio.gather(*(bought.buy(place, buyer, path) for path in (DIRECT, DIRECT, DELEGATE)))
            await copying
            await asyncio.gather(*(bought.buy(place, buyer, path) for path in (DIRECT, DELEGATE)))
        async with running(tmp_path, own_anvil.url, kept.restore(), deployments, before=place.url) as again:
            await assert_restored(again, bought, client, buyer, place.url)


async def assert_restored(again, bought, client, buyer, before):
    for command in (("migrate",), ("pause", "--reason", "restored")):
        assert paddock(again, *command)[0] == 0
    async with again.parts() as parts, parts.db.read() as view:
        known = {order_id for order_id in bought.sent if await view.orders.get(order_id)}
    lost = [settled for order_id, settled in bought.direct.items() if order_id not in known]  # one batch may hold two
    assert known
    assert lost
    for _ in range(2):
        status, said = paddock(again, "recover")
        assert status == 0, said
        found = said.splitlines()
        assert len(found) == len(lost), said
        assert all(any(settled in line for line in found) for settled in lost)
    again.start_server()
    again.start_worker()
    assert paddock(again, "resume")[0] == 0

    async def over():
        async with again.parts() as parts, parts.db.read() as view:
            orders = [await view.orders.get(order_id) for order_id in known]
            return all(
                order.ended and (order.shown == "completed" or order.money_back == "refunded") for order in orders
            )

    # What the copy knows as claimed alone is only over with its authorization, and its money comes back after that.
    await eventually(over, 240, "every order that the copy knows ends", every=0.5)
    first = next(iter(bought.sent))
    quoted, header = bought.sent[first]
    there = replace(quoted, url=quoted.url.replace(before, again.url))
    answer = await buyer.present(there, header, Host=before.removeprefix("http://"))
    assert (answer.status_code, answer.headers.get("idempotent-replayed")) == (200, "true")
    unknown = {settled for order_id, settled in bought.delegate.items() if order_id not in known}

    async def agrees():
        async with again.parts() as parts:
            different = await reconcile(parts)
        came = {one.transaction for one in different if one.where == "chain"}
        return unknown <= came and len(different) == 2 * len(unknown)  # to the delegate wallet, and out of it

    await eventually(agrees, 60, "all that differs is what the copy does not know", every=0.5)
