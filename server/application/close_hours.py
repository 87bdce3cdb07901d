"""Close hours: sum up what happened in an hour once, so that figures of a month read no month of orders."""

from server.application.paddock import Paddock

CLOSE_HOURS = "close_hours"
"""The outbox's topic."""
MOST = 100
"""Hours that one run closes; a marketplace that was never summed up has 1,464."""
TOGETHER = 10
"""Of them in a unit of work: who moves an order of these waits for it."""
GO_ON = 0.5


async def close_hours(paddock: Paddock, _subject: str) -> float | None:
    """Some hours; seconds until the next run, or None where nothing is left."""
    async with paddock.db.survey() as view:
        hours = await view.tallies.to_close(paddock.clock.now(), MOST)
    for start in range(0, len(hours), TOGETHER):
        async with paddock.db.begin("hours closed") as work:
            await work.tallies.close(hours[start : start + TOGETHER])
    return GO_ON if len(hours) == MOST else None
