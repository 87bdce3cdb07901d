"""W8: a signature of the order API is one request's, once; what could be read in two ways is refused."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.simulation.goat_world import open_goat
from tests.stack.goat_client import required_of

ORDERS = "/api/v1/orders"


@pytest.fixture
async def goat():
    async with open_goat() as world:
        yield world


@pytest.fixture(params=["goat", "sound"])
def shop(request, goat):
    return goat.shop if request.param == "goat" else goat.sound_shop


async def refusal(shop, request):
    answer = await shop.send(request)
    assert answer.status_code == 401, answer.text
    return answer.json()["error"]


def moved(shop, request, method=None, path=None, body=None, **headers):
    """The same signature on another request."""
    content = request.content if body is None else body
    kept = {name: value for name, value in request.headers.items() if name.startswith("x-")}
    url = shop.url + (path or request.url.raw_path.decode())
    return shop.http.build_request(method or request.method, url, content=content, headers=kept | headers)


async def test_w8_a_signed_request_is_good_once(goat, shop):
    first = shop.request("POST", ORDERS, goat.wish())
    assert (await shop.send(first)).status_code == 402
    assert "nonce was used" in await refusal(shop, moved(shop, first))


async def test_w8_a_used_signature_opens_no_other_path_or_method(goat, shop):
    order_id = required_of(await shop.create(**goat.wish()))["order_id"]
    status = shop.request("GET", f"{ORDERS}/{order_id}")
    assert (await shop.send(status)).status_code == 200
    assert await refusal(shop, moved(shop, status, path=f"{ORDERS}/{order_id}/proof"))
    assert await refusal(shop, moved(shop, status, "POST", f"{ORDERS}/{order_id}/cancel"))
    assert await shop.status(order_id) == "CHECKOUT_VERIFIED"


async def test_w8_the_sound_signature_is_of_one_method_path_query_and_body_also_when_it_is_fresh(goat):
    shop = goat.sound_shop
    order_id = required_of(await shop.create(**goat.wish()))["order_id"]
    path = f"{ORDERS}/{order_id}"
    for change in (
        {"path": f"{path}/proof"},
        {"path": f"{path}?x=1"},
        {"method": "POST", "path": f"{path}/cancel"},
        {"body": b" "},
        {"x-timestamp": str(int(shop.now()) + 1)},
        {"x-nonce": "another"},
    ):
        assert "not this merchant's over this request" in await refusal(
            shop, moved(shop, shop.request("GET", path), **change)
        )
    assert await shop.status(order_id) == "CHECKOUT_VERIFIED"


@pytest.mark.parametrize(
    "body",
    [
        {"dapp_order_id": "1&amount_wei=2"},
        {"dapp_order_id": "a=b"},
        {"from_address": ["0x00"]},
        {"callback_calldata": {"a": "b"}},
        {"amount_wei": 1.5},
        {"timestamp": "1"},
        {"sign": "x"},
        {"api_key": "x"},
        {"a=b": "c"},
        {"a&b": "c"},
    ],
)
async def test_w8_fields_that_could_be_read_in_two_ways_are_refused_under_goats_signature(goat, body):
    assert await refusal(goat.shop, goat.shop.request("POST", ORDERS, goat.wish(**body)))


async def test_w8_a_member_that_comes_twice_is_refused_under_goats_signature(goat):
    request = goat.shop.request("POST", ORDERS, goat.wish())
    doubled = request.content[:-1] + b', "amount_wei": "1"}'
    assert json.loads(doubled)["amount_wei"] == "1"
    assert "cannot be signed" in await refusal(goat.shop, moved(goat.shop, request, body=doubled))
    queried = moved(goat.shop, request, path=f"{ORDERS}?amount_wei=10000")
    assert "cannot be signed" in await refusal(goat.shop, queried)


async def test_w8_half_of_a_surrogate_pair_is_refused_under_goats_signature(goat):
    request = goat.shop.request("POST", ORDERS, goat.wish())
    halved = request.content.replace(b'"dapp_order_id": "', b'"dapp_order_id": "\\ud800', 1)
    assert halved != request.content
    assert "half of a surrogate pair" in await refusal(goat.shop, moved(goat.shop, request, body=halved))


async def test_the_sound_signature_takes_values_that_goats_cannot_sign(goat):
    answer = await goat.sound_shop.create(**goat.wish(dapp_order_id="a=b&c"))
    assert required_of(answer)["order_id"]


async def test_w8_each_changed_field_key_secret_or_moment_is_refused(goat, shop):
    wish = goat.wish()
    for name, value in wish.items():
        changed = json.dumps(wish | {name: value + 1 if isinstance(value, int) else value + "0"}).encode()
        assert await refusal(shop, moved(shop, shop.request("POST", ORDERS, wish), body=changed))
    forged = goat.client(shop.key, "0" * 64, sound=shop.sound)
    assert await refusal(shop, forged.request("POST", ORDERS, wish))
    crossed = goat.client(goat.other.key, shop.secret, sound=shop.sound)
    assert await refusal(shop, crossed.request("POST", ORDERS, wish))
    unknown = goat.client("nobody's", shop.secret, sound=shop.sound)
    assert await refusal(shop, unknown.request("POST", ORDERS, wish))
    assert await goat.world.orders() == []


async def test_w8_a_request_is_good_for_five_minutes_either_way(goat, shop):
    now = goat.world.clock.now
    for late in (-301, 301):
        shop.now = lambda late=late: (now() + timedelta(seconds=late)).timestamp()
        assert "X-Timestamp" in await refusal(shop, shop.request("POST", ORDERS, goat.wish()))
    shop.now = lambda: (now() - timedelta(seconds=299)).timestamp()
    assert (await shop.create(**goat.wish())).status_code == 402


async def test_w8_a_nonce_is_remembered_for_as_long_as_its_timestamp_is_good(goat, shop):
    now = goat.world.clock.now
    shop.now = lambda: (now() + timedelta(seconds=299)).timestamp()
    first = shop.request("POST", ORDERS, goat.wish())
    assert (await shop.send(first)).status_code == 402
    await goat.world.clock.sleep(597)
    shop.now = lambda: now().timestamp()
    await shop.create(**goat.wish())
    assert "nonce was used" in await refusal(shop, moved(shop, first))


@pytest.mark.parametrize("name", ["x-api-key", "x-timestamp", "x-nonce"])
async def test_w8_headers_that_are_missing_doubled_or_odd_are_refused(goat, shop, name):
    request = shop.request("POST", ORDERS, goat.wish())
    del request.headers[name]
    assert await refusal(shop, request)
    doubled = shop.request("POST", ORDERS, goat.wish())
    doubled.headers = type(doubled.headers)([*doubled.headers.multi_items(), (name, doubled.headers[name])])
    assert await refusal(shop, doubled)
    assert await refusal(shop, shop.request("POST", ORDERS, goat.wish(), **{name: "a b"}))


async def test_w8_two_signatures_or_none_are_refused(goat):
    both = goat.shop.request("POST", ORDERS, goat.wish(), **{"X-Sign-Request": "00"})
    assert "exactly one" in await refusal(goat.shop, both)
    none = goat.shop.request("POST", ORDERS, goat.wish())
    del none.headers["X-Sign"]
    assert "exactly one" in await refusal(goat.shop, none)


async def test_while_a_secret_is_rotated_both_sign_and_a_merchant_without_one_has_none(goat):
    world, merchants = goat.world, goat.world.paddock.merchants
    until = world.clock.now() + timedelta(hours=1)
    new = goat.client(goat.shop.key, world.paddock.post.keys.api_secret("paddock", "1.new"))
    merchants["paddock"] = replace(
        merchants["paddock"], api_secret="1.new", former_secret="1.test", former_secret_until=until
    )
    for shop in (goat.shop, new):
        assert (await shop.create(**goat.wish())).status_code == 402
    await world.clock.sleep(3600)
    assert await refusal(goat.shop, goat.shop.request("POST", ORDERS, goat.wish()))
    assert (await new.call("GET", f"{ORDERS}/nothing")).status_code == 404
    merchants["paddock"] = replace(merchants["paddock"], api_secret=None, former_secret=None)
    assert "no API secret" in await refusal(new, new.request("POST", ORDERS, goat.wish()))
