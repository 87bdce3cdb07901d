"""The privacy gate: what a buyer's request may hold when it leaves, in each place where something leaves."""

import base64
import re
import time
from argparse import Namespace
from io import StringIO
from pathlib import Path

import httpx
import pytest
from rich.console import Console

from agent import Settings, approvals, commands, printing, purchase_of
from agent.commands import Shell
from agent.disputing import dispute
from agent.errors import Refused
from agent.privacy import redact
from agent.store import purchase
from protocol import headers, requests
from protocol.wire import PaymentPayload, PaymentRequired
from tests.fakes.seller import ORIGIN, World, account

URL = f"{ORIGIN}/v1/echo"
SECRETS = ("jane", "4111", "maria", "0.example")


def world_with(home: Path, found: str, personal: str = "") -> World:
    return World(home, more=f"personal = [{personal}]\n[privacy]\nfound = '{found}'")


def assert_nothing_of_it_left(world: World) -> None:
    """Neither in what the seller was sent, nor in a form that it can be read from."""
    for request in world.seller.requests:
        seen = f"{request.url} {request.content.decode()} {request.headers}".lower()
        assert not [word for word in SECRETS if word in seen]


REQUESTS = {
    "query": ("GET", f"{URL}?text=jane.roe@example.org", None),
    "path": ("GET", f"{ORIGIN}/v1/jane.roe@example.org", None),
    "escaped": ("GET", f"{URL}?text=jane.roe%2540example.org", None),
    "body": ("POST", URL, {"note": "ask Maria Gonzalez, card 4111 1111 1111 1111"}),
    "number": ("POST", URL, {"note": 4111111111111111}),
    "deep": ("POST", URL, {"a": [{"b": "jane.roe at example dot org"}]}),
}


@pytest.mark.parametrize(("method", "url", "json"), REQUESTS.values(), ids=REQUESTS)
def test_p1_a_request_with_personal_data_is_refused_before_its_first_byte_leaves(tmp_path, method, url, json):
    world = world_with(tmp_path, "refuse")
    outcome = world.buyer.buy(url, method, json=json)
    assert (outcome.status, outcome.rule) == ("refused", "privacy.found")
    assert world.seller.requests == []
    assert not [word for word in SECRETS if word in outcome.detail.lower()]


@pytest.mark.parametrize(("method", "url", "json"), REQUESTS.values(), ids=REQUESTS)
def test_p1_where_the_policy_says_so_it_is_taken_out_and_the_purchase_goes_on(tmp_path, method, url, json):
    world = world_with(tmp_path, "redact")
    outcome = world.buyer.buy(url, method, json=json)
    assert outcome.status == "delivered"
    assert any(label in outcome.removed for label in ("EMAIL", "NAME", "CARD"))
    assert len(world.seller.requests) >= 2
    assert_nothing_of_it_left(world)


def test_p1_a_header_of_the_callers_is_looked_at_too(tmp_path):
    world = world_with(tmp_path, "redact")
    outcome = world.buyer.buy(URL, headers={"x-customer": "Maria Gonzalez"})
    assert outcome.removed == "NAME in header.x-customer"
    assert_nothing_of_it_left(world)


def test_p1_a_credential_for_the_seller_itself_is_the_callers_own_affair(tmp_path):
    world = world_with(tmp_path, "refuse")
    assert world.buyer.buy(URL, headers={"authorization": "Bearer sk-proj-7a7a7a7a7a7a7a7a7a7a"}).status == "delivered"


@pytest.mark.parametrize("found", ["refuse", "redact"])
def test_p1_an_httpx_client_is_held_to_it_as_well(tmp_path, found):
    world = world_with(tmp_path, found)
    client = httpx.Client(transport=world.seller.transport, auth=world.buyer.auth())
    if found == "refuse":
        with pytest.raises(Refused, match=r"EMAIL in query\.text"):
            client.get(f"{URL}?text=jane.roe@example.org")
        assert world.seller.requests == []
    else:
        bought = purchase_of(client.get(f"{URL}?text=jane.roe@example.org"))
        assert bought is not None
        assert bought.removed == "EMAIL in query.text"
        assert_nothing_of_it_left(world)


def test_p1_asking_for_a_price_is_held_to_it_too(tmp_path):
    world = world_with(tmp_path, "refuse")
    with pytest.raises(Refused, match="EMAIL"):
        world.buyer.explain(f"{URL}?text=jane.roe@example.org")
    assert world.seller.requests == []


def test_p1_a_stranger_is_refused_without_a_question(tmp_path):
    world = World(tmp_path)
    assert world.buyer.buy("https://elsewhere.test/x?text=jane.roe@example.org").rule == "merchant.unknown"
    assert world.seller.leaks == []


