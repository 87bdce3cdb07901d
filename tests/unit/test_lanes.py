"""Lanes: who may attempt now, and when the others come back."""

from datetime import timedelta

import pytest

from server.application.post import LONGEST_LINE, MOST_AT_ONCE, Lanes
from tests.fakes.samples import NOW


@pytest.fixture
def lanes():
    return Lanes()


def test_an_order_is_on_its_way_to_an_endpoint_once_at_a_time(lanes):
    with lanes.enter("we_1", "order-1", 4) as first, lanes.enter("we_1", "order-1", 4) as second:
        assert (first, second) == (True, False)
    with lanes.enter("we_1", "order-1", 4) as again:
        assert again


def test_other_orders_and_other_endpoints_have_lanes_of_their_own(lanes):
    with (
        lanes.enter("we_1", "order-1", 2) as first,
        lanes.enter("we_1", "order-2", 2) as second,
        lanes.enter("we_1", "order-3", 2) as third,
        lanes.enter("we_2", "order-1", 2) as elsewhere,
    ):
        assert (first, second, third, elsewhere) == (True, True, False, True)


def test_a_lane_is_free_again_after_an_error(lanes):
    with pytest.raises(LookupError), lanes.enter("we_1", "order-1", 1):
        raise LookupError
    with lanes.enter("we_1", "order-2", 1) as free:
        assert free


def test_those_in_line_come_back_as_far_apart_as_an_attempt_takes(lanes):
    lanes.took("we_1", 2.0)
    assert [lanes.wait("we_1", NOW) for _ in range(3)] == [2.0 / MOST_AT_ONCE * place for place in (1, 2, 3)]
    assert lanes.wait("we_1", NOW + timedelta(hours=1)) == 2.0 / MOST_AT_ONCE


def test_a_line_has_an_end_however_slow_the_endpoint_is(lanes):
    lanes.took("we_1", 10.0)
    assert max(lanes.wait("we_1", NOW) for _ in range(1_000)) == LONGEST_LINE
