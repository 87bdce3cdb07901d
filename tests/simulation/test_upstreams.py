"""Providers' own endpoints, sold through the gateway: from a description to a paid answer, and every way it fails."""

import json
from dataclasses import dataclass, field

import pytest

from server.application.sell_upstream import own
from server.domain.listing_errors import UnknownUpstream
from server.domain.states import MoneyBackState, PaymentState
from server.domain.upstreams import ORDER, PAYER
from server.ports import Reached
from tests.fakes.upstream import DESCRIBED, URL, Provider
from tests.simulation.world import MERCHANT_KEY, TOKEN, World, open_world

SERVICES = "/api/merchants/paddock/services"
PAID = "paddock.weather"
RENAMED = DESCRIBED | {
    "arguments": {"type": "object", "properties": {"town": {"type": "string"}}, "required": ["town"]},
    "example": {"town": "Wien"},
}
"""The same service with another name for its argument."""


@dataclass
class Shop:
    """A world, and a provider who sells in it."""

    world: World
    provider: Provider = field(default_factory=Provider)

    async def call(self, method, path="", status=200, key=MERCHANT_KEY, **body):
        answer = await self.world.client.request(
            method, SERVICES + path, headers={"Authorization": f"Bearer {key}"}, json=body or None
        )
        assert answer.status_code == status, answer.text
        return answer.json()

    async def describe(self, **changes):
        """A draft; the provider knows its secret."""
        made = await self.call("POST", "/", 201, name="weather", service=DESCRIBED | changes)
        self.provider.secret = bytes.fromhex(made["secret"])
        self.world.gateway.upstreams[URL] = self.provider
        return made

    async def sell(self, **changes):
        """On sale, and known to this process."""
        await self.describe(**changes)
        listed = await self.call("POST", "/weather/list")
        await self.refresh()
        self.provider.asked.clear()
        return listed

    async def refresh(self):
        await self.world.shelf.refresh(self.world.db)

    async def buy(self, query="?city=Graz&days=3"):
        """The quote, the payment and its answer."""
        quoted = await self.world.buyer.ask(self.world.url(PAID, query))
        header = self.world.buyer.pay(quoted)
        return quoted, header, await self.world.buyer.present(quoted, header)


@pytest.fixture
async def shop():
    async with open_world() as world:
        yield Shop(world)


async def test_a_described_endpoint_is_probed_listed_found_and_sold(shop):
    made = await shop.describe()
    assert (made["state"], made["paid_url"]) == ("draft", "http://paddock.test/v1/paddock.weather")
    assert (await shop.world.client.get(f"/v1/{PAID}")).status_code == 404
    listed = await shop.call("POST", "/weather/list")
    assert listed["state"] == "listed"
    assert [(one["check"], one["passed"]) for one in listed["findings"]] == [
        (check, True) for check in ("description", "reached", "status", "size", "type", "answer", "signature")
    ]
    await shop.refresh()
    offers = (await shop.world.client.get("/api/services")).json()
    (found,) = [one for one in offers if one["slug"] == PAID]
    assert (found["amount"], found["unit"], found["merchant"]) == ("20000", "report", "paddock")
    assert found["arguments"]["properties"]["days"] == {"type": "integer", "minimum": 1, "maximum": 9}
    assert found["answers"]["properties"]["celsius"] == {"type": "number"}
    page = await shop.world.client.get(f"/services/{PAID}")
    assert page.status_code == 200
    assert "Weather at a place" in page.text


async def test_a_paid_request_is_forwarded_once_signed_for_its_order_and_payer(shop):
    await shop.sell()
    quoted, header, answer = await shop.buy()
    assert (answer.status_code, answer.json()) == (200, {"celsius": 21.5, "asked": 1})
    again = await shop.world.buyer.present(quoted, header)
    assert (again.status_code, again.content) == (200, answer.content)
    (asked,) = shop.provider.asked
    assert (asked.method, asked.url, asked.body) == ("GET", f"{URL}?city=Graz&days=3", b"")
    assert (asked.headers[ORDER], asked.headers[PAYER]) == (quoted.id, shop.world.buyer.account.address)
    assert {name.lower() for name in asked.headers} <= {
        "accept", "paddock-order", "paddock-payer", "paddock-timestamp", "paddock-signature"
    }  # fmt: skip
    order = await shop.world.order(quoted.id)
    assert (order.terms.amount, order.terms.merchant, order.payment) == (20_000, "paddock", PaymentState.SETTLED)


