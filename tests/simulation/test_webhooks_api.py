"""A merchant manages its endpoints with its key: who may, what is refused in words, and what is never shown again."""

from dataclasses import replace
from datetime import timedelta

import pytest

from server.domain.market import Merchant
from server.web.credentials import digest
from tests.simulation.webhook_world import API, URL, buy, listening
from tests.simulation.world import MERCHANT_KEY, TOKEN, open_world
from tests.unit.test_domain_addresses import INSIDE, SPELLINGS


@pytest.fixture
async def world():
    async with open_world() as opened:
        yield opened


@pytest.fixture
async def merchant(world):
    return await listening(world)


PATHS = [
    ("GET", ""),
    ("POST", ""),
    ("PATCH", "/{id}"),
    ("DELETE", "/{id}"),
    ("POST", "/{id}/rotate"),
    ("POST", "/{id}/test"),
    ("GET", "/{id}/deliveries"),
    ("POST", "/{id}/deliveries/{delivery}/resend"),
]


@pytest.mark.parametrize(("method", "path"), PATHS)
async def test_only_the_merchant_and_the_operator_get_in(world, merchant, method, path):
    other = Merchant("other", "Other", world.paddock.merchants["paddock"].pay_to, digest("other-key"))
    world.app.state.paddock = replace(world.paddock, merchants={**world.paddock.merchants, "other": other})
    before = dict(world.db.tables.endpoints)
    url = API + path.format(id=merchant.endpoint, delivery="msg_1")
    for token in ("", "Bearer ", "Bearer wrong", f"Basic {MERCHANT_KEY}", "Bearer other-key"):
        answer = await world.client.request(method, url, json={"url": URL}, headers={"Authorization": token})
        assert answer.status_code == 401, token
        assert answer.headers["content-type"].startswith("application/problem+json")
    assert world.db.tables.endpoints == before


@pytest.mark.parametrize(("method", "path"), PATHS[2:])
async def test_another_merchants_endpoint_is_not_there(world, merchant, method, path):
    other = Merchant("other", "Other", world.paddock.merchants["paddock"].pay_to, digest("other-key"))
    world.app.state.paddock = replace(world.paddock, merchants={**world.paddock.merchants, "other": other})
    await buy(world, "echo")
    delivery = next(iter(world.db.tables.webhook_deliveries))
    before = dict(world.db.tables.endpoints)
    url = "/api/merchants/other/webhooks" + path.format(id=merchant.endpoint, delivery=delivery)
    answer = await world.client.request(method, url, json={}, headers={"Authorization": "Bearer other-key"})
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/unknown-webhook")
    assert world.db.tables.endpoints == before


async def test_a_merchant_that_does_not_exist_is_refused_like_another_one(world):
    headers = {"Authorization": f"Bearer {MERCHANT_KEY}"}
    answer = await world.client.get("/api/merchants/nobody/webhooks", headers=headers)
    assert answer.status_code == 401


async def test_the_operator_may_do_it_too(world, merchant):
    answer = await merchant.api("GET", headers={"Authorization": f"Bearer {TOKEN}"})
    assert [one["id"] for one in answer.json()["webhooks"]] == [merchant.endpoint]


async def test_w6_a_secret_is_shown_once_and_is_nowhere_in_the_database(world, merchant):
    rotated = (await merchant.api("POST", f"/{merchant.endpoint}/rotate", json={"overlap_hours": 1})).json()
    secrets = [*merchant.secrets, rotated["secret"]]
    await buy(world, "echo")
    await world.work(30)
    shown = [(await merchant.api(method, path.format(id=merchant.endpoint))).text for method, path in
             (("GET", ""), ("GET", "/{id}/deliveries"), ("POST", "/{id}/test"), ("PATCH", "/{id}"))]  # fmt: skip
    stored = repr(world.db.tables)
    for secret in secrets:
        assert secret.startswith("whsec_")
        assert secret.removeprefix("whsec_") not in stored + "".join(shown)
    assert not any(name in "".join(shown) for name in ('"secret"', world.db.tables.endpoints[merchant.endpoint].secret))


async def test_a_test_message_goes_the_way_of_every_other(world, merchant):
    answer = await merchant.api("POST", f"/{merchant.endpoint}/test")
    assert (answer.status_code, answer.json()["type"]) == (202, "webhook.test")
    await world.work(5)
    (message,) = merchant.handled.values()
    assert (message.type, message.order, message.data) == ("webhook.test", None, {"endpoint": merchant.endpoint})
    (row,) = await merchant.log()
    assert (row["id"], row["state"], row["response"]) == (answer.json()["id"], "delivered", "thanks")


async def test_the_log_comes_in_pages(world, merchant):
    for _ in range(3):
        await buy(world, "echo")
    await world.work(30)
    seen, path = [], f"/{merchant.endpoint}/deliveries?limit=4"
    page = (await merchant.api("GET", path)).json()
    while page["deliveries"]:
        seen += [row["id"] for row in page["deliveries"]]
        page = (
            (await merchant.api("GET", f"{path}&before={page['next']}")).json() if page["next"] else {"deliveries": []}
        )
    assert len(seen) == len(set(seen)) == 9


