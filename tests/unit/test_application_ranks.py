"""What took long to count is shown for long: twenty times as long, and a minute at least."""

import pytest

from server.application.ranks import Ranks
from server.application.standings import Standings
from tests.fakes.database import FakeDatabase


class Slow(Standings):
    """Takes so many seconds of the clock, and counts how often it was asked."""

    def __init__(self, seconds):
        super().__init__()
        self.seconds, self.asked = seconds, 0

    async def read(self, db, clock):
        self.asked += 1
        clock.advance(self.seconds)
        return await super().read(db, clock)


@pytest.mark.parametrize(("took", "shown"), [(0, 60), (1, 59), (10, 200)])
async def test_a_count_is_shown_for_twenty_times_what_it_took_and_a_minute_from_its_start_at_least(clock, took, shown):
    ranks, standings, db = Ranks(), Slow(took), FakeDatabase(clock)
    await ranks.read(db, clock, standings, {})
    clock.advance(shown - 1)
    await ranks.read(db, clock, standings, {})
    assert standings.asked == 1
    clock.advance(1)
    await ranks.read(db, clock, standings, {})
    assert standings.asked == 2