def test_p1_a_person_may_let_this_very_request_out_and_no_other(tmp_path):
    world = World(tmp_path)
    url = f"{URL}?text=jane.roe@example.org"
    asked = world.buyer.buy(url)
    assert (asked.status, asked.rule, world.seller.requests) == ("waiting", "privacy.ask", [])
    assert world.buyer.buy(url).purchase_id == asked.purchase_id
    with world.buyer.store.begin() as connection:
        approvals.approve(connection, asked.purchase_id, account("approver"), world.seller.clock.now())
    assert world.buyer.resume(asked.purchase_id)[0].detail == "a person has agreed: repeat the call"
    assert world.buyer.buy(f"{url}.uk").status == "waiting"
    assert world.seller.requests == []
    assert world.buyer.buy(url).status == "delivered"
    world.seller.clock.sleep(31 * 60)
    assert world.buyer.buy(url).status == "waiting"


def test_p1_a_person_who_says_no_is_not_asked_again_at_once(tmp_path):
    world = World(tmp_path)
    asked = world.buyer.buy(f"{URL}?text=jane.roe@example.org")
    with world.buyer.store.begin() as connection:
        approvals.refuse(connection, asked.purchase_id, world.seller.clock.now())
    assert world.buyer.resume(asked.purchase_id)[0].rule == "approval.denied"
    assert world.buyer.buy(f"{URL}?text=jane.roe@example.org").rule == "approval.denied"
    assert world.seller.requests == []


def test_p1_nobody_to_ask_is_a_refusal(tmp_path):
    world = World(tmp_path, approver="")
    assert world.buyer.buy(f"{URL}?text=jane.roe@example.org").rule == "privacy.nobody"


def test_p1_named_fields_of_a_merchant_may_hold_it_and_others_not(tmp_path):
    world = world_with(tmp_path, "refuse", '"query.text", "body.email"')
    assert world.buyer.buy(f"{URL}?text=jane.roe@example.org").status == "delivered"
    assert world.buyer.buy(URL, "POST", json={"email": "jane.roe@example.org"}).status == "delivered"
    assert world.buyer.buy(URL, "POST", json={"note": "jane.roe@example.org"}).status == "refused"


def test_p1_what_commerce_needs_passes_unchanged(tmp_path):
    world = world_with(tmp_path, "refuse")
    body = {
        "address": account("buyer").address,
        "transaction": "0x" + "9f" * 32,
        "amount": "1000000000000000000",
        "symbol": "DEMO-TREND",
        "since": "2026-11-21T13:00:00Z",
        "bytecode": "0x6080604052348015600e575f5ffd5b50603e80601a5f395ff3fe",
        "compiler": "0.8.30+commit.73712a01",
        "id": "6f1c3f52-8a3e-4a53-9d0c-7e55a7f0f111",
    }
    assert world.buyer.buy(URL, "POST", json=body).status == "delivered"


def test_p1_a_search_is_asked_without_it(tmp_path):
    world = World(tmp_path)
    world.buyer.market.discover(ORIGIN, "wallet of jane.roe@example.org")
    assert_nothing_of_it_left(world)


EVASIONS = [
    "j a n e @ e x a m p l e . c o m",
    "jane [at] example [dot] com",
    "jane at example dot com",
    "ｊａｎｅ＠ｅｘａｍｐｌｅ．ｃｏｍ",
    "ja\u200bne@exam\u00adple.com",
    "jane%40example.com",
    "jane%252540example.com",
    "jane&#64;example.com",
    "jane\\u0040example.com",
    base64.b64encode(b"write to jane@example.com").decode(),
    base64.b64encode(base64.b64encode(b"write to jane@example.com")).decode(),
    b"write to jane@example.com".hex(),
    "4111-1111-1111-1111",
    "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
    "４１１１ １１１１ １１１１ １１１１",
    "four one one one, one one one one, one one one one, one one one one",
    '["4111", "1111", "1111", "1111"]',
    "J o h n  S m i t h",
    "J.o.h.n S.m.i.t.h",
    "J\u043ehn Sm\u0456th",
    "john smith",
    "john_smith",
    "JohnSmith",
    "Smith, John",
    "J0hn Sm1th",
]


@pytest.mark.parametrize("text", EVASIONS)
def test_p2_a_disguise_hides_nothing(text):
    assert redact(f"about {text}, please").startswith("about [")


