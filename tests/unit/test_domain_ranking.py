"""What listings are sorted by: it grows with deliveries to many payers, and with nothing that a provider writes."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.domain.ranking import MOST_VOTES, NO_RECORD, WHOLE, Record, rarity, score, standing_weight, wilson
from server.domain.reputation import Standing

NO_REVIEWS = Standing()
VOTES = st.integers(0, 10**9)
STANDINGS = st.builds(Standing, st.integers(1, 10**6), st.integers(0, 100)) | st.just(NO_REVIEWS)
VERIFIED = st.booleans()


def of_payers(payers: int, *, calls: int = 1, failed: int = 0, p50_ms: int | None = 500) -> Record:
    """A record of so many payers, each with so many calls."""
    votes = min(calls + failed, MOST_VOTES) * WHOLE
    good = votes * calls // (calls + failed)
    return Record(calls * payers, failed * payers, payers, votes * payers, good * payers, p50_ms)


@st.composite
def records(draw):
    payers = draw(st.integers(1, 10**5))
    calls, failed = draw(st.integers(0, 50)), draw(st.integers(1, 50))
    return of_payers(payers, calls=calls, failed=failed, p50_ms=draw(st.none() | st.integers(0, 10**6)))


@pytest.mark.parametrize(
    ("good", "votes", "expected"),
    [(0, 0, 0), (0, 5, 0), (1, 1, 206), (3, 3, 438), (8, 10, 490), (95, 100, 888), (998, 1000, 992), (500, 1000, 469)],
)
def test_the_lower_bound_is_wilsons(good, votes, expected):
    assert wilson(good * WHOLE, votes * WHOLE) == expected


@given(VOTES, VOTES, VOTES)
def test_a20_trust_never_falls_when_more_of_the_same_votes_are_good(votes, one, other):
    fewer, more = sorted((min(one, votes), min(other, votes)))
    assert 0 <= wilson(fewer, votes) <= wilson(more, votes) < WHOLE


@given(st.integers(1, 10**5), st.integers(1, 10**5))
def test_a20_trust_grows_with_how_many_payers_said_the_same(one, other):
    fewer, more = sorted((one, other))
    assert wilson(fewer * WHOLE, fewer * WHOLE) <= wilson(more * WHOLE, more * WHOLE)


@given(records(), STANDINGS, VERIFIED)
def test_a20_a_score_is_between_nothing_and_all_and_grows_with_one_more_good_vote(record, standing, verified):
    now = score(record, standing, verified=verified)
    better = replace(record, good=min(record.votes, record.good + WHOLE))
    assert 0 <= now <= score(better, standing, verified=verified) <= WHOLE


@given(records(), STANDINGS, st.integers(0, 10**6))
def test_being_slower_never_helps(record, standing, ms):
    faster, slower = replace(record, p50_ms=ms), replace(record, p50_ms=ms + 1_000)
    assert score(slower, standing, verified=False) <= score(faster, standing, verified=False)


@given(st.integers(1, 10**6), st.integers(0, 10**9), VERIFIED)
def test_a20_one_payers_many_calls_and_reviews_do_not_beat_a_proven_service(calls, reviews, verified):
    bought = of_payers(1, calls=calls, p50_ms=0)
    proven = of_payers(20, calls=3, failed=0, p50_ms=3_000)
    praised = Standing(reviews, 100) if reviews else NO_REVIEWS
    assert score(bought, praised, verified=verified) < score(proven, NO_REVIEWS, verified=False)
    assert score(bought, praised, verified=verified) <= score(
        of_payers(1, calls=MOST_VOTES, p50_ms=0), praised, verified=verified
    )


def test_a20_one_call_that_a_provider_paid_itself_beats_no_service_that_some_payers_use():
    alone = score(of_payers(1, p50_ms=0), Standing(1, 100), verified=True)
    assert alone < score(of_payers(10, calls=3, failed=0, p50_ms=2_000), NO_REVIEWS, verified=False)
    assert alone > score(NO_RECORD, NO_REVIEWS, verified=True)


@given(st.integers(1, 100))
def test_a20_reviews_count_no_further_than_payers_do(rating):
    record = of_payers(3)
    few, many = Standing(3, rating), Standing(10_000, rating)
    assert score(record, few, verified=False) == score(record, many, verified=False)


@given(st.integers(1, 2_000), st.integers(1, 2_000), st.integers(0, WHOLE))
def test_a20_a_listing_gains_nothing_by_words_that_were_not_asked_for(words, usual, points):
    assert standing_weight(words + 1, usual, points) <= standing_weight(words, usual, points)


def test_a20_a_listing_stuffed_with_every_word_does_not_beat_one_that_is_about_them():
    common, rare = rarity(1_000, 60), rarity(1_000, 20)
    assert standing_weight(400, 25, 0) * (common + rare) < standing_weight(25, 25, 0) * common
    assert standing_weight(400, 25, WHOLE) * (common + rare) < standing_weight(25, 25, 0) * (common + rare)


def test_rare_words_are_worth_more_and_a_score_weighs_what_fits_as_well():
    assert rarity(10_000, 1) > rarity(10_000, 100) > rarity(10_000, 10_000) > 0
    assert standing_weight(25, 25, WHOLE) == 3 * standing_weight(25, 25, 0)


def test_success_is_told_of_what_ended():
    assert (NO_RECORD.success, Record(calls=2, failed=1).success) == (None, 666)
