"""What came of jobs is written together, and nothing of it is lost with a unit of work that fails."""

import asyncio
from datetime import timedelta

from server.application.endings import Ending, Endings
from tests.fakes.clock import FakeClock
from tests.fakes.database import FakeDatabase

NUMBER = 5


async def taken(database, clock):
    async with database.begin("ask") as work:
        for number in range(NUMBER):
            await work.outbox.add("follow", f"order-{number}", clock.now())
    async with database.begin("jobs taken") as work:
        return await work.outbox.take(clock.now(), clock.now() + timedelta(seconds=15), NUMBER)


async def test_jobs_that_end_while_one_is_written_share_the_next_unit_of_work():
    clock, units = FakeClock(), []
    database, endings = FakeDatabase(clock), Endings()
    jobs = await taken(database, clock)
    database.hooks.append(lambda name, when: units.append(name) if when == "begin" else None)
    later = clock.now() + timedelta(minutes=1)
    written = [Ending(job, later if job is jobs[-1] else None, None) for job in jobs]
    await asyncio.gather(*(endings.write(database, one) for one in written))
    assert units == ["job"] * 2, "the first alone, all others together"
    async with database.read() as view:
        assert await view.outbox.waiting() == 1
        assert await view.outbox.due(later)
        assert not await view.outbox.due(later - timedelta(microseconds=1))


async def test_a_unit_of_work_that_fails_is_written_by_the_others():
    clock, failures = FakeClock(), [OSError("the disk is full"), None]
    database, endings = FakeDatabase(clock), Endings()
    jobs = await taken(database, clock)

    def fail(name, when):
        if (name, when) == ("job", "commit") and failures and (failure := failures.pop()):
            raise failure

    database.hooks.append(fail)
    ended = [endings.write(database, Ending(job, None, None)) for job in jobs]
    alone, first, *others = await asyncio.gather(*ended, return_exceptions=True)
    assert isinstance(first, OSError)
    assert [alone, *others] == [None] * (NUMBER - 1)
    async with database.read() as view:
        assert await view.outbox.waiting() == 0, "the first one's too"


async def test_a_job_that_ends_alone_is_written_at_once():
    clock = FakeClock()
    database, endings = FakeDatabase(clock), Endings()
    for left, job in reversed(list(enumerate(reversed(await taken(database, clock))))):
        await endings.write(database, Ending(job, None, None))
        async with database.read() as view:
            assert await view.outbox.waiting() == left
