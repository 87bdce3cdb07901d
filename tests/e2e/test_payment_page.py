"""The payment page in a real browser with a wallet of the test's: it buys once, and what goes wrong loses nothing."""

import pytest
from eth_account import Account
from playwright.async_api import expect

from tests.e2e.conftest import FUNDS
from tests.e2e.test_browser_pages import open_tab
from tests.stack.axe import hindrances
from tests.stack.databases import devnet_merchant
from tests.stack.web_wallet import REFUSED, WebWallet

SIGNAL = "/v1/market-signal?symbol=DEMO-TREND&window=20"
CHART = "/v1/market-chart"
PRICE = 5_000
PAY = "Connect wallet and pay"
AGAIN = "Ask again with the same payment"


@pytest.fixture
async def visit(browser, place, payer):
    """A tab on the payment page, with a wallet that has money: `visit.wallet`."""
    made = await open_tab(browser, place)
    made.wallet = WebWallet(payer)
    await made.wallet.enter(made.tab)
    await made.go(SIGNAL)
    return made


async def held(place, address):
    """What an address has of the first asset."""
    async with place.parts() as parts:
        return await parts.home.chain.token_balance(parts.home.market.asset.address, address)


async def later(tab):
    """For the page it is five seconds after its terms expired."""
    await tab.evaluate("() => { const now = Date.now; Date.now = () => now() + 125_000; }")


async def orders_of(place, address):
    async with place.parts() as parts, parts.db.read() as view:
        return [one for one in await view.orders.recent(200) if one.authorization.payer == address]


async def test_a_browser_buys_one_call_with_its_wallet_and_sees_answer_and_receipt(visit, place, payer):
    merchant = devnet_merchant().pay_to
    before = await held(place, merchant)
    await expect(visit.tab.locator("h1")).to_have_text("Market signal (synthetic series)")
    await visit.tab.get_by_role("button", name=PAY).dblclick()
    await expect(visit.tab.locator("[data-told]")).to_have_text("Paid and delivered.")
    await expect(visit.tab.get_by_role("region", name="The answer").last).to_contain_text('"symbol": "DEMO-TREND"')
    [order] = await orders_of(place, payer.address)
    await expect(visit.tab.locator("[data-order]")).to_have_text(order.id)
    await expect(visit.tab.locator("[data-transaction]")).to_have_text(order.settlement_tx)
    assert await held(place, payer.address) == FUNDS - PRICE
    assert await held(place, merchant) == before + PRICE
    assert len(visit.wallet.signed) == 1
    assert visit.wallet.signed[0]["message"]["to"] == merchant
    await expect(visit.tab.get_by_role("button", name=PAY)).to_be_hidden()
    assert await hindrances(visit.tab) == []
    async with visit.tab.expect_download() as told:
        await visit.tab.get_by_role("link", name="Save the receipt").click()
    assert order.settlement_tx in (await (await told.value).path()).read_text()
    await visit.tab.locator("[data-order]").click()
    await expect(visit.tab.locator("body")).to_contain_text('"status":"completed"')
    visit.requests = [url for url in visit.requests if not url.startswith(f"blob:{place.url}/")]
    visit.require_calm()


async def test_an_image_that_was_bought_is_shown_as_an_image(visit, place, payer):
    await visit.go(CHART)
    if await visit.tab.get_by_role("button", name="Show the terms").is_visible():
        await visit.tab.get_by_role("button", name="Show the terms").click()
    await visit.tab.get_by_role("button", name=PAY).click()
    await expect(visit.tab.locator("img.bought")).to_be_visible()
    assert await visit.tab.locator("img.bought").evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    assert len(await orders_of(place, payer.address)) == 1


@pytest.mark.parametrize("method", ["eth_requestAccounts", "eth_signTypedData_v4"])
async def test_a_refusal_in_the_wallet_is_told_in_words_and_loses_nothing(visit, place, payer, method):
    visit.wallet.refuses = {method: REFUSED}
    await visit.tab.get_by_role("button", name=PAY).click()
    await expect(visit.tab.locator("[data-told]")).to_have_text(
        "You refused in the wallet. Nothing was sent, and nothing was paid."
    )
    assert await hindrances(visit.tab) == []
    assert await orders_of(place, payer.address) == []
    visit.wallet.refuses = {}
    await visit.tab.get_by_role("button", name=PAY).click()
    await expect(visit.tab.locator("[data-told]")).to_have_text("Paid and delivered.")
    assert await held(place, payer.address) == FUNDS - PRICE


