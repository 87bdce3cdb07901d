"""The console's pages by which a provider sells: described in a form, mended where the probe says, and nothing lost."""

import json
import re
from html import unescape

import pytest

from server.ports import Reached
from server.web.selling_forms import BLANK, described_of, fields_of
from tests.fakes.upstream import DESCRIBED, URL
from tests.simulation.staff import OTHER_PAID, asking, staff
from tests.simulation.test_upstreams import PAID, Shop
from tests.simulation.world import open_world

NEW, PAGE = "/console/services/new", f"/console/services/{PAID}"
WEATHER = dict(BLANK) | {
    "merchant": "paddock",
    "name": "weather",
    **{name: DESCRIBED[name] for name in ("url", "title", "summary", "price", "unit")},
    **{name: json.dumps(DESCRIBED[name]) for name in ("arguments", "example", "answers")},
    "tags": "rain, cities ,",
}
"""What the form sends when all of it is filled in."""


@pytest.fixture
async def shop():
    async with open_world() as world:
        yield Shop(await staff(world))


async def send(shop, path, status, who="owner", **changes):
    answer = await shop.world.client.post(path, data=WEATHER | changes, headers=await asking(shop.world, who))
    assert answer.status_code == status, answer.text
    return answer.text


async def see(shop, path=PAGE, who="owner"):
    return (await shop.world.client.get(path, headers=await asking(shop.world, who))).text


def standing(text):
    """What stands in the first form that describes a service."""
    form = re.search(r'<form class="describe".*?</form>', text, re.DOTALL)[0]
    found = {name: unescape(value) for name, value in re.findall(r'<input name="(\w+)"[^>]* value="([^"]*)"', form)}
    texts = re.findall(r'<textarea name="(\w+)"[^>]*>(.*?)</textarea>', form, re.DOTALL)
    return found | {name: unescape(value) for name, value in texts}


async def test_a_form_becomes_the_same_draft_as_the_interface_makes_with_its_secret_shown_once(shop):
    text = await send(shop, NEW, 201)
    secret = bytes.fromhex(re.search(r"<code>([0-9a-f]{64})</code>", text)[1])
    made = await shop.call("GET", "/weather")
    for name in ("url", "title", "summary", "unit", "arguments", "example", "answers"):
        assert made[name] == DESCRIBED[name], name
    assert (made["state"], made["amount"], made["tags"]) == ("draft", "20000", ["rain", "cities"])
    assert secret.hex() not in await see(shop)
    shop.provider.secret, shop.world.gateway.upstreams[URL] = secret, shop.provider
    assert "it refuses a false signature" in await send(shop, "/console/services", 200, what="probe", slug=PAID)


async def test_the_probe_says_what_is_wrong_beside_the_form_that_mends_it(shop):
    await send(shop, NEW, 201, url="https://api.acme.example/wrong")
    shop.world.gateway.upstreams[URL] = shop.provider
    shop.world.gateway.upstreams["https://api.acme.example/wrong"] = lambda _: Reached(404, b"{}", "application/json")
    for what, status in (("probe", 200), ("list", 422)):
        text = await send(shop, "/console/services", status, what=what, slug=PAID)
        assert '<span class="status failed">status</span>' in text
        assert standing(text)["url"] == "https://api.acme.example/wrong"
    await send(shop, PAGE, 303)
    await send(shop, "/console/services", 303, what="list", slug=PAID)
    await shop.refresh()
    assert (await shop.buy())[2].status_code == 200
    assert [one["new"] for one in (await shop.call("GET", "/weather"))["changes"]] == ["listed", "draft", "draft"]


