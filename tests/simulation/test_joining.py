"""Strangers become merchants by the signature of the wallet that is to be paid, and are paid elsewhere by two."""

import asyncio
from dataclasses import replace

import pytest
from eth_account import Account
from eth_utils.crypto import keccak

from protocol.merchants import joining_digest, moving_digest
from server.application import join as application
from tests.fakes.evm import CHAIN_ID
from tests.simulation.world import MERCHANT_KEY, ORIGIN, TOKEN, open_world

WALLET, NEW, THIEF = (Account.from_key(keccak(name)) for name in (b"wallet", b"new wallet", b"thief"))


def sign(account, digest):
    return "0x" + bytes(account.unsafe_sign_hash(digest).signature).hex()


@pytest.fixture
async def world():
    async with open_world() as opened:
        opened.paddock = opened.app.state.paddock = replace(opened.paddock, open_registration=True)
        yield opened


def joining(world, signer=WALLET, signed=None, **changes):
    """The body of a registration; `signed` differs from what is sent."""
    said = {"merchant": "acme", "name": "Acme Weather", "payTo": WALLET.address, "issuedAt": now(world)} | changes
    over = said | (signed or {})
    origin = over.pop("origin", ORIGIN)
    digest = joining_digest(CHAIN_ID, origin, over["merchant"], over["name"], over["payTo"], over["issuedAt"])
    return said | {"signature": sign(signer, digest)}


def moving(world, old=WALLET, new=NEW, to=NEW.address, **changes):
    """The body of a move of acme."""
    said = {"merchant": "acme", "old": WALLET.address, "new": to, "issued_at": now(world)} | changes
    digest = moving_digest(CHAIN_ID, ORIGIN, **said)
    signatures = {"oldSignature": sign(old, digest), "newSignature": sign(new, digest)}
    return {"payTo": to, "issuedAt": said["issued_at"]} | signatures


def now(world):
    return int(world.clock.now().timestamp())


async def join(world, status=201, **given):
    answer = await world.client.post("/api/merchants", json=joining(world, **given))
    assert answer.status_code == status, answer.text
    return answer.json()


async def know(world):
    """What each server does by itself every two seconds."""
    async with world.db.read() as view:
        world.paddock.merchants["acme"] = await view.merchants.get("acme")


async def move(world, status=200, key=None, **given):
    headers = {"Authorization": f"Bearer {key}"}
    answer = await world.client.put("/api/merchants/acme/pay-to", json=moving(world, **given), headers=headers)
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_a_stranger_joins_by_its_wallets_signature_and_acts_by_its_key(world):
    made = await join(world)
    await know(world)
    headers = {"Authorization": f"Bearer {made['api_key']}"}
    shown = (await world.client.get("/api/merchants/acme", headers=headers)).json()
    assert (shown["name"], shown["pay_to"]) == ("Acme Weather", WALLET.address)
    assert [(one["old"], one["new"], one["by"]) for one in shown["changes"]] == [("", WALLET.address, WALLET.address)]
    assert (await world.client.get("/api/merchants/acme/services", headers=headers)).json() == {"services": []}
    assert len(bytes.fromhex(made["api_secret"])) == 32
    for other in ("", MERCHANT_KEY, made["api_secret"]):
        refused = await world.client.get("/api/merchants/acme", headers={"Authorization": f"Bearer {other}"})
        assert refused.status_code == 401


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"signer": THIEF}, "is not"),
        ({"signed": {"name": "Other"}}, "is not"),
        ({"signed": {"merchant": "other"}}, "is not"),
        ({"signed": {"payTo": THIEF.address}}, "is not"),
        ({"signed": {"origin": "http://elsewhere.test"}}, "is not"),
        ({"signed": {"issuedAt": 1}}, "is not"),
        ({"issuedAt": 1}, "sign anew"),
        ({"merchant": "Acme"}, "merchant:"),
        ({"merchant": "a.b"}, "merchant:"),
        ({"merchant": "a" * 21}, "merchant:"),
        ({"name": ""}, "name:"),
        ({"name": "Ac\u202eme"}, "name:"),
    ],
)
async def test_what_is_not_signed_by_that_wallet_for_this_place_and_moment_is_refused(world, given, says):
    assert says in (await join(world, 422, **given))["detail"]
    async with world.db.read() as view:
        assert await view.merchants.get("acme") is None


