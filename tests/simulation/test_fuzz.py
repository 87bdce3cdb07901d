"""Whatever a client sends: a legal answer, nothing granted that was not quoted, signed and paid, and nothing lost."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from tests.simulation.arena import KINDS, Arena, Bargain, assert_legal
from tests.simulation.depth import looks, patient
from tests.simulation.hostile import as_header, as_json, damaged, edited, junk, trees
from tests.stack.buyer import JSON, paths

V2, V1, SIGN_IN = "PAYMENT-SIGNATURE", "X-PAYMENT", "SIGN-IN-WITH-X"
SIGNED_TERMS = ("scheme", "network", "asset", "payTo", "amount")


@pytest.fixture(scope="module")
def arena() -> Iterator[Arena]:
    opened = Arena()
    yield opened
    opened.close()


def said_in(header: bytes) -> Any:
    """What a header says to a reader who takes everything; None if it says nothing."""
    try:
        return json.loads(base64.b64decode(header))
    except (ValueError, RecursionError):
        return None


def at(message: Any, path: str) -> Any:
    """The value at a path, texts in small letters; None where there is none."""
    for name in path.split("."):
        message = message.get(name) if isinstance(message, dict) else None
    return message.lower() if isinstance(message, str) else message


def agrees(said: Any, honest: JSON, *within: str) -> bool:
    """Whether a message has every leaf of the honest one's parts; more than that may stand beside."""
    wanted = [f"{part}.{path}" for part in within for path, _ in paths(honest[part])]
    return all(at(said, path) == at(honest, path) for path in wanted)


def is_due(header: bytes, bargain: Bargain) -> bool:
    """Whether a v2 header says what was quoted and signed."""
    said = said_in(header)
    return bargain.fits and at(said, "x402Version") == 2 and agrees(said, bargain.message, "accepted", "payload")


kinds = st.sampled_from(KINDS)


@patient
@looks(900, 40_000)
@given(kind=kinds, data=st.data())
def test_an_edited_payment_buys_nothing_that_was_not_signed(arena, kind, data):
    bargain = arena.bargain(kind)
    header = as_header(as_json(data.draw(edited(bargain.message))))
    arena.assert_sold_if_due(bargain, [(V2, header)], due=is_due(header, bargain))


@patient
@looks(600, 20_000)
@given(kind=kinds, name=st.sampled_from([V2, V1, SIGN_IN]), data=st.data())
def test_damaged_and_invented_headers_buy_nothing(arena, kind, name, data):
    bargain = arena.bargain(kind)
    honest = as_header(as_json(bargain.message_v1)) if name == V1 else bargain.header.encode()
    header = data.draw(damaged(honest) | junk)
    said = said_in(header)
    due = is_due(header, bargain) if name == V2 else name == V1 and agrees(said, bargain.message, "payload")
    arena.assert_sold_if_due(bargain, [(name, header)], due=due)


@patient
@looks(300, 12_000)
@given(kind=st.sampled_from(["exact", "permit", "body"]), data=st.data())
def test_an_edited_v1_payment_buys_nothing_that_was_not_signed(arena, kind, data):
    bargain = arena.bargain(kind)
    header = as_header(as_json(data.draw(edited(bargain.message_v1))))
    arena.assert_sold_if_due(bargain, [(V1, header)], due=agrees(said_in(header), bargain.message, "payload"))


SIGNED = ("value", "to", "validAfter", "validBefore", "nonce")
PERMITTED = ("amount", "to", "validAfter", "deadline", "nonce", "spender", "token", "facilitator")
addresses = st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())
nonces = st.binary(min_size=32, max_size=32).map(lambda raw: "0x" + raw.hex())
integers = st.one_of(st.integers(0, 2**256 - 1), st.integers(0, 10**11), st.sampled_from([0, 1, 9_999, 10_001, 2**64]))


@patient
@looks(200, 8_000)
@given(kind=kinds, data=st.data())
def test_what_is_well_signed_for_other_terms_buys_nothing(arena, kind, data):
    plain = kind in ("exact", "body")
    changes: dict[str, Any] = {}
    for name in data.draw(st.sets(st.sampled_from(SIGNED if plain else PERMITTED), min_size=1, max_size=2)):
        text = name in ("to", "spender", "token", "facilitator")
        changes[name] = data.draw(addresses if text else nonces if plain and name == "nonce" else integers.map(str))
    before = arena.now()
    bargain = arena.fresh(kind, **changes)
    price = bargain.entry["amount"]
    free = {"nonce", "validAfter", "validBefore", "deadline"} | ({"facilitator"} if kind == "permit" else set())
    starts, ends = (int(changes.get(name, other)) for name, other in (("validAfter", 0), ("validBefore", before + 60)))
    others = {name for name, other in changes.items() if name not in ("value", "amount") or other != price}
    fits = others <= free and starts < before and min(ends, int(changes.get("deadline", ends))) >= before + 6
    arena.assert_sold_if_due(bargain, [(V2, bargain.header.encode())], due=fits)


