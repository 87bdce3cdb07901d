"""S25: a header is read within bounds or refused with a sentence, and never takes the process along."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import headers
from protocol.errors import ProtocolError
from protocol.headers import MAX_DEPTH, MAX_HEADER, decode, decode_json, encode, to_json
from protocol.wire import PaymentPayload, PaymentRequired, PaymentRequirements, Resource, SettleResponse
from tests.stack.buyer import payment, write_header
from tests.unit.protocol_samples import ENTRY, PAYER

PAID = payment(PAYER, ENTRY)


def refused(value) -> str:
    """The detail of the refusal."""
    with pytest.raises(ProtocolError) as raised:
        decode(value, PaymentPayload)
    assert raised.value.reason == "invalid_payload"
    return raised.value.detail


def packed(text: str | bytes) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def test_a_payment_is_read_from_text_and_from_bytes():
    for value in (write_header(PAID), write_header(PAID).encode()):
        assert decode(value, PaymentPayload).payload == PAID["payload"]


@given(st.text(), st.dictionaries(st.text(), st.text()))
def test_what_is_written_reads_back_the_same(text, extra):
    entry = PaymentRequirements(
        scheme=text, network=text, amount="1", asset=text, pay_to=text, max_timeout_seconds=1, extra=extra
    )
    required = PaymentRequired(x402_version=2, resource=Resource(url=text), accepts=[entry])
    if len(encode(required)) <= MAX_HEADER:
        assert decode(encode(required), PaymentRequired) == required


def test_names_on_the_wire_are_x402s():
    response = SettleResponse(success=True, transaction="0x1", network="eip155:1", error_reason="r", payer="0x2")
    assert json.loads(to_json(response)) == {
        "success": True, "errorReason": "r", "payer": "0x2", "transaction": "0x1", "network": "eip155:1",
    }  # fmt: skip
    assert json.loads(to_json(decode(write_header(PAID), PaymentPayload))) == PAID


def test_s25_a_header_may_be_as_large_as_the_bound_and_no_larger():
    room = MAX_HEADER // 4 * 3 - len(json.dumps(PAID | {"extensions": {"x": ""}}))
    fits = write_header(PAID | {"extensions": {"x": "a" * room}})
    assert MAX_HEADER - 4 < len(fits) <= MAX_HEADER
    assert decode(fits, PaymentPayload).extensions
    assert "at most" in refused(write_header(PAID | {"extensions": {"x": "a" * (room + 3)}}))


def test_s25_a_large_header_is_refused_before_it_is_unpacked(monkeypatch):
    monkeypatch.setattr(headers.base64, "b64decode", lambda *_, **__: pytest.fail("it was unpacked"))
    assert refused("A" * (MAX_HEADER + 4))


@pytest.mark.parametrize("opening", ['{"a":', "[", '[{"a":'])
@pytest.mark.parametrize("times", [MAX_DEPTH + 1, 1000, 2000])
def test_s25_json_nested_too_deep_is_refused(opening, times):
    assert "deeper" in refused(packed(opening * times))


def test_s25_nesting_within_the_bound_is_read():
    deep: object = "x"
    for _ in range(MAX_DEPTH - 2):
        deep = [deep]
    assert decode(write_header(PAID | {"extensions": {"deep": deep}}), PaymentPayload).extensions
    assert "deeper" in refused(write_header(PAID | {"extensions": {"deep": [[[deep]]]}}))


@pytest.mark.parametrize(
    "closing", ["]" * 500, "}" * 500, '\\"' + "]" * 500], ids=["brackets", "braces", "after an escaped quote"]
)
def test_s25_brackets_inside_texts_do_not_hide_the_nesting(closing):
    entry = json.dumps(ENTRY)[:-1] + ',"extra":{"a":"' + closing + '","deep":' + "[" * 400 + "]" * 400 + "}}"
    hidden = json.dumps(PAID | {"accepted": "ENTRY"}).replace('"ENTRY"', entry)
    assert json.loads(hidden), "it is good JSON"
    assert "deeper" in refused(packed(hidden))


@pytest.mark.parametrize(
    "value",
    [
        "", "=", "====", "!", "not base64", "e30", "e30=\n", " e30=", "e30= ", "e3 0=", "e30=e30=", "e30=,e30=", "_-8=",
        "\u0435\u0413\u2026", "\x00", "e30\x00=", "A", "AA", "AAA", "%7B%7D", "{}", "\U0001f4b8",
    ],
    ids=ascii,
)  # fmt: skip
def test_s18_what_is_not_exactly_one_padded_base64_text_is_refused(value):
    assert refused(value)


@pytest.mark.parametrize("junk", [" ", "\n", "\t", ",", "!", "-", "_", ".", "\x00", "\u00e9", "%2B"], ids=ascii)
@pytest.mark.parametrize("at", [0, 4, 100, -1, None], ids=str)
def test_s18_a_good_payment_with_anything_in_between_is_refused(junk, at):
    good = write_header(PAID)
    assert decode(good, PaymentPayload)
    place = len(good) if at is None else at
    assert refused(good[:place] + junk + good[place:])


@pytest.mark.parametrize("joint", [",", ", ", "", " ", ";", "\r\n"], ids=ascii)
def test_s18_two_payments_in_one_header_are_refused(joint):
    assert refused(write_header(PAID) + joint + write_header(PAID))


@pytest.mark.parametrize(
    "text",
    [
        "", "null", "true", "1", '"text"', "[]", "{}", "{", "nan", '{"x402Version":2}', "\x00", "{}{}", "{} x",
        json.dumps(PAID) + "x", json.dumps(PAID)[:-1], json.dumps(PAID | {"x402Version": "2"}),
        json.dumps(PAID | {"x402Version": 2.5}), json.dumps(PAID | {"x402Version": None}),
        json.dumps(PAID | {"accepted": []}), json.dumps(PAID | {"payload": "0x"}), json.dumps(PAID | {"payload": None}),
        json.dumps(PAID | {"resource": "http://x"}), json.dumps(PAID | {"extensions": []}),
        json.dumps(PAID | {"accepted": PAID["accepted"] | {"amount": 50000}}),
        json.dumps(PAID | {"accepted": PAID["accepted"] | {"maxTimeoutSeconds": "60"}}),
    ],
    ids=lambda text: ascii(text)[:30],
)  # fmt: skip
def test_s23_json_of_another_shape_is_refused(text):
    assert refused(packed(text))


@pytest.mark.parametrize("raw", [b"\xff\xfe{}", b"\xef\xbb\xbf{}", b'{"x402Version":2,"a":"\xff"}', b'"\xed\xa0\x80"'])
def test_bytes_that_are_no_utf8_are_refused(raw):
    assert refused(packed(raw))


@given(st.binary(max_size=300))
def test_s25_junk_is_refused_and_nothing_else_happens(raw):
    for value in (raw, packed(raw), raw.decode("latin-1")):
        with pytest.raises(ProtocolError):
            decode(value, PaymentPayload)


leaves = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
values = st.recursive(leaves, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=5), v, max_size=3))


@given(values)
def test_s25_json_of_any_other_shape_is_refused(value):
    with pytest.raises(ProtocolError):
        decode_json(json.dumps(value).encode(), PaymentPayload)
    with pytest.raises(ProtocolError):
        decode_json(json.dumps(PAID | {"accepted": value}).encode(), PaymentPayload)


def test_a_refusal_does_not_quote_the_payment():
    broken = json.dumps(PAID)[:-2]
    assert PAID["payload"]["signature"][2:40] not in refused(packed(broken))


def test_bytes_that_are_no_utf8_are_refused_where_nothing_is_read_too():
    skipped = b'{"nobody reads this": "\x80", ' + json.dumps(PAID).encode()[1:]
    with pytest.raises(ProtocolError, match="utf-8"):
        decode_json(skipped, PaymentPayload)