async def test_an_id_is_taken_once_and_one_address_has_few_merchants(world):
    await join(world)
    await join(world, 409)
    await join(world, 409, signer=THIEF, payTo=THIEF.address)
    for name in ("acme-2", "acme-3"):
        await join(world, merchant=name)
    assert "at most 3" in (await join(world, 422, merchant="acme-4"))["detail"]


async def test_where_the_operator_takes_merchants_in_nobody_joins(world):
    world.app.state.paddock = replace(world.paddock, open_registration=False)
    assert "operator" in (await join(world, 401))["detail"]


async def test_a_merchant_is_paid_elsewhere_once_both_addresses_have_signed(world):
    key = (await join(world))["api_key"]
    await know(world)
    assert (await move(world, key=key))["pay_to"] == NEW.address
    await know(world)
    shown = await world.client.get("/api/merchants/acme", headers={"Authorization": f"Bearer {TOKEN}"})
    assert [(one["old"], one["new"]) for one in shown.json()["changes"]] == [
        (WALLET.address, NEW.address), ("", WALLET.address)
    ]  # fmt: skip
    back = await move(world, 422, key=key, new=THIEF, to=THIEF.address)
    assert "oldSignature" in back["detail"], "the old address has no say any more"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"old": THIEF}, "oldSignature"),
        ({"new": THIEF}, "newSignature"),
        ({"old": THIEF, "new": THIEF, "to": THIEF.address}, "oldSignature"),
        ({"merchant": "paddock"}, "oldSignature"),
        ({"issued_at": 1}, "sign anew"),
        ({"to": WALLET.address, "new": WALLET}, "already"),
    ],
)
async def test_a_stolen_key_alone_moves_no_money(world, given, says):
    key = (await join(world))["api_key"]
    await know(world)
    assert says in (await move(world, 422, key=key, **given))["detail"]
    await know(world)
    assert world.paddock.merchants["acme"].pay_to == WALLET.address


async def test_signatures_without_the_key_move_no_money(world):
    await join(world)
    await know(world)
    refused = await move(world, 401, key=MERCHANT_KEY)
    assert refused["type"].endswith("/not-allowed")
    await know(world)
    assert world.paddock.merchants["acme"].pay_to == WALLET.address


async def test_of_two_moves_at_once_one_is_done_and_the_other_told(world, monkeypatch):
    key = (await join(world))["api_key"]
    await know(world)
    checked, both = 0, asyncio.Event()
    honest = application._require_signed

    async def together(*given):
        nonlocal checked
        await honest(*given)
        checked += given[1] == "newSignature"
        if checked == 2:
            both.set()
        if given[1] == "newSignature":
            await both.wait()

    monkeypatch.setattr(application, "_require_signed", together)
    headers = {"Authorization": f"Bearer {key}"}
    bodies = [moving(world), moving(world, new=THIEF, to=THIEF.address)]
    asked = [world.client.put("/api/merchants/acme/pay-to", json=body, headers=headers) for body in bodies]
    first, second = sorted(await asyncio.gather(*asked), key=lambda answer: answer.status_code)
    assert (first.status_code, second.status_code) == (200, 409)
    assert second.json()["type"].endswith("/merchant-conflict")
    await know(world)
    assert world.paddock.merchants["acme"].pay_to == first.json()["pay_to"]
    shown = (await world.client.get("/api/merchants/acme", headers=headers)).json()
    assert [(one["old"], one["new"]) for one in shown["changes"]] == [
        (WALLET.address, first.json()["pay_to"]), ("", WALLET.address)
    ]  # fmt: skip