async def test_a_post_is_forwarded_with_its_body_as_json(shop):
    nested = {
        "type": "object",
        "properties": {"places": {"type": "array", "items": {"type": "string"}, "maxItems": 3}},
        "required": ["places"],
    }
    await shop.sell(method="POST", arguments=nested, example={"places": ["Wien"]}, answers={})
    quoted = await shop.world.buyer.ask(shop.world.url(PAID), "POST", {"places": ["Graz", "Linz"]})
    answer = await shop.world.buyer.present(quoted, shop.world.buyer.pay(quoted))
    assert answer.status_code == 200
    (asked,) = shop.provider.asked
    assert (asked.url, json.loads(asked.body)) == (URL, {"places": ["Graz", "Linz"]})
    assert asked.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("says", "status"),
    [
        (Reached(500, b"oops", "text/plain"), 502),
        (Reached(500, b'{"celsius": 1}', "application/json"), 502),
        (Reached(206, b'{"celsius": 1}', "application/json"), 502),
        (Reached(401, b"who?", "text/plain"), 502),
        (Reached(302, b"", ""), 502),
        (Reached(None, error="no answer within 10 s"), 502),
        (Reached(200, b'{"celsius": "warm"}', "application/json"), 502),
        (Reached(200, b"{}", "application/json"), 502),
        (Reached(200, b'{"celsius": 1}', "text/html"), 502),
        (Reached(200, b'{"celsius": 1}', "application/json", whole=False), 502),
        (Reached(422, b"no such city", "text/plain"), 422),
    ],
)
async def test_an_upstream_that_fails_or_answers_with_something_else_is_never_paid(shop, says, status):
    await shop.sell()
    shop.provider.says = lambda _request: says
    _, _, answer = await shop.buy()
    assert answer.status_code == status, answer.text
    assert "PAYMENT-RESPONSE" not in answer.headers
    assert shop.world.settlements() == 0


@pytest.mark.parametrize("says", [Reached(500, b"oops", "text/plain"), Reached(None, error="no answer within 10 s")])
async def test_what_is_paid_first_and_fails_goes_back(shop, says):
    await shop.sell(fulfilment="after_settlement")
    shop.provider.says = lambda _request: says
    async with shop.world.workers():
        quoted, _, answer = await shop.buy()
    assert answer.status_code in (202, 502)
    await shop.world.work(60)
    assert len(shop.provider.asked) == 1, "what may have done something is not asked again"
    assert (await shop.world.order(quoted.id)).money_back is MoneyBackState.REFUNDED


async def test_what_is_paid_first_and_cannot_be_reached_is_asked_again_when_nothing_was_begun(shop):
    await shop.sell(fulfilment="after_settlement")
    away = [Reached(None, begun=False, error="no connection")] * 2
    shop.provider.says = lambda _request: away.pop() if away else Reached(200, b'{"celsius": 3}', "application/json")
    async with shop.world.workers():
        quoted, header, _ = await shop.buy()
    await shop.world.work(60)
    answer = await shop.world.buyer.present(quoted, header)
    assert (answer.status_code, answer.json()) == (200, {"celsius": 3})


@pytest.mark.parametrize("rest", ["pause", "delist"])
async def test_what_is_taken_off_sale_is_quoted_no_more_and_what_was_bought_is_still_answered(shop, rest):
    await shop.sell()
    quoted, header, bought = await shop.buy()
    late = await shop.world.buyer.ask(shop.world.url(PAID, "?city=Linz"))
    await shop.call("POST", f"/weather/{rest}")
    await shop.refresh()
    asked = await shop.world.client.get(f"/v1/{PAID}?city=Linz")
    assert (asked.status_code, asked.json()["type"].rpartition("/")[2]) == (410, "off-sale")
    refused = await shop.world.buyer.present(late, shop.world.buyer.pay(late))
    assert refused.status_code == 410
    assert shop.world.settlements() == 1, "a quote from before buys nothing"
    again = await shop.world.buyer.present(quoted, header)
    assert (again.status_code, again.content) == (200, bought.content)
    assert PAID not in (await shop.world.client.get("/api/services")).text
    await shop.call("POST", "/weather/list")
    await shop.refresh()
    assert (await shop.buy("?city=Wels"))[2].status_code == 200


