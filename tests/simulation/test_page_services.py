"""Browser automation through the paywall: what cannot be drawn costs nothing; without a browser it is not on sale."""

from dataclasses import replace

import pytest

from server.application.catalogue import kept_shelf
from server.services import on_sale, page_render, page_scrape
from tests.simulation.world import ORIGIN, open_world
from tests.stack import chromium

SOLD = on_sale(samples=True)
PAGES = {service.slug for service in SOLD if service.needs_browser}
GREEN = {"html": "<body style='background: lime'>", "width": 32, "height": 16}
HIGH = {"html": "<p style='height: 20000px'>", "full_page": True}


@pytest.fixture
async def world():
    async with open_world(page_render.SERVICE, page_scrape.SERVICE) as opened:
        opened.app.state.paddock = opened.paddock = replace(opened.paddock, browser=chromium.for_services())
        yield opened


async def test_a_document_that_cannot_be_drawn_is_told_so_and_costs_nothing(world):
    answer = await world.buyer.buy(world.url("page-render"), "POST", HIGH)
    assert answer.status_code == 422
    assert "ask for a pdf" in answer.json()["detail"]
    assert world.settlements() == 0
    await world.assert_invariants()


async def test_without_a_browser_it_is_not_on_sale_and_everything_else_is(world):
    async with kept_shelf(SOLD, world.shelf.door, world.db, browser=True) as shelf:
        everything = set(shelf.services)
    async with kept_shelf(SOLD, world.shelf.door, world.db, browser=False) as shelf:
        assert everything - set(shelf.services) == PAGES == set(shelf.off_sale)
        bare = replace(world.paddock, services=shelf.services, off_sale=shelf.off_sale, browser=None)
    world.app.state.paddock = bare
    answer = await world.client.post(world.url("page-render"), json=GREEN)
    assert answer.status_code not in (200, 402)
    assert "page-render is not on sale now" in answer.json()["detail"]
    listed = [one["slug"] for one in (await world.client.get(f"{ORIGIN}/api/services")).json()]
    assert "market-signal" in listed
    assert not PAGES & set(listed)
