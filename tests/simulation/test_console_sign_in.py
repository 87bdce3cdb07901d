"""S31: a merchant's wallet enters the console by an EIP-4361 message of the server's, and nothing else does."""

import asyncio
import json
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from eth_account import Account

from protocol.sign_in import parse
from server.application.enter_console import STATEMENT
from server.domain.roles import Role
from server.web.credentials import COOKIE
from tests.fakes.evm import CHAIN_ID
from tests.fakes.wallets import bound, owned
from tests.simulation.staff import (
    OTHER,
    OTHER_PAID,
    OWNER,
    PAID,
    READER,
    STRANGER,
    by_wallet,
    challenge,
    sign_in,
    signed,
    staff,
)
from tests.simulation.world import ALIAS, MERCHANT_KEY, ORIGIN, TOKEN, open_world
from tests.stack import siwe

DOMAIN = ORIGIN.removeprefix("http://")
REFUSED = "wallet-refused"


@pytest.fixture
async def world():
    async with open_world() as opened:
        yield await staff(opened)


async def send(world, message, signature, status, **more):
    """What the server says to a message and a signature."""
    answer = await world.client.post("/console/sign-in", json={"message": message, "signature": signature}, **more)
    assert answer.status_code == status, answer.text
    return answer.json()


async def refused(world, message, wallet=PAID, **more):
    told = await send(world, message, signed(wallet, message), 401, **more)
    assert told["type"].endswith(REFUSED)
    assert not world.db.tables.sessions
    return told["detail"]


async def test_the_message_is_eip_4361_for_this_origin_chain_and_wallet_and_nothing_is_stored(world):
    before = world.db.tables.copy()
    message = await challenge(world, PAID)
    read = parse(message)
    own = siwe.text(
        domain=DOMAIN,
        address=PAID.address,
        uri=f"{ORIGIN}/console",
        version="1",
        chain_id=CHAIN_ID,
        nonce=read.nonce,
        issued_at=read.issued_at,
        statement=STATEMENT,
        expiration_time=read.expiration_time,
    )
    assert message == own
    assert read.nonce != parse(await challenge(world, PAID)).nonce
    assert world.db.tables == before


async def test_the_wallet_that_is_paid_enters_as_owner_by_a_cookie_that_pages_alone_get(world):
    message = await challenge(world, PAID)
    answer = await world.client.post("/console/sign-in", json={"message": message, "signature": signed(PAID, message)})
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert {"merchant": "paddock", "role": "owner"}.items() <= answer.json().items()
    cookie = answer.headers["set-cookie"].lower()
    for wanted in (COOKIE, "httponly", "samesite=strict", "path=/console", "max-age=43200"):
        assert wanted in cookie
    secret = world.client.cookies[COOKIE]
    assert secret not in answer.text
    assert secret not in str(world.db.tables.sessions)
    home = await world.client.get("/console")
    assert (home.status_code, home.headers["cache-control"]) == (200, "no-store")
    assert PAID.address in home.text
    for known in (TOKEN, MERCHANT_KEY, secret):
        assert known not in home.text
    api = await world.client.get("/api/merchants/paddock", headers={"Cookie": f"{COOKIE}={secret}"})
    assert api.status_code == 401, "a cookie is for pages"


async def test_a_program_enters_by_a_token_which_speaks_for_that_merchant_alone(world):
    token = await by_wallet(world, PAID)
    assert (await world.client.get("/api/merchants/paddock", headers=token)).status_code == 200
    assert (await world.client.get("/api/merchants/other", headers=token)).status_code == 401
    assert (await world.client.get("/console/keys", headers=token)).status_code == 403


async def test_a_smart_wallet_enters_by_its_own_code_and_its_owners_bare_signature_does_not(world):
    owner = Account.create()
    smart = owned(owner.address, Account.create().address)
    world.chain.deploy(smart)
    async with world.db.begin("test") as work:
        await work.members.put("paddock", smart.address, Role.OPERATOR, "test")
    asked = await world.client.post("/console/challenge", json={"wallet": smart.address})
    message = asked.json()["message"]
    await send(world, message, signed(owner, message), 401)
    inner = bound(smart.address, parse(message).digest())
    signature = "0x" + bytes(owner.unsafe_sign_hash(inner).signature).hex()
    assert (await send(world, message, signature, 200))["role"] == "operator"


