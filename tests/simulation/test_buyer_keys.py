"""Buyer keys: what a wallet gives its programs bounds what each of them asks and spends, beside x402."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from protocol.headers import MCP_PAYMENT, decode
from server.domain.buyer_keys import MOST_LIVE, MOST_PER_MINUTE
from server.web.tools import tool_sessions
from tests.fakes.evm import CHAIN_ID, TOKEN
from tests.simulation.world import ALIAS, ORIGIN, RICH, WorldBuyer, open_world, refuse, service
from tests.stack.buyer import Quoted
from tests.stack.signed import signed_request

PRICE = 10_000
ELSEWHERE = 84532
N = 50


@pytest.fixture
async def world():
    async with open_world(service("refusing", refuse(422)), chain_ids=(CHAIN_ID, ELSEWHERE)) as opened:
        yield opened


def url_of(world, *more, origin=ORIGIN):
    return "/".join([f"{origin}/api/wallets/{world.buyer.account.address}/keys", *more])


def signed(world, action, url, content=b"", by=None, **changes):
    """The header of one action on a wallet's keys."""
    reason = "0x" + sha256(content).hexdigest() if content else ""
    given = {"reason": reason, "now": world.clock.now().timestamp()} | changes
    return signed_request(by or world.buyer.account, action, url, **given)


async def make(world, status=201, limits=(), **wanted):
    """A key, as the answer tells it."""
    content = json.dumps({"name": "research", "limits": limits} | wanted).encode()
    headers = signed(world, "make-key", url_of(world), content)
    answer = await world.client.post(url_of(world), content=content, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.json()


async def listed(world):
    answer = await world.client.get(url_of(world), headers=signed(world, "list-keys", url_of(world)))
    assert answer.status_code == 200, answer.text
    return answer.json()["keys"]


async def revoke(world, key, status=200):
    url = url_of(world, key["id"])
    answer = await world.client.delete(url, headers=signed(world, "revoke-key", url))
    assert answer.status_code == status, answer.text


def a_day(times, **more):
    return {"asset": TOKEN, "per_day": str(times * PRICE)} | more


async def ask(world, key, path="echo"):
    return await world.client.get(world.url(path), headers={"X-Buyer-Key": key})


async def paid(world, key, path="echo", buyer=None, entry=0):
    """A purchase with a key; its terms were asked for without."""
    buyer = buyer or world.buyer
    quoted = await buyer.ask(world.url(path))
    return await buyer.present(quoted, buyer.pay(quoted, quoted.required["accepts"][entry]), **{"X-Buyer-Key": key})


def told(answer):
    return answer.status_code, answer.json()["type"].removeprefix("/problems/")


# ------------------------------------------------------------------------------------------- made, listed, revoked


async def test_a_wallet_makes_a_key_by_its_signature_and_it_is_shown_once_and_stored_as_a_digest(world):
    made = await make(world, limits=[a_day(10)], per_minute=7, days=3)
    secret = made.pop("key")
    assert made["limits"] == [{"network": f"eip155:{CHAIN_ID}", "asset": TOKEN, "per_day": str(10 * PRICE)}]
    assert (made["per_minute"], made["live"], made["wallet"]) == (7, True, world.buyer.account.address)
    assert await listed(world) == [made]
    [kept] = world.db.tables.buyer_keys.values()
    assert kept.secret == sha256(secret.encode()).digest()
    assert secret not in str(world.db.tables)
    assert kept.until == world.clock.now() + timedelta(days=3)


async def test_a_signature_makes_one_key_on_one_url_with_one_body_by_one_wallet(world):
    content, stranger = json.dumps({"name": "research"}).encode(), WorldBuyer(world.client).account
    good = signed(world, "make-key", url_of(world), content)

    async def post(headers, url=None, sent=content):
        return told(await world.client.post(url or url_of(world), content=sent, headers=headers))

    bad = (400, "bad-signed-request")
    assert await post({}) == bad
    assert await post(good, sent=content + b" ") == bad
    assert await post(good, url=url_of(world, origin=ALIAS)) == bad
    assert await post(good, url=f"{ORIGIN}/api/wallets/{stranger.address}/keys") == bad
    assert await post(signed(world, "list-keys", url_of(world), content)) == bad
    assert await post(signed(world, "make-key", url_of(world), content, by=stranger)) == bad
    assert await post(signed(world, "make-key", url_of(world), content, chain=1)) == bad
    assert await post(signed(world, "make-key", f"{ORIGIN}/api/wallets/nobody/keys", content)) == bad
    assert (await world.client.post(url_of(world), content=content, headers=good)).status_code == 201
    assert await post(good) == (422, "buyer-key-refused"), "once"
    assert len(await listed(world)) == 1
    for action in ("list-keys", "revoke-key"):
        theirs = signed(world, action, url_of(world), by=stranger)
        assert told(await world.client.get(url_of(world), headers=theirs)) == bad


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "x" * 61},
        {"name": "two\nlines"},
        {"per_minute": 0},
        {"per_minute": MOST_PER_MINUTE + 1},
        {"days": 0},
        {"days": 367},
        {"limits": [a_day(1), a_day(2)]},
        {"limits": [a_day(1, network="eip155:1")]},
        {"limits": [a_day(1, asset="0x" + "11" * 20)]},
        {"limits": [a_day(1, asset="USDC")]},
        {"limits": [a_day(1, per_day="0")]},
        {"limits": [a_day(1, per_day="1e6")]},
        {"colour": "red"},
    ],
)
async def test_a_key_that_cannot_be_is_refused_with_what_is_wrong(world, wrong):
    refused = await make(world, 422, **wrong)
    assert refused["type"] == "/problems/buyer-key-refused"
    assert (next(iter(wrong)) in refused["detail"], await listed(world)) == (True, [])


