"""What ports.Allowlists guarantees, on the fake, SQLite and PostgreSQL."""

from dataclasses import replace

import pytest

from server.domain.allowlists import ActionState, ListedAction
from server.domain.errors import StaleWrite
from tests.conformance.rows import race
from tests.fakes.samples import NETWORK, NOW

N = 20
FIRST = ListedAction(NETWORK, "0x" + "9a" * 20, "mintTo(address)", 1, 2**128 - 1, ActionState.ADDING, NOW, "me")


async def put(database, action, instead_of=None, note=""):
    async with database.begin("list") as work:
        await work.allowlists.put(action, instead_of, note)


async def read(database):
    async with database.read() as view:
        return list(await view.allowlists.all()), list(await view.allowlists.changes(100))


async def test_c2_of_two_changes_at_once_one_stands_and_each_that_stands_is_in_the_audit(database):
    firsts = [replace(FIRST, by=f"merchant {n}") for n in range(N)]
    outcomes = await race(*(put(database, one) for one in firsts))
    assert sorted(outcomes) == ["StaleWrite"] * (N - 1) + ["won"]
    won = firsts[outcomes.index("won")]
    seconds = [replace(won, state=ActionState.REMOVING, minimum=0, maximum=0, by=f"other {n}") for n in range(N)]
    outcomes = await race(*(put(database, one, won, "0xab") for one in seconds))
    assert sorted(outcomes) == ["StaleWrite"] * (N - 1) + ["won"]
    rows, changes = await read(database)
    assert rows == [seconds[outcomes.index("won")]]
    assert [(one.old, one.new, one.by, one.note) for one in changes] == [
        ("adding", "removing", rows[0].by, "0xab"),
        ("", "adding", won.by, ""),
    ]
    assert (changes[1].minimum, changes[1].maximum, changes[0].maximum) == (1, 2**128 - 1, 0)


async def test_a_lost_unit_leaves_neither_row_nor_audit(database):
    async def lose():
        async with database.begin("list") as work:
            await work.allowlists.put(FIRST, None, "")
            raise LookupError

    with pytest.raises(LookupError):
        await lose()
    assert await read(database) == ([], [])


async def test_what_was_changed_since_it_was_read_is_not_overwritten(database):
    await put(database, FIRST)
    for other in (replace(FIRST, minimum=2), replace(FIRST, state=ActionState.LISTED), replace(FIRST, by="x")):
        with pytest.raises(StaleWrite):
            await put(database, replace(FIRST, maximum=5), other)
    assert len((await read(database))[1]) == 1
