"""Where money is worth nothing, people and programs are told so wherever they look; elsewhere nobody is."""

from dataclasses import replace

import pytest

from tests.simulation.world import open_world


@pytest.mark.parametrize("test", [True, False])
async def test_pages_and_listings_say_whether_the_network_is_a_test(test):
    async with open_world() as world:
        home = world.paddock.home
        grounds = {home.market.network: replace(home, market=replace(home.market, test=test))}
        world.paddock = world.app.state.paddock = replace(world.paddock, grounds=grounds)
        pages = [(await world.client.get(path)).text for path in ("/", "/services/echo", "/docs", "/console")]
        assert [("(test)" in page, "money here is worth nothing" in page) for page in pages] == [(test, test)] * 4
        assert (await world.client.get("/.well-known/x402")).json()["test"] is test
        assert {one["test"] for one in (await world.client.get("/api/services")).json()} == {test}
