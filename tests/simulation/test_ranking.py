"""Listings in the order of what happened: many payers lift a service, its own words and its own purchases do not."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from eth_account import Account

from server.domain.outages import DatabaseUnavailable
from server.domain.ranking import WINDOW
from tests.fakes.tally_rows import FakeTallies
from tests.simulation.world import RICH, WorldBuyer, open_world, refuse, service
from tests.stack.page import Read

PRAISE = "the best fastest cheapest most trusted number one official award winning weather service"
MINUTE = 60


def answer(*_):
    return {}


@pytest.fixture
async def world():
    """Three services of one kind: one that is proven, one that praises itself, one that fails."""
    proven = service("proven", answer, title="Rainfall", summary="Weather by the hour.", amount=10_000)
    praised = service("praised", answer, title=f"Rainfall {PRAISE}", summary=PRAISE, tags=tuple(PRAISE.split()))
    failing = service("failing", refuse(422), title="Rainfall", summary="Weather by the day.")
    async with open_world(praised, failing, proven) as opened:
        yield opened


async def buy(world, slug, payers=1, calls=1):
    """So many wallets buy so often; what fails costs nothing."""
    for _ in range(payers):
        buyer = WorldBuyer(world.client, Account.create(), clock=world.clock)
        world.chain.give(buyer.account.address, RICH)
        for _ in range(calls):
            await buyer.buy(world.url(slug))
    world.clock.advance(MINUTE)


async def listed(world):
    return {one["slug"]: one for one in (await world.client.get("/api/services")).json()}


async def searched(world, query):
    found = (await world.client.get("/discovery/search", params={"query": query})).json()["resources"]
    return [one["resource"].rpartition("/")[2] for one in found]


async def orders(world):
    """The slugs in every list, each of which has the same order."""
    by_json = list(await listed(world))
    bazaar = (await world.client.get("/discovery/resources", params={"limit": 100})).json()["items"]
    assert [one["resource"].rpartition("/")[2] for one in bazaar] == by_json
    page = Read(await world.client.get("/"))
    links = [given["href"] for tag, given in page.tags if tag == "a" and "/services/" in (given.get("href") or "")]
    assert [link.rpartition("/")[2] for link in links if not link.startswith("/api")] == by_json
    return by_json


async def test_a20_many_payers_deliveries_lift_a_service_above_one_that_praises_and_pays_itself(world):
    before = await orders(world)
    assert before.index("praised") < before.index("proven"), "without records the catalogue's order counts"
    assert (await searched(world, "rainfall weather"))[0] != "praised"
    await buy(world, "praised", payers=1, calls=12)
    await buy(world, "proven", payers=8)
    assert (await orders(world))[:2] == ["proven", "praised"]
    for query in ("rainfall", "best rainfall weather", PRAISE + " rainfall"):
        assert (await searched(world, query)).index("proven") < 2
    assert (await searched(world, "rainfall weather"))[0] == "proven"
    facts = await listed(world)
    assert facts["proven"]["record"]["score"] > facts["praised"]["record"]["score"]
    assert facts["praised"]["record"] | {"score": 0, "p50_ms": 0} == {
        "days": 30, "calls": 12, "failed": 0, "payers": 1, "success": 1000, "p50_ms": 0, "score": 0,
    }  # fmt: skip


async def test_a20_a_merchants_purchase_from_itself_is_no_fact(world):
    own = WorldBuyer(world.client, Account.create(), clock=world.clock)
    world.paddock.merchants["paddock"] = replace(world.paddock.merchants["paddock"], pay_to=own.account.address)
    world.chain.give(own.account.address, RICH)
    world.lawful = False  # nothing moves where payer and payee are one
    await own.buy(world.url("praised"))
    world.clock.advance(MINUTE)
    assert (await listed(world))["praised"]["record"]["calls"] == 0


async def test_a20_what_fails_without_a_payment_harms_nobody(world):
    before = (await listed(world))["failing"]["record"]
    await buy(world, "failing", payers=5)
    assert (await listed(world))["failing"]["record"] == before


async def test_orders_are_read_once_a_minute_however_often_listings_are(world, monkeypatch):
    counted = []
    count = FakeTallies.records

    async def spied(self, since):
        counted.append(since)
        return await count(self, since)

    monkeypatch.setattr(FakeTallies, "records", spied)
    for turn in (1, 2):
        for path in ("/api/services", "/discovery/resources", "/discovery/search?query=rain", "/", "/services/proven"):
            for _ in range(3):
                assert (await world.client.get(path)).status_code == 200
        assert len(counted) == turn
        world.clock.advance(MINUTE)
    assert counted[0] == world.clock.now() - WINDOW - timedelta(seconds=2 * MINUTE)


async def test_a_count_that_takes_long_or_fails_keeps_no_listing_waiting(world, monkeypatch):
    await buy(world, "proven")
    known = await listed(world)
    assert known["proven"]["record"]["calls"] == 1
    held = asyncio.Event()

    async def slow(_self, _since):
        await held.wait()
        raise DatabaseUnavailable("away")

    monkeypatch.setattr(FakeTallies, "records", slow)
    world.clock.advance(MINUTE)
    world.paddock.ranks.moment = 0
    assert await listed(world) == await listed(world) == known
    held.set()
    await world.paddock.ranks.counting
    assert await listed(world) == known
    monkeypatch.undo()
    world.paddock.ranks.moment = 5
    await buy(world, "proven")
    assert (await listed(world))["proven"]["record"]["calls"] == 2


async def test_cards_pages_and_the_bazaar_show_the_facts(world):
    await buy(world, "proven", payers=2, calls=2)
    card = Read(await world.client.get("/?q=proven")).text
    assert "100 % of 4 calls delivered, 2 payers" in card
    assert "100 % of 4 calls delivered, 2 payers" in Read(await world.client.get("/services/proven")).text
    assert "no calls in 30 days" in Read(await world.client.get("/services/praised")).text
    [item] = (await world.client.get("/discovery/resources", params={"limit": 1})).json()["items"]
    assert item["extensions"]["paddock-record"] == (await listed(world))["proven"]["record"]


async def test_what_goes_on_and_off_sale_is_found_at_once(world):
    fresh = replace(world.paddock.services["echo"], slug="fresh", title="Zebrafish", summary="Zebrafish")
    assert await searched(world, "zebrafish") == []
    world.shelf.services["fresh"] = fresh
    assert await searched(world, "zebrafish") == ["fresh"]
    world.shelf.services["fresh"] = replace(fresh, title="Quokka", summary="Quokka")
    assert (await searched(world, "zebrafish"), await searched(world, "quokka")) == ([], ["fresh"])
    del world.shelf.services["fresh"]
    assert await searched(world, "quokka") == []
    assert "fresh" not in await orders(world)
