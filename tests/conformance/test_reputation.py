"""What ports.Reputation guarantees, on the fake, SQLite and PostgreSQL."""

import asyncio
import secrets
from dataclasses import replace

import pytest

from server.domain.errors import StaleWrite
from server.domain.reputation import MOST_WEIGHT, Identity, ReputationCursor, Review, Tally, standing_of
from tests.conformance.rows import race
from tests.fakes.samples import NETWORK, NOW

N = 20
REGISTRY = "0x" + "4e" * 20


def some_hash():
    return "0x" + secrets.token_hex(32)


def a_review(merchant, **changes):
    review = Review(
        network=NETWORK,
        transaction=some_hash(),
        log_index=3,
        order_id=secrets.token_hex(16),
        merchant=merchant,
        service="echo",
        reviewer="0x" + "b0" * 20,
        score=80,
        weight=10_000,
        file_hash=some_hash(),
        at=NOW,
    )
    return replace(review, **changes)


@pytest.fixture
def merchant():
    """One that no other test of the same database has."""
    return secrets.token_hex(8)


async def add(database, review):
    async with database.begin("reviewed") as work:
        return await work.reputation.add(review)


async def tallies(database, merchant):
    async with database.read() as view:
        return [one for one in await view.reputation.tallies() if one.merchant == merchant]


async def test_of_many_reviews_of_one_transfer_at_once_one_counts(database, merchant):
    first = a_review(merchant)
    others = [replace(first, score=n, order_id=secrets.token_hex(16)) for n in range(N)]
    added = await asyncio.gather(*(add(database, one) for one in others))
    assert sorted(added) == [False] * (N - 1) + [True]
    (tally,) = await tallies(database, merchant)
    assert (tally.reviews, tally.weighted) == (1, added.index(True) * 10_000)
    async with database.read() as view:
        assert await view.reputation.of(NETWORK, first.transaction, 3) == others[added.index(True)]
        assert await view.reputation.of(NETWORK, first.transaction, 4) is None


async def test_another_log_or_network_is_another_payment_and_one_place_is_one_review(database, merchant):
    first = a_review(merchant, given_in=f"{REGISTRY}:0:{secrets.token_hex(8)}:1")
    assert await add(database, first)
    assert not await add(database, a_review(merchant, given_in=first.given_in))
    assert await add(database, replace(first, log_index=4, given_in=None))
    assert await add(database, replace(first, network="eip155:1"))
    assert (await tallies(database, merchant))[0].reviews == 3


async def test_a_refused_review_leaves_its_unit_of_work_usable(database, merchant):
    first = a_review(merchant)
    async with database.begin("feedback read") as work:
        assert await work.reputation.add(first)
        assert not await work.reputation.add(first)
        assert await work.reputation.add(a_review(merchant))
    assert (await tallies(database, merchant))[0].reviews == 2


async def test_tallies_are_exact_for_each_service(database, merchant):
    for score, weight, service in ((100, MOST_WEIGHT, "a"), (0, MOST_WEIGHT, "a"), (50, 1, "a"), (7, 3, "b")):
        await add(database, a_review(merchant, score=score, weight=weight, service=service))
    a, b = await tallies(database, merchant)
    assert a == Tally(merchant, "a", 3, 2 * MOST_WEIGHT + 1, 100 * MOST_WEIGHT + 50)
    assert b == Tally(merchant, "b", 1, 3, 21)
    assert standing_of([a, b]).rating == 49, "rounded down"


async def test_what_is_withdrawn_counts_no_more_and_its_transfer_stays_spent(database, merchant):
    given = a_review(merchant, given_in=f"{REGISTRY}:0:{secrets.token_hex(8)}:1")
    await add(database, given)
    for _ in range(2):
        async with database.begin("feedback read") as work:
            await work.reputation.withdraw(NETWORK, given.given_in)
            await work.reputation.withdraw("eip155:1", given.given_in)
    assert await tallies(database, merchant) == []
    assert not await add(database, replace(given, given_in=None))


async def test_what_is_dropped_was_never_given(database, merchant):
    network = f"eip155:{secrets.randbelow(10**9)}"
    low, high = (
        a_review(merchant, network=network, given_in=f"{REGISTRY}:0:{n}:{merchant}", given_block=n) for n in (10, 11)
    )
    signed = a_review(merchant, network=network)
    for one in (low, high, signed):
        await add(database, one)
    async with database.begin("feedback dropped") as work:
        await work.reputation.drop_above(network, 10)
    assert (await tallies(database, merchant))[0].reviews == 2
    assert await add(database, high)


async def test_reviewers_are_those_whose_reviews_in_the_registry_count(database, merchant):
    who = [f"0x{n:040x}" for n in (3, 1, 2)]
    places = [f"{REGISTRY}:0:{one}:{merchant}" for one in who]
    for one, place in zip(who, places, strict=True):
        await add(database, a_review(merchant, reviewer=one, given_in=place))
        await add(database, a_review(merchant, reviewer=one, given_in=place + "2"))
    await add(database, a_review(merchant, reviewer="0x" + "aa" * 20))
    async with database.begin("feedback read") as work:
        await work.reputation.withdraw(NETWORK, places[0])
        await work.reputation.withdraw(NETWORK, places[0] + "2")
    async with database.read() as view:
        assert await view.reputation.reviewers(NETWORK, merchant) == sorted(who[1:])
        assert await view.reputation.reviewers("eip155:1", merchant) == []


async def test_of_readers_at_once_one_moves_the_cursor(database):
    network = f"eip155:{secrets.randbelow(10**9)}"

    async def move(cursor):
        async with database.begin("feedback read") as work:
            await work.reputation.move(cursor)

    async def read():
        async with database.read() as view:
            return await view.reputation.cursor(network)

    assert await read() is None
    for version in range(2):
        wanted = [ReputationCursor(network, 100 * version + n, some_hash(), version) for n in range(N)]
        outcomes = await race(*(move(one) for one in wanted))
        assert sorted(outcomes) == ["StaleWrite"] * (N - 1) + ["won"]
        assert await read() == replace(wanted[outcomes.index("won")], version=version + 1)
    with pytest.raises(StaleWrite):
        await move(ReputationCursor(network, 1, some_hash(), 1))


async def test_a_merchant_has_one_identity_on_a_network(database, merchant):
    first = Identity(NETWORK, merchant, REGISTRY, 2**200, "0x" + "5b" * 20, "https://shop.test/agent.json", True, NOW)
    elsewhere, later = replace(first, network="eip155:1"), replace(first, verified=False, wallet="", agent_id=0)
    for one in (first, elsewhere, later):
        async with database.begin("identity linked") as work:
            await work.reputation.put_identity(one)
    async with database.read() as view:
        own = [one for one in await view.reputation.identities() if one.merchant == merchant]
    assert own == [elsewhere, later]
