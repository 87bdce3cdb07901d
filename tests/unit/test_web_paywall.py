"""The paid route: who gets terms, an answer, a page or a refusal, with which status, headers and count."""

from dataclasses import replace

import httpx
import pytest
from litestar import Litestar
from litestar.di import Provide
from prometheus_client import REGISTRY

from protocol.wire import SettleResponse
from scripts.accounts import account
from server.adapters.signers import LocalSigner
from server.application.pay import Sold
from server.domain.deliveries import Delivery
from server.domain.errors import CallbackFailed, MalformedPayment, Misdirected, PaymentConflict, PaymentRefused
from server.domain.states import FulfilmentState, PaymentState
from server.web import pages, paywall
from server.web.problems import HANDLERS
from tests.fakes import samples
from tests.fakes.chain import FakeChain, fake_market
from tests.fakes.facilitator import FakeFacilitator
from tests.fakes.paddocks import ECHO, bare_paddock
from tests.fakes.samples import NETWORK, NOW
from tests.stack.buyer import Buyer, payment_v1, read_header, write_header
from tests.unit.test_application_sign_in import ORIGIN, bought, signed_in

BROWSER = {"Accept": "text/html,application/xhtml+xml"}
POSTED = replace(ECHO, slug="echo-post", method="POST")
PAID = {"PAYMENT-SIGNATURE": "x"}
SETTLEMENT = SettleResponse(success=True, payer="0xpayer", transaction="0x" + "aa" * 32, network=NETWORK)


def client_of(paddock):
    """Whoever asks the paid route of this paddock."""
    app = Litestar(
        [paywall.paid_route],
        dependencies={"paddock": Provide(lambda: paddock, sync_to_thread=False)},
        exception_handlers=HANDLERS,
        template_config=pages.TEMPLATE_CONFIG,
        logging_config=None,
        openapi_config=None,
    )
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN)


def counted(outcome, service="echo"):
    """How many requests ended so."""
    return REGISTRY.get_sample_value("paddock_paid_route_total", {"service": service, "outcome": outcome}) or 0


def sells(monkeypatch, end):
    """Every payment comes to this end: something sold, or an error."""

    async def pay(*_given):
        if isinstance(end, Exception):
            raise end
        return end

    monkeypatch.setattr(paywall, "pay", pay)


def sold(order=None, **changes):
    order = order or samples.order(payment=PaymentState.SETTLED, fulfilment=FulfilmentState.RELEASED)
    usual = {"delivery": Delivery(order.id, b"answer", "text/plain", NOW), "replayed": False}
    return Sold(order=order, settlement=SETTLEMENT, **usual | changes)


# -------------------------------------------------------------------------------------------------- without a payment


async def test_a_bare_request_is_told_the_price(clock):
    async with client_of(bare_paddock(clock)) as client:
        quoted = await Buyer(client).ask("/v1/echo")
    assert (quoted.entry["amount"], quoted.required_v1["accepts"][0]["maxAmountRequired"]) == ("50000", "50000")


async def test_a_wrong_method_is_told_the_right_one_and_a_browser_is_sent_to_the_page(clock):
    async with client_of(bare_paddock(clock, None, POSTED)) as client:
        answers = [await client.post("/v1/echo"), await client.get("/v1/echo-post")]
        page = await client.get("/v1/echo-post", headers=BROWSER)
    assert [(one.status_code, one.headers["allow"]) for one in answers] == [(405, "GET"), (405, "POST")]
    assert (page.status_code, page.headers["location"]) == (303, "/services/echo-post")