CUT = {
    "card": '{"a": "4111", "b": "1111", "c": "1111", "d": "1111"}',
    "card in a URL": "/v1/x?a=4111&b=1111&c=1111&d=1111",
    "mail": '{"a": "jane.roe", "b": "@example.org"}',
    "mail by its keys": "/v1/x?user=jane.roe&domain=example.org",
    "name": '{"a": "Maria", "b": "Gonzalez"}',
    "name by its keys": '{"first_name": "Maria", "last_name": "Gonzalez"}',
}


@pytest.mark.parametrize("text", CUT.values(), ids=CUT)
def test_p2_what_is_cut_into_several_fields_is_found_in_each(text):
    values = re.findall(r'(?<=[=:])\s?"?([\w.@]+)', text)
    left = redact(text)
    assert len(values) >= 2
    assert not [value for value in values if value in left]


HARMLESS = [
    "0x5FbDB2315678afecb367f032d93F642f64180aa3",
    "0x" + "9f" * 32,
    "0x6080604052348015600e575f5ffd5b50603e80601a5f395ff3fe",
    "1000000000000000000",
    "1764072000",
    "2026-11-21T13:00:00Z",
    "DEMO-TREND",
    "ETH/USDC",
    "0.8.30+commit.73712a01",
    "192.168.10.20",
    "eip155:8453",
    "6f1c3f52-8a3e-4a53-9d0c-7e55a7f0f111",
    "41111111-1111-4111-8111-111111111111",
    "0x" + "4242424242424242" * 4,
    "transfer(address,uint256)",
    "Uniswap V3 on Base Sepolia",
    "order 4711 of block 31528719",
    "Calvin Klein jeans",
    "the weather in Victoria",
    "a Merkle tree",
]


@pytest.mark.parametrize("text", HARMLESS)
def test_p1_what_is_nobodys_passes(text):
    assert redact(f"look at {text} now") == f"look at {text} now"
    assert redact(f'{{"input": "{text}", "limit": 10}}') == f'{{"input": "{text}", "limit": 10}}'


def test_p1_a_payment_does_not_repeat_a_sellers_personal_words(tmp_path):
    world = World(tmp_path)
    said = []

    def unpaid(request: httpx.Request) -> httpx.Response:
        answer = world.seller.unpaid(request)
        required = headers.decode(answer.headers[headers.PAYMENT_REQUIRED], PaymentRequired)
        required.resource.description = said[-1]
        return httpx.Response(402, headers={headers.PAYMENT_REQUIRED: headers.encode(required)})

    world.seller.handle_unpaid = unpaid
    for words in ("a report about Maria Gonzalez", "the echo of a text"):
        said.append(words)
        assert world.buyer.buy(URL, task=words).status == "delivered"
    echoes = [headers.decode(payment, PaymentPayload).resource for payment in world.seller.payments]
    assert echoes[0] is None
    assert echoes[1].description == "the echo of a text"


def shell(world: World, out: StringIO) -> Shell:
    settings = Settings(home=world.home, key="0x" + bytes(account("buyer").key).hex(), seller=ORIGIN)

    class Fake(Shell):
        def client(self) -> httpx.Client:
            return httpx.Client(transport=world.seller.transport)

    return Fake(settings, Console(file=out, width=400), Console(file=out, width=400))


def test_p1_exported_receipts_and_what_is_printed_leave_it_out(tmp_path):
    world, out = world_with(tmp_path, "refuse", '"query.text"'), StringIO()
    bought = world.buyer.buy(f"{URL}?text=jane.roe@example.org")
    assert commands.export_receipts(shell(world, out), Namespace(csv=False)) == 0
    assert bought.settlement in out.getvalue()
    assert "jane" not in out.getvalue()
    assert "EMAIL" in out.getvalue()
    with world.buyer.store.begin() as connection:
        assert "jane" not in repr(purchase(connection, bought.purchase_id))
    printing.show_error(Console(file=out, width=400), Refused("x", "no answer from jane.roe@example.org"))
    assert "jane" not in out.getvalue()


def test_p1_the_reason_of_a_dispute_is_sent_without_it(tmp_path):
    world, out = World(tmp_path), StringIO()
    bought = world.buyer.buy(URL)
    posted = []

    def handle(request: httpx.Request) -> httpx.Response:
        posted.append(request)
        return httpx.Response(201, json={})

    world.seller.transport = httpx.MockTransport(handle)
    asked = Namespace(id=bought.purchase_id, reason="Empty. Write to Maria Gonzalez, card 4111 1111 1111 1111")
    assert dispute(shell(world, out), asked) == 0
    assert posted[0].url.path == f"/api/orders/{bought.order_id}/dispute"
    signed = requests.read(posted[0].headers["authorization"], "dispute", bought.order_id, int(time.time()))
    assert signed.request.reason == "Empty. Write to [NAME], card [CARD]"
    assert "NAME, CARD" in out.getvalue()
