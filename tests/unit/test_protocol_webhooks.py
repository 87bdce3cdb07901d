"""A message is taken only from who knows the secret, unchanged, fresh, and once."""

import base64
import hashlib
import hmac
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import ProtocolError
from protocol.webhooks import (
    ID,
    SIGNATURE,
    TIMESTAMP,
    TOLERANCE,
    WebhookRefused,
    WebhookReplayed,
    decode_secret,
    encode_secret,
    sign,
    verify,
)

NOW = 1_772_366_400
NEW, OLD, FOREIGN = (bytes([number]) * 32 for number in (1, 2, 3))
BODY = json.dumps(
    {
        "id": "evt_1",
        "type": "order.settled",
        "created": "2026-03-01T12:00:00Z",
        "sequence": 1,
        "merchant": "paddock",
        "version": 1,
        "order": {"id": "order-1", "amount": "50000"},
        "data": {},
    }
).encode()


def never(_message_id):
    return False


def check(headers, body=BODY, secrets=(NEW,), seen=never, now=NOW):
    return verify([encode_secret(secret) for secret in secrets], headers, body, seen, now)


def refused(headers, body=BODY, **given):
    with pytest.raises(WebhookRefused) as caught:
        check(headers, body, **given)
    assert not isinstance(caught.value, WebhookReplayed)
    return caught.value.reason


@pytest.fixture
def headers():
    return sign([NEW], "msg_1", NOW, BODY)


def test_an_honest_message_is_read(headers):
    message = check(headers)
    assert (message.id, message.type, message.sequence, message.order["id"]) == ("evt_1", "order.settled", 1, "order-1")


def test_the_signature_is_that_of_standard_webhooks(headers):
    mac = hmac.new(NEW, f"msg_1.{NOW}.".encode() + BODY, hashlib.sha256).digest()
    assert headers == {ID: "msg_1", TIMESTAMP: str(NOW), SIGNATURE: "v1," + base64.b64encode(mac).decode()}


def test_the_names_of_headers_have_no_case(headers):
    assert check({name.title(): value for name, value in headers.items()})


def test_w6_a_message_by_another_secret_is_refused():
    assert refused(sign([FOREIGN], "msg_1", NOW, BODY)) == "webhook_signature"


@given(st.integers(0, len(BODY) - 1), st.integers(1, 255))
def test_w6_no_byte_of_the_body_can_be_edited(place, change):
    edited = bytearray(BODY)
    edited[place] ^= change
    assert refused(sign([NEW], "msg_1", NOW, BODY), bytes(edited)) == "webhook_signature"


def test_w6_the_same_json_in_other_bytes_is_refused(headers):
    assert refused(headers, json.dumps(json.loads(BODY), indent=1).encode()) == "webhook_signature"


@pytest.mark.parametrize("change", [{ID: "msg_2"}, {TIMESTAMP: str(NOW + 1)}])
def test_w6_id_and_timestamp_are_signed_too(headers, change):
    assert refused(headers | change) == "webhook_signature"


@pytest.mark.parametrize("away", [-TOLERANCE - 1, TOLERANCE + 1, -(10**9)])
def test_w6_an_old_message_is_refused_and_so_is_one_from_the_future(headers, away):
    assert refused(headers, now=NOW - away) == "webhook_stale"


@pytest.mark.parametrize(("away", "fresh"), [(0, True), (-TOLERANCE - 60, False), (TOLERANCE + 60, False)])
def test_w6_a_receiver_that_tells_no_time_has_messages_measured_by_its_own_clock(away, fresh):
    told = sign([NEW], "msg_1", int(time.time()) + away, BODY)
    if fresh:
        assert check(told, now=None).id == "evt_1"
    else:
        assert refused(told, now=None) == "webhook_stale"


@pytest.mark.parametrize("away", [-TOLERANCE, 0, TOLERANCE])
def test_clocks_may_differ_by_five_minutes(headers, away):
    assert check(headers, now=NOW + away)


def test_w6_a_replayed_message_is_known_and_told_from_a_forged_one(headers):
    handled = set()

    def seen(message_id):
        known = message_id in handled
        handled.add(message_id)
        return known

    assert check(headers, seen=seen)
    for _ in range(3):
        with pytest.raises(WebhookReplayed):
            check(headers, seen=seen)
    assert handled == {"msg_1"}


