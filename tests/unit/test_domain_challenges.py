"""Sign-in challenges: only ours, only for their request, only for five minutes, in one spelling."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.domain.challenges import LIFE, issue, reopen
from server.domain.errors import SignInRefused
from server.domain.quotes import SKEW, QuoteKeys

KEYS = QuoteKeys(7, {7: b"k" * 32, 8: b"l" * 32})
INTENT = b"i" * 32
NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


def refused(nonce, intent=INTENT, now=NOW, keys=KEYS):
    with pytest.raises(SignInRefused) as caught:
        reopen(keys, nonce, intent, now)
    return caught.value.detail


def test_a_challenge_is_reopened_for_its_request_until_it_ends():
    given_out = issue(KEYS, INTENT, NOW)
    for later in (timedelta(), LIFE - MILLISECOND):
        assert reopen(KEYS, given_out.nonce, INTENT, NOW + later) == given_out
    assert refused(given_out.nonce, now=NOW + LIFE) == "the challenge has expired"


@given(st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_a_challenge_is_dated_to_the_millisecond_and_never_ahead(now):
    given_out = issue(KEYS, INTENT, now)
    assert now - 2 * MILLISECOND < given_out.issued_at <= now
    assert reopen(KEYS, given_out.nonce, INTENT, now).issued_at == given_out.issued_at


def test_a_nonce_is_letters_and_digits_and_never_twice_the_same():
    nonces = {issue(KEYS, INTENT, NOW).nonce for _ in range(100)}
    assert len(nonces) == 100
    assert all(nonce.isalnum() and nonce.isascii() and len(nonce) == 64 for nonce in nonces)


def test_a_challenge_is_for_no_other_request():
    assert "not given for this request" in refused(issue(KEYS, INTENT, NOW).nonce, b"j" * 32)


def test_every_changed_digit_is_refused():
    nonce = issue(KEYS, INTENT, NOW).nonce
    for at, digit in enumerate(nonce):
        assert refused(nonce[:at] + ("0" if digit != "0" else "1") + nonce[at + 1 :])


def test_another_spelling_is_refused():
    nonce = issue(KEYS, INTENT, NOW).nonce
    for other in (nonce.upper(), " " + nonce, nonce + "\n", nonce[:-2], nonce + "00", "", "x" * 64):
        assert other == nonce or refused(other)


def test_a_key_that_still_counts_is_honoured_and_a_foreign_one_is_not():
    before = issue(QuoteKeys(8, KEYS.keys), INTENT, NOW)
    assert reopen(KEYS, before.nonce, INTENT, NOW) == before
    assert refused(before.nonce, keys=QuoteKeys(7, {7: b"k" * 32}))
    assert refused(issue(QuoteKeys(7, {7: b"x" * 32}), INTENT, NOW).nonce)


def test_a_challenge_from_a_clock_that_is_ahead_is_taken_within_the_skew_only():
    ahead = issue(KEYS, INTENT, NOW + timedelta(seconds=SKEW))
    assert reopen(KEYS, ahead.nonce, INTENT, NOW) == ahead
    assert refused(issue(KEYS, INTENT, NOW + timedelta(seconds=SKEW + 1)).nonce)


def test_a_challenge_is_taken_at_the_skew_itself_and_not_a_moment_beyond():
    given_out = issue(KEYS, INTENT, NOW)
    earliest = given_out.issued_at - timedelta(seconds=SKEW)
    assert reopen(KEYS, given_out.nonce, INTENT, earliest) == given_out
    assert refused(given_out.nonce, now=earliest - timedelta(microseconds=1))
