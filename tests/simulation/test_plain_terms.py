"""Terms that are made once a minute and answered before the framework's routing: the same bytes, and never old ones."""

from dataclasses import replace

import msgspec
import pytest
from litestar import Litestar
from prometheus_client import REGISTRY

from protocol.headers import encode_json, to_json
from protocol.intent import Intent
from protocol.wire_v1 import required_v1
from server.application import blanks
from server.application.pause import turn
from server.application.quote import quote
from server.application.sheet import sheet
from server.domain.outages import FacilitatorUnavailable
from server.services import on_sale
from server.services.access_pass import SERVICE as ACCESS_PASS
from server.services.arguments import shown_example
from server.services.service import Meter
from server.web.offering import PAUSED
from tests.fakes.chain import DOLLAR
from tests.simulation.test_metered import ExactOnly
from tests.simulation.test_signers_away import with_away
from tests.simulation.world import ALIAS, ORIGIN, open_world, service
from tests.stack.buyer import read_header

HOST = (b"host", b"paddock.test")
EURO = replace(DOLLAR, address="0x" + "71" * 20, name="Euro 100 %s %", symbol="EUR")
OUTCOMES = "paddock_paid_route_total"


@pytest.fixture
async def world(monkeypatch):
    """A marketplace that sells everything, in two assets on two networks; what is random is always the same."""
    monkeypatch.setattr("secrets.token_bytes", lambda size: b"\x07" * size)
    metered = service("scan", lambda *_: {}, meter=Meter("word", 10))
    free = service("gift", lambda *_: {}, free_calls=3, summary='It\'s "100 %" ünï\\code')
    atomic = replace(ACCESS_PASS, slug="at-once", atomic=True)
    async with open_world(
        *on_sale(samples=True), metered, free, atomic, assets=(DOLLAR, EURO), chain_ids=(31337, 84532)
    ) as opened:
        yield opened


class Reached(Exception):
    """The framework was asked."""


@pytest.fixture
def alone(monkeypatch):
    """Within the test the framework answers nothing."""

    async def refuse(*_):
        raise Reached

    monkeypatch.setattr(Litestar, "__call__", refuse)


async def messages(answering, path, query=b"", headers=(HOST,), body=b"", **changes):
    """What an application sends for a request, message by message."""
    sent = []
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "root_path": "",
        "headers": list(headers),
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8402),
        **changes,
    }

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        sent.append(message)

    await answering(scope, receive, send)
    return sent


async def both(world, *request, **changes):
    """The same request answered by the application and by Litestar alone."""
    own = await messages(world.app, *request, **changes)
    framework = await messages(lambda *call: Litestar.__call__(world.app, *call), *request, **changes)
    return own, framework


def read(sent):
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], headers, sent[1]["body"]


async def entry(world, slug="echo"):
    """The first entry of the terms that a plain request gets."""
    _, headers, _ = read(await messages(world.app, f"/v1/{slug}"))
    return read_header(headers["payment-required"])["accepts"][0]


def quoted(slug):
    return REGISTRY.get_sample_value(OUTCOMES, {"service": slug, "outcome": "quoted"}) or 0


async def test_every_service_answers_a_plain_request_with_the_bytes_of_the_paid_route(world):
    for slug, sold in world.paddock.services.items():
        example = shown_example(sold).removeprefix("?").encode() if sold.method == "GET" else b""
        for query in {b"", example}:
            own, framework = await both(world, f"/v1/{slug}", query)
            assert own == framework, slug
            expected = 405 if sold.method == "POST" else 402
            assert read(own)[0] == expected, slug


async def test_the_framework_is_not_asked_for_plain_requests(world, alone):
    status, headers, body = read(await messages(world.app, "/v1/echo", b"text=hi"))
    assert (status, headers["content-length"]) == (402, str(len(body)))
    for path in ("/v1/echo-post", "/v1/nothing", "/v1/echo/", "/"):
        with pytest.raises(Reached):
            await messages(world.app, path)


