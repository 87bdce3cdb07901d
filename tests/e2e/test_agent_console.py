"""The buyer console in a real browser, beside a real `paddock-agent fetch --wait` that waits for its person."""

import asyncio
import json
import re
import sqlite3
import stat
import sys
import time

import pytest
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak
from playwright.async_api import expect

from agent.wallet import sign_digest
from protocol.headers import PAYMENT_SIGNATURE
from tests.fakes.seller import ORIGIN, FakeSeller, account, policy
from tests.stack.axe import hindrances
from tests.stack.processes import free_port, start
from tests.stack.proxied import agent_environment, run_proxied
from tests.stack.waiting import until

URL = f"{ORIGIN}/v1/echo?text=dear"
APPROVER = account("approver")
PAGES = ("/", "/approvals", "/decisions", "/receipts")
WALLET = """
window.ethereum = {
  async request({ method, params }) {
    if (method === "eth_requestAccounts") return [await walletAddress()];
    if (method === "eth_chainId") return "0x7a69";
    if (method === "eth_signTypedData_v4") return walletSigns(params[0], params[1]);
    throw new Error(`no ${method}`);
  },
};
"""


class Home:
    """An agent's home with a seller that asks for more than the agent may pay by itself, and processes over it."""

    def __init__(self, home, proxy, seller):
        self.home, self.seller, self.running = home, seller, []
        self.environment = agent_environment(home, proxy)
        self.port = free_port()
        (home / "policy.toml").write_text(policy(approval=", standing_days = 30"))
        (home / "approver.key").write_text(APPROVER.key.hex())
        seller.amount = 600_000
        self.paid_at, self._honest = [], seller.handle
        seller.handle = self._handle

    def _handle(self, request):
        """The seller's answer; remembers when signed payments came."""
        if PAYMENT_SIGNATURE in request.headers:
            self.paid_at.append(time.time())
        return self._honest(request)

    def start(self, name, *arguments):
        child = start(name, [sys.executable, "-m", "agent.cli", *arguments], self.home, self.environment)
        self.running.append(child)
        return child

    def console(self, *arguments):
        child = self.start("console", "console", "--port", str(self.port), *arguments)
        child.wait_to_listen(self.port)
        until((self.home / "console.url").exists, 10, "the link is published", every=0.05)
        return child

    def link(self):
        return (self.home / "console.url").read_text().strip()

    def fetch(self, text, *arguments):
        return self.start(f"fetch-{text}", "fetch", f"{ORIGIN}/v1/echo?text={text}", "--wait", *arguments)

    def rows(self, statement):
        connection = sqlite3.connect(self.home / "agent.db")
        try:
            return connection.execute(statement).fetchall()
        finally:
            connection.close()

    def stop(self):
        for child in self.running:
            child.stop()


@pytest.fixture
def home(tmp_path):
    seller = FakeSeller()
    with run_proxied(seller) as proxy:
        made = Home(tmp_path, proxy, seller)
        try:
            yield made
        finally:
            made.stop()


class Tab:
    """A browser's tab that remembers what it complained about, and what it asked elsewhere for."""

    def __init__(self, home, page):
        self.home, self.page, self.complaints, self.elsewhere = home, page, [], []
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda asked: self._note(asked.url))

    def _note(self, url):
        if not url.startswith(f"http://127.0.0.1:{self.home.port}/"):
            self.elsewhere.append(url)

    async def go(self, path):
        await self.page.goto(f"http://127.0.0.1:{self.home.port}{path}")

    async def enter(self):
        await self.page.goto(self.home.link())
        await expect(self.page.locator("h1")).to_have_text("Overview")

    def assert_calm(self):
        assert (self.complaints, self.elsewhere) == ([], [])


async def open_tab(browser, home, **context):
    return Tab(home, await (await browser.new_context(**context)).new_page())


async def ended(child):
    await asyncio.to_thread(until, lambda: not child.running, 20, f"{child.name} ends", 0.02)
    return child.process.returncode


