"""Storefront, reference and console over HTTP, on SQLite and a chain in memory: what they say and never do."""

import asyncio
import json
import re
import shlex
from contextlib import asynccontextmanager
from dataclasses import replace
from html import unescape
from itertools import pairwise
from urllib.parse import quote, urlsplit

import httpx
import pytest
import uvicorn

from protocol.headers import PAYMENT_REQUIRED
from protocol.receipts import SignedReceipt
from scripts.accounts import account
from server.adapters.clock import SystemClock
from server.adapters.database import SqlDatabase
from server.adapters.signers import LocalSigner
from server.application.paddock import Ground, Paddock
from server.application.trends import Trends
from server.domain.deliveries import Delivery
from server.domain.quotes import QuoteKeys
from server.domain.receipts import receipt_for
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
from server.payments.delegate import DELEGATE
from server.ports import Event
from server.services import on_sale
from server.web import live, storefront
from server.web.app import create_app
from server.web.console import CONSOLE
from server.web.credentials import COOKIE, Credentials, digest
from server.web.pages import STATIC
from tests.fakes import samples
from tests.fakes.chain import FakeChain, fake_market
from tests.fakes.clock import FakeClock
from tests.fakes.database import FakeDatabase
from tests.fakes.evm import TOKEN as DOLLAR
from tests.fakes.facilitator import FakeFacilitator
from tests.stack.databases import devnet_merchant
from tests.stack.page import Read
from tests.stack.processes import free_port
from tests.stack.waiting import eventually

TOKEN = "operator's token; with = and % 41"
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"
SOLD = on_sale(samples=True)
PUBLIC = ("/", "/?q=pass", "/docs", "/services/nope", *(f"/services/{service.slug}" for service in SOLD))
TX = "0x" + "ab" * 32


@pytest.fixture
async def paddock(sqlite_url):
    """What handlers are given: the real catalogue and database, a chain in memory, a facilitator that is not asked."""
    clock = SystemClock()
    db = SqlDatabase(sqlite_url, clock)
    merchant, market, chain = devnet_merchant(), fake_market(), FakeChain(clock)
    yield Paddock(
        db=db,
        clock=clock,
        facilitator=FakeFacilitator(chain, clock, market, LocalSigner(account("settler").key.hex())),
        grounds={market.network: Ground(market, chain)},
        services={service.slug: service for service in SOLD},
        merchants={merchant.id: merchant},
        quotes=QuoteKeys(1, {1: b"q" * 32}),
        receipts=LocalSigner(account("receipts").key.hex()),
        opened_at=clock.now(),
        trends=Trends(patience=0),
    )
    await db.close()


@asynccontextmanager
async def serving(paddock, token=TOKEN):
    """The application behind a real HTTP server, and a client of it without credentials."""

    port = free_port()
    known = replace(paddock, origins=(*paddock.origins, f"http://127.0.0.1:{port}"))

    @asynccontextmanager
    async def opened():
        yield known, None

    app = create_app(opened, Credentials(digest(token)), facilitator=False)
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning", ws="none", timeout_graceful_shutdown=3))
    task = asyncio.create_task(server.serve())
    await eventually(lambda: asyncio.sleep(0, server.started), 10, "the server starts")
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        yield client
    app.state.closing.is_set = True
    server.should_exit = True
    await task


@pytest.fixture
async def stranger(paddock):
    """A client without credentials."""
    async with serving(paddock) as client:
        yield client


@pytest.fixture
async def operator(stranger):
    """The same client, let in."""
    await stranger.get("/console/enter", params={"token": TOKEN})
    return stranger


async def add(paddock, **changes):
    """An order in the database, as it is right after its claim; its id is a quote's."""
    issued = paddock.quotes.issue(int(paddock.clock.now().timestamp()), 120)
    usual = {"service": "wallet-report", "asset": DOLLAR, "created_at": paddock.clock.now()}
    order = samples.order(issued.id, **usual | changes)
    order.learn("payment", "authorized", "exact, x402 v2")
    async with paddock.db.begin("test") as work:
        await work.orders.add(order)
    return order


async def save(paddock, order):
    async with paddock.db.begin("test") as work:
        await work.orders.save(order)


