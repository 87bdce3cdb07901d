"""Hours: a period is put together of closed hours and pieces with nothing left out, and of few moments beside them."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.domain.hours import CALM, HOUR, closable, cut, hour_of, is_over, start_of
from server.domain.statements import Period
from server.domain.trends import Span

NOW = datetime(2026, 3, 1, 12, 34, 56, 789, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)
moments = st.integers(0, 50 * 3_600_000_000).map(lambda microseconds: NOW + microseconds * MOMENT)


@given(st.lists(moments, max_size=60), moments, moments, st.sets(st.integers(-1, 52)))
def test_what_happened_in_a_period_is_what_happened_in_its_parts(events, start, end, closed):
    if start == end:
        return
    period = Period(min(start, end), max(start, end))
    hours = {hour_of(NOW) + one for one in closed}
    parts = cut(period, hours)
    sums = Counter(map(hour_of, events))
    counted = sum(sums[hour] for hour in parts.hours)
    counted += sum(one.start <= event < one.end for one in parts.pieces for event in events)
    assert counted == sum(period.start <= event < period.end for event in events)
    assert set(parts.hours) <= hours
    assert sum((one.end - one.start for one in parts.pieces), len(parts.hours) * HOUR) == period.end - period.start


@given(moments, moments, st.sets(st.integers(-1, 52)))
def test_every_closed_hour_that_fits_is_taken(start, end, closed):
    if start == end:
        return
    period = Period(min(start, end), max(start, end))
    hours = {hour_of(NOW) + one for one in closed}
    fit = {one for one in hours if period.start <= start_of(one) and start_of(one + 1) <= period.end}
    assert set(cut(period, hours).hours) == fit


@pytest.mark.parametrize("span", Span)
@pytest.mark.parametrize("now", [NOW, NOW.replace(minute=0, second=0, microsecond=0)])
def test_beside_closed_hours_no_more_is_counted_than_the_newest_and_a_piece_of_one(span, now):
    periods = span.periods(now)
    closed = closable(now)
    assert closed.start <= hour_of(periods[0].start) + 1
    pieces = [one for period in periods for one in cut(period, closed).pieces]
    assert sum((one.end - one.start for one in pieces), timedelta()) <= (HOUR + CALM) + HOUR
    assert len(pieces) <= 2 + HOUR // min(HOUR, span.step)


def test_an_hour_may_be_closed_when_it_has_been_over_for_an_hour():
    hour = hour_of(NOW)
    assert start_of(hour) <= NOW < start_of(hour + 1)
    assert not is_over(hour, start_of(hour + 1) - MOMENT)
    assert is_over(hour, start_of(hour + 1))
    assert hour not in closable(start_of(hour + 1) + CALM - MOMENT)
    assert hour in closable(start_of(hour + 1) + CALM)