async def test_what_is_on_sale_stays_as_it_was_where_the_probe_finds_something(shop):
    await shop.sell()
    text = await send(shop, PAGE, 422, url="https://api.acme.example/gone", title="Other")
    assert '<span class="status failed">reached</span>' in text
    assert (standing(text)["url"], standing(text)["title"]) == ("https://api.acme.example/gone", "Other")
    assert (await shop.call("GET", "/weather"))["title"] == DESCRIBED["title"]


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("price", "a lot", "price:"),
        ("url", "http://127.0.0.1/", "the URL must begin with https"),
        ("name", "Not A Name", "name"),
        ("arguments", '{"type":', "arguments: that is no JSON"),
        ("example", "[1]", "example: a JSON object is wanted"),
        ("example", '{"city": 5}', "example: Expected `str`"),
        ("answers", "text/html", "answers: a JSON Schema, or one of text/plain"),
        ("method", "DELETE", "DELETE"),
        ("timeout_seconds", "ten", "timeout_seconds: a whole number of seconds"),
        ("quote_seconds", "9", "quote_seconds: 10 to 600"),
        ("tags", ",".join("abcdefghi"), "tags: at most 8"),
    ],
)
async def test_what_will_not_do_is_told_and_nothing_that_was_typed_is_lost(shop, field, value, says):
    wrong = {"title": '"Weather" & <more>', field: value}
    text = await send(shop, NEW, 422, **wrong)
    assert says in unescape(re.search(r'role="alert">(.*?)</p>', text)[1])
    kept = WEATHER | wrong
    assert standing(text) == {name: kept[name] for name in standing(text)}
    assert (await shop.call("GET", "/"))["services"] == []


async def test_a_description_that_was_kept_fills_the_form_that_changes_it(shop):
    await shop.describe(answers="text/csv", fulfilment="after_settlement", tags=["a", "b"])
    text = await see(shop)
    assert '<option value="after_settlement" selected>' in text
    fields = standing(text)
    assert (fields["price"], fields["answers"], fields["tags"]) == ("0.02", "text/csv", "a, b")
    await send(shop, PAGE, 303, **fields, fulfilment="after_settlement")
    [last, first] = (await shop.call("GET", "/weather"))["changes"]
    assert last["facts"] == first["facts"]


async def test_fields_of_a_description_describe_the_same(shop):
    await shop.describe()
    async with shop.world.db.read() as view:
        kept = await view.upstreams.get(PAID)
    described = described_of(fields_of(kept))
    assert {name: getattr(described, name) for name in DESCRIBED} == DESCRIBED


async def test_an_openapi_document_becomes_drafts_and_says_what_is_left_out(shop):
    operation = {
        "operationId": "weather",
        "summary": "Weather",
        "responses": {"200": {"content": {"application/json": {}}}},
    }
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Weather", "version": "1"},
        "servers": [{"url": "https://api.acme.example"}],
        "paths": {"/weather": {"get": operation}, "/zone/{name}": {"get": operation | {"operationId": "zone"}}},
    }
    told = {"document": json.dumps(document), "base": "https://api.acme.example/openapi.json", "price": "0.01"}
    text = await send(shop, "/console/services/import", 200, **told)
    drafts = (await shop.call("GET", "/"))["services"]
    assert [one["slug"] for one in drafts] == re.findall(r'href="/console/services/(paddock\.[\w-]+)"', text)
    assert len(re.findall(r"<code>[0-9a-f]{64}</code>", text)) == len(drafts) > 0
    bad = await send(shop, "/console/services/import", 422, **told | {"document": "openapi: 3.1.0"})
    assert "document: that is no JSON" in unescape(bad)
    assert "openapi: 3.1.0</textarea>" in bad


async def test_s31_an_operator_reads_how_it_is_sold_and_another_merchants_owner_does_not_see_it(shop):
    await shop.describe()
    text = await see(shop, who="operator")
    assert URL in text
    assert 'class="describe"' not in text
    await send(shop, PAGE, 403, "operator", title="Mine")
    await send(shop, PAGE, 404, "foreign", title="Mine")
    assert DESCRIBED["title"] not in await see(shop, who="foreign")
    await send(shop, NEW, 201, "foreign", merchant="paddock", name="rain")
    async with shop.world.db.read() as view:
        made = {one.slug: one.by for one in await view.upstreams.all()}
    assert made == {PAID: "paddock", "other.rain": OTHER_PAID.address}


async def test_the_operator_of_the_marketplace_says_for_whom(shop):
    assert '<option value="other">' in await see(shop, NEW, "marketplace")
    await send(shop, NEW, 201, "marketplace", merchant="other")
    refused = await send(shop, NEW, 422, "marketplace", merchant="nobody")
    assert "there is no &#39;nobody&#39; here" in refused
    assert [one["slug"] for one in (await shop.call("GET", "/"))["services"]] == []