async def settle(paddock, order):
    order.pay(PaymentState.SETTLING)
    order.settlement_tx, order.settlement_block, order.paid_at = TX, 42, paddock.clock.now()
    order.pay(PaymentState.SETTLED, TX)
    await save(paddock, order)


async def deliver(paddock, order):
    """From a claim to a stored proof, as the application does it."""
    order.fulfil(FulfilmentState.RUNNING)
    order.fulfil(FulfilmentState.READY, "11 bytes of application/json")
    await settle(paddock, order)
    order.fulfil(FulfilmentState.RELEASED)
    order.released_at = order.final_at = paddock.clock.now()
    order.learn("final", "block 44")
    delivery = Delivery(order.id, b'{"answer":1}', "application/json", paddock.clock.now())
    receipt = receipt_for(order, delivery, 1)
    signed = SignedReceipt(receipt, "0x" + (await paddock.receipts.sign_digest(receipt.digest())).hex())
    async with paddock.db.begin("test") as work:
        await work.orders.save(order)
        await work.deliveries.put(delivery)
        await work.ledger.add(samples.entry(order, transaction=TX))
        await work.receipts.put(order.id, signed, b'{"format":"eip712"}')
        await work.proofs.put(order.id, b'{"order":{"status":"completed"}}', paddock.clock.now())


async def told(lines, name):
    """The next event of that name in a stream, as (id, data)."""
    event, sequence = None, None
    async for line in lines:
        field, _, value = line.partition(": ")
        if field == "id":
            sequence = int(value)
        elif field == "event":
            event = value
        elif field == "data" and event == name:
            return sequence, json.loads(value)
        elif not line:
            event, sequence = None, None
    raise AssertionError(f"the stream ended without {name}")


# ------------------------------------------------------------------------------------------------------- public


async def test_the_storefront_shows_every_service_with_price_kind_and_mode(stranger):
    page = Read(await stranger.get("/"))
    links = [attrs.get("href") for tag, attrs in page.tags if tag == "a"]
    text = " ".join(page.text.split())
    for service in SOLD:
        assert f"/services/{service.slug}" in links
        flat = f"USDC per {service.unit}"
        price = "USDC, charged by use: " if service.metered else "USDC, by what is asked" if service.tariff else flat
        for shown in (service.title, service.kind, price):
            assert shown in text
    assert "Contract risk scan Disassembles" in text
    assert "0.05 USDC per scan" in text
    assert "up to 0.0075 USDC, charged by use: 0.0015 per 1,000 instructions" in text
    assert text.count("DELEGATE") == [service.mode for service in SOLD].count("DELEGATE") > 0
    assert "devnet" in text
    assert {"/api/services", "/docs", "/llms.txt", "/console"} <= set(links)


async def test_a_page_shows_the_tiers_of_a_price(stranger):
    text = " ".join(Read(await stranger.get("/services/market-records")).text.split())
    assert "up to 0.083 USDC by what is asked for: 0.0002 per record, 0.0001 beyond 100" in text


async def test_a_page_shows_the_fields_of_each_kind_of_step(stranger):
    text = Read(await stranger.get("/services/chain-watch")).text
    for field in ("address", "at_least", "confirmations"):
        assert field in text
    assert "Paid into escrow" in text


async def test_the_storefronts_command_names_a_route_that_answers_402(stranger, paddock):
    command = next(iter(Read(await stranger.get("/")).code.values()))
    url = shlex.split(command)[-1]
    asked = urlsplit(url)
    answer = await stranger.get(f"{asked.path}?{asked.query}", headers={"Host": asked.netloc})
    assert (answer.status_code, PAYMENT_REQUIRED in answer.headers) == (402, True)


def cards_of(answer):
    """The slugs of a page's cards."""
    return re.findall(r'<h3><a href="/services/([^"]+)"', answer.text)


async def test_the_storefront_has_every_service_once_page_by_page(stranger, monkeypatch):
    monkeypatch.setattr(storefront, "MOST", 4)
    path, seen = "/?q=a", []
    while path:
        answer = await stranger.get(path)
        seen += cards_of(answer)
        more = re.search(r'href="([^"]+)" rel="next"', answer.text)
        path = more and unescape(more[1])
        assert len(seen) <= len(SOLD)
    assert seen == [service.slug for service in SOLD if "a" in service.described]
    back = re.search(r'href="([^"]+)" rel="prev"', answer.text)[1]
    assert cards_of(await stranger.get(unescape(back))) == seen[-len(cards_of(answer)) - 4 : -len(cards_of(answer))]
    for offset in ("-3", "0"):
        assert cards_of(await stranger.get("/", params={"q": "a", "offset": offset})) == seen[:4]
    assert cards_of(await stranger.get("/", params={"offset": "9999"})) == []