async def test_a_paid_order_of_a_delisted_service_is_still_performed(shop):
    await shop.sell(fulfilment="after_settlement")
    quoted = await shop.world.buyer.ask(shop.world.url(PAID, "?city=Graz"))
    answer = await shop.world.buyer.present(quoted, shop.world.buyer.pay(quoted))
    assert answer.status_code == 202
    await shop.call("POST", "/weather/delist")
    await shop.refresh()
    await shop.world.work(30)
    assert (await shop.world.order(quoted.id)).shown == "completed"


async def test_a_changed_price_counts_for_new_quotes_and_leaves_those_that_are_out(shop):
    await shop.sell()
    before = await shop.world.buyer.ask(shop.world.url(PAID, "?city=Graz"))
    changed = await shop.call("PUT", "/weather", **DESCRIBED | {"price": "0.05"})
    assert (changed["amount"], changed["version"]) == ("50000", 2)
    await shop.refresh()
    answer = await shop.world.buyer.present(before, shop.world.buyer.pay(before))
    assert answer.status_code == 200
    assert (await shop.world.order(before.id)).terms.amount == 20_000
    assert (await shop.world.buyer.ask(shop.world.url(PAID, "?city=Linz"))).entry["amount"] == "50000"


async def test_a_change_of_what_is_on_sale_counts_only_if_the_probe_passes(shop):
    await shop.sell()
    elsewhere = DESCRIBED | {"url": "https://api.acme.example/v2/weather"}
    refused = await shop.call("PUT", "/weather", 422, **elsewhere)
    assert refused["type"].endswith("/probe-failed")
    assert refused["findings"][-1] == {
        "check": "reached",
        "passed": False,
        "says": "no connection",
        "mend": "open it to the public internet with a valid certificate, or correct the URL",
        "warns": False,
    }
    assert (await shop.call("GET", "/weather"))["url"] == URL


async def test_the_secret_rotates_without_a_refused_request(shop):
    await shop.sell()
    before = shop.provider.secret
    new = bytes.fromhex((await shop.call("POST", "/weather/rotate", overlap_hours=1))["secret"])
    await shop.refresh()
    assert (await shop.buy("?city=A"))[2].status_code == 200
    shop.provider.secret = new
    assert (await shop.buy("?city=B"))[2].status_code == 200
    shop.world.clock.advance(3601)
    assert (await shop.buy("?city=C"))[2].status_code == 200
    shop.provider.secret = before
    assert (await shop.buy("?city=D"))[2].status_code == 502


@pytest.mark.parametrize(
    ("says", "check"),
    [
        (Reached(None, begun=False, error="no connection"), "reached"),
        (Reached(401, b"", ""), "status"),
        (Reached(200, b"", "application/json"), "size"),
        (Reached(200, b"{}", "text/html"), "type"),
        (Reached(200, b"{}", "application/json"), "answer"),
    ],
)
async def test_the_probe_says_what_is_wrong_and_nothing_is_listed(shop, says, check):
    await shop.describe()
    shop.provider.secret, shop.provider.says = b"", lambda _request: says
    found = await shop.call("POST", "/weather/probe")
    assert (found["passed"], found["findings"][-1]["check"]) == (False, check)
    assert found["findings"][-1]["mend"]
    refused = await shop.call("POST", "/weather/list", 422)
    assert refused["findings"] == found["findings"]
    assert (await shop.call("GET", "/weather"))["state"] == "draft"


async def test_an_upstream_that_checks_no_signature_is_listed_with_a_warning(shop):
    await shop.describe()
    shop.provider.secret = b""
    listed = await shop.call("POST", "/weather/list")
    last = listed["findings"][-1]
    assert (last["check"], last["passed"], last["warns"]) == ("signature", False, True)


