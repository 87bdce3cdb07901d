"""Several servers and workers on one PostgreSQL and one broker: exactly once across all of them."""

import asyncio
from collections import Counter
from dataclasses import replace

import httpx
import pytest

from server.adapters.models import order_events
from tests.stack.buyer import Buyer
from tests.stack.funds import fund
from tests.stack.marketplace import Marketplace
from tests.stack.processes import free_port
from tests.stack.waiting import eventually

N = 50


@pytest.fixture
def place(own_anvil, postgres_url, valkey_url, deployments, tmp_path):
    marketplace = Marketplace(tmp_path, own_anvil.url, postgres_url, deployments, broker_url=valkey_url)
    yield marketplace
    marketplace.stop()


@pytest.fixture
async def buyer(own_anvil, market):
    # No connection is kept: a server may end an idle one in the moment in which the next request goes out.
    limits = httpx.Limits(max_connections=N, max_keepalive_connections=0)
    async with httpx.AsyncClient(timeout=60, limits=limits) as client:
        one = Buyer(client)
        fund(own_anvil, market, one.account.address, 1_000_000_000)
        yield one


def servers(place):
    """Three servers; they answer for one origin, as behind a balancer. Their URLs."""
    ports = [place.port, free_port(), free_port()]
    for port in ports:
        place.start_server(port=port)
    return [f"http://127.0.0.1:{port}" for port in ports]


async def present_at(buyer, place, url, quoted, header):
    """The same request by way of one of the servers."""
    elsewhere = replace(quoted, url=quoted.url.replace(place.url, url))
    return await buyer.present(elsewhere, header, Host=place.url.removeprefix("http://"))


async def test_s5_fifty_identical_requests_over_three_servers_run_and_settle_once(place, buyer, own_anvil):
    urls = servers(place)
    quoted = await buyer.ask(f"{place.url}/v1/market-signal?symbol=DEMO-TREND&window=20")
    header = buyer.pay(quoted)
    answers = await asyncio.gather(*(present_at(buyer, place, urls[n % 3], quoted, header) for n in range(N)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    fresh = [a for a in answers if a.status_code == 200 and "idempotent-replayed" not in a.headers]
    assert len(fresh) == 1
    assert {a.content for a in answers if a.status_code == 200} == {fresh[0].content}
    async with place.parts() as parts:
        spent = await parts.home.chain.transfers(parts.home.market.asset.address, buyer.account.address)
        assert len([log for log in spent if log.sender == buyer.account.address]) == 1
        async with parts.db.view() as connection:
            rows = (await connection.execute(order_events.select())).mappings().all()
    moves = Counter((row["what"], row["new"]) for row in rows)
    assert moves["fulfilment", "running"] == moves["payment", "settled"] == moves["fulfilment", "released"] == 1


async def test_f12_a_hundred_purchases_over_three_servers_and_two_workers_settle_each_once(place, buyer, own_anvil):
    urls = servers(place)
    place.start_worker()
    place.start_worker()

    async def buy(n):
        service, method, body = ("access-pass", "POST", {}) if n % 5 == 0 else ("market-signal", "GET", None)
        query = "?symbol=DEMO-TREND&window=20" if method == "GET" else ""
        quoted = await buyer.ask(f"{place.url}/v1/{service}{query}", method, body)
        header = buyer.pay(quoted)

        async def answered():
            answer = await present_at(buyer, place, urls[n % 3], quoted, header)
            return None if answer.status_code in (202, 503) else answer

        return await eventually(answered, 60, f"{quoted.id} is answered", every=0.3)

    answers = []
    for _ in range(4):
        answers += await asyncio.gather(*(buy(n) for n in range(25)))
    assert Counter(answer.status_code for answer in answers) == {200: 100}
    async with place.parts() as parts:
        spent = await parts.home.chain.transfers(parts.home.market.asset.address, buyer.account.address)
        assert len([log for log in spent if log.sender == buyer.account.address]) == 100
