"""S27: the gate before claims: in turn, a few at a time, and nobody who is slow holds up the next."""

import asyncio
from contextlib import suppress

import pytest

from server.application.gate import AT_ONCE, Gate
from tests.stack.waiting import eventually


async def settled(turns=20):
    """Whoever can go on has."""
    for _ in range(turns):
        await asyncio.sleep(0)


@pytest.fixture
def slow(monkeypatch):
    """No place is free again by itself."""
    monkeypatch.setattr("server.application.gate.LONGEST", 3600.0)


class Crowd:
    """Visitors of a gate, each of whom stays until it is let go."""

    def __init__(self, gate, number):
        self.entered, self.leave = [], [asyncio.Event() for _ in range(number)]
        self.tasks = [asyncio.create_task(self._visit(gate, one)) for one in range(number)]

    async def _visit(self, gate, one):
        async with gate.place():
            self.entered.append(one)
            await self.leave[one].wait()

    async def end(self):
        for one in self.leave:
            one.set()
        await asyncio.gather(*self.tasks, return_exceptions=True)


async def test_few_are_let_in_at_once_and_the_others_in_turn(slow):
    crowd = Crowd(Gate(), AT_ONCE + 3)
    await settled()
    assert crowd.entered == list(range(AT_ONCE))
    for gone, next_one in ((2, AT_ONCE), (0, AT_ONCE + 1)):
        crowd.leave[gone].set()
        await settled()
        assert crowd.entered[-1] == next_one
        assert len(crowd.entered) == next_one + 1
    await crowd.end()
    assert crowd.entered == list(range(AT_ONCE + 3))


async def test_who_takes_long_lets_the_next_in_and_goes_on():
    crowd = Crowd(Gate(), 3 * AT_ONCE)

    async def all_are_in():
        return len(crowd.entered) == 3 * AT_ONCE

    await eventually(all_are_in, 10, "all are in")
    assert not any(task.done() for task in crowd.tasks)
    await crowd.end()


async def test_a_place_is_given_back_once_however_it_ends(monkeypatch):
    monkeypatch.setattr("server.application.gate.LONGEST", 0.0)
    gate = Gate()
    for _ in range(3):
        with suppress(ValueError):
            async with gate.place():
                await settled()  # by now it was taken back
                raise ValueError
    monkeypatch.setattr("server.application.gate.LONGEST", 3600.0)
    crowd = Crowd(gate, AT_ONCE + 1)
    await settled()
    assert len(crowd.entered) == AT_ONCE
    await crowd.end()


async def test_who_goes_away_while_it_waits_or_within_takes_no_place(slow):
    gate = Gate()
    crowd = Crowd(gate, AT_ONCE + 2)
    await settled()
    for gone in (1, AT_ONCE):  # one within, one who waits
        crowd.tasks[gone].cancel()
    await settled()
    assert crowd.entered == [*range(AT_ONCE), AT_ONCE + 1]
    await crowd.end()