async def test_only_the_merchant_and_the_operator_may_and_the_audit_says_who(shop):
    await shop.describe()
    for key in ("", "wrong"):
        await shop.call("GET", "", 401, key=key)
        await shop.call("POST", "/weather/list", 401, key=key)
    other = await shop.world.client.get(
        "/api/merchants/other/services", headers={"Authorization": f"Bearer {MERCHANT_KEY}"}
    )
    assert other.status_code == 401
    await shop.call("POST", "/weather/list", key=TOKEN)
    await shop.call("POST", "/weather/pause")
    lines = (await shop.call("GET", "/weather"))["changes"]
    assert [(one["old"], one["new"], one["by"]) for one in lines] == [
        ("listed", "paused", "paddock"), ("draft", "listed", "operator"), ("", "draft", "paddock")
    ]  # fmt: skip
    assert lines[0]["facts"]["amount"] == 20_000
    await shop.call("POST", "/weather/pause", 409)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"url": "https://10.0.0.1/x"}, "not a public one"),
        ({"url": "http://api.acme.example/x"}, "https://"),
        ({"url": "https://localhost/x"}, "full name"),
        ({"price": "0"}, "above 0"),
        ({"price": "0.0000001"}, "price"),
        ({"price": "10001"}, "at most"),
        ({"title": ""}, "title"),
        ({"title": "a\u202eb"}, "title"),
        ({"answers": "text/html"}, "answers"),
        ({"timeout_seconds": 61}, "timeout_seconds"),
        ({"quote_seconds": 5}, "quote_seconds"),
        ({"tags": ["x"] * 9}, "tags"),
        ({"example": {"city": ""}}, "example"),
        ({"example": {"town": "Wien"}}, "example"),
        ({"arguments": {"type": "array"}}, "arguments"),
        ({"arguments": {"type": "object", "properties": {"a": {"type": "string", "pattern": "(a+)+$"}}}}, "pattern"),
        ({"arguments": {"type": "object", "properties": {"a": {"type": "array"}}}}, "use POST"),
        ({"arguments": {"type": "object", "properties": {"class": {"type": "string"}}}}, "class"),
        ({"method": "DELETE"}, "method"),
        ({"surprise": 1}, "surprise"),
    ],
)
async def test_a_description_that_cannot_be_sold_is_refused_with_the_member_to_mend(shop, change, says):
    refused = await shop.call("POST", "/", 422, name="weather", service=DESCRIBED | change)
    assert says in refused["detail"]
    assert (await shop.call("GET", "/"))["services"] == []


@pytest.mark.parametrize("name", ["", "Weather", "a.b", "../x", "x" * 41, "-a", "a-"])
async def test_a_name_is_a_plain_one(shop, name):
    assert "name" in (await shop.call("POST", "/", 422, name=name, service=DESCRIBED))["detail"]


async def test_another_merchants_service_is_not_there(shop):
    await shop.describe()
    with pytest.raises(UnknownUpstream):
        await own(shop.world.paddock, "other", PAID)


async def test_a_name_is_taken_once(shop):
    await shop.describe()
    taken = await shop.call("POST", "/", 409, name="weather", service=DESCRIBED)
    assert "already" in taken["detail"]


async def test_what_was_paid_for_is_answered_although_the_arguments_have_changed(shop):
    await shop.sell()
    quoted, header, bought = await shop.buy()
    await shop.call("PUT", "/weather", **RENAMED)
    await shop.refresh()
    again = await shop.world.buyer.present(quoted, header)
    assert (again.status_code, again.content) == (200, bought.content)


async def test_what_is_paid_first_and_can_no_longer_be_asked_goes_back(shop):
    await shop.sell(fulfilment="after_settlement")
    quoted = await shop.world.buyer.ask(shop.world.url(PAID, "?city=Graz"))
    assert (await shop.world.buyer.present(quoted, shop.world.buyer.pay(quoted))).status_code == 202
    await shop.call("PUT", "/weather", **RENAMED | {"fulfilment": "after_settlement"})
    await shop.refresh()
    await shop.world.work(60)
    order = await shop.world.order(quoted.id)
    assert (order.money_back, shop.provider.asked[1:]) == (MoneyBackState.REFUNDED, [])
    assert "takes other arguments now" in order.failure


async def test_an_openapi_document_becomes_drafts_that_can_be_listed(shop):
    document = {
        "openapi": "3.0.3",
        "paths": {
            "/v1/weather": {
                "get": {
                    "operationId": "weather",
                    "parameters": [
                        {"name": "city", "in": "query", "required": True, "schema": {"type": "string"}, "example": "W"}
                    ],
                }
            },
            "/v1/things/{id}": {"get": {"operationId": "thing"}},
        },
    }
    found = await shop.call("POST", "/import", document=document, base="https://api.acme.example", price="0.01")
    assert [one["operation"] for one in found["left_out"]] == ["GET /v1/things/{id}"]
    (made,) = found["drafts"]
    shop.provider.secret, shop.world.gateway.upstreams[URL] = bytes.fromhex(made["secret"]), shop.provider
    await shop.call("POST", "/weather/list")
    await shop.refresh()
    assert (await shop.buy("?city=Graz"))[2].status_code == 200