async def test_a_nonce_is_good_once_also_for_many_at_once(world):
    message = await challenge(world, PAID)
    body = {"message": message, "signature": signed(PAID, message)}
    answers = await asyncio.gather(*(world.client.post("/console/sign-in", json=body) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [200, *[401] * 9]
    assert "used already" in (await send(world, message, body["signature"], 401))["detail"]
    assert len(world.db.tables.sessions) == 1


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (DOMAIN, "elsewhere.test", "another domain"),
        (f"URI: {ORIGIN}/console", f"URI: {ORIGIN}/v1/echo", "another resource"),
        (f"URI: {ORIGIN}", "URI: http://elsewhere.test", "another resource"),
        (f"Chain ID: {CHAIN_ID}", "Chain ID: 1", "must name one of"),
        (STATEMENT, "Give me everything.", "sign it as it is"),
        (f"{STATEMENT}\n", "", "not a text|sign it as it is"),
        ("Version: 1", "Version: 2", "version"),
        ("Nonce: ", "Nonce: 0", "not given for this request"),
        ("\nIssued At", "\nNot Before: 2020-01-01T00:00:00Z\nIssued At", "not a text"),
        ("wants you to sign in", "wants you to send money", "not a text"),
    ],
)
async def test_a_message_that_is_not_the_one_that_was_given_is_refused_in_words(world, old, new, says):
    message = await challenge(world, PAID)
    assert old in message
    assert re.search(says, await refused(world, message.replace(old, new)))


async def test_other_times_than_those_that_were_given_are_refused(world):
    read = parse(await challenge(world, PAID))
    later = replace_times(read, expiration_time="2099-01-01T00:00:00.000Z")
    assert "sign it as it is" in await refused(world, later)
    assert "in the future" in await refused(world, replace_times(read, issued_at="2099-01-01T00:00:00.000Z"))
    assert "expired" in await refused(world, replace_times(read, expiration_time="2000-01-01T00:00:00.000Z"))


def replace_times(message, **times):
    members = {name: getattr(message, name) for name in message.__struct_fields__} | times
    return type(message)(**members).text()


async def test_a_challenge_is_good_for_five_minutes(world):
    message = await challenge(world, PAID)
    world.clock.advance(timedelta(minutes=5).total_seconds())
    assert "expired" in await refused(world, message)


async def test_a_message_of_one_of_our_origins_is_good_at_that_one_alone(world):
    message = await challenge(world, PAID)
    assert "another domain" in await refused(world, message, headers={"Host": ALIAS.removeprefix("http://")})
    moved = message.replace(ORIGIN, ALIAS).replace(DOMAIN, ALIAS.removeprefix("http://"))
    told = await refused(world, moved, headers={"Host": ALIAS.removeprefix("http://")})
    assert "not given for this request" in told, "its nonce is the other one's"
    elsewhere = {"Host": "elsewhere.test"}
    answer = await world.client.post("/console/challenge", json={"wallet": PAID.address}, headers=elsewhere)
    assert answer.status_code == 421


async def test_a_challenge_for_a_paid_answer_opens_no_console(world):
    quoted = await world.buyer.ask(world.url("echo"))
    nonce = quoted.required["extensions"]["sign-in-with-x"]["info"]["nonce"]
    message = await challenge(world, PAID)
    assert "not given for this request" in await refused(world, message.replace(parse(message).nonce, nonce))


async def test_of_a_wallet_nothing_is_told_before_it_signed(world):
    """A stranger's wallet and a merchant's are asked the same, and refused in the same words for a false signature."""
    words = set()
    for wallet in (PAID, OWNER, STRANGER):
        message = await challenge(world, wallet)
        words.add(message.replace(wallet.address, "…").replace(parse(message).nonce, "…"))
        told = await send(world, message, signed(OTHER_PAID, message), 401)
        assert told["detail"] == "the signature is not by the address in the message"
    assert len(words) == 1
    assert not world.db.tables.sessions


async def test_a_strangers_wallet_is_told_so_and_its_nonce_is_not_kept(world):
    before = len(world.db.tables.nonces)
    assert "no merchant's here" in await refused(world, await challenge(world, STRANGER), STRANGER)
    assert len(world.db.tables.nonces) == before


