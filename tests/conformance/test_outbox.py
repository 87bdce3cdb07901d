"""What ports.Outbox guarantees, on the fake, SQLite and PostgreSQL: no job is lost, and none has two owners."""

import asyncio
from datetime import timedelta

import pytest

from tests.fakes.samples import NOW

LEASE = timedelta(seconds=15)
LATER = NOW + LEASE


async def add(database, subject="order-1", due=NOW, topic="execute"):
    async with database.begin("ask") as work:
        await work.outbox.add(topic, subject, due)


async def take(database, now=NOW, limit=100):
    async with database.begin("jobs taken") as work:
        return await work.outbox.take(now, now + LEASE, limit)


async def finish(database, job):
    async with database.begin("job") as work:
        await work.outbox.finish(job)


async def waiting(database):
    async with database.read() as view:
        return await view.outbox.waiting()


async def test_a_job_is_taken_done_and_gone(database):
    await add(database)
    (job,) = await take(database)
    assert (job.topic, job.subject, job.generation, job.attempts) == ("execute", "order-1", 1, 1)
    assert await waiting(database) == 1
    await finish(database, job)
    assert await waiting(database) == 0
    assert not await take(database, LATER)


async def test_asking_twice_makes_one_job(database):
    await asyncio.gather(*(add(database) for _ in range(20)))
    assert len(await take(database)) == 1
    await add(database, "order-2")
    await add(database, topic="refund")
    assert {(job.topic, job.subject) for job in await take(database)} == {("execute", "order-2"), ("refund", "order-1")}


async def test_work_asked_for_while_it_is_being_done_is_done_once_more(database):
    await add(database)
    (first,) = await take(database)
    await add(database)
    assert not await take(database), "its owner still works on it"
    await finish(database, first)
    assert await waiting(database) == 1
    (second,) = await take(database)
    assert second.generation == first.generation + 1
    await finish(database, second)
    assert await waiting(database) == 0


async def test_work_asked_for_after_it_was_done_is_opened_again(database):
    await add(database)
    await finish(database, (await take(database))[0])
    await add(database)
    (again,) = await take(database)
    assert (again.generation, again.attempts) == (2, 1)


async def test_an_old_finish_does_not_close_newer_work(database):
    await add(database)
    (old,) = await take(database)
    await add(database)
    await finish(database, old)
    (new,) = await take(database)
    await finish(database, old)
    assert await waiting(database) == 1
    await finish(database, new)
    assert await waiting(database) == 0


async def test_w1_a_job_whose_worker_died_comes_back_when_its_lease_is_over(database):
    await add(database)
    (job,) = await take(database)
    assert not await take(database, NOW + LEASE - timedelta(microseconds=1))
    (again,) = await take(database, NOW + LEASE)
    assert (again.id, again.generation, again.attempts) == (job.id, job.generation, 2)


async def test_w3_a_job_put_off_comes_back_when_it_is_due_with_its_attempts_counted(database):
    await add(database)
    for attempt in range(1, 4):
        now = NOW + attempt * timedelta(minutes=1)
        (job,) = await take(database, now)
        assert job.attempts == attempt
        async with database.begin("job") as work:
            await work.outbox.put_off(job, now + timedelta(minutes=1), "the node does not answer")
        assert not await take(database, now + timedelta(seconds=59))
    assert await waiting(database) == 1


async def test_w3_a_job_that_only_waits_counts_its_attempts_anew(database):
    await add(database)
    for minute, error in enumerate(("the node does not answer", None, None, "the node does not answer")):
        now = NOW + minute * timedelta(minutes=1)
        (job,) = await take(database, now)
        async with database.begin("job") as work:
            await work.outbox.put_off(job, now + timedelta(minutes=1), error)
        assert job.attempts == (2 if minute == 1 else 1)
    (job,) = await take(database, NOW + timedelta(minutes=4))
    assert job.attempts == 2


async def test_a_job_is_not_handed_out_before_it_is_due(database):
    await add(database, due=LATER)
    async with database.read() as view:
        assert not await view.outbox.due(LATER - timedelta(seconds=1))
        assert await view.outbox.due(LATER)
    assert not await take(database, LATER - timedelta(seconds=1))
    assert len(await take(database, LATER)) == 1