@pytest.mark.parametrize(
    ("headers", "status", "kind"),
    [
        ({}, 402, "application/json"),
        (BROWSER, 402, "text/html; charset=utf-8"),
        (BROWSER | {"SIGN-IN-WITH-X": "x"}, 400, "application/problem+json"),
        ({"SIGN-IN-WITH-X": "x"}, 400, "application/problem+json"),
        ({"X-Buyer-Key": "nobody's"}, 401, "application/problem+json"),
    ],
    ids=["a program", "a browser", "a browser that signs in", "a bad sign-in", "a key that nobody made"],
)
async def test_without_a_payment_a_request_gets_terms_or_a_page_or_why_not(clock, headers, status, kind):
    async with client_of(bare_paddock(clock)) as client:
        answer = await client.get("/v1/echo", headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (status, kind)
    assert ("payment-required" in answer.headers) is (status == 402)


@pytest.mark.parametrize(
    ("method", "path", "body"), [("GET", "/v1/echo?unknown=1", b""), ("POST", "/v1/echo-post", b'{"unknown":1}')]
)
async def test_arguments_that_will_not_do_are_told_before_anybody_pays(clock, method, path, body):
    async with client_of(bare_paddock(clock, None, POSTED)) as client:
        answer = await client.request(method, path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert "payment-required" not in answer.headers


async def test_what_is_off_sale_has_no_terms(clock):
    off = replace(ECHO, slug="gone", on_sale=False)
    async with client_of(bare_paddock(clock, off_sale={"gone": off})) as client:
        assert (await client.get("/v1/gone")).status_code == 410
        assert (await client.get("/v1/unknown")).status_code == 404


async def test_who_bought_it_signs_in_and_gets_the_answer_again_with_its_settlement(clock):
    paddock, order = await bought(clock)
    before = counted("returned")
    async with client_of(paddock) as client:
        answer = await client.get("/v1/echo", headers={"SIGN-IN-WITH-X": signed_in(paddock).sign_in[0].decode()})
    assert (answer.status_code, answer.content, answer.headers["idempotent-replayed"]) == (200, b"answer", "true")
    assert read_header(answer.headers["payment-response"])["transaction"] == order.settlement_tx
    assert "x-payment-response" not in answer.headers
    assert counted("returned") == before + 1


async def test_who_has_a_free_call_left_enters_once_and_then_gets_terms(clock):
    paddock = bare_paddock(clock)
    paddock.services["echo"] = replace(ECHO, free_calls=1)
    before, answers = counted("entered"), []
    async with client_of(paddock) as client:
        for _ in range(2):
            sent = {"SIGN-IN-WITH-X": signed_in(paddock).sign_in[0].decode()}
            answers.append(await client.get("/v1/echo", headers=sent))
    assert [one.status_code for one in answers] == [200, 402]
    assert (answers[0].json(), answers[0].headers["cache-control"]) == ("answer", "private, no-store")
    assert counted("entered") == before + 1


# ------------------------------------------------------------------------------------------------------ the request


SCOPE = {"method": "GET", "raw_path": b"/v1/%65cho", "query_string": b"", "headers": [(b"host", b"127.0.0.1:8402")]}


@pytest.mark.parametrize(("query", "target"), [(b"", b"/v1/%65cho"), (b"a=%20b", b"/v1/%65cho?a=%20b")])
@pytest.mark.parametrize("prefix", ["", "/shop"])
def test_what_is_bound_is_the_target_as_it_was_sent(clock, query, target, prefix):
    paddock = bare_paddock(clock, origins=(f"http://127.0.0.1:8402{prefix}",))
    found = paywall.read_call(paddock, ECHO, SCOPE | {"query_string": query}, b"body")
    assert (found.intent.target, found.intent.body, found.query) == (prefix.encode() + target, b"body", query)
    assert (found.origin, found.intent.authority) == (f"http://127.0.0.1:8402{prefix}", "127.0.0.1:8402")


@pytest.mark.parametrize("name", [b"payment_signature", b"x_payment"])
def test_a_header_that_only_looks_like_a_payment_is_refused(clock, name):
    with pytest.raises(MalformedPayment, match="underscore"):
        paywall.read_call(bare_paddock(clock), ECHO, SCOPE | {"headers": [*SCOPE["headers"], (name, b"x")]}, b"")


@pytest.mark.parametrize("headers", [[], [(b"host", b"evil.example")]])
def test_a_host_that_is_not_ours_is_not_answered_for(clock, headers):
    with pytest.raises(Misdirected):
        paywall.read_call(bare_paddock(clock), ECHO, SCOPE | {"headers": headers}, b"")


# ---------------------------------------------------------------------------------------------------- with a payment


@pytest.mark.parametrize("version", [2, 1])
async def test_a_payment_buys_once_and_is_answered_in_its_own_version(clock, version):
    chain, market = FakeChain(clock), fake_market()
    facilitator = FakeFacilitator(chain, clock, market, LocalSigner(account("settler").key.hex()))
    chain.give(account("buyer").address, 50_000)
    async with client_of(bare_paddock(clock, chain, facilitator=facilitator)) as client:
        buyer = Buyer(client, account("buyer"))
        quoted = await buyer.ask("/v1/echo")
        until = str(int(clock.now().timestamp()) + 60)
        if version == 2:
            sent = {"PAYMENT-SIGNATURE": buyer.pay(quoted, validBefore=until)}
        else:
            entry = quoted.required_v1["accepts"][0]
            sent = {"X-PAYMENT": write_header(payment_v1(buyer.account, entry, validBefore=until))}
        first, again = [await client.get("/v1/echo", headers=sent) for _ in range(2)]
    assert [(one.status_code, one.json()) for one in (first, again)] == [(200, "answer")] * 2
    assert ("idempotent-replayed" in first.headers, again.headers["idempotent-replayed"]) == (False, "true")
    names = ["payment-response", "x-payment-response"]
    own, other = names if version == 2 else names[::-1]
    assert read_header(first.headers[own])["success"] is True
    assert other not in first.headers
    assert await chain.token_balance(market.asset.address, account("buyer").address) == 0
    assert facilitator.asked == ["verify", "settle"]


@pytest.mark.parametrize("replayed", [False, True])
async def test_what_was_sold_is_counted_and_says_whether_it_was_before(clock, monkeypatch, replayed):
    sells(monkeypatch, sold(replayed=replayed))
    before = counted("sold")
    async with client_of(bare_paddock(clock)) as client:
        answer = await client.get("/v1/echo", headers=PAID)
    assert (answer.status_code, answer.content) == (200, b"answer")
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers.get("idempotent-replayed") == ("true" if replayed else None)
    assert counted("sold") == before + 1


async def test_while_a_callback_still_runs_the_answer_is_where_to_look(clock, monkeypatch):
    order = samples.order(payment=PaymentState.SETTLED, fulfilment=FulfilmentState.EXECUTING)
    sells(monkeypatch, sold(order, delivery=None))
    async with client_of(bare_paddock(clock)) as client:
        answer = await client.get("/v1/echo", headers=PAID)
    status_url = f"{ORIGIN}/api/orders/{order.id}"
    assert answer.json() == {"order_id": order.id, "status": "pending", "status_url": status_url}
    assert (answer.status_code, answer.headers["location"], answer.headers["retry-after"]) == (202, status_url, "2")
    assert read_header(answer.headers["payment-response"])["transaction"] == SETTLEMENT.transaction


async def test_a_callback_that_failed_tells_of_the_refund_and_beside_it_that_the_money_moved(clock, monkeypatch):
    members = {"order_id": "the order", "refund": {"state": "due", "transaction": None}}
    sells(monkeypatch, CallbackFailed("it reverted", **members, settlement=SETTLEMENT))
    before = counted("callback_failed")
    async with client_of(bare_paddock(clock)) as client:
        answer = await client.get("/v1/echo", headers=PAID)
    problem = answer.json()
    assert (answer.status_code, problem["detail"]) == (502, "it reverted")
    assert set(problem) - {"type", "title", "status", "detail", "action"} == set(members)
    assert (problem["order_id"], problem["refund"]) == (members["order_id"], members["refund"])
    assert read_header(answer.headers["payment-response"])["transaction"] == SETTLEMENT.transaction
    assert counted("callback_failed") == before + 1


async def test_a_refused_payment_gets_fresh_terms_with_the_reason_and_is_counted(clock, monkeypatch):
    sells(monkeypatch, PaymentRefused("insufficient_funds", "too poor"))
    before = counted("refused")
    async with client_of(bare_paddock(clock)) as client:
        answer = await client.get("/v1/echo", headers=PAID)
    outcome = read_header(answer.headers["payment-response"])
    assert (answer.status_code, outcome["success"], outcome["errorReason"]) == (402, False, "insufficient_funds")
    assert read_header(answer.headers["payment-required"])["error"] == "insufficient_funds: too poor"
    assert counted("refused") == before + 1


async def test_any_other_end_of_a_payment_is_a_problem_and_counted_by_its_name(clock, monkeypatch):
    sells(monkeypatch, PaymentConflict("used already", order_id="the order"))
    before = counted(PaymentConflict.slug)
    async with client_of(bare_paddock(clock)) as client:
        answer = await client.get("/v1/echo", headers=PAID)
    assert (answer.status_code, answer.json()["order_id"]) == (PaymentConflict.status, "the order")
    assert counted(PaymentConflict.slug) == before + 1


@pytest.mark.parametrize(
    ("headers", "answered"),
    [
        ({"PAYMENT-SIGNATURE": "x"}, "payment-response"),
        ({"X-PAYMENT": "x"}, "x-payment-response"),
        ({"PAYMENT-SIGNATURE": "x", "X-PAYMENT": "x"}, "payment-response"),
    ],
)
async def test_an_outcome_is_told_in_the_version_of_the_payment(clock, monkeypatch, headers, answered):
    sells(monkeypatch, sold())
    async with client_of(bare_paddock(clock)) as client:
        answer = await client.get("/v1/echo", headers=headers)
    assert [name for name in ("payment-response", "x-payment-response") if name in answer.headers] == [answered]
