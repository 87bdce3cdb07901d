"""What merchants' back ends sign: of this moment, with a plain nonce, and with fields that read in one way alone."""

import re

import pytest

from server.domain.api_requests import WINDOW, goat_message, require_fresh
from server.domain.errors import BadApiSignature

NOW = 1_800_000_000


@pytest.mark.parametrize("late", [-WINDOW, 0, WINDOW])
@pytest.mark.parametrize("nonce", ["a", "A.z_0:9-", "n" * 128])
def test_a_plain_nonce_of_this_moment_is_taken(nonce, late):
    assert require_fresh(str(NOW + late), nonce, NOW) == NOW + late


@pytest.mark.parametrize("nonce", ["", "n" * 129, "a b", "a\n", "a=b", "a&b", "é", "٣"])
def test_a_nonce_of_other_characters_or_of_another_length_is_refused(nonce):
    with pytest.raises(BadApiSignature, match="X-Nonce must be 1 to 128 letters"):
        require_fresh(str(NOW), nonce, NOW)


@pytest.mark.parametrize("timestamp", [str(NOW - WINDOW - 1), str(NOW + WINDOW + 1), f"0{NOW}", f"{NOW}.0", f"{NOW}\n"])
def test_a_time_that_is_not_of_this_moment_or_oddly_written_is_refused(timestamp):
    with pytest.raises(BadApiSignature, match="X-Timestamp must be"):
        require_fresh(timestamp, "n", NOW)


def message(body, query=""):
    return goat_message(query, body, "key", "7", "n")


@pytest.mark.parametrize("body", [b"", b"{}", b'{"a":null,"b":""}'])
def test_a_body_without_values_adds_nothing(body):
    assert message(body) == b"api_key=key&nonce=n&timestamp=7"


def test_fields_of_query_and_body_stand_in_the_order_of_their_names():
    assert message(b'{"z":true,"b":12}', "c=x") == b"api_key=key&b=12&c=x&nonce=n&timestamp=7&z=true"


@pytest.mark.parametrize("body", [b"[]", b'[["a","b"]]', b'""', b'"text"', b"7", b"null", b"true", b"{", b"\xff"])
def test_a_body_that_is_no_object_is_refused(body):
    with pytest.raises(BadApiSignature, match="the body is not a JSON object"):
        message(body)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b'{"a":1,"a":1}', "the field 'a' cannot be signed"),
        (b'{"sign":"x"}', "the field 'sign' cannot be signed"),
        (b'{"a":[1]}', "a holds more than one value"),
        (b'{"a":"b&c"}', "a holds '&' or '='"),
        (b'{"a":"\\ud800"}', "a field holds half of a surrogate pair"),
        (b'{"a":1.0}', "the number 1.0 can be written in several ways"),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(body, why):
    with pytest.raises(BadApiSignature, match=re.escape(why)):
        message(body)
