"""What ports.Identifiers and ports.SignIns guarantee, on the fake, SQLite and PostgreSQL."""

import asyncio
import secrets
from datetime import timedelta

import pytest

from server.domain.errors import DuplicateClaim
from server.domain.states import FulfilmentState
from tests.conformance.rows import add, race
from tests.fakes import samples
from tests.fakes.samples import NOW

N = 50
NAME = "purchase-of-the-day"
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


async def hold(database, order, identifier=NAME, **other):
    values = {"payer": order.authorization.payer, "intent": order.terms.intent} | other
    async with database.begin("claim") as work:
        return await work.identifiers.hold(**values, identifier=identifier, order_id=order.id)


async def test_s13_of_fifty_orders_that_want_an_identifier_one_has_it_and_all_are_told_which(database):
    orders = [await add(database, samples.order(intent=b"i" * 32)) for _ in range(N)]
    holders = await asyncio.gather(*(hold(database, order) for order in orders))
    assert len(set(holders)) == 1
    assert holders[0] in {order.id for order in orders}


async def test_s13_an_identifier_is_one_payers_for_one_intent(database):
    first = await add(database, samples.order())
    assert await hold(database, first) == first.id
    assert await hold(database, first) == first.id
    for other in ({"payer": "0x" + "ab" * 20}, {"intent": b"o" * 32}, {"identifier": NAME.upper()}):
        second = await add(database, samples.order())
        values = {"payer": first.authorization.payer, "intent": first.terms.intent} | other
        assert await hold(database, second, **values) == second.id


async def test_an_identifier_that_a_lost_claim_held_is_free(database):
    order = samples.order()

    async def claim_and_fail():
        async with database.begin("claim") as work:
            await work.orders.add(order)
            await work.identifiers.hold(order.authorization.payer, order.terms.intent, NAME, order.id)
            raise LookupError

    with pytest.raises(LookupError):
        await claim_and_fail()
    second = await add(database, samples.order(intent=order.terms.intent))
    assert await hold(database, second) == second.id


async def test_an_identifier_of_no_order_is_an_error_and_not_somebody_elses(database):
    with pytest.raises(Exception, match=r"order|FOREIGN|foreign"):
        await hold(database, samples.order())


def released(**changes):
    usual = {
        "fulfilment": FulfilmentState.RELEASED,
        "intent": b"i" * 32,
        "created_at": NOW,
        "released_at": NOW + SECOND,
    }
    return samples.order(**usual | changes)


async def bought(database, order, **changes):
    values = {
        "payer": order.authorization.payer,
        "intent": order.terms.intent,
        "before": NOW + HOUR,
        "since": NOW,
    } | changes
    async with database.read() as view:
        return await view.sign_ins.bought(**values)


async def test_the_newest_released_order_is_what_a_payer_bought(database):
    orders = [
        await add(database, released(created_at=NOW + n * SECOND, released_at=NOW + (n + 2) * SECOND))
        for n in (1, 3, 2)
    ]
    assert await bought(database, orders[0]) == orders[1].id


async def test_s31_nothing_is_found_for_another_payer_or_request_or_before_it_was_released(database):
    order = await add(database, released())
    for since in (NOW, order.released_at):
        assert await bought(database, order, since=since) == order.id
    assert await bought(database, order, before=order.created_at + timedelta(microseconds=1)) == order.id
    for other in (
        {"payer": "0x" + "ab" * 20},
        {"intent": b"o" * 32},
        {"before": NOW},
        {"since": order.released_at + timedelta(microseconds=1)},
    ):
        assert await bought(database, order, **other) is None
    for state in set(FulfilmentState) - {FulfilmentState.RELEASED}:
        unreleased = await add(database, released(fulfilment=state, intent=secrets.token_bytes(32)))
        assert await bought(database, unreleased) is None


async def use(database, nonce, until=NOW + HOUR, now=NOW):
    async with database.begin("signed in") as work:
        await work.sign_ins.use(nonce, until, now)


async def test_s31_of_fifty_uses_of_a_nonce_exactly_one_wins(database):
    outcomes = await race(*(use(database, "the-nonce") for _ in range(N)))
    assert sorted(outcomes) == ["DuplicateClaim"] * (N - 1) + ["won"]


async def test_of_fifty_at_once_as_many_win_as_there_are_places_to_use(database):
    async def one():
        async with database.begin("signed in") as work:
            if not await work.sign_ins.use_one_of(["a", "b", "c"], NOW + HOUR):
                raise DuplicateClaim("none is left")

    await use(database, "b", until=NOW + HOUR)
    outcomes = await race(*(one() for _ in range(N)))
    assert sorted(outcomes) == ["DuplicateClaim"] * (N - 2) + ["won"] * 2
    await use(database, "other", now=NOW + HOUR, until=NOW + 2 * HOUR)
    assert await race(*(one() for _ in range(3))) == ["won"] * 3


async def test_a_used_nonce_is_remembered_until_its_time_is_over(database):
    await use(database, "a", until=NOW + HOUR)
    await use(database, "b", until=NOW + 2 * HOUR)
    with pytest.raises(DuplicateClaim):
        await use(database, "a", now=NOW + HOUR - SECOND)
    await use(database, "a", now=NOW + HOUR, until=NOW + 3 * HOUR)
    with pytest.raises(DuplicateClaim):
        await use(database, "b", now=NOW + HOUR)
