"""S31: a merchant's people in a real browser: each comes in by its wallet, and sees the buttons of its role."""

import httpx
import pytest
from eth_account import Account
from eth_account.messages import encode_defunct
from playwright.async_api import expect

from scripts.accounts import account
from tests.e2e.test_browser_pages import SIGNAL, Visit, buyer, newest  # noqa: F401  buyer is a fixture
from tests.stack.axe import hindrances
from tests.stack.commands import paddock
from tests.stack.marketplace import TOKEN, Marketplace

PAID, OPERATOR, READER, STRANGER = account("merchant"), Account.create(), Account.create(), Account.create()
WALLET = """
window.ethereum = {
  async request({ method, params }) {
    if (method === "eth_requestAccounts") return [await walletAddress()];
    if (method === "personal_sign") {
      const signature = await walletSigns(params[0], params[1]);
      if (signature) return signature;
      throw Object.assign(new Error("no"), { code: 4001 });
    }
    throw new Error(`no ${method}`);
  },
};
"""


@pytest.fixture
def place(own_anvil, sqlite_url, deployments, tmp_path):
    """A marketplace with its server alone."""
    marketplace = Marketplace(tmp_path, own_anvil.url, sqlite_url, deployments)
    try:
        marketplace.start_server()
        yield marketplace
    finally:
        marketplace.stop()


async def tab_of(browser, place, wallet, *, willing=True, **context):
    """A browser of its own with a wallet in it, on the door of the console; `willing`: it signs."""
    visit = Visit(place, await (await browser.new_context(**context)).new_page())
    visit.asked = []

    def sign(text, address):
        assert address == wallet.address
        visit.asked.append(bytes.fromhex(text[2:]).decode())
        signature = wallet.sign_message(encode_defunct(hexstr=text)).signature
        return "0x" + bytes(signature).hex() if willing else ""

    await visit.tab.expose_function("walletAddress", lambda: wallet.address)
    await visit.tab.expose_function("walletSigns", sign)
    await visit.tab.add_init_script(WALLET)
    await visit.go("/console")
    return visit


async def press(visit, name):
    await visit.tab.get_by_role("button", name=name).click()


async def come_in(browser, place, wallet, role, **context):
    visit = await tab_of(browser, place, wallet, **context)
    visit.complaints.clear()  # the door itself is a 401
    await press(visit, "Sign in with your wallet")
    await expect(visit.tab.locator("[data-role]")).to_have_text(role)
    [message] = visit.asked
    assert message.startswith(place.url.removeprefix("http://") + " wants you to sign in")
    return visit


async def test_each_member_comes_in_by_its_wallet_and_sees_the_buttons_of_its_role(browser, place, buyer):  # noqa: F811
    assert (await buyer.buy(place.url + SIGNAL)).status_code == 200
    order = await newest(place)
    owner = await come_in(browser, place, PAID, "owner")
    await owner.tab.get_by_role("link", name="Members").click()
    for wallet, role in ((OPERATOR, "operator"), (READER, "read-only")):
        await owner.tab.get_by_role("textbox", name="Wallet").fill(wallet.address)
        await owner.tab.get_by_role("combobox", name="Role").select_option(role)
        await press(owner, "Save")
        await expect(owner.tab.get_by_role("button", name=f"Remove {wallet.address}")).to_be_visible()
    await owner.go(order)
    await expect(owner.tab.locator("[data-live-word]")).to_have_text("live")
    await owner.tab.get_by_label("Raise a case").fill("the buyer says that it is empty")
    await press(owner, "Raise")
    case = owner.tab.url.removeprefix(place.url)

    reader = await come_in(browser, place, READER, "read-only")
    for path in (order, case, "/console/members", "/console/services"):
        await reader.go(path)
        await expect(reader.tab.locator("h1")).to_be_visible()
        assert await reader.tab.locator("main form").count() == 0, path
    await reader.go(order)
    await expect(reader.tab.locator("[data-live-word]")).to_have_text("live")

    operator = await come_in(browser, place, OPERATOR, "operator")
    await operator.go("/console/members")
    await expect(operator.tab.get_by_role("button", name="Save")).to_have_count(0)
    await operator.go(case)
    await operator.tab.get_by_label("rejection").check()
    await operator.tab.get_by_label("Reason, which the buyer reads").fill("it was delivered")
    await press(operator, "Resolve")
    await expect(operator.tab.get_by_text(f"by member:{OPERATOR.address}")).to_be_visible()

    await owner.go("/console/members")
    await press(owner, f"Remove {READER.address}")
    await expect(owner.tab.get_by_role("button", name=f"Remove {READER.address}")).to_have_count(0)
    for visit in (owner, reader, operator):
        visit.require_calm()
    await reader.go("/console")
    await expect(reader.tab.locator("h1")).to_have_text("Enter the console")
    await owner.go("/console")
    await press(owner, "Leave")
    await owner.go("/console")
    await expect(owner.tab.locator("h1")).to_have_text("Enter the console")