async def test_w7_no_endpoint_is_registered_or_moved_inside(world, merchant):
    for host in (*(f"[{one}]" if ":" in one else one for one in INSIDE), *SPELLINGS, "localhost"):
        for method, path in (("POST", ""), ("PATCH", f"/{merchant.endpoint}")):
            answer = await merchant.api(method, path, json={"url": f"https://{host}/"})
            assert (answer.status_code, answer.json()["type"]) == (422, "/problems/bad-url"), host
    assert [one.url for one in world.db.tables.endpoints.values()] == [URL]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"\xff", b'{"url": 7}', b'{"url": "http://hooks.example.com/"}', b'{"url": null}',
     b'{"url": "https://hooks.example.com/", "secret": "mine"}', b'{"url": "https://hooks.example.com/\\u0000"}',
     b'{"url": "https://hooks.example.com/", "description": "a\\u0000b"}',
     b'{"url": "https://hooks.example.com/", "description": "' + b"x" * 201 + b'"}'],
)  # fmt: skip
async def test_a_bad_registration_is_refused_in_words_and_changes_nothing(world, merchant, body):
    answer = await merchant.api("POST", content=body)
    assert answer.status_code == 422
    problem = answer.json()
    assert problem["type"] in ("/problems/bad-webhook", "/problems/bad-url")
    assert len(problem["detail"]) > 20
    assert problem["action"]
    assert len(world.db.tables.endpoints) == 1


@pytest.mark.parametrize("body", [b'{"enabled": "yes"}', b'{"merchant": "other"}', b'{"failures": 0}', b"7"])
async def test_a_bad_change_is_refused_in_words_and_changes_nothing(world, merchant, body):
    before = dict(world.db.tables.endpoints)
    answer = await merchant.api("PATCH", f"/{merchant.endpoint}", content=body)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/bad-webhook")
    assert world.db.tables.endpoints == before


async def test_a_merchant_has_ten_endpoints_at_most(world, merchant):
    answers = [(await merchant.api("POST", json={"url": f"{URL}/{number}"})).status_code for number in range(11)]
    assert answers == [201] * 9 + [422] * 2


async def test_an_endpoint_is_changed_disabled_and_enabled(world, merchant):
    moved = (await merchant.api("PATCH", f"/{merchant.endpoint}", json={"description": "till 1"})).json()
    assert (moved["description"], moved["url"], moved["enabled"]) == ("till 1", URL, True)
    off = (await merchant.api("PATCH", f"/{merchant.endpoint}", json={"enabled": False})).json()
    assert (off["enabled"], off["note"]) == (False, "disabled by the merchant")
    await buy(world, "echo")
    await world.work(30)
    assert merchant.received == []
    assert await merchant.log() == [], "nor kept for later"
    await merchant.api("PATCH", f"/{merchant.endpoint}", json={"enabled": True})
    await buy(world, "echo")
    await world.work(30)
    assert len(merchant.handled) == 3


async def test_an_endpoint_that_is_enabled_again_is_not_left_alone_for_its_past(world, merchant):
    merchant.broken = None
    await buy(world, "echo")
    await world.work(400)
    assert (await merchant.health())["failures"] > 2
    merchant.broken = 200
    woken = (await merchant.api("PATCH", f"/{merchant.endpoint}", json={"enabled": True})).json()
    assert (woken["failures"], woken["quiet_until"]) == (0, None)


async def test_w6_a_second_rotation_waits_for_the_first_unless_the_old_secret_is_to_end(world, merchant):
    path = f"/{merchant.endpoint}/rotate"
    first = (await merchant.api("POST", path)).json()
    again = await merchant.api("POST", path)
    assert (again.status_code, again.json()["type"]) == (409, "/problems/webhook-conflict")
    assert "2026-03-02 12:00 UTC" in again.json()["detail"]
    leaked = (await merchant.api("POST", path, json={"overlap_hours": 0})).json()
    assert len({*merchant.secrets, first["secret"], leaked["secret"]}) == 3
    assert leaked["old_secret_until"] is None
    await buy(world, "echo")
    await world.work(5)
    assert all(headers["webhook-signature"].count("v1,") == 1 for _, headers, _ in world.courier.posted)
    merchant.secrets = [leaked["secret"]]
    await world.work(60)
    assert len(merchant.handled) == 3


@pytest.mark.parametrize("hours", [-1, 169, 10**12, -(10**12), 1.5, "1"])
async def test_an_overlap_is_a_week_at_most(world, merchant, hours):
    answer = await merchant.api("POST", f"/{merchant.endpoint}/rotate", json={"overlap_hours": hours})
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/bad-webhook")
    world.clock.advance(timedelta(days=1).total_seconds())
    assert not world.db.tables.endpoints[merchant.endpoint].old_secret


async def test_a_delivery_is_sent_again_only_by_its_own_endpoint(world, merchant):
    other = await listening(world, "https://other.example.com/")
    await buy(world, "echo")
    await world.work(30)
    (first, *_) = await merchant.log()
    answer = await other.api("POST", f"/{other.endpoint}/deliveries/{first['id']}/resend")
    assert answer.status_code == 404
    assert (await merchant.api("POST", f"/{merchant.endpoint}/deliveries/msg_none/resend")).status_code == 404


async def test_a_removed_endpoint_is_gone_for_every_path(world, merchant):
    assert (await merchant.api("DELETE", f"/{merchant.endpoint}")).status_code == 204
    assert (await merchant.api("GET")).json() == {"webhooks": []}
    for method, path in PATHS[2:7]:
        assert (await merchant.api(method, path.format(id=merchant.endpoint), json={})).status_code == 404
    stored = world.db.tables.endpoints[merchant.endpoint]
    assert (stored.secret, stored.old_secret) == ("", None)
