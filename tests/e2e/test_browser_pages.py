"""Storefront and console in a real browser, against a real server, worker and devnet, while software buys."""

import asyncio

import httpx
import pytest
from playwright.async_api import expect

from tests.stack.axe import hindrances
from tests.stack.buyer import Buyer
from tests.stack.funds import fund
from tests.stack.marketplace import TOKEN, Marketplace
from tests.stack.waiting import until

SIGNAL = "/v1/market-signal?symbol=DEMO-TREND&window=20"
PAYMENT = (SIGNAL, "/v1/market-signal", "/v1/market-signal?symbol=NONE")
PAYMENT_STATUS = ("a status of 402 (Payment Required)", "a status of 422 (Unprocessable Entity)")
ALL, HOOKS = "/console/orders", "/console/webhooks"
KEYS, ANCHORS = "/console/keys", "/console/anchors"
MEMBERS = "/console/members?merchant=paddock"
CHAIN = f"{ANCHORS}/paddock"


@pytest.fixture
def place(own_anvil, sqlite_url, deployments, tmp_path):
    """A marketplace with server and worker."""
    marketplace = Marketplace(tmp_path, own_anvil.url, sqlite_url, deployments)
    try:
        marketplace.start_server()
        marketplace.start_worker()
        yield marketplace
    finally:
        marketplace.stop()


@pytest.fixture
async def buyer(own_anvil, market):
    async with httpx.AsyncClient(timeout=60) as client:
        one = Buyer(client)
        fund(own_anvil, market, one.account.address, 100_000_000)
        yield one


class Visit:
    """A tab that remembers what it asked for and what it complained about."""

    def __init__(self, place, tab):
        self.place, self.tab = place, tab
        self.requests, self.complaints = [], []
        tab.on("request", lambda request: self.requests.append(request.url))
        tab.on("console", lambda message: self.complain(message.text) if message.type == "error" else None)
        tab.on("pageerror", lambda error: self.complain(str(error)))

    def complain(self, text):
        """A payment page's own status is what it is about."""
        if not text.endswith(PAYMENT_STATUS):
            self.complaints.append(text)

    async def go(self, path):
        await self.tab.goto(self.place.url + path)

    async def enter(self):
        await self.go(f"/console/enter?token={TOKEN}")

    def require_calm(self):
        """No request left the origin, and nothing broke the content security policy."""
        assert [url for url in self.requests if not url.startswith(self.place.url + "/")] == []
        assert self.complaints == []


async def open_tab(browser, place, **context):
    return Visit(place, await (await browser.new_context(**context)).new_page())


async def test_the_console_shows_a_live_order_without_a_reload(browser, place, buyer):
    visit = await open_tab(browser, place)
    await visit.enter()
    await visit.tab.evaluate("window.stayed = true")
    await expect(visit.tab.locator("[data-live-word]")).to_have_text("live")
    await expect(visit.tab.locator("[data-empty]")).to_be_visible()
    await expect(visit.tab.get_by_text("A merchant is told by webhook")).to_be_visible()
    await expect(visit.tab.get_by_text("Buyers reach it by TLS")).to_have_count(0)  # this is a devnet
    sold = await buyer.buy(place.url + SIGNAL)
    assert sold.status_code == 200, sold.text
    row = visit.tab.locator("tr[data-order]")
    await expect(row).to_have_count(1)
    await expect(row.locator(".status")).to_have_text("delivered")
    await expect(row.locator("th")).to_have_text("Market signal (synthetic series)")
    await expect(row.locator(".amount")).to_have_text("0.005")
    await expect(visit.tab.locator("[data-figure=orders]")).to_have_text("1")
    await expect(visit.tab.locator("[data-figure=revenue]")).to_have_text("0.005")
    await expect(visit.tab.locator("[data-empty]")).to_be_hidden()
    assert (await buyer.buy(f"{place.url}/v1/launch-pass", "POST", {})).status_code == 200
    late = await buyer.buy(f"{place.url}/v1/launch-pass", "POST", {})
    assert late.status_code == 502, late.text
    await expect(row).to_have_count(3)
    await expect(row.first.locator(".status")).to_have_text("refunded")
    assert await visit.tab.evaluate("window.stayed")
    visit.require_calm()


