"""What took long to count is shown for long: twenty times as long, and a minute at least; a score is the service's."""

from dataclasses import replace

import pytest

from server.application.ranks import Ranked, Ranks
from server.application.standings import Standings
from server.domain.ranking import NO_RECORD, score
from server.domain.reputation import Identity, Standing
from server.domain.states import FulfilmentState, PaymentState
from tests.fakes.database import FakeDatabase
from tests.fakes.paddocks import ECHO, bare_paddock, put
from tests.fakes.registries import IDENTITIES
from tests.fakes.samples import NETWORK, NOW, order


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


@pytest.mark.parametrize("verified", [False, True])
def test_a_service_that_nobody_bought_scores_by_its_merchants_identity_alone_and_any_other_as_counted(verified):
    ranked = Ranked(scores={"echo": 0}, verified=frozenset({ECHO.merchant} if verified else ()))
    assert ranked.score(ECHO) == 0
    assert ranked.score(replace(ECHO, slug="unsold")) == score(NO_RECORD, Standing(), verified=verified)


@pytest.mark.parametrize("verified", [False, True])
async def test_only_an_identity_that_is_verified_counts_for_what_its_merchant_sells(clock, verified):
    """One of a service that was bought, and one of a service that nobody bought."""
    paddock = bare_paddock(clock)
    made = order(payment=PaymentState.SETTLED, fulfilment=FulfilmentState.RELEASED, paid_at=NOW, released_at=NOW)
    await put(paddock, made)
    identity = Identity(NETWORK, ECHO.merchant, IDENTITIES, 7, "", "", verified, NOW)
    async with paddock.db.begin("made up") as work:
        await work.reputation.put_identity(identity)
    ranked = await Ranks().read(paddock.db, clock, Standings(), paddock.services)
    assert ranked.record("echo").calls == 1
    assert ranked.scores["echo"] == score(ranked.record("echo"), Standing(), verified=verified)
    unsold = replace(ECHO, slug="unsold")
    assert ranked.score(unsold) == score(NO_RECORD, Standing(), verified=verified)
