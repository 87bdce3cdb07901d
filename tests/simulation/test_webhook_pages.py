"""The console's pages of webhooks: every merchant's endpoints, one's deliveries, and the buttons that send again."""

import re
from datetime import timedelta

import pytest

from server.web import webhook_pages
from tests.simulation.webhook_world import URL, buy, listening
from tests.simulation.world import open_world

LIST = "/console/webhooks"
TOLD = ["order.settled", "order.delivered", "order.final"]
"""Of a purchase that goes well."""


@pytest.fixture
async def world():
    async with open_world() as opened:
        await opened.entered()
        yield opened


@pytest.fixture
async def merchant(world):
    return await listening(world)


async def look(world, path, status=200):
    answer = await world.client.get(path)
    assert answer.status_code == status, answer.text
    return answer.text


async def press(merchant, status=303, **data):
    """The page's answer to a button, and where it leads."""
    answer = await merchant.world.client.post(f"{LIST}/{merchant.endpoint}", data=data)
    assert answer.status_code == status, answer.text
    if status == 303:
        assert answer.headers["location"].endswith(f"{LIST}/{merchant.endpoint}")
    return answer.text


def words(text):
    """The states on a page, in its order."""
    return re.findall(r'<span class="status \w+">([\w ]+)</span>', text)


def columns(text):
    """The numbers that wait and that were given up, row by row."""
    return re.findall(r">(\d+) waiting, (\d+) given up<", text)


async def test_without_endpoints_the_page_says_how_one_comes(world):
    assert "paddock webhook add" in await look(world, LIST)


async def test_the_list_shows_each_endpoint_and_what_waits_or_was_given_up(world, merchant):
    await buy(world, "echo")
    text = await look(world, LIST)
    assert URL in text
    assert (words(text), columns(text)) == (["enabled"], [("2", "0")])
    merchant.broken = 410
    await world.work()
    text = await look(world, LIST)
    assert (words(text), columns(text)) == (["disabled"], [("0", "2")])


async def test_what_was_given_up_is_sent_again_by_its_button_under_its_old_id(world, merchant):
    merchant.broken = 500
    quoted, _ = await buy(world, "echo")
    await world.work()
    world.clock.advance(timedelta(days=3, hours=1).total_seconds())
    await world.entered()  # a session has 12 hours
    await world.work()
    own = f"{LIST}/{merchant.endpoint}"
    text = await look(world, own)
    assert words(text) == ["enabled", *["given up"] * len(TOLD)]
    assert "not now" in text
    merchant.broken = 200
    ids = re.findall(r'name="resend" value="(msg_\w+)"', text)
    for one in reversed(ids):
        await press(merchant, resend=one)
    await world.work()
    assert set(merchant.handled) == set(ids)
    assert words(await look(world, own)) == ["enabled", *["delivered"] * len(TOLD)]
    assert merchant.types(quoted.id) == TOLD


async def test_an_orders_page_shows_what_its_merchant_was_told(world, merchant):
    quoted, _ = await buy(world, "echo")
    await world.work()
    text = await look(world, f"/console/orders/{quoted.id}")
    told = text[text.index("Told to the merchant") :]
    assert re.findall(r'<span class="mono">(order\.\w+)</span>', told) == TOLD
    assert words(told) == ["delivered"] * len(TOLD)


async def test_without_endpoints_an_orders_page_says_so(world):
    quoted, _ = await buy(world, "echo")
    assert "it has no <a" in await look(world, f"/console/orders/{quoted.id}")


async def test_a_test_is_sent_and_an_endpoint_is_switched_off_and_on(world, merchant):
    await press(merchant, what="test")
    await world.work()
    assert [one.type for one in merchant.handled.values()] == ["webhook.test"]
    await press(merchant, what="disable")
    assert (await merchant.health())["note"] == "disabled by the operator"
    assert "disabled by the operator" in await look(world, f"{LIST}/{merchant.endpoint}")
    refused = await press(merchant, status=409, what="test")
    assert "enable it first" in refused
    await press(merchant, what="enable")
    assert (await merchant.health())["enabled"]
    await press(merchant, status=422, what="shout")
    assert len(merchant.handled) == 1


async def test_deliveries_are_shown_page_by_page(world, merchant, monkeypatch):
    monkeypatch.setattr(webhook_pages, "MOST_DELIVERIES", 2)
    for _ in range(2):
        await press(merchant, what="test")
    await world.work()
    path = f"{LIST}/{merchant.endpoint}"
    first = await look(world, path)
    assert (len(merchant.handled), first.count('name="resend"'), "Older ones" in first) == (2, 2, False)
    await press(merchant, what="test")
    await world.work()
    first = await look(world, path)
    [following] = re.findall(r'\?before=(\d+)"', first)
    second = await look(world, f"{path}?before={following}")
    assert (first.count('name="resend"'), second.count('name="resend"')) == (2, 1)
    seen = re.findall(r'name="resend" value="(\w+)"', first + second)
    assert sorted(seen) == sorted(merchant.handled)
    assert "Older ones" not in second


async def test_s31_strangers_and_other_sites_see_and_change_nothing(world, merchant):
    path = f"{LIST}/{merchant.endpoint}"
    for site in ("same-site", "cross-site"):
        foreign = await world.client.post(path, data={"what": "disable"}, headers={"sec-fetch-site": site})
        assert foreign.status_code == 401
    world.client.cookies.clear()
    for method, url in (("GET", LIST), ("GET", path), ("POST", path)):
        answer = await world.client.request(method, url, data={"what": "disable"} if method == "POST" else None)
        assert answer.status_code == 401, url
        assert URL not in answer.text
    assert (await merchant.health())["enabled"]


async def test_what_is_not_there_is_404_and_another_endpoints_delivery_is_not_sent(world, merchant):
    other = await listening(world, URL + "/other")
    await press(merchant, what="test")
    await world.work()
    [delivery] = merchant.handled
    await press(other, status=404, resend=delivery)
    await look(world, f"{LIST}/we_nothing", 404)
    assert (await world.client.post(f"{LIST}/we_nothing", data={"what": "test"})).status_code == 404
    await merchant.api("DELETE", f"/{merchant.endpoint}")
    await look(world, f"{LIST}/{merchant.endpoint}", 404)
    assert len(merchant.received) == 1