async def test_a_wallet_has_so_many_live_keys_and_revoking_one_makes_room(world):
    first, *_ = [await make(world) for _ in range(MOST_LIVE)]
    assert (await make(world, 422))["type"] == "/problems/buyer-key-refused"
    await revoke(world, first)
    await make(world)
    assert sum(one["live"] for one in await listed(world)) == MOST_LIVE


async def test_only_its_wallet_revokes_a_key(world):
    made = await make(world)
    stranger = WorldBuyer(world.client).account
    url = f"{ORIGIN}/api/wallets/{stranger.address}/keys/{made['id']}"
    answer = await world.client.delete(url, headers=signed(world, "revoke-key", url, by=stranger))
    assert told(answer) == (404, "unknown-buyer-key")
    assert (await ask(world, made["key"])).status_code == 402


# ------------------------------------------------------------------------------------------------------ what is asked


async def test_a_key_asks_so_often_in_a_minute_and_nobody_else_notices(world):
    made, other = await make(world, per_minute=2), await make(world, per_minute=2)
    assert [(await ask(world, made["key"])).status_code for _ in range(2)] == [402, 402]
    refused = await ask(world, made["key"])
    assert told(refused) == (429, "too-many-requests")
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert (await ask(world, other["key"])).status_code == 402
    assert (await world.client.get(world.url("echo"))).status_code == 402
    assert (await paid(world, made["key"])).status_code == 200, "what pays is not counted"
    world.clock.advance(int(refused.headers["retry-after"]))
    assert (await ask(world, made["key"])).status_code == 402


@pytest.mark.parametrize("end", ["unknown", "revoked", "expired", "twice"])
async def test_a_key_that_does_not_count_is_refused_with_and_without_a_payment_and_nothing_is_claimed(world, end):
    made = await make(world, days=1)
    sent = [("X-Buyer-Key", made["key"])]
    if end == "unknown":
        sent = [("X-Buyer-Key", made["key"][:-1] + "~")]
    elif end == "revoked":
        await revoke(world, made)
    elif end == "expired":
        world.clock.advance(24 * 3600)
    else:
        sent *= 2
    assert told(await world.client.get(world.url("echo"), headers=sent)) == (401, "bad-buyer-key")
    quoted = await world.buyer.ask(world.url("echo"))
    pays = [*sent, ("PAYMENT-SIGNATURE", world.buyer.pay(quoted))]
    assert told(await world.client.get(quoted.url, headers=pays)) == (401, "bad-buyer-key")
    assert (await world.orders(), world.settlements()) == ([], 0)
    assert (await world.client.get(quoted.url, headers=pays[-1:])).status_code == 200, "without the key it is bought"


async def test_what_was_paid_for_with_a_key_is_given_again_when_the_key_is_revoked(world):
    made = await make(world)
    quoted = await world.buyer.ask(world.url("echo"))
    header = world.buyer.pay(quoted)
    first = await world.buyer.present(quoted, header, **{"X-Buyer-Key": made["key"]})
    await revoke(world, made)
    again = await world.buyer.present(quoted, header, **{"X-Buyer-Key": made["key"]})
    assert (first.status_code, again.status_code, again.content) == (200, 200, first.content)


