"""Who gets the payment page and who JSON, and what the page says where a browser's wallet cannot pay."""

import re

import pytest
from litestar import Litestar

from server.application.pause import turn
from server.domain.listing_errors import OffSale
from server.services.service import Answer, Meter
from server.web.accepting import wants_page
from server.web.guards import PAID_VARY
from server.web.offering import PAUSED
from tests.fakes.chain import DOLLAR
from tests.simulation.test_plain_terms import EURO, messages, read
from tests.simulation.world import open_world, service
from tests.stack.buyer import read_header
from tests.stack.page import Read

BROWSERS = (
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8",
    "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "text/html",
    "TEXT/HTML;level=1, application/json;q=0.9",
)
PROGRAMS = (
    "*/*",
    "application/json",
    "application/json, text/plain, */*",
    "application/json, text/html",
    "text/html, */*",
    "text/html;q=0.8, application/*",
    "text/html;q=0",
    "text/html;q=much",
    "text/htmlx",
    "",
)


@pytest.fixture
async def world():
    """Services with and without arguments that are needed, one by use, and one whose answer is HTML."""

    async def made(_arguments, _context):
        return Answer(b"<script>alert(1)</script>", "text/html")

    metered = service("scan", lambda *_: {}, meter=Meter("word", 10))
    html = service("page", made, answers="text/html")
    async with open_world(metered, html, assets=(DOLLAR, EURO)) as opened:
        yield opened


async def ask(world, path, accept, **headers):
    return await world.client.get(path, headers={"Accept": accept, **headers})


@pytest.mark.parametrize("accept", BROWSERS)
async def test_a_browser_gets_the_terms_as_a_page_with_the_same_header(world, accept):
    answer = await ask(world, "/v1/echo?text=hi", accept)
    assert (answer.status_code, answer.headers["content-type"]) == (402, "text/html; charset=utf-8")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["vary"] == PAID_VARY
    shown = Read(answer)
    (panel,) = [given for _, given in shown.tags if "data-required" in given]
    assert panel["data-required"] == answer.headers["payment-required"]
    terms = read_header(answer.headers["payment-required"])
    by_json = read_header((await ask(world, "/v1/echo?text=hi", "*/*")).headers["payment-required"])
    for one in (terms, by_json):
        for entry in one["accepts"]:
            for name in ("quote", "quoteId", "statusUrl", "expiresAt"):
                assert entry["extra"].pop(name)
    assert terms["accepts"] == by_json["accepts"]
    assert terms["resource"] == by_json["resource"]


@pytest.mark.parametrize("accept", PROGRAMS)
async def test_a_program_gets_what_it_always_got(world, accept, monkeypatch):
    monkeypatch.setattr("secrets.token_bytes", lambda size: b"\x07" * size)
    usual = read(await messages(world.app, "/v1/echo", b"text=hi"))
    headers = ((b"host", b"paddock.test"), (b"accept", accept.encode()))
    assert read(await messages(world.app, "/v1/echo", b"text=hi", headers)) == usual


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/json, text/plain, */*", ""])
async def test_a_programs_request_asks_no_framework(world, accept, monkeypatch):
    monkeypatch.delattr(Litestar, "__call__")
    headers = ((b"host", b"paddock.test"), (b"accept", accept.encode()))
    assert read(await messages(world.app, "/v1/echo", b"text=hi", headers))[0] == 402


def test_several_accept_headers_are_one_list():
    assert wants_page([(b"accept", b"text/html"), (b"host", b"x"), (b"accept", b"*/*;q=0.1")])
    assert not wants_page([(b"accept", b"text/html"), (b"accept", b"application/json")])
    assert not wants_page([])


async def test_the_terms_of_a_page_can_be_paid_once(world):
    answer = await ask(world, "/v1/echo?text=hi", BROWSERS[0])
    quoted = await world.buyer.ask(world.url("echo", "?text=hi"))
    quoted = type(quoted)(quoted.url, "GET", None, read_header(answer.headers["payment-required"]), {})
    header = world.buyer.pay(quoted)
    paid = await world.buyer.present(quoted, header, Accept=BROWSERS[0])
    assert (paid.status_code, paid.json()["text"]) == (200, "hi")
    again = await world.buyer.present(quoted, header)
    assert again.headers["idempotent-replayed"] == "true"
    assert len(await world.orders()) == 1


