"""Tools of foreign MCP servers, bought like everything else: one payment, and nothing for a hostile server."""

import copy
import json
import re
import sys
from pathlib import Path

import httpx
import httpx2
import msgspec
import pytest
from mcp_types import CallToolResult, ElicitRequest, ElicitRequestFormParams, InputRequiredResult, TextContent

from agent import approvals, connecting
from agent.answers import only_content, read_answer
from agent.errors import PolicyError, SellerUnavailable, SettingsError
from agent.mcp import wire
from agent.mcp.client import Servers
from agent.mcp.reaching import Pinned
from agent.policy import Facts
from agent.policy_file import parse
from agent.terms import Asked, read_terms
from protocol import headers
from protocol.wire import PaymentPayload
from tests.fakes.seller import NETWORK, ORIGIN, TOKEN, World, account, policy
from tests.fakes.tool_seller import MERCHANT, SHOP, FakeToolSeller

ECHO = f"{SHOP}/echo"


class Shop(World):
    """A buyer whose policy lists one MCP server, and that server."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch, **rules: str) -> None:
        super().__init__(home, **{"more": MERCHANT} | rules)
        self.tools = FakeToolSeller(self.seller)
        monkeypatch.setattr(Servers, "_place", lambda _self, _server: self.tools.server())

    def buy(self, url: str = ECHO, **arguments: str):
        return self.buyer.buy(url, "POST", json=arguments or {"text": "hi"})


@pytest.fixture
def shop(tmp_path, monkeypatch):
    made = Shop(tmp_path, monkeypatch)
    yield made
    made.buyer.close()


def changed(**values):
    """Terms whose first entry has other values."""

    def alter(terms):
        made = copy.deepcopy(terms)
        made["accepts"][0] |= values
        return made

    return alter


# ----------------------------------------------------------------------------------------------------------- honest


def test_a_tool_is_bought_with_one_signature_and_its_answer_is_kept_with_a_receipt(shop):
    outcome = shop.buy()
    assert (outcome.status, outcome.amount, outcome.proof) == ("delivered", 50_000, "no_receipt"), outcome
    assert json.loads(outcome.body) == {"content": [{"type": "text", "text": "forty-two"}]}
    assert (len(shop.signer.signed), shop.tools.connections) == (1, 1)
    assert [call.arguments for call in shop.tools.calls] == [{"text": "hi"}] * 2
    assert outcome.receipt_id is not None


def test_terms_are_read_from_the_text_of_a_server_that_gives_no_structured_content(shop):
    shop.tools.in_text_only = True
    assert shop.buy().status == "delivered"


def test_a_tool_that_is_sold_by_x402_v1_is_bought_by_v1(shop):
    shop.tools.legacy = True
    outcome = shop.buy()
    assert (outcome.status, outcome.proof, len(shop.signer.signed)) == ("delivered", "no_receipt", 1), outcome
    assert json.loads(shop.tools.payments[0])["x402Version"] == 1


def test_the_payment_echoes_the_terms_as_they_came_nulls_and_unknown_members_too(shop):
    extra = {"name": "TestUSD", "version": "1", "note": None, "deep": {"list": [1, None, "x"]}}
    shop.tools.alter = changed(extra=extra)
    assert shop.buy().status == "delivered"
    assert json.loads(shop.tools.payments[0])["accepted"]["extra"] == extra


def test_a_free_tool_costs_nothing_and_signs_nothing(shop):
    outcome = shop.buy(f"{SHOP}/free")
    assert (outcome.status, outcome.rule) == ("delivered", "free")
    assert shop.signer.signed == []


def test_arguments_that_are_no_object_are_told_so_and_never_sent(shop):
    outcome = shop.buyer.buy(ECHO, "POST", json=["hi"])
    assert (outcome.status, outcome.http_status, shop.tools.calls) == ("failed", 400, [])


def test_a_tool_is_no_resource_to_get(shop):
    assert shop.buyer.buy(ECHO).http_status == 404
    assert shop.tools.calls == []


def test_a_dear_tool_waits_for_a_person_and_then_goes_on(shop):
    shop.seller.amount = 600_000
    waiting = shop.buy()
    assert (waiting.status, shop.signer.signed) == ("waiting", [])
    with shop.buyer.store.begin() as connection:
        approvals.approve(connection, waiting.purchase_id, account("approver"), shop.buyer.clock.now())
    (done,) = shop.buyer.resume(waiting.purchase_id)
    assert (done.status, len(shop.signer.signed)) == ("delivered", 1)


def test_a7_terms_that_change_after_the_approval_are_refused(shop):
    shop.seller.amount = 600_000
    waiting = shop.buy()
    with shop.buyer.store.begin() as connection:
        approvals.approve(connection, waiting.purchase_id, account("approver"), shop.buyer.clock.now())
    shop.seller.amount = 600_001
    (done,) = shop.buyer.resume(waiting.purchase_id)
    assert (done.status, done.rule, shop.signer.signed) == ("refused", "approval.terms", [])


# ---------------------------------------------------------------------------------------------------------- hostile

TERMS = {
    "too dear": (changed(amount="2000000"), "limits.per_call"),
    "a huge amount": (changed(amount=str(2**255)), "limits.per_call"),
    "an amount in another spelling": (changed(amount="5e4"), "terms.malformed"),
    "another token": (changed(asset=account("stranger").address), "asset.unknown"),
    "another network": (changed(network="eip155:1"), "network.unknown"),
    "to the zero address": (changed(payTo="0x" + "0" * 40), "recipient.zero"),
    "to the agent itself": (changed(payTo=account("buyer").address), "recipient.own"),
    "another tool": (lambda terms: terms | {"resource": {"url": "mcp://tool/other"}}, "terms.resource"),
    "a resource of the web": (lambda terms: terms | {"resource": {"url": f"{ORIGIN}/echo"}}, "terms.resource"),
    "no resource": (lambda terms: {k: v for k, v in terms.items() if k != "resource"}, "terms.malformed"),
    "no entries": (lambda terms: terms | {"accepts": []}, "terms.unsupported"),
    "entries that are none": (lambda terms: terms | {"accepts": "all"}, "terms.malformed"),
    "another version": (lambda terms: terms | {"x402Version": 3}, "terms.unsupported"),
    "a version that its entries are not of": (lambda terms: terms | {"x402Version": 1}, "terms.missing"),
    "terms too large": (lambda terms: terms | {"error": "x" * 20_000}, "terms.malformed"),
}


@pytest.mark.parametrize("case", TERMS)
def test_a1_a3_a15_terms_that_policy_does_not_allow_never_reach_the_signer(shop, case):
    shop.tools.alter, rule = TERMS[case]
    outcome = shop.buy()
    assert (outcome.status, outcome.rule) == ("refused", rule)
    assert shop.signer.signed == []
    assert shop.tools.payments == []


def again(shop):
    return lambda _payment: shop.tools.unpaid()


def dearer(shop):
    def answer(_payment):
        shop.seller.amount = 90_000
        return shop.tools.unpaid()

    return answer


def failed(_shop):
    return lambda _payment: CallToolResult(content=[TextContent(type="text", text="no")], is_error=True)


def garbage(_shop):
    return lambda _payment: CallToolResult(content=[], structured_content={"x402Version": "?", "accepts": {}})


def crash(_shop):
    def answer(_payment):
        raise RuntimeError("gone")

    return answer


def refused(_shop):
    meta = {headers.MCP_RESPONSE: {"success": False, "errorReason": "no", "transaction": "", "network": "eip155:31337"}}
    return lambda _payment: CallToolResult(content=[], is_error=True, _meta=meta)


def unreadable(_shop):
    return lambda _payment: CallToolResult(content=[], _meta={headers.MCP_RESPONSE: ["not", "a", "settlement"]})


def asks_back(_shop):
    form = ElicitRequest(params=ElicitRequestFormParams(message="your key?", requested_schema={"type": "object"}))
    return lambda _payment: InputRequiredResult(input_requests={"q": form}, request_state="s")


HOSTILE = {"it asks again": again, "it asks for more": dearer, "it fails": failed, "it crashes": crash}
HOSTILE |= {"it asks back": asks_back}
HOSTILE |= {"it answers garbage": garbage, "it refuses": refused, "its settlement is unreadable": unreadable}


@pytest.mark.parametrize("retries", [0, 2])
@pytest.mark.parametrize("case", HOSTILE)
def test_a8_a9_one_signature_per_purchase_whatever_a_tool_does(shop, case, retries):
    shop.tools.paid.extend([HOSTILE[case](shop)] * 30)
    statuses = {shop.buy().status for _ in range(1 + retries)}
    assert len(shop.signer.signed) == 1
    assert len(set(shop.tools.payments)) == 1
    assert shop.buyer.budgets(NETWORK, TOKEN)["limits.per_task"].spent == 50_000
    delivered = case in ("it answers garbage", "its settlement is unreadable")
    assert statuses <= ({"delivered", "refused"} if delivered else {"in_doubt"})


def test_a_tool_that_says_it_failed_is_not_called_again_by_itself(shop):
    shop.tools.paid.extend([failed(shop)] * 9)
    assert shop.buy().status == "in_doubt"
    assert len(shop.tools.payments) == 1


def test_a19_an_answer_without_a_settlement_is_a_mismatch_and_not_bought_again_by_itself(shop):
    shop.tools.paid.append(garbage(shop))
    assert (shop.buy().proof, shop.buy().rule) == ("mismatch", "duplicate.unproven")


def test_a8_a10_a_lost_answer_is_asked_for_again_with_the_same_payment_and_arrives(shop):
    shop.tools.paid.append(crash(shop))
    assert shop.buy().status == "delivered"
    assert (len(shop.tools.payments), len(set(shop.tools.payments)), len(shop.signer.signed)) == (2, 1, 1)
    assert shop.tools.connections == 2


# ------------------------------------------------------------------------------------------------ what may be asked


@pytest.mark.parametrize("server", ["mcp://other", "mcp+https://other.test/mcp"])
def test_a16_a_server_that_the_policy_does_not_list_is_never_started_nor_asked(tmp_path, server):
    world = World(tmp_path, more=MERCHANT)
    assert world.buyer.buy(f"{server}/echo", "POST", json={}).rule == "merchant.unknown"
    servers = Servers(world.buyer.policy.file, timeout=5)
    with pytest.raises(SettingsError, match=f"the policy lists no server {re.escape(server)}"):
        servers.tools(server)
    servers.close()
    world.buyer.close()


ELSEWHERE = MERCHANT.replace(SHOP, "mcp+https://tools.test").replace('command = ["never-started"]', "")


@pytest.mark.parametrize("found", [["10.0.0.7"], ["93.184.216.34", "127.0.0.1"], ["::1"], []])
def test_a17_a_server_whose_name_leads_inside_is_not_connected_to(tmp_path, monkeypatch, found):
    monkeypatch.setattr(connecting, "resolve", lambda host, port: found)
    monkeypatch.setattr(connecting, "proxied", lambda: False)
    world = World(tmp_path, more=ELSEWHERE)
    with pytest.raises(SellerUnavailable, match="does not resolve to public addresses alone: nothing was sent"):
        world.buyer.buy("mcp+https://tools.test/mcp/echo", "POST", json={})
    world.buyer.close()


async def test_a17_a_server_is_asked_at_the_address_that_was_checked_under_its_name():
    seen = []

    def answer(request):
        seen.append((request.url.host, request.headers["host"], request.extensions["sni_hostname"]))
        return httpx2.Response(200)

    async with httpx2.AsyncClient(transport=Pinned("93.184.216.34", httpx2.MockTransport(answer))) as client:
        await client.post("https://tools.test/mcp")
    assert seen == [("93.184.216.34", "tools.test", "tools.test")]


@pytest.mark.parametrize("origin", [SHOP, "mcp+https://tools.test", "mcp+http://127.0.0.1:9", "mcp+http://tools.test"])
def test_a22_terms_of_a_tool_are_only_taken_where_nobody_on_the_way_could_change_them(tmp_path, origin):
    world = World(tmp_path, more=MERCHANT if origin == SHOP else ELSEWHERE.replace("mcp+https://tools.test", origin))
    terms = read_terms(Asked("POST", f"{origin}/echo", "", "", b"{}", "t"), world.seller.entry(), "DIRECT")
    decision = world.buyer.policy.decide(terms, Facts(now=world.seller.clock.now(), payer=world.signer.address))
    assert decision.rule == ("transport.plain" if origin == "mcp+http://tools.test" else "merchants[1].routes[0]")
    world.buyer.close()


def test_a_command_that_cannot_be_started_is_named(tmp_path):
    world = World(tmp_path, more=MERCHANT)
    with pytest.raises(SellerUnavailable, match="mcp://shop does not answer"):
        world.buyer.buy(ECHO, "POST", json={})
    world.buyer.close()


@pytest.mark.timeout(40)
def test_a_server_that_says_nothing_is_given_up_after_the_timeout_and_ended(tmp_path):
    silent = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    world = World(tmp_path, more=MERCHANT.replace('["never-started"]', json.dumps(silent)))
    servers = Servers(world.buyer.policy.file, timeout=0.2)
    with pytest.raises(httpx.ConnectError):
        servers.handle_request(httpx.Request("POST", ECHO, json={}))
    servers.close()
    world.buyer.close()


def test_s29_a_server_that_is_started_gets_none_of_the_agents_secrets(tmp_path, monkeypatch):
    monkeypatch.setenv("PADDOCK_AGENT_KEY", "0x" + "11" * 32)
    monkeypatch.setenv("PADDOCK_APPROVER_KEY", "0x" + "22" * 32)
    told = tmp_path / "told.json"
    script = f"import json, os; open({str(told)!r}, 'w').write(json.dumps(dict(os.environ)))"
    command = json.dumps([sys.executable, "-c", script])
    world = World(tmp_path, more=MERCHANT.replace('["never-started"]', command))
    with pytest.raises(SellerUnavailable):
        world.buyer.buy(ECHO, "POST", json={})
    world.buyer.close()
    assert "PATH" in (environ := json.loads(told.read_text()))
    assert not [name for name in environ if name.startswith("PADDOCK_")]


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (MERCHANT.replace('command = ["never-started"]\n', ""), "command"),
        (MERCHANT.replace(SHOP, "https://shop.test"), "command"),
        (MERCHANT.replace(SHOP, "ftp://shop.test"), "not an origin"),
        (MERCHANT.replace(SHOP, "mcp://shop/path"), "not an origin"),
    ],
)
def test_an_entry_of_the_policy_that_makes_no_sense_is_named(entry, words):
    with pytest.raises(PolicyError, match=words):
        parse(policy(more=entry))


def test_a_payment_goes_into_the_metadata_of_the_call_and_nothing_else_does():
    request = httpx.Request("POST", ECHO, json={})
    assert wire.payment_in(request) == {}
    terms = msgspec.convert(
        {"scheme": "exact", "network": "n", "amount": "1", "asset": "a", "payTo": "p"} | {"maxTimeoutSeconds": 60},
        PaymentPayload.__annotations__["accepted"],
    )
    payment = PaymentPayload(x402_version=2, accepted=terms, payload={"signature": "0x1"})
    paid = httpx.Request("POST", ECHO, headers={headers.PAYMENT_SIGNATURE: headers.encode(payment)}, json={})
    assert wire.payment_in(paid)[headers.MCP_PAYMENT]["payload"] == {"signature": "0x1"}


def test_a_result_that_is_a_problem_means_what_its_status_says():
    request = httpx.Request("POST", ECHO, json={})
    told = {"title": "Busy", "status": 503, "detail": "later", "order_id": "o1"}
    result = {"isError": True, "structuredContent": told, "content": [{"type": "text", "text": "Busy"}]}
    made = wire.answer(result, request)
    assert (made.status_code, made.json()) == (503, told)
    for status in (200, 301, 402, 600, "503", 503.0, True, None):
        made = wire.answer(result | {"structuredContent": told | {"status": status}}, request)
        assert (made.status_code, made.json()["content"]) == (wire.FAILED, result["content"]), status


@pytest.mark.parametrize(
    ("content", "held"),
    [
        ([{"type": "text", "text": "né"}], ("né".encode(), "")),
        ([{"type": "resource", "resource": {"blob": "AP8=", "mimeType": "image/png"}}], (b"\x00\xff", "image/png")),
        ([{"type": "resource", "resource": {"blob": "AP8", "mimeType": "image/png"}}], None),
        ([{"type": "resource", "resource": {"uri": "x"}}], None),
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], None),
        ([{"type": "text", "text": 7}], None),
        ([], None),
        ("text", None),
    ],
)
def test_a_receipt_is_about_the_only_content_of_a_result(content, held):
    asked = Asked.of(httpx.Request("POST", ECHO, json={}), "t")
    given = read_answer(wire.answer({"content": content}, httpx.Request("POST", ECHO, json={})), asked)
    assert only_content(given) == (held or (given.body, "application/json"))
