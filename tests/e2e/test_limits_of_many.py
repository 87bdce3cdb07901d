"""Limits and the pause over several processes on one database: what one of them counts, all of them keep."""

import asyncio
import subprocess
import sys
import time
from collections import Counter

import httpx
import pytest

from tests.e2e.test_many_processes import present_at, servers
from tests.stack.buyer import Buyer
from tests.stack.funds import fund
from tests.stack.marketplace import Marketplace
from tests.stack.processes import ROOT
from tests.stack.waiting import eventually

SIGNAL = "/v1/market-signal?symbol=DEMO-TREND&window=20"
PLACES = 2


@pytest.fixture
def place(own_anvil, postgres_url, valkey_url, deployments, tmp_path):
    more = {"PADDOCK_PAYER_ORDERS": str(PLACES)}
    marketplace = Marketplace(tmp_path, own_anvil.url, postgres_url, deployments, broker_url=valkey_url, more=more)
    yield marketplace
    marketplace.stop()


@pytest.fixture
async def buyers(own_anvil, market):
    async with httpx.AsyncClient(timeout=60) as client:
        found = [Buyer(client), Buyer(client)]
        for one in found:
            fund(own_anvil, market, one.account.address, 1_000_000_000)
        yield found


def paddock(place, *command):
    """Run a command of the operator's; its exit status and what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "server.cli", *command],
        cwd=ROOT, env=place.environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


async def test_s27_a_payers_places_are_counted_over_all_servers_and_slow_blocks_keep_them(place, buyers, own_anvil):
    urls = servers(place)
    buyer, other = buyers
    quotes = [await buyer.ask(place.url + SIGNAL) for _ in range(6)]
    paid = [(quoted, buyer.pay(quoted)) for quoted in quotes]
    own_anvil.hold()
    tasks = [asyncio.create_task(present_at(buyer, place, urls[n % 3], *one)) for n, one in enumerate(paid)]
    await eventually(
        lambda: asyncio.sleep(0, sum(task.done() for task in tasks) == 4), 15, "four of six are told to wait"
    )
    refused = [task.result() for task in tasks if task.done()]
    assert {(one.status_code, one.json()["type"]) for one in refused} == {(429, "/problems/too-many-orders")}
    quoted = await other.ask(place.url + SIGNAL)
    theirs = asyncio.create_task(present_at(other, place, urls[0], quoted, other.pay(quoted)))
    async with place.parts() as parts:

        async def in_flight():
            async with parts.db.read() as view:
                return await view.orders.in_flight(other.account.address, parts.clock.now()) == 1

        await eventually(in_flight, 15, "the other payer is let in")
    own_anvil.release()
    assert (await theirs).status_code == 200
    assert Counter(answer.status_code for answer in await asyncio.gather(*tasks)) == {200: PLACES, 429: 4}
    for one in paid:
        assert (await present_at(buyer, place, urls[0], *one)).status_code == 200


async def test_one_command_pauses_every_process_within_two_seconds_and_another_one_resumes_them(place, buyers):
    urls = servers(place)
    place.start_worker()
    buyer, _ = buyers
    for url in urls:
        quoted = await buyer.ask(place.url + SIGNAL)
        assert (await present_at(buyer, place, url, quoted, buyer.pay(quoted))).status_code == 200
    status, said = await asyncio.to_thread(paddock, place, "pause", "--reason", "a drill")
    assert (status, "a drill" in said) == (0, True)
    paused_at = time.monotonic()
    for url in urls:
        assert await last_sold(buyer, place, url) < paused_at + 2
    status, said = await asyncio.to_thread(paddock, place, "status")
    assert (status, "paused" in said, "a drill" in said) == (3, True, True)
    waiting = await buyer.ask(place.url + "/v1/access-pass", "POST", {})
    header = buyer.pay(waiting)
    assert (await present_at(buyer, place, urls[0], waiting, header)).status_code == 503
    status, said = await asyncio.to_thread(paddock, place, "resume")
    assert status == 0

    async def bought():
        return (await present_at(buyer, place, urls[0], waiting, header)).status_code == 200

    assert await eventually(bought, 10, "the same payment buys after it")
    status, said = await asyncio.to_thread(paddock, place, "status")
    assert (status, "runs since" in said) == (0, True)


async def last_sold(buyer, place, url):
    """Buys until a server says that it is paused; when the last request that it sold was sent."""
    last = 0.0
    while True:
        quoted = await buyer.ask(place.url + SIGNAL)
        sent_at = time.monotonic()
        answer = await present_at(buyer, place, url, quoted, buyer.pay(quoted))
        if answer.status_code == 503:
            assert answer.json()["type"] == "/problems/paused"
            return last
        assert answer.status_code == 200
        last = sent_at
