"""Our agent buys from the official servers, unmodified: TypeScript of x402 v2 and v1, and Python of v2."""

import json
import os
import subprocess
import sys

import httpx
import pytest
from eth_utils.crypto import keccak

from agent import Buyer, Settings
from protocol.headers import PAYMENT_SIGNATURE, X_PAYMENT
from tests.fakes.seller import SpySigner
from tests.stack.foreign_seller import PRICE
from tests.stack.known_dollar import DOLLAR
from tests.stack.official_sellers import SHOPS, run_shop
from tests.stack.processes import ROOT, without_paddock

NETWORK = "eip155:84532"
TRANSFER = "0x" + keccak(b"Transfer(address,address,uint256)").hex()
POLICY = """
networks = ["eip155:84532"]
limits = {{ per_call = "{per_call}", per_task = "{per_task}", per_day = "20.00", retries = 1 }}
approval = {{ above = "5.00" }}
[[assets]]
network = "eip155:84532"
address = "0x036CbD53842c5426634e7929541eC2318f3dCF7e"
name = "USDC"
version = "2"
decimals = 6
symbol = "USDC"
[[merchants]]
origin = "{origin}"
routes = ["/report", "/broken"]
modes = ["DIRECT"]
inside = true
"""


def policy(origin, per_call="0.01", per_task="0.02"):
    return POLICY.format(origin=origin, per_call=per_call, per_task=per_task)


class Losing(httpx.HTTPTransport):
    """Loses the answer to the first request that pays, after the seller gave it."""

    lost = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        if not self.lost and {PAYMENT_SIGNATURE.encode(), X_PAYMENT.encode()} & dict(request.headers.raw).keys():
            self.lost = True
            response.read()
            raise httpx.ReadError("connection reset", request=request)
        return response


@pytest.fixture(scope="module", params=SHOPS)
def shop(request, node_clients, known_place, known_chain, tmp_path_factory):
    """Each of the official servers in turn; our facilitator settles for them."""
    folder = tmp_path_factory.mktemp("shop")
    with run_shop(request.param, f"{known_place.url}/facilitator", known_chain[2], folder) as opened:
        yield opened


@pytest.fixture
def signer(known_payer):
    """The payer's key, which remembers what it signed."""
    return SpySigner(known_payer)


@pytest.fixture
def agent_of(signer, known_chain, tmp_path):
    """Makes an agent whose policy names one origin."""
    opened = []

    def make(origin, transport=None, **limits):
        text = policy(origin, **limits)
        settings = Settings(home=tmp_path, rpc=known_chain[0].url, policy_text=text, finality="latest")
        opened.append(Buyer(settings, signer=signer, transport=transport))
        return opened[-1]

    yield make
    for buyer in opened:
        buyer.close()


@pytest.fixture
def paid(known_chain, known_payer, shop):
    """Reads what moved from the payer to the shop so far, from the chain: (transaction, atomic units)."""

    def read():
        parties = ["0x" + address[2:].lower().rjust(64, "0") for address in (known_payer.address, shop.pay_to)]
        wanted = {"address": DOLLAR, "fromBlock": "0x0", "topics": [TRANSFER, *parties]}
        logs = known_chain[0].rpc("eth_getLogs", wanted)
        return [(log["transactionHash"], int(log["data"], 16)) for log in logs]

    return read


def spent(buyer):
    """What two budgets count, which must be the same."""
    levels = buyer.budgets(NETWORK, DOLLAR)
    assert levels["limits.per_day"].spent == levels["limits.per_task"].spent
    return levels["limits.per_day"].spent


def test_the_agent_buys_by_get_and_the_chain_proves_it(shop, agent_of, signer, paid):
    buyer = agent_of(shop.origin)
    outcome = buyer.buy(shop.report, params={"of": "a day"})
    assert (outcome.status, outcome.proof, outcome.http_status) == ("delivered", "no_receipt", 200), outcome
    assert json.loads(outcome.body)["report"].startswith("sold by")
    assert paid() == [(outcome.settlement, PRICE)]
    assert (spent(buyer), len(signer.signed)) == (PRICE, 1)


def test_the_agent_buys_by_post_and_its_body_arrives_with_the_payment(shop, agent_of, paid):
    asked = {"about": "the Süd market", "days": [1, 2]}
    buyer = agent_of(shop.origin)
    outcome = buyer.buy(shop.report, "POST", json=asked)
    assert (outcome.status, outcome.proof) == ("delivered", "no_receipt"), outcome
    assert json.loads(outcome.body) == asked
    assert paid() == [(outcome.settlement, PRICE)]
    assert spent(buyer) == PRICE