@patient
@looks(300, 12_000)
@given(kind=kinds, data=st.data())
def test_a_quote_that_was_changed_or_is_another_ones_buys_nothing(arena, kind, data):
    bargain, other = arena.bargain(kind), arena.bargain(data.draw(kinds))
    extra = dict(bargain.entry["extra"])
    token = extra["quote"].encode()
    foreign = st.sampled_from([other.entry["extra"]["quote"], f"1.{other.quoted.id}." + "a" * 26, "1..", "..", ""])
    extra["quote"] = data.draw(damaged(token).map(lambda raw: raw.decode("latin-1")) | foreign | trees)
    if data.draw(st.booleans()):
        extra["quoteId"] = data.draw(st.sampled_from([other.quoted.id, bargain.quoted.id.upper(), ""]) | trees)
    said = bargain.message | {"accepted": bargain.entry | {"extra": extra}}
    header = as_header(as_json(said))
    arena.assert_sold_if_due(bargain, [(V2, header)], due=is_due(header, bargain))


@patient
@looks(300, 12_000)
@given(kind=kinds, data=st.data())
def test_a_payment_among_other_headers_or_for_another_request_buys_nothing(arena, kind, data):
    bargain = arena.bargain(kind)
    paid = bargain.header.encode()
    beside = data.draw(st.sampled_from([V2, V1, "payment_signature", "x_payment", "Payment-Signature"]))
    second = data.draw(st.just(paid) | st.just(b"") | junk)
    target = st.sampled_from(
        ["?", "?text=b", "?text=a&text=a", "?x=%00", "/", "?%74ext=a", "#x", "?text=" + "a" * 9_000]
    )
    changes: list[dict[str, Any]] = [{"url": bargain.quoted.url + data.draw(target)}]
    changes += [{"method": data.draw(st.sampled_from(["PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "BREW"]))}]
    changes += [{"content": data.draw(st.binary(min_size=1, max_size=60) | trees.map(as_json))}]
    changed = data.draw(st.sampled_from(["headers", *range(len(changes))]))
    if changed == "headers":
        arena.assert_sold_if_due(bargain, data.draw(st.permutations([(V2, paid), (beside, second)])), due=False)
        return
    other = changes[changed]
    same = other.get("url") in (bargain.quoted.url + "#x", bargain.quoted.url + "?")
    arena.assert_sold_if_due(bargain, [(V2, paid)], due=same, **other)


@patient
@looks(600, 20_000)
@given(kind=kinds, version=st.sampled_from([2, 1]), step=st.sampled_from(["verify", "settle"]), data=st.data())
def test_the_facilitator_calls_nothing_valid_that_was_not_signed(arena, kind, version, step, data):
    bargain = arena.bargain(kind)
    paid, terms = bargain.message, bargain.entry
    if version == 1:
        paid = bargain.message_v1 | {"scheme": terms["scheme"]}
        terms = terms | {"network": "paddock-devnet", "maxAmountRequired": terms["amount"]}
    asked = {"x402Version": version, "paymentPayload": paid, "paymentRequirements": terms}
    edits = edited(asked).map(as_json)
    body = data.draw(edits | edits | edits | damaged(as_json(asked)) | trees.map(as_json) | st.binary(max_size=99))
    before = arena.books()[1]
    answer = arena.runner.run(arena.world.client.post(f"/facilitator/{step}", content=body))
    event(f"{step} v{version}: {answer.status_code}")
    if answer.status_code != 200:
        assert_legal(answer)
        assert arena.books()[1] == before
        return
    told = answer.json()
    good = told["isValid" if step == "verify" else "success"]
    if not good:
        assert told["invalidReason" if step == "verify" else "errorReason"]
        assert arena.books()[1] == before
        return
    said = json.loads(body)
    amount = at(said, "paymentRequirements." + ("maxAmountRequired" if version == 1 else "amount"))
    assert agrees(said["paymentPayload"], bargain.message, "payload")
    names = {"amount": "maxAmountRequired"} if version == 1 else {}
    for name in SIGNED_TERMS:
        if (kind, name) != ("upto", "amount"):
            name = names.get(name, name)
            assert at(said, f"paymentRequirements.{name}") == at(asked, f"paymentRequirements.{name}"), name
    assert 0 < int(amount) <= int(bargain.entry["amount"])
    moved = before - arena.books()[1]
    assert moved == (int(amount) if step == "settle" else 0)
    if step == "settle":
        arena.world.foreign.add(told["transaction"])
        del arena.held[kind]
