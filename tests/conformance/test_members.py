"""What ports.Members and ports.Sessions guarantee, on the fake, SQLite and PostgreSQL."""

from dataclasses import replace
from datetime import timedelta

import pytest

from server.domain.members import Session
from server.domain.roles import Role
from tests.conformance.rows import race
from tests.fakes.samples import NOW

N = 20
OURS = "paddock"
ANNA, BERT = "0x" + "A1" * 20, "0x" + "B2" * 20
HOUR = timedelta(hours=1)
OPEN = Session(b"s" * 32, NOW + HOUR, ANNA, OURS)


async def put(database, wallet, role, by="an owner"):
    async with database.begin("test") as work:
        await work.members.put(OURS, wallet, role, by)


async def remove(database, wallet):
    async with database.begin("test") as work:
        return await work.members.remove(OURS, wallet, "an owner")


async def members(database):
    async with database.read() as view:
        return {one.wallet: one.role for one in await view.members.of(OURS)}


async def audit(database):
    async with database.read() as view:
        return [(one.wallet, one.old, one.new, one.by) for one in await view.members.changes(OURS, 100)]


async def test_members_are_read_by_merchant_and_by_wallet_and_each_change_is_in_the_audit(database):
    await put(database, BERT, Role.READER)
    await put(database, ANNA, Role.OWNER)
    await put(database, BERT, Role.OPERATOR, ANNA)
    assert await members(database) == {ANNA: Role.OWNER, BERT: Role.OPERATOR}
    async with database.read() as view:
        [bert] = await view.members.roles_of(BERT)
        assert (bert.merchant, bert.role, bert.by) == (OURS, Role.OPERATOR, ANNA)
        assert (await view.members.roles_of("0x" + "00" * 20), await view.members.of("another")) == ([], [])
    assert await remove(database, BERT)
    assert await members(database) == {ANNA: Role.OWNER}
    assert await audit(database) == [
        (BERT, "operator", "", "an owner"),
        (BERT, "read-only", "operator", ANNA),
        (ANNA, "", "owner", "an owner"),
        (BERT, "", "read-only", "an owner"),
    ]


async def test_what_changes_nothing_is_no_line_of_the_audit(database):
    await put(database, ANNA, Role.READER)
    await put(database, ANNA, Role.READER, "somebody else")
    assert not await remove(database, BERT)
    assert len(await audit(database)) == 1


async def test_of_many_changes_at_once_all_that_stand_are_in_the_audit_one_after_the_other(database):
    roles = [Role.OPERATOR, Role.READER] * (N // 2)
    await put(database, ANNA, Role.OWNER)
    assert set(await race(*(put(database, ANNA, role) for role in roles))) == {"won"}
    lines = (await audit(database))[::-1]
    assert [old for _, old, _, _ in lines[1:]] == [new for _, _, new, _ in lines[:-1]]
    assert lines[-1][2] == (await members(database))[ANNA]


async def test_a_wallet_that_many_add_at_once_is_a_member_once(database):
    outcomes = await race(*(put(database, ANNA, Role.READER) for _ in range(N)))
    assert set(outcomes) <= {"won", "StaleWrite"}
    assert await members(database) == {ANNA: Role.READER}
    assert len(await audit(database)) == 1


async def test_a_lost_unit_leaves_neither_member_nor_audit(database):
    async def lose():
        async with database.begin("test") as work:
            await work.members.put(OURS, ANNA, Role.OWNER, "nobody")
            raise LookupError

    with pytest.raises(LookupError):
        await lose()
    assert (await members(database), await audit(database)) == ({}, [])


async def opened(database, session, now=NOW):
    async with database.begin("test") as work:
        await work.sessions.open(session, now)


async def found(database, secret, now=NOW):
    async with database.read() as view:
        return await view.sessions.find(secret, now)


async def test_a_session_is_found_by_its_digest_until_its_time_is_over(database):
    operators = Session(b"o" * 32, NOW + 2 * HOUR, token=b"t" * 32)
    await opened(database, OPEN)
    await opened(database, operators)
    assert (await found(database, b"s" * 32), await found(database, b"o" * 32)) == (OPEN, operators)
    assert await found(database, b"x" * 32) is None
    assert await found(database, b"s" * 32, NOW + HOUR - timedelta(seconds=1)) == OPEN
    assert await found(database, b"s" * 32, NOW + HOUR) is None
    await opened(database, replace(OPEN, secret=b"n" * 32, until=NOW + 3 * HOUR), NOW + HOUR)
    assert await found(database, b"s" * 32) is None, "what is over is forgotten when the next one is opened"


async def test_a_session_shows_another_merchant_and_ends_when_it_is_told_to(database):
    other = replace(OPEN, secret=b"n" * 32)
    for one in (OPEN, other):
        await opened(database, one)
    async with database.begin("test") as work:
        await work.sessions.show(OPEN.secret, "another")
    assert (await found(database, OPEN.secret)).merchant == "another"
    for _ in range(2):
        async with database.begin("test") as work:
            await work.sessions.end(OPEN.secret)
    assert await found(database, OPEN.secret) is None
    assert await found(database, other.secret) == other
