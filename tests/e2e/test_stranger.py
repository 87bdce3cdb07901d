"""A stranger with a wallet in a browser: becomes a merchant, sells an endpoint, and gives the money of a call back."""

import asyncio
import json
import subprocess
import sys
from dataclasses import dataclass

import httpx
import pytest
from eth_account import Account
from eth_utils.crypto import keccak
from playwright.async_api import expect

from scripts.accounts import account
from tests.e2e.test_browser_pages import Visit
from tests.e2e.test_upstream_guide import place, printed  # noqa: F401  place is a fixture
from tests.stack.axe import hindrances
from tests.stack.invariants import assert_invariants
from tests.stack.policies import policy
from tests.stack.processes import ROOT, free_port, start_python
from tests.stack.waiting import eventually
from tests.stack.web_wallet import WebWallet

WALLET, BUYER = Account.from_key(keccak(b"stranger who sells")), account("buyer")
ABOUT = json.loads(printed("json"))
WRONG = {"type": "object", "properties": {"fahrenheit": {"type": "number"}}, "required": ["fahrenheit"]}


@dataclass
class Stranger:
    """A tab with a wallet in it, and what its holder does there."""

    visit: Visit

    @property
    def tab(self):
        return self.visit.tab

    async def press(self, name):
        await self.tab.get_by_role("button", name=name, exact=True).click()

    async def write(self, **fields):
        """Into the first form that has them."""
        for name, text in fields.items():
            await self.tab.locator(f"[name={name}]").first.fill(text)

    async def join(self):
        await self.visit.go("/console")
        self.visit.complaints.clear()  # the door itself is a 401
        await self.write(merchant="acme", name="Acme Weather")
        await self.press("Become a merchant")
        await expect(self.tab.locator("[data-key]")).not_to_be_empty()
        assert await hindrances(self.tab) == []

    async def come_in(self):
        await self.press("Sign in with your wallet")
        await expect(self.tab.locator("[data-role]")).to_have_text("owner")

    async def describe(self, port):
        """A draft whose answer is not what the endpoint says; the secret of its requests."""
        await self.tab.get_by_role("link", name="Services", exact=True).click()
        await self.tab.get_by_role("link", name="Sell a service").click()
        words = {name: ABOUT[name] for name in ("title", "summary", "price", "unit")}
        await self.write(name="weather", url=f"http://127.0.0.1:{port}/weather", **words)
        schemas = ABOUT | {"answers": WRONG}
        await self.write(**{name: json.dumps(schemas[name]) for name in ("arguments", "example", "answers")})
        await self.press("Keep as a draft")
        return await self.tab.locator(".notice code").last.text_content()

    async def is_told(self, check, verdict):
        await expect(self.tab.locator(f".notice .status.{verdict}", has_text=check)).to_have_count(1)


async def test_a_stranger_joins_lists_mends_sells_and_refunds_in_a_browser(browser, place, market, own_anvil, tmp_path):  # noqa: F811
    stranger = Stranger(Visit(place, await (await browser.new_context()).new_page()))
    await WebWallet(WALLET).enter(stranger.tab)
    await stranger.join()
    await known(place.url)
    await stranger.come_in()
    port = free_port()
    secret = await stranger.describe(port)
    (tmp_path / "weather.py").write_text(printed("python", '"""Weather'))
    endpoint = start_python("weather", [str(tmp_path / "weather.py")], tmp_path, {"SECRETS": secret, "PORT": str(port)})
    try:
        endpoint.wait_to_listen(port)
        await stranger.press("List")
        await stranger.is_told("answer", "failed")
        stranger.visit.complaints.clear()  # that page was a 422
        await stranger.write(answers=json.dumps(ABOUT["answers"]))
        await stranger.press("Save")
        await stranger.press("Probe")
        await stranger.is_told("answer", "delivered")
        await stranger.press("List")
        await expect(stranger.tab.locator("tbody .status", has_text="listed")).to_have_count(1)

        await on_sale(place.url)
        done = await asyncio.to_thread(buy, place.url, market, own_anvil.url, tmp_path)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == {"city": "Graz", "celsius": 21.5}
        endpoint.require_running()
    finally:
        endpoint.stop()

    await stranger.visit.go("/console")
    await stranger.tab.locator("tr[data-order] a").first.click()
    await expect(stranger.tab.locator("[data-live-word]")).to_have_text("live")
    await expect(stranger.tab.locator(".verdict .status")).to_have_text("delivered")
    await stranger.press("Refund it from your wallet")
    await expect(stranger.tab.locator(".verdict .status")).to_have_text("refunded")
    await expect(stranger.tab.locator("[data-refund]")).to_have_count(0)
    stranger.visit.require_calm()
    async with place.parts() as parts:
        await assert_invariants(parts, foreign=set())


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_serious_where_services_are_described_and_no_page_is_too_wide(browser, place, scheme):  # noqa: F811
    context = await browser.new_context(color_scheme=scheme)
    stranger = Stranger(Visit(place, await context.new_page()))
    await WebWallet(WALLET).enter(stranger.tab)
    await stranger.join()
    await known(place.url)
    await stranger.come_in()
    await stranger.describe(free_port())
    await stranger.press("Probe")
    await stranger.is_told("reached", "failed")
    shown = [await looks(stranger.tab)]
    for path in ("/console/services", "/console/services/new", "/console/services/acme.weather"):
        await stranger.visit.go(path)
        shown.append(await looks(stranger.tab))
    assert shown == [([], [])] * 4
    stranger.visit.require_calm()


async def looks(tab):
    """What hinders people on a page, and the widths of screens that it is wider than."""
    found, wide = await hindrances(tab), []
    for width in (320, 768, 1280):
        await tab.set_viewport_size({"width": width, "height": 900})
        if await tab.evaluate("document.documentElement.scrollWidth > innerWidth"):
            wide.append(width)
    return found, wide


async def known(url):
    """Every process knows a new merchant within a second or so."""
    await answers(url, "/api/merchants/acme/receipts", 200)


async def on_sale(url):
    await answers(url, "/v1/acme.weather?city=Graz", 402)


async def answers(url, path, status):
    async def does():
        async with httpx.AsyncClient() as client:
            return (await client.get(url + path)).status_code == status

    await eventually(does, 10, f"{path} answers {status}", every=0.1)


def buy(url, market, rpc, folder):
    """By the bundled agent, as a process."""
    (folder / "wallet.key").write_text(BUYER.key.hex())
    more = f'pay_to = ["{WALLET.address}"]\n'
    (folder / "policy.toml").write_text(policy(market.network, market.asset, url, more))
    environ = {
        "PADDOCK_AGENT_HOME": str(folder),
        "PADDOCK_AGENT_RPC": rpc,
        "PADDOCK_AGENT_SELLER": url,
        "PADDOCK_AGENT_FINALITY": "latest",
        "PADDOCK_AGENT_KEY_FILE": str(folder / "wallet.key"),
        "PADDOCK_AGENT_STACK": str(folder / "none.json"),
    }
    command = [sys.executable, "-m", "agent.cli", "fetch", f"{url}/v1/acme.weather?city=Graz"]
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120)
