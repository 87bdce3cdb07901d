"""How much a merchant may have and say: endpoints, upstreams, words and numbers, each with its exact most."""

from types import SimpleNamespace

import pytest

from server.application import endpoints, sell_upstream
from server.application.endpoints import MOST_ENDPOINTS, MOST_WORDS
from server.application.post import Post
from server.application.sell_upstream import MOST_SCHEMA, MOST_UPSTREAMS, Described, draft
from server.domain.addresses import EgressRules
from server.domain.errors import BadUrl, BadWebhook, ConfigurationError, UnknownWebhook
from server.domain.listing_errors import BadUpstream, UpstreamConflict
from server.domain.upstreams import LONGEST_QUOTE, LONGEST_RUN, MOST_PRICE
from server.domain.webhooks import WebhookKeys
from tests.fakes.database import FakeDatabase

URL = "https://hooks.example.com/paddock"


@pytest.fixture
def office(clock):
    post = Post(WebhookKeys(1, {1: b"w" * 32}), EgressRules())
    return SimpleNamespace(db=FakeDatabase(clock), clock=clock, post=post)


async def listed(office, merchant="acme"):
    async with office.db.read() as view:
        return await view.webhooks.endpoints_of(merchant)


async def test_a_merchant_has_so_many_endpoints_and_another_one_its_own(office):
    for _ in range(MOST_ENDPOINTS):
        await endpoints.add(office, "acme", URL, "")
    with pytest.raises(BadWebhook, match=f"at most {MOST_ENDPOINTS} endpoints"):
        await endpoints.add(office, "acme", URL, "")
    await endpoints.add(office, "other", URL, "")
    assert (len(await listed(office)), len(await listed(office, "other"))) == (MOST_ENDPOINTS, 1)


@pytest.mark.parametrize("words", ["", "one line", "w" * MOST_WORDS])
async def test_an_endpoint_is_described_in_one_line(office, words):
    made, secret = await endpoints.add(office, "acme", URL, words)
    assert (made.description, made.enabled, secret.startswith("whsec_")) == (words, True, True)


@pytest.mark.parametrize("words", ["w" * (MOST_WORDS + 1), "two\nlines", "\0"])
async def test_a_description_of_more_than_a_line_is_refused(office, words):
    made, _ = await endpoints.add(office, "acme", URL, "")
    with pytest.raises(BadWebhook, match=f"at most {MOST_WORDS} characters"):
        await endpoints.add(office, "acme", URL, words)
    with pytest.raises(BadWebhook):
        await endpoints.change(office, "acme", made.id, description=words)
    assert [one.description for one in await listed(office)] == [""]


async def test_an_endpoint_is_changed_in_what_is_given_by_whom_it_belongs_to(office):
    made, _ = await endpoints.add(office, "acme", URL, "words")
    moved = await endpoints.change(office, "acme", made.id, url=URL + "/2")
    assert (moved.url, moved.description, moved.enabled) == (URL + "/2", "words", True)
    off = await endpoints.change(office, "acme", made.id, enabled=False, by="the operator")
    assert (off.enabled, off.url, "the operator" in off.note) == (False, URL + "/2", True)
    assert (await endpoints.change(office, "acme", made.id, enabled=True)).enabled
    with pytest.raises(BadUrl):
        await endpoints.change(office, "acme", made.id, url="http://10.0.0.1/")
    for merchant, name in (("other", made.id), ("acme", "we_none"), ("acme", "we_\0"), ("acme", "wé")):
        with pytest.raises(UnknownWebhook):
            await endpoints.change(office, merchant, name, description="")


async def test_without_keys_of_secrets_nothing_is_made(office):
    office.post = None
    with pytest.raises(ConfigurationError, match="PADDOCK_WEBHOOK_KEYS"):
        await endpoints.add(office, "acme", URL, "")


# ----------------------------------------------------------------------------------------------------------- upstreams


def described(**changes):
    usual = {"url": "https://api.acme.example/x", "title": "Title", "summary": "Summary.", "price": "0.01"}
    return Described(**usual | changes)