@pytest.mark.parametrize("signature", ["", "0x", "0x12", "nonsense", "0x" + "00" * 65, "0x" + "ff" * 5000])
async def test_what_is_no_signature_is_refused(world, signature):
    told = await send(world, await challenge(world, PAID), signature, 401)
    assert told["type"].endswith(REFUSED)
    assert not world.db.tables.sessions


async def test_what_is_no_request_to_sign_in_says_what_one_is(world):
    for path in ("/console/challenge", "/console/sign-in"):
        for body in (b"", b"[]", b"{", b'{"wallet": 1}', b"\xff"):
            kind = {"Content-Type": "application/json"}
            answer = await world.client.post(path, content=body, headers=kind)
            assert (answer.status_code, answer.json()["type"]) == (400, "/problems/bad-sign-in"), body
    answer = await world.client.post("/console/challenge", json={"wallet": "0x12"})
    assert answer.status_code == 400
    await send(world, "x" * 100_000, "0x", 401)


async def test_another_sites_form_signs_nobody_in(world):
    """A browser must not be let in as somebody else, either."""
    message = await challenge(world, PAID)
    body = {"message": message, "signature": signed(PAID, message)}
    for site in ("cross-site", "same-site", "none"):
        answer = await world.client.post("/console/sign-in", json=body, headers={"sec-fetch-site": site})
        assert answer.status_code == 401
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        sent = {"content": json.dumps(body), "headers": {"Content-Type": kind}}
        assert (await world.client.post("/console/sign-in", **sent)).status_code == 400, "as forms can send it"
    assert not world.db.tables.sessions


async def test_a_session_ends_after_twelve_hours_and_when_it_is_left(world):
    token = await by_wallet(world, PAID)
    world.clock.advance(timedelta(hours=12).total_seconds() - 1)
    assert (await world.client.get("/console", headers=token)).status_code == 200
    world.clock.advance(1)
    assert (await world.client.get("/console", headers=token)).status_code == 401
    token = await by_wallet(world, PAID)
    assert (await world.client.post("/console/leave", headers=token)).status_code == 303
    assert (await world.client.get("/console", headers=token)).status_code == 401


async def test_the_operators_browser_holds_a_secret_of_its_own_that_is_for_pages_alone(world):
    secret = (await world.entered()).cookies[COOKIE]
    world.client.cookies.clear()
    assert TOKEN not in secret
    assert secret not in str(world.db.tables.sessions)
    cookie, bearer = {"Cookie": f"{COOKIE}={secret}"}, {"Authorization": f"Bearer {secret}"}
    assert (await world.client.get("/console/keys", headers=cookie)).status_code == 200
    assert (await world.client.get("/console/keys", headers={"Cookie": f"{COOKIE}={TOKEN}"})).status_code == 401
    for headers in (cookie, bearer):
        assert (await world.client.get("/api/merchants/paddock", headers=headers)).status_code == 401
    assert (await world.client.post("/console/leave", headers=cookie)).status_code == 303
    assert (await world.client.get("/console/keys", headers=cookie)).status_code == 401


async def test_a_wallet_that_is_paid_no_more_is_out_at_once(world):
    token = await by_wallet(world, OTHER_PAID)
    assert (await world.client.get("/console", headers=token)).status_code == 200
    moved = {**world.paddock.merchants, OTHER.id: replace(OTHER, pay_to=STRANGER.address)}
    object.__setattr__(world.paddock, "merchants", moved)
    assert (await world.client.get("/console", headers=token)).status_code == 401
    await sign_in(world, STRANGER)


async def test_a_wallet_of_two_merchants_looks_at_one_and_changes_to_the_other(world):
    async with world.db.begin("test") as work:
        await work.members.put("paddock", OTHER_PAID.address, Role.READER, "test")
    token = await by_wallet(world, OTHER_PAID)
    home = await world.client.get("/console", headers=token)
    assert ">Other</h1>" in home.text
    moved = await world.client.post("/console/merchant", data={"merchant": "paddock"}, headers=token)
    assert moved.status_code == 303
    home = await world.client.get("/console", headers=token)
    assert ">Test</h1>" in home.text
    assert "data-role>read-only" in home.text
    none = await world.client.post(
        "/console/merchant", data={"merchant": "paddock"}, headers=await by_wallet(world, READER)
    )
    assert none.status_code == 303
    none = await world.client.post(
        "/console/merchant", data={"merchant": "other"}, headers=await by_wallet(world, READER)
    )
    assert none.status_code == 404
