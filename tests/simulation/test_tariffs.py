"""A price that follows from what is asked for: quoted for exactly that, and good for nothing else."""

from dataclasses import replace

import pytest

from server.services.service import Meter, Service
from server.services.tariffs import Dynamic, Tier, Tiers
from tests.simulation.world import open_world, service
from tests.stack.buyer import payment_v1, write_header

BY_LETTER = Tiers("letter", lambda asked: len(asked.text), (Tier(100, last=3), Tier(10)))


def priced(slug: str, tariff: object, **changes: object) -> Service:
    return replace(service(slug, lambda asked, _: asked.text), tariff=tariff, amount=1_000, **changes)


@pytest.fixture
async def world():
    hourly = Dynamic("twice as much in odd minutes", lambda _, now: 100 * (1 + now.minute % 2))
    wild = Dynamic("whatever it is", lambda asked, _: int(asked.text))
    async with open_world(priced("letters", BY_LETTER), priced("hourly", hourly), priced("wild", wild)) as opened:
        yield opened


async def ask(world, slug, text):
    return await world.buyer.ask(world.url(slug, f"?text={text}"))


def asked(quoted) -> list[int]:
    return [int(entry["amount"]) for entry in quoted.required["accepts"]]


@pytest.mark.parametrize(("text", "price"), [("a", 100), ("abc", 300), ("abcde", 320)])
async def test_a_request_is_quoted_at_what_it_asks_for_and_pays_that(world, text, price):
    quoted = await ask(world, "letters", text)
    assert set(asked(quoted)) == {price}
    answer = await world.buyer.present(quoted, world.buyer.pay(quoted))
    assert (answer.status_code, answer.json()) == (200, text)
    assert (await world.order(quoted.id)).price == price


async def test_two_requests_of_one_moment_are_each_quoted_their_own_price(world):
    assert [set(asked(await ask(world, "letters", text))) for text in ("a", "abcde", "a")] == [{100}, {320}, {100}]


async def test_s1_what_was_quoted_for_little_does_not_buy_much(world):
    little, much = await ask(world, "letters", "a"), await ask(world, "letters", "abcde")
    header = world.buyer.pay(little)
    refused = await world.buyer.present(much, header)
    assert (refused.status_code, world.settlements()) == (402, 0)
    assert (await world.buyer.present(little, header)).status_code == 200


async def test_v1_pays_the_price_of_its_own_request(world):
    quoted = await ask(world, "letters", "abcd")
    paid = write_header(payment_v1(world.buyer.account, quoted.required_v1["accepts"][0]))
    answer = await world.client.get(quoted.url, headers={"X-PAYMENT": paid})
    assert (answer.status_code, (await world.orders())[0].price) == (200, 310)


async def test_a_quote_keeps_its_price_when_the_time_has_another(world):
    world.clock.advance(60 - world.clock.now().second)
    quoted = await ask(world, "hourly", "a")
    world.clock.advance(60)
    later = await ask(world, "hourly", "a")
    assert {asked(quoted)[0], asked(later)[0]} == {100, 200}
    assert (await world.buyer.present(quoted, world.buyer.pay(quoted))).status_code == 200
    assert (await world.order(quoted.id)).price == asked(quoted)[0]


@pytest.mark.parametrize("price", ["0", "-5", "1001"])
async def test_a_price_beyond_what_was_published_is_asked_of_nobody(world, price):
    refused = await world.client.get(world.url("wild", f"?text={price}"))
    assert refused.status_code == 500
    assert "PAYMENT-REQUIRED" not in refused.headers


async def test_programs_read_the_tiers_before_they_ask(world):
    listed = {one["slug"]: one for one in (await world.client.get("/api/services")).json()}
    assert listed["letters"]["tariff"] == {
        "unit": "letter", "tiers": [{"price": "100", "last": "3"}, {"price": "10", "last": None}]
    }  # fmt: skip
    assert listed["letters"]["price"] == "up to 0.001 USDC"
    assert listed["hourly"]["tariff"] == {"words": "twice as much in odd minutes"}
    assert listed["echo"]["tariff"] is None
    page = await world.client.get("/services/letters", headers={"Accept": "text/html"})
    assert "by what is asked for: 0.0001 per letter, 0.00001 beyond 3" in page.text


def test_what_is_counted_afterwards_has_no_tariff():
    with pytest.raises(ValueError, match="follows from what it used"):
        priced("both", BY_LETTER, meter=Meter("letter", 1))
