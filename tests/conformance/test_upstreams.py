"""What ports.Upstreams guarantees, on the fake, SQLite and PostgreSQL."""

import json
from dataclasses import replace

import pytest

from server.domain.errors import StaleWrite
from server.domain.upstreams import Upstream, UpstreamState
from tests.conformance.rows import race
from tests.fakes.samples import NOW

N = 20
FIRST = Upstream(
    slug="acme.weather", merchant="acme", url="https://api.acme.example/weather", method="GET", title="Weather",
    summary="In a city.", kind="data API", unit="report", amount=2**40, arguments=b'{"type": "object"}', example=b"{}",
    answers=b"", media_type="text/csv", tags=("sky", 'a "quoted" tag'), settles_first=True, seconds=7,
    quote_seconds=60, secret="1.a", state=UpstreamState.DRAFT, version=0, at=NOW, by="acme", old_secret="1.b",
    old_secret_until=NOW,
)  # fmt: skip


async def add(database, upstream):
    async with database.begin("test") as work:
        await work.upstreams.add(upstream)


async def save(database, upstream, old):
    async with database.begin("test") as work:
        await work.upstreams.save(upstream, old)


async def test_what_is_kept_is_read_again_member_by_member(database):
    other = replace(FIRST, slug="acme.air", old_secret_until=None)
    for one in (FIRST, other):
        await add(database, one)
    async with database.read() as view:
        assert await view.upstreams.all() == [other, FIRST]
        assert await view.upstreams.get("acme.weather") == FIRST
        assert await view.upstreams.get("acme.nothing") is None


async def test_a_slug_is_taken_once(database):
    outcomes = await race(*(add(database, replace(FIRST, by=f"m{n}")) for n in range(N)))
    assert sorted(outcomes) == ["DuplicateClaim"] * (N - 1) + ["won"]
    async with database.read() as view:
        kept, lines = await view.upstreams.get(FIRST.slug), await view.upstreams.changes(FIRST.slug, 100)
    assert kept.by == f"m{outcomes.index('won')}"
    assert [(one.old, one.new, one.by, one.version) for one in lines] == [("", "draft", kept.by, 0)]


async def test_of_changes_at_once_one_stands_and_each_that_stands_is_in_the_audit(database):
    await add(database, FIRST)
    wishes = [replace(FIRST, state=UpstreamState.LISTED, amount=n + 1) for n in range(N)]
    outcomes = await race(*(save(database, one, FIRST) for one in wishes))
    assert sorted(outcomes) == ["StaleWrite"] * (N - 1) + ["won"]
    won = replace(wishes[outcomes.index("won")], version=1)
    async with database.read() as view:
        assert await view.upstreams.get(FIRST.slug) == won
        lines = await view.upstreams.changes(FIRST.slug, 100)
    assert [(one.old, one.new, one.version) for one in lines] == [("draft", "listed", 1), ("", "draft", 0)]
    facts = json.loads(lines[0].facts)
    assert (facts["amount"], facts["url"], facts["arguments"]) == (won.amount, FIRST.url, '{"type": "object"}')
    with pytest.raises(StaleWrite):
        await save(database, won, FIRST)


async def test_the_mark_differs_after_each_change_and_only_then(database):
    marks = []

    async def look():
        async with database.read() as view:
            marks.append(await view.upstreams.mark())

    await look()
    await add(database, FIRST)
    await look()
    await look()
    await save(database, replace(FIRST, state=UpstreamState.LISTED), FIRST)
    await look()
    assert marks[1] == marks[2]
    assert len(set(marks)) == 3


async def test_a_lost_unit_leaves_neither_row_nor_audit(database):
    async def lose():
        async with database.begin("test") as work:
            await work.upstreams.add(FIRST)
            raise LookupError

    with pytest.raises(LookupError):
        await lose()
    async with database.read() as view:
        assert (await view.upstreams.all(), await view.upstreams.changes(FIRST.slug, 9)) == ([], [])