async def test_an_orders_page_follows_it_from_quote_to_proof(browser, place, buyer):
    quoted = await buyer.ask(f"{place.url}/v1/access-pass", "POST", {})
    visit = await open_tab(browser, place)
    await visit.enter()
    await visit.go(f"/console/orders/{quoted.id}")
    await expect(visit.tab.locator("h1")).to_have_text("Quote, not paid")
    await visit.tab.evaluate("window.stayed = true")
    await expect(visit.tab.locator("[data-live-word]")).to_have_text("live")
    answer = await buyer.present(quoted, buyer.pay(quoted))
    assert answer.status_code == 200, answer.text
    await expect(visit.tab.locator("h1")).to_have_text("Access pass")
    await expect(visit.tab.locator(".timeline li.done")).to_have_count(8)
    await expect(visit.tab.locator(".timeline li").last).to_contain_text("Proof")
    for name in ("receipt", "proof"):
        await visit.tab.locator(f"#{name} summary").click()
        await expect(visit.tab.locator(f"#{name} pre")).to_contain_text(buyer.account.address)
    assert await visit.tab.evaluate("window.stayed")
    visit.require_calm()


async def test_the_storefront_filters_while_typing_and_copies_its_command(browser, place):
    visit = await open_tab(browser, place, permissions=["clipboard-read", "clipboard-write"])
    await visit.go("/")
    cards = visit.tab.locator("[data-cards] > li:visible")
    everything = await cards.count()
    await visit.tab.get_by_role("searchbox").fill("pass erc-721")
    await expect(cards).to_have_count(1)
    await expect(visit.tab.get_by_role("status")).to_have_text(f"1 of {everything} services")
    await expect(visit.tab).to_have_url(f"{place.url}/?q=pass+erc-721")
    await visit.tab.get_by_role("searchbox").fill("")
    await expect(cards).to_have_count(everything)
    await visit.tab.locator("h1").click()
    await visit.tab.keyboard.press("Control+k")
    await expect(visit.tab.get_by_role("searchbox")).to_be_focused()
    await visit.tab.locator(".hero .copy").click()
    copied = await visit.tab.evaluate("navigator.clipboard.readText()")
    assert copied.startswith(f".venv/bin/paddock-agent fetch '{place.url}/v1/")
    visit.require_calm()


async def test_pages_can_be_read_and_searched_without_javascript(browser, place, buyer):
    assert (await buyer.buy(place.url + SIGNAL)).status_code == 200
    visit = await open_tab(browser, place, java_script_enabled=False)
    await visit.go("/")
    await visit.tab.get_by_role("searchbox").fill("wallet")
    await visit.tab.get_by_role("button", name="Search").click()
    await expect(visit.tab.locator("[data-cards] > li:visible")).to_have_count(1)
    await visit.tab.get_by_role("link", name="Wallet report").click()
    await expect(visit.tab.locator("h1")).to_have_text("Wallet report")
    await visit.go("/console")
    await visit.tab.get_by_label("Operator token").fill(TOKEN)
    await visit.tab.get_by_role("button", name="Enter").click()
    await visit.tab.get_by_role("link", name="Market signal").click()
    await expect(visit.tab.locator(".timeline li.done").first).to_contain_text("Quoted")
    await visit.go("/console")
    await visit.tab.get_by_role("button", name="Leave").click()
    await visit.go("/console")
    await expect(visit.tab.locator("h1")).to_have_text("Enter the console")


async def test_no_page_is_wider_than_the_screen(browser, place, buyer):
    assert (await buyer.buy(place.url + SIGNAL)).status_code == 200
    about = ("/", "/docs", "/services/contract-risk", "/services/access-pass", *PAYMENT)
    paths = (*about, "/console", ALL, KEYS, ANCHORS, CHAIN, await newest(place))
    visit = await open_tab(browser, place)
    await visit.enter()
    for width in (320, 390, 768, 1280):
        await visit.tab.set_viewport_size({"width": width, "height": 800})
        for path in paths:
            await visit.go(path)
            wider = await visit.tab.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wider <= 0, (path, width, wider)
    visit.require_calm()


