"""Free calls: so many a day for each wallet that signs in, and not one more."""

import asyncio

import pytest
from eth_account import Account

from server.services.service import Meter
from tests.simulation.world import open_world, refuse, service
from tests.stack import siwe

DAY = 86_400


@pytest.fixture
async def world():
    def run(arguments, context):
        opened.runs["taste"] += 1
        return {"for": context.payer, "text": arguments.text}

    failing = service("failing", refuse(422), free_calls=1)
    async with open_world(service("taste", run, free_calls=2), failing) as opened:
        yield opened


async def visit(world, who, slug="taste", query="?text=hi"):
    url = world.url(slug, query)
    required = (await world.buyer.ask(url)).required
    return await world.client.get(url, headers={"SIGN-IN-WITH-X": siwe.header(siwe.proof(who, required))})


async def test_each_wallet_has_its_own_and_then_is_told_the_terms(world):
    first, second = Account.create(), Account.create()
    for who in (first, first, second):
        answer = await visit(world, who)
        assert (answer.status_code, answer.json()) == (200, {"for": who.address, "text": "hi"})
    assert (await visit(world, first)).status_code == 402
    assert (await visit(world, second)).status_code == 200
    assert (world.settlements(), await world.orders(), world.runs["taste"]) == (0, [], 4)


async def test_the_next_day_has_as_many_again(world):
    who = Account.create()
    assert [(await visit(world, who)).status_code for _ in range(3)] == [200, 200, 402]
    world.clock.advance(DAY)
    assert [(await visit(world, who)).status_code for _ in range(3)] == [200, 200, 402]


async def test_of_twenty_at_once_no_more_than_its_calls_are_free(world):
    who = Account.create()
    answers = await asyncio.gather(*(visit(world, who, query=f"?text={number}") for number in range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] * 2 + [402] * 18
    assert world.runs["taste"] == 2


async def test_s31_a_challenge_opens_once_and_a_second_answer_to_it_costs_no_call(world):
    who = Account.create()
    required = (await world.buyer.ask(world.url("taste"))).required
    headers = {"SIGN-IN-WITH-X": siwe.header(siwe.proof(who, required))}
    answers = [await world.client.get(world.url("taste"), headers=headers) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 400, 400]
    assert (await visit(world, who)).status_code == 200


async def test_arguments_that_will_not_do_cost_no_call(world):
    who = Account.create()
    required = (await world.buyer.ask(world.url("taste"))).required
    headers = {"SIGN-IN-WITH-X": siwe.header(siwe.proof(who, required))}
    assert (await world.client.get(world.url("taste", "?txt=hi"), headers=headers)).status_code in (400, 422)
    assert [(await visit(world, who)).status_code for _ in range(2)] == [200, 200]


async def test_a_402_says_how_many_are_free_where_some_are(world):
    extensions = (await world.buyer.ask(world.url("taste"))).required["extensions"]
    assert extensions["free-calls"] == {"info": {"callsPerDay": 2}}
    assert "free-calls" not in (await world.buyer.ask(world.url("echo"))).required["extensions"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [({"free_calls": 101}, "0 to 100"), ({"free_calls": -1}, "0 to 100"),
     ({"free_calls": 1, "meter": Meter("letter", 1)}, "who does not pay")],
)  # fmt: skip
def test_what_cannot_be_given_away_is_told_so(changes, says):
    with pytest.raises(ValueError, match=says):
        service("wrong", lambda *_: "x", **changes)