async def test_at_the_door_the_page_says_what_went_wrong(browser, place):
    says = "[data-wallet-says]"
    bare = Visit(place, await (await browser.new_context()).new_page())
    await bare.go("/console")
    await press(bare, "Sign in with your wallet")
    await expect(bare.tab.locator(says)).to_contain_text("This browser has no wallet")
    unwilling = await tab_of(browser, place, PAID, willing=False)
    await press(unwilling, "Sign in with your wallet")
    await expect(unwilling.tab.locator(says)).to_contain_text("did not sign")
    stranger = await tab_of(browser, place, STRANGER)
    await press(stranger, "Sign in with your wallet")
    await expect(stranger.tab.locator(says)).to_contain_text("this wallet is no merchant's here")
    assert "paddock_console" not in str(await stranger.tab.context.cookies())


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_serious_on_a_merchants_pages_and_none_is_too_wide(browser, place, scheme):
    owner = await come_in(browser, place, PAID, "owner", color_scheme=scheme)
    assert paddock(place, "merchant", "member", "add", "paddock", READER.address, "--role", "read-only")[0] == 0
    for path in ("/console", "/console/members", "/console/orders", "/console/cases", "/console/webhooks"):
        await owner.go(path)
        assert await hindrances(owner.tab) == [], path
        for width in (320, 768, 1280):
            await owner.tab.set_viewport_size({"width": width, "height": 800})
            wider = await owner.tab.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wider <= 0, (path, width, wider)
    owner.require_calm()


async def test_without_a_browser_a_wallet_signs_in_on_the_command_line(place, tmp_path):
    key = tmp_path / "wallet.key"
    key.write_text("0x" + READER.key.hex())
    entering = ("merchant", "sign-in", place.url, "--key-file", str(key))
    status, words = paddock(place, *entering)
    assert (status, words.strip()) == (2, "paddock: this wallet is no merchant's here, nor was it made a member by one")
    assert paddock(place, "merchant", "member", "add", "paddock", READER.address, "--role", "read-only")[0] == 0
    status, words = paddock(place, *entering)
    assert status == 0, words
    told = paddock(place, "merchant", "member", "all", "paddock")[1]
    assert f"{PAID.address}  owner" in told
    assert f"{READER.address}: none -> read-only, by the operator's command line" in told
    async with httpx.AsyncClient(base_url=place.url, headers={"Authorization": f"Bearer {words.strip()}"}) as client:
        assert (await client.get("/api/merchants/paddock/members")).status_code == 200
        refused = await client.put(f"/api/merchants/paddock/members/{STRANGER.address}", json={"role": "owner"})
        assert (refused.status_code, refused.json()["type"]) == (403, "/problems/role-forbids")
        assert TOKEN not in words
        assert paddock(place, "merchant", "member", "remove", "paddock", READER.address)[0] == 0
        assert (await client.get("/api/merchants/paddock/members")).status_code == 401
