"""S13, payment identifiers: an id is one payment's of one payer for one request, and tells strangers nothing."""

import asyncio
import copy

import pytest
from eth_account import Account

from tests.simulation.world import RICH, WorldBuyer, open_world, service
from tests.stack.buyer import changed, payment_v1, read_header, write_header

NAME = "order-2026-03-01-0001"


@pytest.fixture
async def world():
    async with open_world() as opened:
        yield opened


def named(world, quoted, identifier=NAME, buyer=None):
    """A payment that carries an identifier, as the official client puts it: in the echo of the 402's extensions."""
    paid = read_header((buyer or world.buyer).pay(quoted))
    extensions = copy.deepcopy(quoted.required["extensions"])
    extensions["payment-identifier"]["info"]["id"] = identifier
    return write_header(paid | {"extensions": extensions})


def another_buyer(world):
    buyer = WorldBuyer(world.client, clock=world.clock, account=Account.create())
    world.chain.give(buyer.account.address, RICH)
    return buyer


async def buy(world, query="", identifier=NAME, buyer=None):
    quoted = await world.buyer.ask(world.url("echo", query))
    header = named(world, quoted, identifier, buyer)
    return quoted, header, await world.buyer.present(quoted, header)


async def test_s13_the_same_id_with_the_same_payment_gets_the_stored_bytes(world):
    quoted, header, first = await buy(world)
    again = await world.buyer.present(quoted, header)
    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["idempotent-replayed"] == "true"
    assert world.settlements() == world.runs["echo"] == 1


async def test_s13_the_same_id_with_another_payment_is_refused_and_names_the_first(world):
    first, _, _ = await buy(world)
    _, _, second = await buy(world)
    assert second.status_code == 409
    problem = second.json()
    assert (problem["type"], problem["order_id"]) == ("/problems/identifier-in-use", first.id)
    status = (await world.client.get(problem["status_url"])).json()
    assert (status["id"], status["status"]) == (first.id, "completed")
    assert len(await world.orders()) == world.settlements() == world.runs["echo"] == 1


async def test_s13_the_second_payment_is_as_free_as_before_and_buys_without_the_id(world):
    await buy(world)
    quoted, header, refused = await buy(world)
    assert refused.status_code == 409
    bare = write_header(changed(read_header(header), "extensions", ...))
    assert (await world.buyer.present(quoted, bare)).status_code == 200
    assert world.settlements() == 2


async def test_s13_another_payer_and_another_request_have_the_id_for_themselves(world):
    other = another_buyer(world)
    answers = [
        (await buy(world))[2],
        (await buy(world, buyer=other))[2],
        (await buy(world, "?text=else"))[2],
        (await buy(world, identifier=NAME.upper()))[2],
    ]
    assert [answer.status_code for answer in answers] == [200] * 4
    assert world.runs["echo"] == 4


async def test_s13_while_the_first_payment_is_under_way_a_second_one_is_not_settled():
    inside, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_arguments, _context):
        inside.set()
        await go_on.wait()
        return {"at": "last"}

    async with open_world(service("slow", slow)) as world:
        quoted, second = [await world.buyer.ask(world.url("slow")) for _ in range(2)]
        first = asyncio.create_task(world.buyer.present(quoted, named(world, quoted)))
        await inside.wait()
        refused = await world.buyer.present(second, named(world, second))
        go_on.set()
        assert refused.status_code == 409
        assert refused.json()["type"] == "/problems/payment-in-progress"
        assert refused.json()["status_url"].endswith(quoted.id)
        assert refused.headers["retry-after"]
        assert (await first).status_code == 200
        assert world.settlements() == len(await world.orders()) == 1


async def test_s13_of_ten_payments_at_once_with_one_id_one_is_settled(world):
    quotes = [await world.buyer.ask(world.url("echo")) for _ in range(10)]
    answers = await asyncio.gather(*(world.buyer.present(one, named(world, one)) for one in quotes))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 9
    assert world.settlements() == world.runs["echo"] == len(await world.orders()) == 1


async def test_s13_a_stranger_who_guesses_payer_and_id_learns_nothing(world):
    """The stranger names the victim as payer, and cannot sign for it."""
    first, _, _ = await buy(world)
    quoted = await world.buyer.ask(world.url("echo"))
    forged = read_header(named(world, quoted, buyer=another_buyer(world)))
    forged = changed(forged, "payload.authorization.from", world.buyer.account.address)
    answer = await world.buyer.present(quoted, write_header(forged))
    assert answer.status_code == 402
    assert first.id not in answer.text + str(read_header(answer.headers["payment-required"]))
    own = await buy(world, buyer=another_buyer(world))
    assert own[2].json() == {"text": "hello", "run": 2}


@pytest.mark.parametrize("bad", [7, None, "short", "x" * 129, "with a space in it", "new\nline-new-line", ["a" * 16]])
async def test_s13_an_id_of_another_type_or_spelling_is_a_clear_error_and_costs_nothing(world, bad):
    quoted, _, answer = await buy(world, identifier=bad)
    assert answer.status_code == 400
    assert answer.json()["type"] == "/problems/malformed-payment"
    assert "payment-identifier" in answer.json()["detail"]
    assert world.settlements() == world.runs["echo"] == 0
    assert (await world.buyer.present(quoted, named(world, quoted))).status_code == 200


async def test_an_id_whose_payment_was_never_claimed_is_still_free(world):
    poor = WorldBuyer(world.client, clock=world.clock, account=Account.create())
    assert (await buy(world, buyer=poor))[2].status_code == 402
    world.chain.give(poor.account.address, RICH)
    assert (await buy(world, buyer=poor))[2].status_code == 200


async def test_an_order_does_not_keep_the_echo_of_its_402(world):
    quoted, _, _ = await buy(world)
    order = await world.order(quoted.id)
    assert b"extensions" not in order.authorization.payload
    assert len(order.authorization.payload) < 2000


async def test_a_v1_payment_has_no_id_and_is_taken(world):
    unpaid = await world.client.get(world.url("echo"))
    paid = write_header(payment_v1(world.buyer.account, unpaid.json()["accepts"][0]))
    assert (await world.client.get(world.url("echo"), headers={"X-PAYMENT": paid})).status_code == 200