async def test_the_most_overdue_jobs_come_first_and_a_limit_holds(database):
    for minute in (3, 1, 2):
        await add(database, f"order-{minute}", NOW + timedelta(minutes=minute))
    first = await take(database, NOW + timedelta(minutes=5), limit=2)
    assert [job.subject for job in first] == ["order-1", "order-2"]
    assert [job.subject for job in await take(database, NOW + timedelta(minutes=5))] == ["order-3"]


async def test_nothing_is_due_while_everything_is_leased(database):
    await add(database)
    await take(database)
    async with database.read() as view:
        assert not await view.outbox.due(NOW)
        assert await view.outbox.due(LATER)


async def test_what_is_overdue_is_the_oldest_job_that_nobody_has_taken(database):
    await add(database, "later", LATER)
    await add(database)
    await add(database, "older", NOW - LEASE)

    async def overdue(now):
        async with database.read() as view:
            return await view.outbox.overdue(now)

    assert await overdue(NOW - 2 * LEASE) is None
    assert await overdue(NOW) == NOW - LEASE
    await take(database, limit=1)
    assert await overdue(NOW) == NOW
    await take(database)
    assert await overdue(NOW) is None
    assert await overdue(LATER) == NOW - LEASE, "the leases are over, and nothing was done"


async def test_jobs_that_fail_again_and_again_are_counted_by_topic_until_they_only_wait_or_are_done(database):
    for topic in ("execute", "refund", "follow"):
        await add(database, topic=topic)

    async def failing(times):
        async with database.read() as view:
            return await view.outbox.failing(times)

    for now in (NOW, LATER):
        for job in await take(database, now):
            async with database.begin("job") as work:
                await work.outbox.put_off(job, now + LEASE, None if job.topic == "follow" else "the node is away")
    assert (await failing(2), await failing(3)) == ({"execute": 1, "refund": 1}, {})
    for job in await take(database, LATER + LEASE):
        async with database.begin("job") as work:
            if job.topic == "execute":
                await work.outbox.put_off(job, LATER + 2 * LEASE, None)
            if job.topic == "refund":
                await work.outbox.finish(job)
    assert await failing(1) == {}


async def test_concurrent_takers_never_get_the_same_job(database):
    for number in range(60):
        await add(database, f"order-{number}")
    taken = await asyncio.gather(*(take(database, limit=5) for _ in range(20)))
    subjects = [job.subject for jobs in taken for job in jobs]
    assert len(subjects) == len(set(subjects))
    rest = await take(database)
    assert len(subjects) + len(rest) == 60


async def test_a_job_asked_for_in_a_unit_that_fails_is_not_there(database):
    async def ask():
        async with database.begin("ask") as work:
            await work.outbox.add("execute", "order-1", NOW)
            raise LookupError

    with pytest.raises(LookupError):
        await ask()
    assert await waiting(database) == 0


async def test_ensured_work_that_is_open_keeps_its_attempts_its_time_and_its_error(database):
    async with database.begin("test") as work:
        await work.outbox.add("refund", "order", NOW)
    (job,) = await take(database, NOW)
    async with database.begin("test") as work:
        await work.outbox.put_off(job, NOW + timedelta(minutes=5), "no money")
    async with database.begin("test") as work:
        await work.outbox.ensure("refund", "order", NOW)
    assert await take(database, NOW + timedelta(minutes=1)) == []
    (again,) = await take(database, NOW + timedelta(minutes=6))
    assert (again.generation, again.attempts) == (job.generation, 2)


async def test_ensured_work_that_is_done_or_new_is_opened(database):
    async with database.begin("test") as work:
        await work.outbox.ensure("refund", "order", NOW)
    (job,) = await take(database, NOW)
    async with database.begin("test") as work:
        await work.outbox.finish(job)
    async with database.begin("test") as work:
        await work.outbox.ensure("refund", "order", NOW)
    (again,) = await take(database, NOW)
    assert (again.generation, again.attempts) == (2, 1)


async def test_work_asked_for_again_while_it_was_tried_does_not_wait_out_the_old_back_off(database):
    await add(database)
    (job,) = await take(database)
    await add(database)
    async with database.begin("test") as work:
        await work.outbox.put_off(job, NOW + timedelta(hours=1), "failed before it was asked for again")
    (again,) = await take(database)
    assert (again.generation, again.attempts) == (2, 1)
