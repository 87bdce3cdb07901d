"""Who is woken by what: an outcome, more work or a transaction in flight, and nobody by another one's."""

import asyncio

import pytest

from server.facilitator.wakeups import Wakeups
from tests.fakes import samples

LONG, SOON = 10, 1
ONE, OTHER = samples.settlement(), samples.settlement()
HAPPENINGS = {
    "nothing": (lambda _wakeups: None, set(), None),
    "more work": (lambda wakeups: wakeups.change(), {"work"}, None),
    "something in flight": (lambda wakeups: wakeups.sent(), {"flight"}, None),
    "an outcome stored here": (lambda wakeups: wakeups.recorded([ONE]), {"outcome", "work"}, ONE),
    "an outcome stored elsewhere": (lambda wakeups: wakeups.wake([ONE]), {"outcome", "work"}, None),
}


@pytest.mark.parametrize(("happens", "woken", "told"), HAPPENINGS.values(), ids=HAPPENINGS)
async def test_each_waits_for_its_own_news_or_until_its_time_is_over(clock, happens, woken, told):
    wakeups, began = Wakeups(clock), clock.now()

    async def news():
        await clock.sleep(SOON)
        happens(wakeups)

    async def waits(wait):
        said = await wait
        return (clock.now() - began).total_seconds(), said

    waiting = {
        "outcome": wakeups.wait(ONE.id, LONG),
        "outcome, a second time": wakeups.wait(ONE.id, LONG),
        "another's outcome": wakeups.wait(OTHER.id, LONG),
        "work": wakeups.next_change(LONG),
        "flight": wakeups.next_sent(LONG),
    }
    *ended, _ = await asyncio.gather(*(waits(wait) for wait in waiting.values()), news())
    found = dict(zip(waiting, ended, strict=True))
    assert found["outcome, a second time"] == found["outcome"]
    assert {name: after for name, (after, _) in found.items()} == {
        name: SOON if name.partition(",")[0] in woken else LONG for name in waiting
    }
    assert found["outcome"][1] is told


async def test_who_was_told_and_waits_again_waits_for_the_next_news(clock):
    wakeups = Wakeups(clock)

    async def news():
        for _ in range(2):
            await clock.sleep(SOON)
            wakeups.change()

    began, telling = clock.now(), asyncio.create_task(news())
    for _ in range(2):
        await wakeups.next_change(LONG)
    assert (clock.now() - began).total_seconds() == 2 * SOON
    await telling
