"""Signed requests of payers: what is signed, what is read, and whose they are."""

import base64
import json

import pytest
from eth_account import Account

from protocol.errors import ProtocolError
from protocol.requests import (
    MOST_BYTES,
    MOST_REASON,
    SCHEME,
    SKEW,
    WINDOW,
    SignedRequest,
    is_signed_by,
    new_request,
    read,
)
from tests.stack.signed import CHAIN, signed_request

NOW = 1_772_366_400
ORDER = "orderorderorder"
PAYER = Account.create()


def value(action="proof", order_id=ORDER, now=NOW, **more):
    return signed_request(PAYER, action, order_id, now, **more)["Authorization"]


async def is_payers(signed, payer=PAYER.address, chain=CHAIN, wallet=None):
    return await is_signed_by(signed, payer, chain, wallet)


async def test_a_request_signed_by_eth_account_is_the_payers_and_nobody_elses():
    signed = read(value(reason="ünïcode"), "proof", ORDER, NOW)
    assert await is_payers(signed)
    assert not await is_payers(signed, Account.create().address)
    assert not await is_payers(signed, chain=1)


async def test_our_own_request_reads_back_from_its_header():
    request = new_request("case", ORDER, NOW, "why")
    signature = "0x" + bytes(PAYER.unsafe_sign_hash(request.digest(CHAIN)).signature).hex()
    signed = read(SignedRequest(request, signature).header(), "case", ORDER, NOW)
    assert signed == SignedRequest(request, signature)
    assert await is_payers(signed)
    assert new_request("case", ORDER, NOW).nonce != request.nonce


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("action", "dispute"),
        ("orderId", ORDER + "x"),
        ("reason", "another"),
        ("issuedAt", NOW - 1),
        ("nonce", "0x" + "11" * 32),
    ],
)
async def test_every_member_is_under_the_signature(name, changed):
    given = json.loads(base64.b64decode(value().partition(" ")[2]))
    given["request"][name] = changed
    forged = SCHEME + " " + base64.b64encode(json.dumps(given).encode()).decode()
    signed = read(forged, given["request"]["action"], given["request"]["orderId"], NOW)
    assert not await is_payers(signed)


@pytest.mark.parametrize("age", [WINDOW, 0, -SKEW])
def test_a_request_of_this_moment_is_read(age):
    assert read(value(now=NOW - age), "proof", ORDER, NOW).request.issued_at == NOW - age


@pytest.mark.parametrize("age", [WINDOW + 1, -SKEW - 1])
def test_a_request_of_another_moment_is_refused(age):
    with pytest.raises(ProtocolError, match="issuedAt"):
        read(value(now=NOW - age), "proof", ORDER, NOW)


def test_a_request_for_another_action_or_order_is_refused():
    with pytest.raises(ProtocolError, match="another action"):
        read(value("case"), "proof", ORDER, NOW)
    with pytest.raises(ProtocolError, match="another order"):
        read(value(order_id="other"), "proof", ORDER, NOW)


def test_a_reason_has_a_most_length():
    assert read(value(reason="r" * MOST_REASON), "proof", ORDER, NOW)
    with pytest.raises(ProtocolError, match="500"):
        read(value(reason="r" * (MOST_REASON + 1)), "proof", ORDER, NOW)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "PaddockRequest",
        "PaddockRequest %%%",
        "PaddockRequest " + base64.b64encode(b"not json").decode(),
        "PaddockRequest " + base64.b64encode(b'{"request": {}, "signature": "0x"}').decode(),
        "PaddockRequest " + base64.b64encode(b"[" * 100).decode(),
        "PaddockRequest " + "A" * 5000,
        "Bearer token",
    ],
)
def test_anything_else_is_refused_with_words(text):
    with pytest.raises(ProtocolError) as refusal:
        read(text, "proof", ORDER, NOW)
    assert refusal.value.reason == "invalid_request"
    assert refusal.value.detail


def test_a_further_member_or_a_short_nonce_is_refused():
    for sent in ({"extra": 1}, {"nonce": "0x11"}, {"issuedAt": -1}, {"issuedAt": "1"}):
        given = json.loads(base64.b64decode(value().partition(" ")[2]))
        given["request"] |= sent
        text = SCHEME + " " + base64.b64encode(json.dumps(given).encode()).decode()
        with pytest.raises(ProtocolError):
            read(text, "proof", ORDER, NOW)


@pytest.mark.parametrize("signature", ["", "0x", "0x11", "nonsense", "0x" + "00" * 65, "0x" + "ff" * 65])
async def test_a_signature_that_cannot_be_read_is_nobodys(signature):
    signed = read(value(), "proof", ORDER, NOW)
    assert not await is_payers(SignedRequest(signed.request, signature))


async def test_a_smart_wallet_is_asked_where_the_caller_can_and_only_then():
    owner, wallet = Account.create(), "0x" + "5a" * 20
    signed = read(signed_request(owner, "proof", ORDER, NOW)["Authorization"], "proof", ORDER, NOW)
    asked = []

    async def accepts(address, digest, signature):
        asked.append((address, digest, signature))
        return address == wallet

    assert not await is_payers(signed, wallet)
    assert await is_payers(signed, wallet, wallet=accepts)
    assert not await is_payers(signed, "0x" + "5b" * 20, wallet=accepts)
    assert asked[0] == (wallet, signed.request.digest(CHAIN), bytes.fromhex(signed.signature[2:]))
    assert await is_payers(signed, owner.address, wallet=accepts)
    assert len(asked) == 2


def test_the_header_has_so_many_bytes_and_not_one_more_and_its_own_scheme():
    encoded = value().partition(" ")[2]
    content = base64.b64decode(encoded).ljust(MOST_BYTES // 4 * 3)
    longest = base64.b64encode(content).decode()
    assert len(longest) == MOST_BYTES
    assert read(f"{SCHEME.lower()} {longest}", "proof", ORDER, NOW)
    for text in (f"{SCHEME} {longest} ", f"Bearer {encoded}", encoded):
        with pytest.raises(ProtocolError, match=f"'{SCHEME} <base64 JSON>', of {MOST_BYTES} bytes"):
            read(text, "proof", ORDER, NOW)