async def test_a_wallet_on_another_network_is_switched_before_it_signs(visit, place, payer):
    visit.wallet.chain = 1
    await visit.tab.get_by_role("button", name=PAY).click()
    await expect(visit.tab.locator("[data-told]")).to_have_text("Paid and delivered.")
    order = ["eth_requestAccounts", "eth_chainId", "wallet_switchEthereumChain", "eth_chainId", "eth_signTypedData_v4"]
    assert visit.wallet.asked == order


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"knows": ()}, "does not know eip155:31337"),
        ({"refuses": {"wallet_switchEthereumChain": REFUSED}}, "You refused in the wallet"),
        ({"refuses": {"wallet_switchEthereumChain": -32603}}, "did not switch to eip155:31337"),
    ],
    ids=["unknown", "refused", "failed"],
)
async def test_a_wallet_that_stays_on_another_network_signs_nothing(visit, place, payer, changes, words):
    visit.wallet.chain = 1
    for name, value in changes.items():
        setattr(visit.wallet, name, value)
    await visit.tab.get_by_role("button", name=PAY).click()
    await expect(visit.tab.locator("[data-told]")).to_contain_text(words)
    assert visit.wallet.signed == []
    assert await orders_of(place, payer.address) == []


async def test_expired_terms_are_not_signed_and_new_ones_are_a_click_away(browser, place, payer):
    visit = await open_tab(browser, place)
    wallet = WebWallet(payer)
    await wallet.enter(visit.tab)
    await visit.go(SIGNAL)
    await expect(visit.tab.get_by_role("button", name=PAY)).to_be_visible()
    await later(visit.tab)
    await expect(visit.tab.locator("[data-told]")).to_have_text("These terms have expired. Nothing was paid.")
    await expect(visit.tab.get_by_role("button", name=PAY)).to_be_hidden()
    assert wallet.asked == []
    await visit.tab.get_by_role("link", name="Ask for new terms").click()
    await visit.tab.get_by_role("button", name=PAY).click()
    await expect(visit.tab.locator("[data-told]")).to_have_text("Paid and delivered.")


async def test_what_was_signed_after_the_terms_expired_is_not_sent(browser, place, payer):
    visit = await open_tab(browser, place)
    wallet = WebWallet(payer, meanwhile=lambda: later(visit.tab))
    await wallet.enter(visit.tab)
    await visit.go(SIGNAL)
    await visit.tab.get_by_role("button", name=PAY).click()
    await expect(visit.tab.locator("[data-told]")).to_contain_text("expired while the wallet was open")
    assert len(wallet.signed) == 1
    assert await orders_of(place, payer.address) == []


async def test_a_wallet_without_money_is_told_why_and_nothing_is_charged(visit, place):
    visit.wallet.account = Account.create()
    await visit.tab.get_by_role("button", name=PAY).click()
    await expect(visit.tab.locator("[data-told]")).to_contain_text("The payment was refused: insufficient_funds")
    await expect(visit.tab.locator("[data-told]")).to_contain_text("Nothing was charged.")
    await expect(visit.tab.get_by_role("link", name="Ask for new terms")).to_be_visible()
    assert await orders_of(place, visit.wallet.account.address) == []


async def test_an_answer_that_was_lost_is_asked_for_again_with_the_same_payment(visit, place, payer):
    async def lose(route):
        await route.fetch()  # the server answers, and the browser never hears of it
        await route.abort()

    await visit.tab.route("**/v1/**", lose)
    await visit.tab.get_by_role("button", name=PAY).click()
    await expect(visit.tab.locator("[data-told]")).to_contain_text("No answer came")
    await visit.tab.unroute_all()
    await visit.tab.reload()
    await visit.tab.get_by_role("button", name=AGAIN).click()
    await expect(visit.tab.locator("[data-told]")).to_have_text("Paid and delivered.")
    assert len(visit.wallet.signed) == 1
    assert await held(place, payer.address) == FUNDS - PRICE


async def test_without_a_wallet_the_page_says_so(browser, place):
    visit = await open_tab(browser, place)
    await visit.go(SIGNAL)
    await visit.tab.get_by_role("button", name=PAY).click()
    await expect(visit.tab.locator("[data-told]")).to_contain_text("There is no wallet in this browser")


async def test_without_javascript_the_terms_can_be_read_and_the_agents_way_is_told(browser, place):
    visit = await open_tab(browser, place, java_script_enabled=False)
    await visit.go("/v1/market-signal")
    await visit.tab.get_by_role("button", name="Show the terms").click()
    await expect(visit.tab.locator(".pay")).to_contain_text("5000")
    await expect(visit.tab.get_by_role("button", name=PAY)).to_be_hidden()
    await expect(visit.tab.locator(".pay")).to_contain_text("Paying on this page needs JavaScript")
    await expect(visit.tab.get_by_role("region", name="paddock-agent")).to_contain_text(f"fetch '{place.url}/v1/market")