async def test_a_payment_that_is_refused_is_answered_by_json_whatever_is_accepted(world):
    quoted = await world.buyer.ask(world.url("echo", "?text=hi"))
    header = world.buyer.pay(quoted, value="1")
    refused = await world.buyer.present(quoted, header, Accept=BROWSERS[0])
    assert (refused.status_code, refused.headers["content-type"]) == (402, "application/json")


async def test_the_page_runs_nothing_inline_and_asks_nobody_else(world):
    answer = await ask(world, "/v1/echo?text=<script>alert(1)</script>", BROWSERS[0])
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "<script>alert" not in answer.text
    for tag, given in Read(answer).tags:
        assert not [name for name in given if name.startswith("on") or name == "style"]
        assert tag != "script" or given["src"].startswith("/static/")


async def test_an_answer_of_html_that_was_paid_for_is_still_sandboxed(world):
    quoted = await world.buyer.ask(world.url("page", "?text=hi"))
    answer = await world.buyer.present(quoted, world.buyer.pay(quoted), Accept=BROWSERS[0])
    assert answer.headers["content-type"].startswith("text/html")
    assert "sandbox" in answer.headers["content-security-policy"]


async def test_every_way_to_pay_is_shown_with_its_exact_terms(world):
    answer = await ask(world, "/v1/echo?text=hi", BROWSERS[0])
    shown = Read(answer)
    for entry in read_header(answer.headers["payment-required"])["accepts"]:
        assert entry["asset"] in answer.text
        assert entry["payTo"] in answer.text
        assert f"Atomic units {entry['amount']}" in re.sub(r"\s+", " ", shown.text)
        assert entry["extra"]["quoteId"] in answer.text


async def test_what_a_wallet_cannot_sign_here_says_so_and_has_no_button(world):
    answer = await ask(world, "/v1/scan?text=hi", BROWSERS[0])
    assert answer.status_code == 402
    assert "charged by what it uses" in answer.text
    assert "Permit2" in answer.text
    assert "data-pay" not in answer.text
    assert "paddock-agent fetch" in answer.text


async def test_arguments_that_will_not_do_are_told_with_a_form_and_no_terms(world):
    answer = await ask(world, "/v1/echo?text=hi&other=1", BROWSERS[0])
    assert answer.status_code == 422
    assert "payment-required" not in answer.headers
    assert "other" in answer.text
    assert "data-pay" not in answer.text
    (field,) = [given for tag, given in Read(answer).tags if tag == "input"]
    assert (field["name"], field["value"]) == ("text", "hi")


async def test_a_service_off_sale_gives_a_browser_no_terms(world):
    sold = world.shelf.services.pop("echo")
    world.shelf.off_sale["echo"] = type(sold)(**{**vars(sold), "on_sale": False})
    answer = await ask(world, "/v1/echo", BROWSERS[0])
    assert answer.status_code == OffSale.status


async def test_a_pause_stands_on_the_page(world):
    await turn(world.db, world.clock, on=True, reason="", by="test")
    world.clock.advance(1)
    assert PAUSED in (await ask(world, "/v1/echo", BROWSERS[0])).text


@pytest.mark.parametrize("accept", BROWSERS)
async def test_a_browser_that_opens_what_is_asked_with_post_is_shown_the_services_page(world, accept):
    answer = await ask(world, "/v1/echo-post", accept)
    assert (answer.status_code, answer.headers["location"]) == (303, "/services/echo-post")
    assert (await ask(world, "/services/echo-post", accept)).status_code == 200


@pytest.mark.parametrize("accept", PROGRAMS)
async def test_a_program_that_asks_with_get_is_told_of_post(world, accept):
    answer = await ask(world, "/v1/echo-post", accept)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