async def test_a_click_approves_and_the_waiting_purchase_goes_on_within_a_second(browser, home):
    home.console("--key-file", str(home.home / "approver.key"))
    tab = await open_tab(browser, home)
    await tab.enter()
    await tab.page.get_by_role("link", name="Approvals", exact=True).click()
    await expect(tab.page.locator("[data-live-word]")).to_have_text("live")
    await expect(tab.page.locator(".empty")).to_be_visible()
    child = home.fetch("dear")
    question = tab.page.locator("article.question")
    await expect(question).to_have_count(1)
    await expect(question.locator("h2")).to_have_text("0.6 USDC")
    await expect(question.locator(".countdown")).to_have_text(re.compile(r"0:(30:00|29:\d\d) left"))
    assert child.running
    await question.get_by_role("button", name="Approve once").click()
    assert await ended(child) == 0, child.log()
    assert '{"answer":42}' in child.log()
    ((decided, used),) = home.rows("SELECT decided_at, used_at FROM approvals")
    ((signed,),) = home.rows("SELECT created_at FROM holds")
    (paid,) = home.paid_at
    assert 0 <= used - decided <= 1_000_000
    assert 0 <= signed - decided <= 1_000_000
    assert 0 <= paid - decided / 1e6 <= 2, "the payment is at the seller's soon after, by the wall clock"
    await expect(tab.page.locator(".empty")).to_be_visible()
    tab.assert_calm()


def signs(typed):
    """A wallet's signature over what a page gave it, by the approver."""
    signable = encode_typed_data(full_message=json.loads(typed))
    return "0x" + sign_digest(APPROVER, keccak(b"\x19\x01" + signable.header + signable.body)).hex()


async def with_wallet(tab, address=APPROVER.address):
    """Give the tab a wallet of that account; what it was asked to sign."""
    asked = []

    async def sign(_, typed):
        asked.append(json.loads(typed)["primaryType"])
        return signs(typed)

    await tab.page.expose_function("walletAddress", lambda: address)
    await tab.page.expose_function("walletSigns", sign)
    await tab.page.add_init_script(WALLET)
    return asked


async def test_a_wallet_in_the_browser_approves_where_the_console_has_no_key(browser, home):
    home.console()
    tab = await open_tab(browser, home)
    asked = await with_wallet(tab)
    await tab.enter()
    await tab.go("/approvals")
    children = [home.fetch("once"), home.fetch("always")]
    questions = tab.page.locator("article.question")
    await expect(questions).to_have_count(2)
    once, always = (questions.filter(has_text=f"text={text}") for text in ("once", "always"))
    await expect(once.get_by_text("This console has no approver's key")).to_be_visible()
    await once.get_by_role("button", name="Approve once, with your wallet").click()
    assert await ended(children[0]) == 0, children[0].log()
    await expect(questions).to_have_count(1)
    await always.locator(".always summary").click()
    await always.get_by_role("button", name="Approve this one, and always").click()
    assert await ended(children[1]) == 0, children[1].log()
    assert asked == ["PaymentApproval", "PaymentApproval", "StandingApproval"]
    third = home.fetch("third")
    assert await ended(third) == 0, third.log()
    await tab.page.get_by_role("button", name="Take back").click()
    await expect(tab.page.get_by_text("None. What you agree to always")).to_be_visible()
    home.fetch("fourth")
    await expect(questions).to_have_count(1)
    tab.assert_calm()


async def test_a_wallet_that_is_not_the_approvers_signs_nothing_and_the_page_says_so(browser, home):
    home.console()
    tab = await open_tab(browser, home)
    asked = await with_wallet(tab, account("stranger").address)
    await tab.enter()
    await tab.go("/approvals")
    home.fetch("dear")
    await tab.page.get_by_role("button", name="Approve once").click()
    await expect(tab.page.get_by_role("alert")).to_contain_text("only that account may approve")
    assert asked == []
    assert home.rows("SELECT state FROM approvals") == [("pending",)]


