"""The console's page of services: what is sold, what a probe found, and the buttons that list, pause and end."""

import re

import pytest

from server.ports import Reached
from tests.fakes.upstream import DESCRIBED
from tests.simulation.staff import OPERATOR, asking, staff
from tests.simulation.test_upstreams import Shop
from tests.simulation.world import open_world

PAGE, SLUG = "/console/services", "paddock.weather"


@pytest.fixture
async def shop():
    async with open_world() as world:
        await world.entered()
        yield Shop(world)


async def press(shop, what, slug=SLUG, status=303, **headers):
    answer = await shop.world.client.post(PAGE, data={"slug": slug, "what": what}, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.text


async def buttons(shop):
    """The state, and what may be done."""
    text = (await shop.world.client.get(PAGE)).text
    return (
        re.findall(r'<span class="status \w+">(draft|listed|paused|delisted)</span>', text),
        re.findall(r'name="what" value="(\w+)"', text),
    )


async def test_an_upstream_goes_through_its_states_by_the_buttons_that_are_there(shop):
    assert "No provider sells an endpoint yet" in (await shop.world.client.get(PAGE)).text
    await shop.describe()
    assert await buttons(shop) == (["draft"], ["probe", "list", "delist"])
    await press(shop, "list")
    assert await buttons(shop) == (["listed"], ["probe", "pause", "delist"])
    await press(shop, "pause")
    assert await buttons(shop) == (["paused"], ["probe", "list", "delist"])
    await press(shop, "delist")
    assert await buttons(shop) == (["delisted"], ["probe", "list"])
    lines = (await shop.call("GET", "/weather"))["changes"]
    assert [one["by"] for one in lines] == ["operator"] * 3 + ["paddock"]


async def test_the_page_shows_what_the_probe_found_and_lists_nothing(shop):
    await shop.describe()
    shop.provider.secret, shop.provider.says = b"", lambda _request: Reached(200, b"{}", "application/json")
    for what, status in (("probe", 200), ("list", 422)):
        text = await press(shop, what, status=status)
        assert '<span class="status failed">answer</span>' in text
        assert "answer as the schema says, or correct the schema" in text
    assert (await buttons(shop))[0] == ["draft"]


async def test_a_providers_words_are_text_on_the_page(shop):
    await shop.describe(title='<b onclick="x">Weather</b>')
    text = (await shop.world.client.get(PAGE)).text
    assert "&lt;b onclick=" in text
    assert "<b onclick" not in text


async def test_nobody_else_and_no_other_sites_form_changes_anything(shop):
    await shop.describe()
    await press(shop, "list", status=401, **{"sec-fetch-site": "same-site"})
    shop.world.client.cookies.clear()
    await press(shop, "list", status=401)
    assert (await shop.world.client.get(PAGE)).status_code == 401
    assert (await shop.call("GET", "/weather"))["state"] == "draft"


@pytest.mark.parametrize(("what", "slug"), [("list", "paddock.other"), ("burn", SLUG), ("list", "echo"), ("list", "")])
async def test_what_is_not_there_cannot_be_pressed(shop, what, slug):
    await shop.describe()
    text = await press(shop, what, slug, 422 if what == "burn" else 404)
    assert ("choose what to do" if what == "burn" else "has no service") in text
    assert DESCRIBED["title"] in (await shop.world.client.get(PAGE)).text


async def test_s31_another_merchants_owner_stops_no_service_and_ones_own_operator_does(shop):
    await shop.describe()
    await press(shop, "list")
    shop.world.client.cookies.clear()
    await staff(shop.world)
    await press(shop, "pause", status=404, **await asking(shop.world, "foreign"))
    await press(shop, "pause", status=403, **await asking(shop.world, "reader"))
    lines = (await shop.call("GET", "/weather"))["changes"]
    assert [one["new"] for one in lines] == ["listed", "draft"]
    await press(shop, "pause", **await asking(shop.world, "operator"))
    lines = (await shop.call("GET", "/weather"))["changes"]
    assert (lines[0]["new"], lines[0]["by"]) == ("paused", OPERATOR.address)