def test_w6_a_forged_message_is_never_remembered(headers):
    """Else whoever guesses ids could have honest messages passed over."""

    def seen(_message_id):
        raise AssertionError("asked about a message that is not ours")

    assert refused(headers | {SIGNATURE: "v1,AAAA"}, seen=seen)
    assert refused(headers, BODY + b" ", seen=seen)
    assert refused(headers, now=NOW + 10_000, seen=seen)


def test_w6_while_the_secret_is_changed_either_opens_the_message():
    both = sign([NEW, OLD], "msg_1", NOW, BODY)
    assert check(both, secrets=[OLD])
    assert check(both, secrets=[NEW])
    assert check(sign([OLD], "msg_1", NOW, BODY), secrets=[NEW, OLD])
    assert refused(both, secrets=[FOREIGN]) == "webhook_signature"
    assert refused(sign([NEW], "msg_1", NOW, BODY), secrets=[OLD]) == "webhook_signature"


def test_w6_other_schemes_beside_ours_are_passed_over(headers):
    assert check(headers | {SIGNATURE: f"v1a,AAAA v2,BBBB {headers[SIGNATURE]}"})
    unversioned = headers[SIGNATURE].removeprefix("v1,")
    for text in (unversioned, f"v2,{unversioned}", "v1,", "v1", " ", "v1," + "A" * 10_000, "ü", "v1,ü"):
        assert refused(headers | {SIGNATURE: text}) in ("webhook_signature", "webhook_header")


def test_w6_many_signatures_cost_no_more_than_a_few(headers):
    assert refused(headers | {SIGNATURE: "v1,AAAA " * 100 + headers[SIGNATURE]}) == "webhook_signature"


@pytest.mark.parametrize("name", [ID, TIMESTAMP, SIGNATURE])
def test_w6_a_missing_or_empty_header_is_refused(headers, name):
    assert refused({**headers, name: ""}) == "webhook_header"
    assert refused({key: value for key, value in headers.items() if key != name}) == "webhook_header"


@pytest.mark.parametrize("text", ["soon", "-1", "+1", "1e9", "1772366400.0", "١٧٧٢٣٦٦٤٠٠", "9" * 4_400])
def test_w6_a_timestamp_is_whole_seconds_in_plain_digits(headers, text):
    assert refused(headers | {TIMESTAMP: text}) == "webhook_header"


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"\xff", BODY.replace(b'"version": 1', b'"version": 2')])
def test_a_signed_body_of_another_form_is_refused_before_it_counts_as_seen(body):
    def seen(_message_id):
        raise AssertionError("asked about a message that nobody can read")

    assert refused(sign([NEW], "msg_1", NOW, body), body, seen=seen) in ("webhook_body", "webhook_version")


def test_members_that_a_receiver_does_not_know_are_passed_over():
    body = BODY.replace(b'"data": {}', b'"data": {}, "added": true')
    assert check(sign([NEW], "msg_1", NOW, body), body)


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_AAAA", "whsec_not base64!", base64.b64encode(NEW).decode()])
def test_a_secret_that_is_none_is_refused_and_not_quoted(text):
    with pytest.raises(ProtocolError) as caught:
        decode_secret(text)
    secret = text.removeprefix("whsec_")
    assert not secret or secret not in str(caught.value)


def test_a_secret_comes_back_as_it_was():
    assert decode_secret(encode_secret(NEW)) == NEW


def test_w6_a_secret_has_so_many_bytes_at_least_and_its_prefix():
    assert decode_secret(encode_secret(b"s" * 24)) == b"s" * 24
    bare = base64.b64encode(b"s" * 24).decode()
    for text in (encode_secret(b"s" * 23), bare, "whsec_" + bare[:-1], "whsec_%"):
        with pytest.raises(ProtocolError) as caught:
            decode_secret(text)
        assert caught.value.reason == "webhook_secret"
        assert text not in str(caught.value)


def test_w6_a_timestamp_has_twelve_digits_at_most(headers):
    assert refused(headers | {TIMESTAMP: "9" * 12}) == "webhook_stale"
    for text in ("9" * 13, "-1", "1.5", "\u0661", "\u00b2"):
        assert refused(headers | {TIMESTAMP: text}) == "webhook_header"


def test_w6_of_many_signatures_the_first_eight_are_looked_at(headers):
    right, strange = headers[SIGNATURE], sign([FOREIGN], "msg_1", NOW, BODY)[SIGNATURE]
    assert check(headers | {SIGNATURE: " ".join([strange] * 7 + [right])})
    assert refused(headers | {SIGNATURE: " ".join([strange] * 8 + [right])}) == "webhook_signature"