# ------------------------------------------------------------------------------------------------------ what is spent


async def test_a_key_takes_no_payment_by_another_wallet(world):
    made = await make(world)
    other = WorldBuyer(world.client, clock=world.clock)
    world.chain.give(other.account.address, RICH)
    assert told(await paid(world, made["key"], buyer=other)) == (403, "foreign-buyer-key")
    assert await world.orders() == []


async def test_of_fifty_payments_at_once_under_a_cap_for_ten_exactly_ten_settle(world):
    world.paddock.admission.orders_per_payer = N
    made = await make(world, limits=[a_day(10)])
    answers = await asyncio.gather(*(paid(world, made["key"]) for _ in range(N)))
    assert sorted(one.status_code for one in answers) == [200] * 10 + [403] * (N - 10)
    assert {told(one) for one in answers if one.status_code != 200} == {(403, "spend-limit-reached")}
    assert (len(await world.orders()), world.settlements()) == (10, 10)


async def test_a_cap_is_for_a_day_and_says_what_is_spent_and_when_it_is_over(world):
    made = await make(world, limits=[a_day(2)])
    assert [(await paid(world, made["key"])).status_code for _ in range(2)] == [200, 200]
    refused = (await paid(world, made["key"])).json()
    told_ = {name: refused[name] for name in ("network", "asset", "per_day", "spent")}
    assert told_ == {
        "network": f"eip155:{CHAIN_ID}",
        "asset": TOKEN,
        "per_day": str(2 * PRICE),
        "spent": str(2 * PRICE),
    }
    assert (await world.buyer.buy(world.url("echo"))).status_code == 200, "what the wallet pays without it is its own"
    tomorrow = (world.clock.now() + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    assert refused["resets_at"] == tomorrow.isoformat().replace("+00:00", "Z")
    world.clock.advance((tomorrow - world.clock.now()).total_seconds())
    assert (await paid(world, made["key"])).status_code == 200


async def test_a_key_with_caps_pays_in_their_assets_alone_and_one_without_pays_what_its_wallet_signs(world):
    here, there = await make(world, limits=[a_day(5)]), await make(world, limits=[a_day(5, network="eip155:84532")])
    free = await make(world)
    outcomes = {}
    for name, key in (("here", here), ("there", there), ("free", free)):
        outcomes[name] = [(await paid(world, key["key"], entry=entry)).status_code for entry in (0, 1)]
    assert outcomes == {"here": [200, 403], "there": [403, 200], "free": [200, 200]}


async def test_what_ended_without_money_counts_no_more(world):
    made = await make(world, limits=[a_day(1)])
    assert (await paid(world, made["key"], "refusing")).status_code == 422
    assert (await paid(world, made["key"])).status_code == 403, "it may still be sent again"
    await world.work(600)
    assert (await paid(world, made["key"])).status_code == 200


async def test_a_key_that_is_revoked_while_its_payment_is_verified_claims_nothing(world):
    made = await make(world)

    def revoke_now(name, when):
        if (name, when) == ("claim", "begin"):
            kept = world.db.tables.buyer_keys
            kept[made["id"]] = replace(kept[made["id"]], revoked_at=world.clock.now())

    world.db.hooks.append(revoke_now)
    assert told(await paid(world, made["key"])) == (401, "bad-buyer-key")
    assert await world.orders() == []


async def test_a_key_bounds_tools_as_it_bounds_routes(world):
    made = await make(world, limits=[a_day(1)], per_minute=2)
    transport, headers = httpx2.ASGITransport(app=world.app), {"X-Buyer-Key": made["key"]}
    async with (
        tool_sessions(world.app),
        httpx2.AsyncClient(transport=transport, base_url=ORIGIN, headers=headers) as http,
        Client(streamable_http_client(f"{ORIGIN}/mcp", http_client=http)) as client,
    ):
        told_ = []
        for _ in range(2):
            required = (await client.call_tool("echo")).structured_content
            paying = decode(world.buyer.pay(quoted_in(required)), dict)
            told_.append((await client.call_tool("echo", meta={MCP_PAYMENT: paying})).structured_content)
        assert (told_[0]["run"], told_[1]["type"]) == (1, "/problems/spend-limit-reached")
        assert (await client.call_tool("echo")).structured_content["type"] == "/problems/too-many-requests"


def quoted_in(required):
    return Quoted("mcp://tool/echo", "GET", None, required, {})
