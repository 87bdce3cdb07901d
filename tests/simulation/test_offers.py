"""What a 402 says beyond its terms: signed offers once a minute, and all of it within one header."""

from dataclasses import replace

import httpx
import pytest

from protocol.offers import offers_in
from server.application import offer
from server.services import on_sale
from tests.simulation.world import ALIAS, ORIGIN, open_world
from tests.stack.buyer import read_header

MOST = 8 * 1024
"""Bytes of a 402's header with every extension on: half of what proxies are asked to let through."""


class CountingSigner:
    """The receipt key, counting what it signs."""

    def __init__(self, inner):
        self.inner, self.signed = inner, 0

    @property
    def address(self):
        return self.inner.address

    async def sign_digest(self, digest):
        self.signed += 1
        return await self.inner.sign_digest(digest)


@pytest.fixture
async def world():
    async with open_world() as opened:
        yield opened


@pytest.fixture
def key(world):
    counting = CountingSigner(world.paddock.receipts)
    world.app.state.paddock = replace(world.paddock, receipts=counting)
    return counting


async def ask(world, url):
    return read_header((await world.client.get(url)).headers["payment-required"])


async def test_every_402_carries_an_offer_by_the_published_key_for_each_of_its_entries(world):
    published = (await world.client.get("/.well-known/x402")).json()["receiptSigner"]
    world.clock.advance(25)
    quoted = await world.buyer.ask(world.url("echo", "?text=hi"))
    (wire,) = quoted.required["extensions"]["offer-receipt"]["info"]["offers"]
    assert set(wire) == {"format", "acceptIndex", "payload", "signature"}
    assert (wire["format"], wire["acceptIndex"]) == ("eip712", 0)
    terms = {name: quoted.entry[name] for name in ("scheme", "network", "asset", "payTo", "amount")}
    now = int(world.clock.now().timestamp())
    end = (now // 60 + 2) * 60 + 120
    assert wire["payload"] == {"version": 1, "resourceUrl": f"{ORIGIN}/v1/echo", "validUntil": end} | terms
    (offered,) = offers_in(quoted.required["extensions"])
    assert offered.signer() == published
    assert offered.payload.valid_until > int(quoted.entry["extra"]["expiresAt"])


async def test_a_refused_payment_gets_an_offer_too(world):
    quoted = await world.buyer.ask(world.url("echo"))
    refused = await world.buyer.present(quoted, world.buyer.pay(quoted, value="1"))
    assert refused.status_code == 402
    assert len(offers_in(read_header(refused.headers["payment-required"])["extensions"])) == 1


async def test_s25_a_flood_of_402s_signs_once_a_minute_for_a_route_and_its_memory_is_bounded(world, key):
    """However the path is spelt, whatever the query, whichever of our hosts is asked."""
    assert offer.KEPT <= 1024
    spellings = ["echo", "%65cho", "ech%6f", "%65%63%68%6F"]
    urls = [f"{host}/v1/{slug}?text={n}" for host in (ORIGIN, ALIAS) for slug in spellings for n in range(25)]
    for url in urls:
        world.clock.advance(0.25)
        assert (await world.client.get(url)).status_code == 402
    assert key.signed == 2
    world.clock.advance(60)
    for url in urls:
        await world.client.get(url)
    assert key.signed == 4
    assert len(offer._SIGNED) <= offer.KEPT
    assert world.db.tables.events == []
    assert not any(getattr(world.db.tables, name) for name in world.db.tables.__dataclass_fields__)


async def test_a_changed_price_is_signed_at_once(world, key):
    dearer = replace(world.paddock.services["echo"], amount=20_000)
    before = offers_in((await ask(world, world.url("echo")))["extensions"])
    world.app.state.paddock = replace(world.app.state.paddock, services={"echo": dearer})
    after = offers_in((await ask(world, world.url("echo")))["extensions"])
    assert [one.payload.amount for one in before + after] == ["10000", "20000"]
    assert after[0].signer() == key.address


async def test_the_header_of_a_402_stays_below_8_kb_for_everything_on_sale():
    sold = on_sale(samples=True)
    async with open_world(*sold) as world:
        for service in sold:
            answer = await unpaid(world, service)
            known = {"offer-receipt", "payment-identifier", "sign-in-with-x"}
            known |= {"contract-access"} if service.opened_by else set()
            known |= {"free-calls"} if service.free_calls else set()
            assert set(read_header(answer.headers["payment-required"])["extensions"]) == known
            assert len(answer.headers["payment-required"]) < MOST, service.slug


async def unpaid(world, service) -> httpx.Response:
    body = service.example if service.method == "POST" else None
    params = service.example if service.method == "GET" else None
    return await world.client.request(service.method, f"{ORIGIN}/v1/{service.slug}", params=params, json=body)


async def test_a_long_query_stands_once_in_the_header(world):
    short, long = [(await world.client.get(world.url("echo", f"?text={'x' * n}"))).headers for n in (1, 1501)]
    assert len(long["payment-required"]) - len(short["payment-required"]) == 2000
