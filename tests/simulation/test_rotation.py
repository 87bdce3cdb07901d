"""Rotation: the credential before the present one counts beside it for a while, and no longer."""

from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from server.domain.market import Merchant
from server.web.app import create_app
from server.web.credentials import COOKIE, Credentials, digest
from tests.simulation.world import MERCHANT_KEY, ORIGIN, TOKEN, open_world

NEW_TOKEN, NEW_KEY = "the-next-operator-token", "the-next-merchant-key"
NOWHERE = {"x402Version": 2, "paymentPayload": {}, "paymentRequirements": {}}


@pytest.fixture
async def world():
    async with open_world() as opened:
        yield opened


@asynccontextmanager
async def started(world, *tokens):
    """The application as a start with these operator tokens makes it: a client of it."""
    first, *also = map(digest, tokens)
    app = create_app(None, Credentials(first, tuple(also)), facilitator=True)
    app.state.paddock, app.state.settling = world.paddock, world.app.state.settling
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN) as client:
        yield client


def by(token):
    return {"Authorization": f"Bearer {token}"}


async def test_the_operators_old_token_counts_beside_the_new_one_until_a_start_without_it(world):
    cookies = {}
    for tokens, good in [
        ((TOKEN,), {TOKEN}),
        ((NEW_TOKEN, TOKEN), {TOKEN, NEW_TOKEN}),
        ((NEW_TOKEN,), {NEW_TOKEN}),
    ]:
        async with started(world, *tokens) as client:
            for token in (TOKEN, NEW_TOKEN, ""):
                answers = [
                    await client.get("/api/cases", headers=by(token)),
                    await client.get("/console/", headers=by(token)),
                    await client.get(f"/console/enter?token={token}"),
                ]
                statuses = [answer.status_code for answer in answers]
                assert statuses == ([200, 200, 303] if token in good else [401, 401, 401]), (tokens, token)
                if token in good:
                    cookies.setdefault(token, client.cookies[COOKIE])
                client.cookies.clear()
            for token, cookie in cookies.items():
                seen = await client.get("/console/", headers={"Cookie": f"{COOKIE}={cookie}"})
                assert seen.status_code == (200 if token in good else 401), "a session ends with its token"


async def test_a_merchants_old_key_counts_until_its_time_is_over_and_never_after_it(world):
    now = world.clock.now()
    merchant = Merchant(
        "paddock", "Test", world.paddock.merchants["paddock"].pay_to, digest(NEW_KEY), digest(MERCHANT_KEY)
    )
    merchants = {"paddock": replace(merchant, former_until=now + timedelta(hours=1))}
    object.__setattr__(world.paddock, "merchants", merchants)

    async def statuses():
        return [(await world.client.get("/api/cases", headers=by(key))).status_code for key in (NEW_KEY, MERCHANT_KEY)]

    assert await statuses() == [200, 200]
    await world.clock.sleep(3599)
    assert await statuses() == [200, 200]
    await world.clock.sleep(1)
    assert await statuses() == [200, 401]


@pytest.mark.parametrize("method", ["verify", "settle", "supported"])
async def test_the_facilitators_old_token_counts_until_a_start_without_it(world, method):
    open_to_all = world.app.state.settling

    async def asked(token):
        verb = world.client.get if method == "supported" else world.client.post
        body = {} if method == "supported" else {"json": NOWHERE}
        answer = await verb(f"/facilitator/{method}", headers=by(token) if token else {}, **body)
        return answer.status_code != 401

    assert await asked("")
    for tokens, good in [(("new", "old"), {"new", "old"}), (("new",), {"new"})]:
        world.app.state.settling = replace(open_to_all, tokens=tuple(map(digest, tokens)))
        assert {token for token in ("new", "old", "", "guess") if await asked(token)} == good


async def test_who_signed_receipts_or_did_is_published_with_the_present_key_first(world):
    former = "0x" + "12" * 20
    object.__setattr__(world.paddock, "other_receipt_signers", (former, world.paddock.receipts.address))
    published = (await world.client.get("/.well-known/x402")).json()
    assert published["receiptSigners"] == [world.paddock.receipts.address, former]
    assert published["receiptSigner"] == world.paddock.receipts.address