async def test_search_works_without_javascript(stranger):
    assert cards_of(await stranger.get("/", params={"q": "ERC-721 pass"})) == ["access-pass"]
    nothing = await stranger.get("/", params={"q": HOSTILE})
    assert "No service has all of these words" in nothing.text
    assert "<script>alert" not in nothing.text
    assert "<img src=x" not in nothing.text


async def test_a_service_page_says_price_arguments_answer_and_that_failure_costs_nothing(stranger):
    page = Read(await stranger.get("/services/wallet-report"))
    for shown in ("0.01", "per wallet", "from_block", "required", "counterparties", "nothing is charged", "120 s"):
        assert shown in page.text
    terms = json.loads(page.code["Terms of this moment, good for the example call"])
    [entry] = terms["accepts"]
    assert (entry["amount"], entry["payTo"]) == ("10000", account("merchant").address)
    assert terms["resource"]["url"].startswith(f"{stranger.base_url}/v1/wallet-report?")


async def test_a_metered_service_shows_a_ceiling_and_what_it_is_charged_by_wherever_it_is_listed(stranger):
    price = "up to 0.0075 USDC, charged by use: 0.0015 per 1,000 instructions"
    page = Read(await stranger.get("/services/contract-disassembly"))
    text = " ".join(page.text.split())
    for shown in ("up to 0.0075 USDC", "charged by use: 0.0015 per 1,000 instructions", "never above the ceiling"):
        assert shown in text
    for needed in ("paddock-agent allow", "x402[httpx,evm,extensions]"):
        assert needed in text
    [entry] = json.loads(page.code["Terms of this moment, good for the example call"])["accepts"]
    assert (entry["scheme"], entry["amount"]) == ("upto", "7500")
    assert "UptoEvmScheme" in page.code["Python"]
    assert price in (await stranger.get("/llms.txt")).text
    assert price in " ".join(Read(await stranger.get("/docs")).text.split())
    listed = {one["slug"]: one for one in (await stranger.get("/api/services")).json()}
    found = listed["contract-disassembly"]
    assert found["price"] == "up to 0.0075 USDC"
    assert found["metered"] == {"unit": "instruction", "price": "1500", "per": "1000"}
    assert listed["contract-risk"]["metered"] is None
    paths = (await stranger.get("/openapi.json")).json()["paths"]
    assert paths["/v1/contract-disassembly"]["get"]["x-price"]["scheme"] == "upto"


async def test_a_delegate_service_names_its_contract_and_its_refund(stranger, paddock):
    page = Read(await stranger.get("/services/access-pass"))
    assert paddock.market.contracts["AccessPass"].address in page.text
    assert "the whole price goes back to the payer on chain" in page.text
    held = Read(await stranger.get("/services/chain-watch"))
    for shown in (
        "keeps it for your order, for 7 days",
        "the contract gives the whole price back to the payer on chain",
    ):
        assert shown in " ".join(held.text.split())
    assert "DELEGATE" in page.text


@pytest.mark.parametrize("service", SOLD, ids=lambda service: service.slug)
async def test_the_snippets_are_runnable_text(stranger, service):
    code = Read(await stranger.get(f"/services/{service.slug}")).code
    for python in ("Python", "MCP"):
        compile(code[python], "snippet", "exec")
    agent = shlex.split(code["paddock-agent"])
    assert agent[:2] == [".venv/bin/paddock-agent", "fetch"]
    if service.method == "POST":
        assert json.loads(agent[-1]) == service.example
    assert shlex.split(code["curl"])[0] == "curl"


async def test_a_page_says_how_many_calls_are_free(paddock):
    free = replace(paddock.services["market-signal"], free_calls=5)
    async with serving(replace(paddock, services=paddock.services | {"market-signal": free})) as client:
        assert "5 calls a day for a wallet that signs in" in Read(await client.get("/services/market-signal")).text
        assert "calls a day" not in Read(await client.get("/services/wallet-report")).text