def test_equal_purchases_are_paid_one_by_one_until_the_budget_ends(shop, agent_of, signer, paid):
    buyer = agent_of(shop.origin)
    outcomes = [buyer.buy(shop.report) for _ in range(3)]
    assert [outcome.status for outcome in outcomes] == ["delivered", "delivered", "refused"]
    assert outcomes[2].rule == "limits.per_task"
    assert sorted(paid()) == sorted((outcome.settlement, PRICE) for outcome in outcomes[:2])
    assert (spent(buyer), len(signer.signed)) == (2 * PRICE, 2)


def test_a_price_beyond_the_policy_is_refused_and_nothing_is_signed(shop, agent_of, signer, paid):
    buyer = agent_of(shop.origin, per_call="0.006999")
    outcome = buyer.buy(shop.report)
    assert (outcome.status, outcome.rule) == ("refused", "limits.per_call")
    assert (signer.signed, paid(), spent(buyer)) == ([], [], 0)


def test_a_seller_that_the_policy_does_not_know_is_sent_nothing(shop, agent_of, signer, paid):
    before = shop.asked()
    outcome = agent_of("http://127.0.0.1:1").buy(shop.report)
    assert outcome.status == "refused"
    assert (shop.asked(), signer.signed, paid()) == (before, [], [])


def test_who_passes_for_a_browser_is_shown_a_page_and_buys_by_the_header_of_v2_or_not_at_all(
    shop, agent_of, signer, paid
):
    browser = {"accept": "text/html", "user-agent": "Mozilla/5.0"}
    assert httpx.get(shop.report, headers=browser).headers["content-type"].startswith("text/html")
    outcome = agent_of(shop.origin).buy(shop.report, headers=browser)
    if shop.version == 2:
        assert (outcome.status, paid()) == ("delivered", [(outcome.settlement, PRICE)])
    else:
        assert (outcome.status, outcome.rule, signer.signed) == ("refused", "terms.missing", [])


def test_a_seller_that_fails_after_it_saw_the_payment_takes_nothing_and_the_money_stays_set_aside(
    shop, agent_of, signer, paid
):
    buyer = agent_of(shop.origin)
    outcome = buyer.buy(shop.broken)
    assert (outcome.status, outcome.http_status) == ("in_doubt", 500), outcome
    assert "unpaid so far, and reserved until" in outcome.detail
    assert (len(signer.signed), paid(), spent(buyer)) == (1, [], PRICE)


def test_a8_official_servers_give_a_lost_answer_no_second_time_and_the_agent_pays_once_all_the_same(
    shop, agent_of, signer, paid
):
    buyer = agent_of(shop.origin, transport=Losing(), per_task="1.00")
    for _ in range(2):
        outcome = buyer.buy(shop.report)
        assert (outcome.status, outcome.http_status) == ("in_doubt", 402), outcome
        assert "the money has moved on chain" in outcome.detail
        assert [amount for _, amount in paid()] == [PRICE]
        assert (spent(buyer), len(signer.signed)) == (PRICE, 1)
    for anew in (True, False):
        assert buyer.buy(shop.report, again=anew).status == "delivered"
    assert [amount for _, amount in paid()] == [PRICE] * 3


def test_the_command_line_buys_as_a_process_of_its_own(shop, known_chain, known_payer, paid, tmp_path):
    (tmp_path / "policy.toml").write_text(policy(shop.origin))
    (tmp_path / "key").write_text(known_payer.key.hex())
    environ = {
        "PADDOCK_AGENT_HOME": str(tmp_path),
        "PADDOCK_AGENT_RPC": known_chain[0].url,
        "PADDOCK_AGENT_FINALITY": "latest",
        "PADDOCK_AGENT_KEY_FILE": str(tmp_path / "key"),
        "PADDOCK_AGENT_STACK": str(tmp_path / "no-stack.json"),
        "COLUMNS": "200",
    }
    command = [sys.executable, "-m", "agent.cli", "fetch", shop.report, "-d", '{"about": "oats"}']
    inherited = without_paddock(os.environ)
    done = subprocess.run(command, cwd=ROOT, env=inherited | environ, capture_output=True, text=True, timeout=90)
    assert (done.returncode, json.loads(done.stdout)) == (0, {"about": "oats"}), done.stderr
    assert "delivered 0.007 USDC · DIRECT · proof no_receipt" in done.stderr
    assert [amount for _, amount in paid()] == [PRICE]
