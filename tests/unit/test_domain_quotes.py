"""S3, S22, S24: a quote is ours, for this request, on these terms, and not from the future; or it is nothing."""

import base64
import secrets

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.wire import PaymentRequirements
from server.domain.errors import BindingMismatch, QuoteExpired
from server.domain.quotes import SKEW, Quote, QuoteKeys, binding
from tests.stack import buyer
from tests.unit.protocol_samples import ENTRY, NOW, SHOP, requirements

OLD, NEW = b"o" * 32, b"n" * 32
KEYS = QuoteKeys(7, {7: NEW, 3: OLD})
INTENT = b"i" * 32
BOUND = binding("echo", INTENT, requirements())
LIFE = 120
ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


@pytest.fixture(scope="module")
def issued():
    quote = KEYS.issue(NOW, LIFE)
    return quote, KEYS.token(quote, BOUND)


def assert_refused(token, bound=BOUND, now=NOW, keys=KEYS):
    with pytest.raises(BindingMismatch):
        keys.open(token, bound, now)


def test_a_token_opens_to_the_quote_that_was_given(issued):
    quote, token = issued
    assert KEYS.open(token, BOUND, NOW) == quote
    assert (quote.issued_at, quote.expires_at) == (NOW, NOW + LIFE)
    assert KEYS.read(quote.id) == quote


@given(now=st.integers(0, 2**32 - 1), life=st.integers(1, 2**16 - 1))
def test_times_survive_in_the_id(now, life):
    quote = KEYS.issue(now, life)
    assert KEYS.read(quote.id) == Quote(quote.id, now, now + life)


def test_no_two_quotes_are_the_same():
    assert len({KEYS.issue(NOW, LIFE).id for _ in range(1000)}) == 1000


def test_an_id_stands_in_a_url_as_it_is(issued):
    quote, token = issued
    assert set(quote.id) <= set(ALPHABET)
    assert len(token) < 80


# ---------------------------------------------------------------------------------------- forged and edited ones


def test_s3_every_edited_character_of_a_token_is_noticed(issued):
    _, token = issued
    for at, old in enumerate(token):
        for new in {ALPHABET[(ALPHABET.find(old) + 1) % 32], "a", "2", ".", "=", "A", " ", "\u0131"} - {old}:
            assert_refused(token[:at] + new + token[at + 1 :])