@pytest.mark.parametrize(
    "headers",
    [
        ((b"payment-signature", b"e30="),),
        ((b"x-payment", b"e30="),),
        ((b"payment_signature", b"e30="),),
        ((b"x_payment", b"e30="),),
        ((b"payment-signature", b"e30="), (b"x-payment", b"e30=")),
        ((b"sign-in-with-x", b"e30="),),
        ((b"origin", b"https://shop.example"),),
        ((b"content-type", b"application/json"),),
        ((b"accept", b"text/html,application/xhtml+xml"),),
        ((b"accept", b"application/json"), (b"accept-encoding", b"gzip, br")),
        ((b"cookie", b"a=b"), (b"range", b"bytes=0-1"), (b"if-none-match", b'"a"')),
        ((b"authorization", b"Bearer operator-token"),),
        ((b"host", b"alias.test"),),
        ((b"x-forwarded-host", b"alias.test"), (b"connection", b"close")),
    ],
    ids=lambda found: " ".join(name.decode() for name, _ in found),
)
async def test_no_header_makes_the_answer_another_one_than_the_paid_routes(world, headers):
    for slug in ("echo", "gift", "scan"):
        own, framework = await both(world, f"/v1/{slug}", b"", (HOST, *headers))
        assert own == framework
    own, framework = await both(world, "/v1/echo", b"", headers)
    assert own == framework


@pytest.mark.parametrize("header", [(b"content-length", b"5"), (b"transfer-encoding", b"chunked")])
async def test_a_body_is_seen_however_it_is_announced(world, header):
    own, framework = await both(world, "/v1/echo", b"", (HOST, header), b"12345")
    assert own == framework
    assert read(own)[0] == 400


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "HEAD"},
        {"method": "OPTIONS"},
        {"method": "POST"},
        {"root_path": "/v1"},
        {"raw_path": b"/v1/%65cho"},
        {"headers": []},
        {"headers": [(b"host", b"evil.example")]},
        {"query_string": b"text=1&text=2"},
        {"query_string": b"text=%22%25b%22%c3%bc"},
        {"query_string": b"t\xffext=1"},
        {"query_string": b"other=1"},
    ],
    ids=str,
)
async def test_no_spelling_of_a_request_makes_the_answer_another_one(world, changes):
    own, framework = await both(world, "/v1/echo", **changes)
    assert own == framework


async def test_every_sheet_says_what_the_quote_says(world):
    targets = {b"/v1/x", b"/v1/x?q=%22%25b&a=\\%s", b"/v1/x?\xc3\xbc\"'\x01"}
    for sold in world.paddock.services.values():
        for origin, target in {(ORIGIN, target) for target in targets} | {(ALIAS, b"/v1/x")}:
            body = msgspec.json.encode(sold.example) if sold.method == "POST" else b""
            kind = "application/json" if body else ""
            intent = Intent(sold.method, origin.removeprefix("http://"), target, kind, body, sold.merchant)
            for error in (None, 'invalid_payload: "100 %" \\ ü'):
                for _first_and_kept in range(2):
                    found = await sheet(world.paddock, sold, intent, origin, error)
                    said = await quote(world.paddock, sold, intent, origin, error)
                    assert found.header == encode_json(to_json(said)), sold.slug
                    assert found.body == to_json(required_v1(said)), sold.slug


async def test_each_request_has_a_quote_of_its_own_that_can_be_paid():
    async with open_world() as world:
        first = await world.buyer.ask(world.url("echo", "?text=one"))
        second = await world.buyer.ask(world.url("echo", "?text=two"))
        assert first.entry["extra"]["quoteId"] != second.entry["extra"]["quoteId"]
        for one, text in ((first, "one"), (second, "two")):
            answer = await world.buyer.present(one, world.buyer.pay(one))
            assert (answer.status_code, answer.json()["text"]) == (200, text)