async def test_everything_can_be_read_and_answered_without_javascript(browser, home):
    home.console("--key-file", str(home.home / "approver.key"))
    tab = await open_tab(browser, home, java_script_enabled=False)
    await tab.enter()
    denied, approved = home.fetch("denied"), home.fetch("approved")
    await asyncio.to_thread(until, lambda: _asked(home) == 2, 15, "two questions are put")
    await tab.go("/approvals")
    questions = tab.page.locator("article.question")
    await questions.filter(has_text="text=denied").get_by_role("button", name="Deny").click()
    assert await ended(denied) == 3
    await questions.filter(has_text="text=approved").get_by_role("button", name="Approve once").click()
    assert await ended(approved) == 0
    await tab.page.get_by_role("link", name="Decisions").click()
    await tab.page.get_by_label("Rule").select_option("approval.denied")
    await tab.page.get_by_role("button", name="Filter").click()
    await expect(tab.page.locator("tbody tr")).to_have_count(1)
    await tab.page.get_by_role("link", name="text=denied").click()
    await expect(tab.page.locator(".timeline")).to_contain_text("Denied")
    await tab.go("/")
    await tab.page.get_by_label("Why it is stopped").fill("odd prices")
    await tab.page.get_by_role("button", name="Stop").click()
    await expect(tab.page.locator(".stopped")).to_contain_text("odd prices")
    stopped = home.fetch("stopped")
    assert await ended(stopped) == 3
    assert "switch.stopped" in stopped.log()


async def test_a_change_by_another_process_shows_without_a_reload_and_leaves_what_is_typed(browser, home):
    home.console()
    tab = await open_tab(browser, home)
    await tab.enter()
    await tab.page.evaluate("window.stayed = true")
    await expect(tab.page.locator("[data-live-word]")).to_have_text("live")
    home.seller.amount = 50_000
    bought = home.fetch("cheap", "--task", "research")
    await expect(tab.page.get_by_role("progressbar", name="task research, limits.per_task")).to_be_visible()
    assert await ended(bought) == 0
    await tab.page.get_by_label("Why it is stopped").fill("half a thou")
    stopping = home.start("stop", "stop", "by somebody else")
    assert await ended(stopping) == 0
    await expect(tab.page.get_by_label("Why it is stopped")).to_have_value("half a thou")
    await tab.page.get_by_label("Why it is stopped").fill("")
    starting = home.start("start", "start")
    assert await ended(starting) == 0
    assert await tab.page.evaluate("window.stayed")
    tab.assert_calm()


async def test_pages_fit_every_screen_and_every_control_has_a_name(browser, home):
    home.console()
    tab = await open_tab(browser, home)
    await with_wallet(tab)
    await tab.enter()
    home.seller.amount = 50_000
    assert await ended(home.fetch("cheap")) == 0
    home.seller.amount = 600_000
    home.fetch("dear")
    await asyncio.to_thread(until, lambda: _asked(home) == 1, 15, "a question is put")
    purchases = [f"/purchases/{row[0]}" for row in home.rows("SELECT id FROM purchases")]
    for width in (320, 390, 768, 1280):
        await tab.page.set_viewport_size({"width": width, "height": 800})
        for path in (*PAGES, *purchases):
            await tab.go(path)
            assert await tab.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, (path, width)
            assert await tab.page.locator("h1").count() == 1, path
    for scheme in ("light", "dark"):
        await tab.page.emulate_media(color_scheme=scheme)
        for path in (*PAGES, *purchases):
            await tab.go(path)
            assert await hindrances(tab.page) == [], (path, scheme)
    tab.assert_calm()


async def test_the_link_is_a_private_file_until_it_is_used_and_is_gone_at_the_end(browser, home):
    console = home.console()
    path = home.home / "console.url"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    link = home.link()
    assert link in console.log()
    tab = await open_tab(browser, home)
    await tab.enter()
    assert not path.exists()
    second = await open_tab(browser, home)
    await second.page.goto(link)
    await expect(second.page.locator("h1")).to_have_text("Come in by the link")
    await tab.page.get_by_role("button", name="Leave").click()
    assert home.link() != link
    await tab.enter()
    await tab.go("/approvals")
    await tab.page.get_by_role("button", name="Leave").click()
    assert path.exists()
    console.stop()
    assert not path.exists()


async def test_a_console_with_an_open_stream_ends_when_told_to(browser, home):
    console = home.console()
    tab = await open_tab(browser, home)
    await tab.enter()
    await expect(tab.page.locator("[data-live-word]")).to_have_text("live")
    console.process.terminate()
    assert await ended(console) in (0, -15)


def _asked(home):
    try:
        return home.rows("SELECT count(*) FROM approvals WHERE state = 'pending'")[0][0]
    except sqlite3.OperationalError:
        return 0