def test_s3_every_flipped_bit_of_an_id_and_of_a_mac_is_noticed(issued):
    quote, token = issued
    mac = token.rpartition(".")[2]
    for part, whole in ((quote.id, lambda new: f"1.{new}.{mac}"), (mac, lambda new: f"1.{quote.id}.{new}")):
        raw = base64.b32decode(part.upper() + "=" * (-len(part) % 8))
        for bit in range(8 * len(raw)):
            flipped = bytearray(raw)
            flipped[bit // 8] ^= 1 << bit % 8
            assert_refused(whole(base64.b32encode(bytes(flipped)).decode().rstrip("=").lower()))


@pytest.mark.parametrize("cut", [1, 2, 5, 20, 60])
def test_s3_a_longer_or_shorter_token_is_refused(issued, cut):
    _, token = issued
    for other in (token[:-cut], token[cut:], token + "a" * cut, token + "." + "a" * cut, "a" * cut + token):
        assert_refused(other)


@pytest.mark.parametrize(
    "token",
    [None, "", ".", "..", "1..", "1.a.b", 1, 1.5, True, [], {}, b"1.a.b", "1." + "a" * 10_000, "1.\u0131.\u0131",
     "1.\x00.\x00"],
    ids=lambda token: ascii(token)[:20],
)  # fmt: skip
def test_s3_what_is_no_token_is_refused(token):
    assert_refused(token)


def test_s3_another_version_is_refused(issued):
    _, token = issued
    for version in ("0", "2", "", "01", "1 "):
        assert_refused(version + token[1:])


def test_s3_a_token_in_other_letters_is_refused(issued):
    """One quote has one spelling, so that its id is unique where claims are counted."""
    quote, token = issued
    assert_refused(token.upper())
    assert KEYS.read(quote.id.upper()) is None
    assert KEYS.read(quote.id + "=") is None


def test_s3_id_and_mac_of_different_quotes_do_not_go_together(issued):
    _, token = issued
    other = KEYS.token(KEYS.issue(NOW, LIFE), BOUND)
    version, quote_id, _ = token.split(".")
    assert_refused(f"{version}.{quote_id}.{other.split('.')[2]}")


@given(st.binary(min_size=20, max_size=20))
def test_s31_a_guessed_id_names_no_quote(raw):
    assert KEYS.read(base64.b32encode(raw).decode().rstrip("=").lower()) is None


# ------------------------------------------------------------------------------------------------------- the keys


def test_s3_a_token_of_another_marketplace_is_refused():
    strangers = QuoteKeys(7, {7: secrets.token_bytes(32)})
    quote = strangers.issue(NOW, LIFE)
    assert_refused(strangers.token(quote, BOUND))
    assert KEYS.read(quote.id) is None


def test_s3_a_key_that_was_replaced_is_honoured_until_it_is_removed():
    before = QuoteKeys(3, {3: OLD})
    token = before.token(before.issue(NOW, LIFE), BOUND)
    assert KEYS.open(token, BOUND, NOW)
    assert_refused(token, keys=QuoteKeys(7, {7: NEW}))


def test_s3_the_same_key_under_another_id_is_another_key(issued):
    _, token = issued
    assert_refused(token, keys=QuoteKeys(3, {3: NEW}))
    assert_refused(token, keys=QuoteKeys(7, {7: OLD, 3: NEW}))


def test_keys_are_not_shown():
    assert NEW.hex() not in repr(KEYS)
    assert "nnnn" not in repr(KEYS)


# --------------------------------------------------------------------------------------------------------- times


def test_s3_a_quote_is_fresh_until_its_last_second(issued):
    quote, _ = issued
    quote.require_fresh(NOW + LIFE - 1)
    for late in (0, 1, 10**9):
        with pytest.raises(QuoteExpired):
            quote.require_fresh(NOW + LIFE + late)


def test_s3_a_quote_from_the_future_is_refused_beyond_a_clocks_skew(issued):
    quote, token = issued
    assert KEYS.open(token, BOUND, NOW - SKEW) == quote
    assert_refused(token, now=NOW - SKEW - 1)
    assert_refused(token, now=0)


# ------------------------------------------------------------------------------------------------------- binding

TERMS = dict(buyer.mutations({"accepted": ENTRY}, "accepted"))


@pytest.mark.parametrize("name", [name for name in TERMS if name != "accepted.extra.quote changed"])
def test_s22_terms_with_any_field_changed_or_left_out_are_not_those_of_the_quote(issued, name):
    _, token = issued
    try:
        entry = msgspec.convert(TERMS[name]["accepted"], PaymentRequirements)
    except msgspec.ValidationError:
        return  # without that field it is not read at all
    if name == "accepted.extra.quote removed":
        assert binding("echo", INTENT, entry) == BOUND
    else:
        assert_refused(token, binding("echo", INTENT, entry))


@pytest.mark.parametrize(
    "extra",
    [
        {"name": "USDC", "version": "2", "quoteId": "abc", "more": "x"},
        {"name": "USDC", "version": 2, "quoteId": "abc"},
        {"name": "USDC", "version": "2", "quoteId": ["abc"]},
        {"name": {"quote": "USDC"}, "version": "2", "quoteId": "abc"},
        {"name": "USDC", "version": "2", "quoteId": "abc", "Quote": "1.abc.def"},
        {"nam": "eUSDC", "version": "2", "quoteId": "abc"},
        {},
    ],
    ids=str,
)
def test_s22_extra_members_are_part_of_the_terms(issued, extra):
    assert_refused(issued[1], binding("echo", INTENT, requirements(extra=extra)))


def test_s1_a_quote_is_for_one_service_and_one_request(issued):
    _, token = issued
    assert_refused(token, binding("other", INTENT, requirements()))
    assert_refused(token, binding("ech", b"o" + INTENT[1:], requirements()))
    for at in range(32):
        other = bytearray(INTENT)
        other[at] ^= 1
        assert_refused(token, binding("echo", bytes(other), requirements()))


texts = st.text(max_size=8)
terms = st.builds(
    PaymentRequirements,
    scheme=texts,
    network=texts,
    amount=texts,
    asset=texts,
    pay_to=texts,
    max_timeout_seconds=st.integers(),
    extra=st.dictionaries(st.text(max_size=3).filter(lambda key: key != "quote"), texts, max_size=2),
)


@given(st.tuples(texts, st.binary(max_size=4), terms), st.tuples(texts, st.binary(max_size=4), terms))
def test_s22_two_bindings_are_equal_only_for_the_same_terms(one, two):
    assert (binding(*one) == binding(*two)) == (one == two)


@given(terms)
def test_text_that_looks_like_json_cannot_move_between_fields(entry):
    moved = msgspec.structs.replace(entry, scheme=entry.scheme + '","' + entry.network, network="")
    assert binding("s", b"", moved) != binding("s", b"", entry)


def test_the_token_itself_is_not_bound_and_everything_else_is():
    other = requirements(extra=ENTRY["extra"] | {"quote": "another"})
    assert binding("echo", INTENT, other) == BOUND
    assert binding("echo", INTENT, requirements(payTo=SHOP.lower())) != BOUND