async def test_a_changed_price_and_what_goes_off_sale_is_seen_at_once(world):
    assert (await entry(world))["amount"] == str(world.paddock.services["echo"].amount)
    world.shelf.services["echo"] = replace(world.paddock.services["echo"], amount=77)
    assert (await entry(world))["amount"] == "77"
    world.shelf.off_sale["echo"] = replace(world.shelf.services.pop("echo"), on_sale=False)
    own, framework = await both(world, "/v1/echo")
    assert own == framework
    assert read(own)[0] == 410


async def test_a_merchants_new_address_is_seen_at_once(world):
    assert (await entry(world))["payTo"] == world.paddock.merchants["paddock"].pay_to
    moved = replace(world.paddock.merchants["paddock"], pay_to="0x" + "42" * 20)
    world.paddock.merchants["paddock"] = moved
    assert (await entry(world))["payTo"] == moved.pay_to


async def test_a_pause_is_told_within_a_second(world):
    for on in (True, False):
        await turn(world.db, world.clock, on=on, reason="", by="test")
        world.clock.advance(1)
        _, headers, body = read(await messages(world.app, "/v1/echo"))
        assert (read_header(headers["payment-required"])["error"] == PAUSED) is on
        assert (PAUSED.encode() in body) is on


async def test_offers_are_signed_anew_each_minute(world):
    ends = []
    for _ in range(2):
        _, headers, _ = read(await messages(world.app, "/v1/echo"))
        offers = read_header(headers["payment-required"])["extensions"]["offer-receipt"]["info"]["offers"]
        ends.append(offers[0]["payload"]["validUntil"])
        world.clock.advance(60)
    assert ends[1] == ends[0] + 60


async def test_offers_come_back_with_their_signer(world):
    away = with_away(world, "receipts")
    for off in (True, False):
        away.off = off
        _, headers, _ = read(await messages(world.app, "/v1/echo"))
        assert ("offer-receipt" in read_header(headers["payment-required"])["extensions"]) is not off


async def test_a_metered_service_is_offered_as_long_as_somebody_settles_it(world):
    assert (await entry(world, "scan"))["scheme"] == "upto"
    world.paddock.facilitator.settlers = ExactOnly.settlers.__get__(world.paddock.facilitator)
    own, framework = await both(world, "/v1/scan")
    assert own == framework
    assert read(own)[0] == FacilitatorUnavailable.status


async def test_terms_of_scheme_delegate_go_with_the_executor(world):
    async def schemes():
        sold = world.paddock.services["at-once"]
        intent = Intent("POST", "paddock.test", b"/v1/at-once", "", b"", sold.merchant)
        found = await sheet(world.paddock, sold, intent, ORIGIN)
        return {one["scheme"] for one in read_header(found.header)["accepts"]}

    assert "delegate" in await schemes()
    world.paddock.facilitator.executors = dict
    assert "delegate" not in await schemes()


async def test_each_request_for_terms_is_counted_once_and_a_refused_one_not(world):
    before = quoted("echo")
    await messages(world.app, "/v1/echo", b"text=hi")
    assert quoted("echo") == before + 1
    own, framework = await both(world, "/v1/echo", b"no=argument")
    assert own == framework
    assert read(own)[0] == 422
    assert quoted("echo") == before + 1


async def test_before_the_process_is_put_together_the_framework_says_so(world):
    world.app.state.paddock = None
    own, framework = await both(world, "/v1/echo")
    assert own == framework
    assert read(own)[0] == 503


async def test_no_more_sheets_are_kept_than_there_is_room_for(world, monkeypatch):
    monkeypatch.setattr(blanks, "KEPT", 2)
    for slug in ("echo", "echo-dear", "gift"):
        await messages(world.app, f"/v1/{slug}")
    assert [slug for slug, _ in world.paddock.blanks.kept] == ["echo-dear", "gift"]