async def drafted(office, name="x", **changes):
    return (await draft(office, "acme", name, described(**changes), "acme"))[0]


async def test_a_merchant_has_so_many_upstreams_each_with_a_name_of_its_own(office, monkeypatch):
    assert MOST_UPSTREAMS > 2
    monkeypatch.setattr(sell_upstream, "MOST_UPSTREAMS", 2)
    await draft(office, "other", "x", described(), "other")
    await drafted(office, "one")
    with pytest.raises(UpstreamConflict, match="already"):
        await drafted(office, "one")
    await drafted(office, "two")
    with pytest.raises(BadUpstream, match="at most 2 services"):
        await drafted(office, "three")


@pytest.mark.parametrize(
    "changes",
    [
        *({name: "w" * most} for name, most in {"title": 80, "summary": 300, "kind": 40, "unit": 40}.items()),
        {"title": "w"},
        {"tags": ("t" * 24,) * 8},
        {"timeout_seconds": 1},
        {"timeout_seconds": LONGEST_RUN},
        {"quote_seconds": 10},
        {"quote_seconds": LONGEST_QUOTE},
        {"price": "0.000001"},
        {"price": str(MOST_PRICE // 10**6)},
        {"answers": "text/plain"},
        {"answers": {"type": "object"}},
    ],
)
async def test_an_upstream_may_be_described_up_to_the_most(office, changes):
    made = await drafted(office, **changes)
    async with office.db.read() as view:
        assert [one.slug for one in await view.upstreams.all()] == [made.slug]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        *(({name: "w" * (most + 1)}, f"{name}: 1 to {most}") for name, most in {"title": 80, "summary": 300}.items()),
        *(({name: "w" * 41}, f"{name}: 1 to 40") for name in ("kind", "unit")),
        ({"title": ""}, "title: 1 to 80"),
        ({"title": "  "}, "title: 1 to 80"),
        ({"title": "two\nlines"}, "title: 1 to 80"),
        ({"tags": ("t",) * 9}, "tags: at most 8"),
        ({"tags": ("t" * 25,)}, "tags: 1 to 24"),
        ({"timeout_seconds": 0}, "timeout_seconds: 1 to"),
        ({"timeout_seconds": LONGEST_RUN + 1}, f"to {LONGEST_RUN}"),
        ({"quote_seconds": 9}, "quote_seconds: 10 to"),
        ({"quote_seconds": LONGEST_QUOTE + 1}, f"to {LONGEST_QUOTE}"),
        ({"price": "0"}, "above 0"),
        ({"price": f"{MOST_PRICE // 10**6}.000001"}, "at most 10000 dollars"),
        ({"price": "much"}, "write it in dollars"),
        ({"answers": "application/json"}, "a JSON Schema, or one of"),
        ({"answers": "text/unknown"}, "a JSON Schema, or one of"),
        ({"example": {"unknown": 1}}, "example: "),
    ],
)
async def test_what_an_upstream_cannot_be_is_told_by_its_name(office, changes, words):
    with pytest.raises(BadUpstream, match=words):
        await drafted(office, **changes)
    async with office.db.read() as view:
        assert await view.upstreams.all() == []


@pytest.mark.parametrize(("more", "taken"), [(0, True), (1, False)])
async def test_a_schema_has_so_many_bytes_and_not_one_more(office, more, taken):
    schema = {"type": "object", "description": ""}
    schema["description"] = "d" * (MOST_SCHEMA - len('{"type":"object","description":""}') + more)
    if taken:
        assert len((await drafted(office, answers=schema)).answers) == MOST_SCHEMA
    else:
        with pytest.raises(BadUpstream, match=f"answers: at most {MOST_SCHEMA} bytes"):
            await drafted(office, answers=schema)


async def test_who_asks_is_kept_in_so_many_letters(office, clock):
    made, secret = await draft(office, "acme", "x", described(), "b" * 65)
    assert (made.by, made.at, len(bytes.fromhex(secret))) == ("b" * 64, clock.now(), 32)
