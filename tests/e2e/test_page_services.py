"""Browser automation bought on real processes and a real devnet: what was drawn arrives with its proof, once."""

import hashlib

import httpx
import msgspec
import pytest

from server.services import CATALOGUE, page_render
from server.services.page_render import Rendered
from tests.stack import chromium, png
from tests.stack.buyer import Buyer
from tests.stack.funds import fund
from tests.stack.invariants import assert_invariants
from tests.stack.marketplace import Marketplace

PAGES = {service.slug for service in CATALOGUE if service.needs_browser}
GREEN = {"html": "<body style='background: lime'>", "width": 32, "height": 16}
SUM = {"html": "<p class=sum>12.50", "select": [".sum"]}
HIGH = {"html": "<p style='height: 20000px'>", "full_page": True}


@pytest.fixture
def place(own_anvil, sqlite_url, deployments, tmp_path):
    marketplace = Marketplace(tmp_path, own_anvil.url, sqlite_url, deployments)
    marketplace.start_server()
    yield marketplace
    marketplace.stop()


async def test_a_picture_and_a_text_are_bought_and_what_cannot_be_drawn_costs_nothing(place, own_anvil, market):
    chromium.for_services()
    async with httpx.AsyncClient(timeout=60) as client:
        buyer = Buyer(client)
        fund(own_anvil, market, buyer.account.address, 1_000_000)
        quoted = await buyer.ask(f"{place.url}/v1/page-render", "POST", GREEN)
        assert quoted.entry["amount"] == str(page_render.SERVICE.amount)
        header = buyer.pay(quoted)
        answer = await buyer.present(quoted, header)
        assert answer.status_code == 200, answer.text
        rendered = msgspec.json.decode(answer.content, type=Rendered)
        assert png.read(rendered.content).colours() == {(0, 255, 0)}
        assert hashlib.sha256(rendered.content).hexdigest() == rendered.sha256
        again = await buyer.present(quoted, header)
        assert (again.content, again.headers["idempotent-replayed"]) == (answer.content, "true")
        said = await buyer.buy(f"{place.url}/v1/page-scrape", "POST", SUM)
        assert said.json()["selected"] == [{"selector": ".sum", "found": 1, "texts": ["12.50"]}]
        refused = await buyer.buy(f"{place.url}/v1/page-render", "POST", HIGH)
        assert (refused.status_code, "ask for a pdf" in refused.json()["detail"]) == (422, True)
    async with place.parts() as parts:
        await assert_invariants(parts, paid=2)


async def test_a_server_without_chromium_says_so_and_sells_the_rest(place):
    place.stop()
    place.more = {"PATH": ""}
    place.start_server()
    async with httpx.AsyncClient(timeout=60) as client:
        listed = {one["slug"] for one in (await client.get(f"{place.url}/api/services")).json()}
        answer = await client.post(f"{place.url}/v1/page-render", json=GREEN)
    assert "market-signal" in listed
    assert not PAGES & listed
    assert "not on sale now" in answer.json()["detail"]
    assert "apt-get install chromium" in place.logs()