async def test_an_operator_finds_the_orders_of_a_payer_among_all(browser, place, buyer):
    assert (await buyer.buy(place.url + SIGNAL)).status_code == 200
    visit = await open_tab(browser, place)
    await visit.enter()
    await visit.tab.get_by_role("link", name="All orders").click()
    rows = visit.tab.locator("tr[data-order]")
    await expect(rows).to_have_count(1)
    await visit.tab.get_by_role("textbox", name="Payer").fill(buyer.account.address.lower())
    await visit.tab.get_by_label("Status").select_option("delivered")
    await visit.tab.get_by_role("button", name="Show").click()
    await expect(rows).to_have_count(1)
    await expect(visit.tab.get_by_role("textbox", name="Payer")).to_have_value(buyer.account.address)
    async with visit.tab.expect_download() as told:
        await visit.tab.get_by_role("link", name="All of these as CSV").click()
    assert buyer.account.address in (await (await told.value).path()).read_text()
    await visit.tab.get_by_label("Status").select_option("blocked")
    await visit.tab.get_by_role("button", name="Show").click()
    await expect(visit.tab.get_by_text("No such order.")).to_be_visible()
    visit.require_calm()


async def listen(place):
    """Register an endpoint for the merchant; the path of its page in the console."""
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60) as client:
        wanted = {"url": "https://hooks.invalid/paddock", "description": "our back end"}
        answer = await client.post(f"{place.url}/api/merchants/paddock/webhooks", json=wanted)
    assert answer.status_code == 201, answer.text
    return f"{HOOKS}/{answer.json()['id']}"


async def test_an_endpoint_is_found_tried_and_switched_off_in_the_console(browser, place, buyer):
    await listen(place)
    assert (await buyer.buy(place.url + SIGNAL)).status_code == 200
    visit = await open_tab(browser, place)
    await visit.enter()
    await visit.tab.get_by_role("link", name="Webhooks").click()
    await visit.tab.get_by_role("link", name="https://hooks.invalid/paddock").click()
    await visit.tab.get_by_role("button", name="Send a test").click()
    await expect(visit.tab.locator("tbody tr").first).to_contain_text("webhook.test")
    await expect(visit.tab.locator("tbody tr").last).to_contain_text("order.settled")
    await visit.tab.get_by_role("button", name="Disable").click()
    await expect(visit.tab.get_by_text("disabled by the operator")).to_be_visible()
    visit.require_calm()
    await visit.tab.get_by_role("button", name="Send again webhook.test").click()
    await expect(visit.tab.get_by_role("alert")).to_contain_text("enable it first")
    await visit.tab.get_by_role("button", name="Enable").click()
    await expect(visit.tab.locator(".verdict .status")).to_have_text("enabled")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_serious_on_any_page(browser, place, buyer, scheme):
    endpoint = await listen(place)
    assert (await buyer.buy(place.url + SIGNAL)).status_code == 200
    lists = ("/console", ALL, "/console/cases", "/console/services", "/console/callbacks", HOOKS, KEYS, ANCHORS, CHAIN)
    about = ("/services/access-pass", "/services/contract-disassembly", "/services/nothing", "/problems", *PAYMENT)
    visit = await open_tab(browser, place, color_scheme=scheme)
    await visit.go("/console")
    assert await hindrances(visit.tab) == []
    await visit.enter()
    for path in ("/", "/?q=nothing-has-this", "/docs", *about, *lists, MEMBERS, endpoint, await newest(place)):
        await visit.go(path)
        assert await hindrances(visit.tab) == [], path
    await visit.tab.evaluate("document.querySelector('main').append(new Image())")
    assert [one.partition(":")[0] for one in await hindrances(visit.tab)] == ["image-alt"]


async def newest(place):
    """The path of the newest order's page."""
    async with place.parts() as parts, parts.db.read() as view:
        [order] = await view.orders.recent(1)
    return f"/console/orders/{order.id}"


async def test_a_server_with_an_open_stream_ends_when_told_to(place):
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(timeout=30) as client:
        async with client.stream("GET", f"{place.url}/console/events", headers=headers) as answer:
            lines = answer.aiter_lines()
            assert (await anext(lines)).startswith(":")
            place.children[0].process.terminate()
            rest = [line async for line in lines]
        assert not [line for line in rest if line.startswith("event: order")]
    status = await asyncio.to_thread(until, lambda: place.children[0].process.poll() is not None, 10, "the server ends")
    assert status
