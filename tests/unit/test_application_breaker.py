"""The circuit breaker: shut after failures in a row, one probe at a time, open again with the first answer."""

from datetime import timedelta

import pytest

from server.application.breaker import Breaker
from server.domain.outages import CircuitOpen

REST = timedelta(seconds=5)


@pytest.fixture
def breaker():
    return Breaker("facilitator", most=3, rest=REST)


def fail(breaker, clock, times):
    for _ in range(times):
        breaker.failed(clock.now())


def passes(breaker, clock):
    try:
        breaker.require(clock.now())
    except CircuitOpen:
        return False
    return True


def test_it_stays_closed_below_its_number_of_failures(breaker, clock):
    fail(breaker, clock, 2)
    assert passes(breaker, clock)
    assert not breaker.open


def test_an_answer_between_failures_starts_the_count_again(breaker, clock):
    fail(breaker, clock, 2)
    breaker.succeeded()
    fail(breaker, clock, 2)
    assert passes(breaker, clock)


def test_when_it_opens_nobody_passes_and_everybody_learns_when_to_come_back(breaker, clock):
    fail(breaker, clock, 3)
    clock.advance(2.5)
    with pytest.raises(CircuitOpen, match="facilitator") as refused:
        breaker.require(clock.now())
    assert (refused.value.retry_after, refused.value.status) == (3, 503)


def test_after_its_rest_one_probe_passes_and_the_others_wait_for_it(breaker, clock):
    fail(breaker, clock, 3)
    clock.advance(5)
    assert [passes(breaker, clock) for _ in range(3)] == [True, False, False]


def test_a_probe_that_fails_opens_it_for_another_rest(breaker, clock):
    fail(breaker, clock, 3)
    clock.advance(5)
    assert passes(breaker, clock)
    clock.advance(3)
    breaker.failed(clock.now())
    clock.advance(4.9)
    assert not passes(breaker, clock)
    clock.advance(0.1)
    assert passes(breaker, clock)


def test_a_probe_that_succeeds_closes_it_for_all(breaker, clock):
    fail(breaker, clock, 3)
    clock.advance(5)
    assert passes(breaker, clock)
    breaker.succeeded()
    assert [passes(breaker, clock) for _ in range(3)] == [True] * 3
    fail(breaker, clock, 2)
    assert passes(breaker, clock), "the count began again"


def test_a_probe_that_never_comes_back_is_replaced_after_a_rest(breaker, clock):
    fail(breaker, clock, 3)
    clock.advance(5)
    assert passes(breaker, clock)
    clock.advance(5)
    assert passes(breaker, clock)
