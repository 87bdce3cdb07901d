"""What ports.Clock guarantees, on the fake and the machine's; and what only the fake does."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from server.adapters.clock import SystemClock
from tests.fakes.clock import START, FakeClock


@pytest.fixture(params=[FakeClock, SystemClock])
def any_clock(request):
    return request.param()


async def test_now_is_aware_and_in_utc(any_clock):
    assert any_clock.now().utcoffset() == timedelta(0)
    assert any_clock.now() <= any_clock.now()


@pytest.mark.parametrize("seconds", [0, 0.01, 0.05])
async def test_a_sleep_takes_at_least_its_time(any_clock, seconds):
    begun = any_clock.now()
    await any_clock.sleep(seconds)
    assert any_clock.now() - begun >= timedelta(seconds=seconds) * 0.9  # the machine's own clock may be stepped


async def test_others_go_on_meanwhile(any_clock):
    done = []
    other = asyncio.create_task(asyncio.sleep(0))
    other.add_done_callback(lambda _: done.append(True))
    await any_clock.sleep(0.01)
    assert done


async def test_sleepers_wake_in_the_order_of_their_times(any_clock):
    woken = []

    async def sleeper(seconds):
        await any_clock.sleep(seconds)
        woken.append(seconds)

    await asyncio.gather(*(sleeper(seconds) for seconds in (0.09, 0.01, 0.05)))
    assert woken == [0.01, 0.05, 0.09]


async def test_a_sleeper_may_be_cancelled(any_clock):
    task = asyncio.create_task(any_clock.sleep(0.05))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await any_clock.sleep(0.01)


# ------------------------------------------------------------------------------------------------------ the fake


async def test_years_pass_at_once_and_twenty_pollers_take_no_longer_than_one():
    clock, polls = FakeClock(), []

    async def poll():
        for _ in range(10):
            await clock.sleep(0.02)
            polls.append(clock.now())

    await asyncio.gather(*(poll() for _ in range(20)), clock.sleep(365 * 86_400))
    assert len(polls) == 200
    assert max(polls) <= START + timedelta(seconds=0.25), "time passes to the earliest sleeper, not once for each"
    assert clock.now() == START + timedelta(days=365)


async def test_time_stands_still_while_nobody_sleeps_and_moves_when_told():
    clock = FakeClock()
    await asyncio.sleep(0)
    assert clock.now() == START
    clock.advance(5)
    clock.advance(days=1)
    assert clock.now() == START + timedelta(days=1, seconds=5)
    clock.set(datetime(2026, 1, 1, tzinfo=UTC))
    assert clock.now() == datetime(2026, 1, 1, tzinfo=UTC)


async def test_a_sleeper_wakes_when_the_clock_is_moved_past_its_time():
    clock = FakeClock()
    task = asyncio.create_task(clock.sleep(3600))
    await asyncio.sleep(0)
    clock.advance(hours=2)
    await asyncio.wait_for(task, 5)
    assert clock.now() == START + timedelta(hours=2)