async def test_what_providers_write_is_shown_as_text(paddock):
    hostile = replace(
        paddock.services["wallet-report"], title=HOSTILE, summary=f"`{HOSTILE}`", unit=HOSTILE, kind=HOSTILE
    )
    async with serving(replace(paddock, services={"wallet-report": hostile})) as client:
        for path in ("/", "/services/wallet-report", "/docs"):
            page = await client.get(path)
            assert page.status_code == 200
            assert "<script>alert" not in page.text
            assert "<img src=x" not in page.text
            assert HOSTILE in Read(page).text


async def test_an_unknown_service_is_a_page_that_says_so(stranger):
    answer = await stranger.get("/services/" + quote("<img src=x onerror=alert(2)>", safe=""))
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert "There is no such service" in answer.text
    assert "<img src=x" not in answer.text


async def test_openapi_has_every_paid_route_with_its_price_and_no_dangling_reference(stranger):
    document = (await stranger.get("/openapi.json")).json()
    for service in SOLD:
        operation = document["paths"][f"/v1/{service.slug}"][service.method.lower()]
        assert operation["x-price"]["amount"] == str(service.amount)
        assert "X-Buyer-Key" in {one["name"] for one in operation["parameters"] if one["in"] == "header"}
        assert operation["x-price"]["mode"] == service.mode
        assert PAYMENT_REQUIRED in operation["responses"]["402"]["headers"]
    query = {one["name"]: one for one in document["paths"]["/v1/wallet-report"]["get"]["parameters"]}
    assert query["address"]["required"] is True
    assert query["limit"]["schema"]["maximum"] == 50
    body = document["paths"]["/v1/contract-risk"]["post"]["requestBody"]["content"]["application/json"]
    assert set(body["schema"]["properties"]) == {"bytecode", "address"}
    for name in re.findall(r'"\$ref": ?"#/components/schemas/([^"]+)"', json.dumps(document)):
        assert name in document["components"]["schemas"]
    assert "$defs" not in json.dumps(document)
    steps = document["paths"]["/v1/chain-watch"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    for name in steps["properties"]["until"]["items"]["discriminator"]["mapping"].values():
        assert name.removeprefix("#/components/schemas/") in document["components"]["schemas"]


async def test_the_reference_shows_every_path_and_every_price_of_the_document(stranger):
    document = (await stranger.get("/openapi.json")).json()
    page = Read(await stranger.get("/docs"))
    for path in document["paths"]:
        assert path in page.text
    asked = [one["x-price"] for path in document["paths"].values() for one in path.values() if "x-price" in one]
    assert len(asked) == len(SOLD)
    told = " ".join(page.text.split())
    for price in asked:
        comma = "," if price["lead"] else ""
        assert " ".join(f"{price['lead']} {price['display']} {price['symbol']}{comma} {price['basis']}".split()) in told


async def test_no_page_names_another_origin_or_carries_inline_code(operator, paddock):
    order = await add(paddock)
    await deliver(paddock, order)
    for path in (*PUBLIC, "/console", "/console/cases", f"/console/orders/{order.id}"):
        for tag, attrs in Read(await operator.get(path)).tags:
            for name in ("href", "src", "action", "srcset", "poster", "data"):
                assert re.match(r"[/#](?!/)", attrs.get(name) or "/"), (path, tag, attrs)
            assert tag != "style"
            assert "style" not in attrs
            assert not [name for name in attrs if name.startswith("on")]
            assert tag != "script" or attrs["src"].startswith("/static/")
    for file in (file for folder in STATIC for file in folder.iterdir()):
        text = file.read_text().replace('xmlns="http://www.w3.org/2000/svg"', "")
        assert not re.search(r"https?://|//[a-z]|@import|url\(", re.sub(r"^\s*//.*|\s//.*", "", text, flags=re.M)), file


async def test_every_answer_carries_its_guards(operator):
    for path in (*PUBLIC, "/console"):
        headers = (await operator.get(path)).headers
        policy = headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")
    for path in ("/api/services", "/openapi.json", "/nothing/here", "/api/orders/x"):
        headers = (await operator.get(path)).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


async def test_the_first_page_is_small(stranger):
    page = await stranger.get("/")
    files = [
        attrs.get("href") or attrs["src"] for tag, attrs in Read(page).tags if "/static/" in str([*attrs.values()])
    ]
    sizes = [len((await stranger.get(file)).content) for file in files]
    assert len(files) == 4
    assert len(page.content) + sum(sizes) <= 100_000


# ------------------------------------------------------------------------------------------------------ console


def console_routes():
    """Every (method, path) of the console, from the router itself."""
    return sorted(
        (method, route.path.replace("{order_id:str}", "x"))
        for route in CONSOLE.routes
        for method in route.methods
        if method in ("GET", "POST")
    )


async def test_without_the_token_every_console_page_is_401_and_says_how_to_get_in(stranger, paddock):
    await add(paddock)
    routes = console_routes()
    assert len(routes) >= 6
    open_to_all = {("POST", "/console/challenge"), ("POST", "/console/sign-in")}
    for method, path in [one for one in routes if one not in open_to_all]:
        answer = await stranger.request(method, path)
        assert answer.status_code == 401, (method, path)
        said = "'Authorization: Bearer" if path.endswith("/refund") else "console.token"  # that one is a program's
        assert said in answer.text
        assert "Wallet report" not in answer.text
        assert TOKEN not in answer.text
    for wrong in ("", "x", TOKEN + "x"):
        answer = await stranger.get("/console/enter", params={"token": wrong})
        assert (answer.status_code, "set-cookie" in answer.headers) == (401, False)
        assert (await stranger.post("/console/enter", data={"token": wrong})).status_code == 401


@pytest.mark.parametrize("by", ["link", "form"])
async def test_the_right_token_becomes_a_cookie_for_the_console_only(stranger, by):
    if by == "link":
        answer = await stranger.get("/console/enter", params={"token": TOKEN})
    else:
        answer = await stranger.post("/console/enter", data={"token": TOKEN})
    assert (answer.status_code, answer.headers["location"]) == (303, "/console")
    cookie = answer.headers["set-cookie"].lower()
    assert cookie.startswith(COOKIE)
    for wanted in ("httponly", "samesite=strict", "path=/console", "max-age"):
        assert wanted in cookie
    inside = await stranger.get("/console")
    assert inside.status_code == 200
    assert inside.headers["cache-control"] == "no-store"
    assert TOKEN not in inside.text
    left = await stranger.post("/console/leave")
    assert (left.status_code, left.headers["location"]) == (303, "/")
    assert (await stranger.get("/console")).status_code == 401


async def test_the_console_lists_orders_and_counts_them(operator, paddock):
    assert "No orders yet" in Read(await operator.get("/console")).text
    first, second = await add(paddock), await add(paddock, amount=2_500_000, service="access-pass", mode=DELEGATE)
    await deliver(paddock, first)
    await add(paddock)
    page = Read(await operator.get("/console"))
    rows = [attrs["data-order"] for tag, attrs in page.tags if tag == "tr" and "data-order" in attrs]
    assert set(rows[1:]) == {first.id, second.id}
    text = " ".join(page.text.split())
    assert "Orders 3 none in the 24 hours before 1 delivered" in text
    assert "Pending now 2 the oldest for less than a minute" in text
    assert "delivered Wallet report DIRECT 0.05 0x15d3…6A65" in text
    assert "0 jobs waiting" in text


async def test_the_console_stays_up_when_the_chain_is_down(operator, paddock):
    paddock.chain.unavailable = True
    assert "block not reached" in " ".join(Read(await operator.get("/console")).text.split())


async def test_a_delivered_order_is_told_from_quote_to_proof(operator, paddock):
    order = await add(paddock, payload=b'{"signature":"0xdeadbeef"}', arguments=b'{"secret":"argument"}')
    await deliver(paddock, order)
    page = Read(await operator.get(f"/console/orders/{order.id}"))
    stages = [attrs["class"] for tag, attrs in page.tags if tag == "li" and "class" in attrs]
    assert stages == ["done"] * 8
    names = ("Quoted", "Claimed", "Answer made", "Settled", "Released", "Receipt", "Final", "Proof")
    assert [page.text.index(f"{name}, done") for name in names] == sorted(page.text.index(f"{n}, done") for n in names)
    values = {attrs.get("data-copy") for _, attrs in page.tags}
    terms, authorization = order.terms, order.authorization
    hashes = {"0x" + value.hex() for value in (terms.intent, authorization.digest, authorization.nonce)}
    assert values >= hashes | {order.id, terms.pay_to, authorization.payer, TX}
    assert "everything up to block 44 is final" in page.text
    assert json.loads(page.code["Receipt, EIP-712"])["receipt"]["orderId"] == order.id
    assert json.loads(page.code["Proof"]) == {"order": {"status": "completed"}}
    assert "signature is by the key that" in page.text
    assert "settlement" in page.text
    assert "deadbeef" not in page.text
    assert "secret" not in page.text


async def test_a_refunded_order_tells_why_and_how_the_money_went_back(operator, paddock):
    order = await add(paddock, service="launch-pass", mode=DELEGATE)
    await settle(paddock, order)
    order.fulfil(FulfilmentState.EXECUTING)
    order.failure = f"SoldOut(1) {HOSTILE}"
    order.fulfil(FulfilmentState.FAILED, order.failure)
    order.give_back(MoneyBackState.DUE)
    order.give_back(MoneyBackState.SENDING)
    await save(paddock, order)
    page = Read(await operator.get(f"/console/orders/{order.id}"))
    assert [attrs["class"] for tag, attrs in page.tags if tag == "li"] == (
        ["done", "done", "done", "failed", "now", "ahead", "ahead"]
    )
    order.refund_tx = "0x" + "cd" * 32
    order.give_back(MoneyBackState.REFUNDED, order.refund_tx)
    await save(paddock, order)
    answer = await operator.get(f"/console/orders/{order.id}")
    assert "<script>alert" not in answer.text
    page = Read(answer)
    assert f"SoldOut(1) {HOSTILE}" in page.text
    assert "the whole price went back to the payer on chain" in page.text
    assert order.refund_tx in {attrs.get("data-copy") for _, attrs in page.tags}


async def test_an_order_in_an_asset_that_was_taken_out_of_the_settings_is_told_in_its_units(paddock, operator):
    order = await add(paddock, asset=account("deployer").address)
    await deliver(paddock, order)
    status = (await operator.get(f"/api/orders/{order.id}")).json()
    assert status["price"] == f"{order.price} {order.terms.asset}"
    listed, told = await operator.get("/console"), await operator.get(f"/console/orders/{order.id}")
    assert (listed.status_code, told.status_code) == (200, 200)
    assert str(order.price) in told.text


async def test_an_order_that_failed_before_settlement_says_that_nothing_was_charged(operator, paddock):
    order = await add(paddock)
    order.fulfil(FulfilmentState.RUNNING)
    order.fulfil(FulfilmentState.FAILED, "address: mistyped")
    order.pay(PaymentState.EXPIRED, "never settled")
    await save(paddock, order)
    page = Read(await operator.get(f"/console/orders/{order.id}"))
    assert "address: mistyped; nothing was charged" in page.text
    assert "No money has moved" in page.text
    assert "Proof, " not in page.text


async def test_a_quote_is_shown_before_anybody_paid_it(operator, paddock):
    issued = paddock.quotes.issue(int(paddock.clock.now().timestamp()), 120)
    page = Read(await operator.get(f"/console/orders/{issued.id}"))
    assert "waits for a payment until" in page.text
    assert (await operator.get("/console/orders/unknown")).status_code == 404


# --------------------------------------------------------------------------------------------------------- live


def figure(pulse, name):
    """One of the overview that a pulse brings."""
    return re.search(rf'data-figure="{name}">([^<]*)<', pulse["overview"])[1]


async def test_the_stream_tells_a_change_and_goes_on_where_it_was_left(operator, paddock):
    old = await add(paddock)
    async with operator.stream("GET", "/console/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.aiter_lines()
        _, counted = await told(lines, "pulse")
        assert (figure(counted, "orders"), figure(counted, "pending"), bool(counted["block"])) == ("1", "1", True)
        order = await add(paddock, service="access-pass", mode=DELEGATE)
        sequence, first = await told(lines, "order")
        assert (first["order"], first["what"], first["new"]) == (order.id, "payment", "authorized")
        assert (first["status"], first["sequence"]) == ("pending", sequence)
        assert f'data-order="{order.id}"' in first["row"]
        assert figure((await told(lines, "pulse"))[1], "orders") == "2"
    await settle(paddock, order)
    old.fulfil(FulfilmentState.RUNNING)
    await save(paddock, old)
    async with operator.stream("GET", "/console/events", headers={"Last-Event-ID": str(sequence)}) as answer:
        lines = answer.aiter_lines()
        seen = [(await told(lines, "order"))[1] for _ in range(3)]
        assert [one["new"] for one in seen] == ["settling", "settled", "running"]
    async with operator.stream("GET", f"/console/events?after=0&order={old.id}") as answer:
        lines = answer.aiter_lines()
        seen = [(await told(lines, "order"))[1] for _ in range(2)]
        assert {one["order"] for one in seen} == {old.id}


async def test_an_orders_stream_tells_when_its_proof_is_stored(operator, paddock):
    order = await add(paddock)
    async with operator.stream("GET", f"/console/events?order={order.id}") as answer:
        lines = answer.aiter_lines()
        await deliver(paddock, order)
        assert (await told(lines, "order"))[1]["new"] == "running"
        assert (await told(lines, "proof"))[1] == {"order": order.id}


async def test_a_place_beyond_the_end_is_the_end(operator, paddock):
    await add(paddock)
    async with operator.stream("GET", "/console/events", headers={"Last-Event-ID": "9" * 30}) as answer:
        lines = answer.aiter_lines()
        await told(lines, "pulse")
        order = await add(paddock)
        assert (await told(lines, "order"))[1]["order"] == order.id


async def test_an_open_stream_ends_when_the_process_is_told_to(paddock):
    closing = live.Closing()
    stream = live.stream(paddock, closing, 0)
    await anext(stream)
    closing.is_set = True
    assert [message async for message in stream] == []


async def test_a_quiet_stream_says_that_it_is_there_every_15_seconds(paddock):
    clock = FakeClock()
    quiet = replace(paddock, clock=clock, db=FakeDatabase(clock))
    stream = live.stream(quiet, live.Closing(), 0, order_id="none")
    beats = []
    async for message in stream:
        if message.comment == "still here":
            beats.append(clock.now())
            assert message.encode() == b": still here\r\n\r\n"
        if len(beats) == 3:
            break
    await stream.aclose()
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(beats)]
    assert all(15 <= gap < 16 for gap in gaps)


class Events:
    """What the cursor asks of orders, over a list that a test fills in any order."""

    def __init__(self):
        self.orders = self
        self.there = set()

    async def last_event(self):
        return max(self.there, default=0)

    async def events_after(self, sequence, limit):
        moment = SystemClock().now()
        found = sorted(one for one in self.there if one > sequence)[:limit]
        return [Event(one, "id", moment, "payment", "", "authorized", "") for one in found]


async def test_an_event_that_commits_late_with_a_lower_number_is_told_too():
    view = Events()
    view.there = {1, 2, 4}
    cursor = live.Cursor(4)
    await cursor.start(view)
    assert await cursor.new(view) == []
    view.there |= {3, 6}
    assert [event.sequence for event in await cursor.new(view)] == [3, 6]
    view.there |= {5}
    assert [event.sequence for event in await cursor.new(view)] == [5]
    assert await cursor.new(view) == []


async def test_a_long_backlog_is_told_whole_and_once():
    view = Events()
    view.there = set(range(1, 1001))
    cursor = live.Cursor(0)
    await cursor.start(view)
    seen = []
    while fresh := await cursor.new(view):
        seen += [event.sequence for event in fresh]
    assert seen == list(range(1, 1001))


async def test_an_order_is_found_by_its_quote_id_and_by_its_transactions_hash(paddock, operator):
    order = await add(paddock)
    order.settlement_tx = TX
    async with paddock.db.begin("test") as work:
        await work.orders.save(order)
    for text in (order.id, f"  {TX} "):
        found = await operator.get("/console", params={"find": text})
        assert (found.status_code, found.headers["location"]) == (303, f"/console/orders/{order.id}")
    unpaid = paddock.quotes.issue(int(paddock.clock.now().timestamp()), 120)
    assert (await operator.get("/console", params={"find": unpaid.id})).status_code == 303
    nothing = await operator.get("/console", params={"find": HOSTILE})
    assert nothing.status_code == 200
    assert "Nothing here is called" in nothing.text
    assert HOSTILE not in nothing.text


async def test_finding_is_the_operators_alone(paddock, stranger):
    order = await add(paddock)
    assert (await stranger.get("/console", params={"find": order.id})).status_code == 401
