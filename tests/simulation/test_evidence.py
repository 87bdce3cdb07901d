"""The chain decides: no words, no block that is not final, no Transfer to somebody else settles or fails an order."""

import asyncio
from dataclasses import replace

import msgspec

from protocol.wire import SettleResponse
from server.application.resolve import resolve
from server.domain.states import FulfilmentState, PaymentState
from server.facilitator.settler import Settler
from server.services.access_pass import SERVICE as ACCESS_PASS
from server.web.credentials import digest, matches
from tests.fakes import samples
from tests.simulation.world import open_world
from tests.stack.buyer import payment, read_header, write_header

ELSEWHERE = "0x14dC79964da2C08b23698B3D3cc7Ca32193d9955"


class Says:
    """A facilitator that verifies honestly and settles in words only."""

    def __init__(self, honest, answer):
        self.honest, self.answer = honest, answer

    async def verify(self, payload, requirements):
        return await self.honest.verify(payload, requirements)

    async def settle(self, _payload, _requirements):
        return self.answer


def says(world, **answer):
    answer = SettleResponse(**{"transaction": "", "network": world.paddock.market.network} | answer)
    facilitator = Says(world.paddock.facilitator, answer)
    world.paddock = world.app.state.paddock = replace(world.paddock, facilitator=facilitator)
    return facilitator


async def in_doubt(world):
    """An order whose settlement nobody vouches for: (its quote, its payment)."""
    quoted = await world.buyer.ask(world.url("echo"))
    header = world.buyer.pay(quoted)
    says(world, success=False, error_reason="settlement_pending")
    assert (await world.buyer.present(quoted, header)).status_code == 503
    assert (await world.order(quoted.id)).payment is PaymentState.IN_DOUBT
    return quoted, header


async def spend_elsewhere(world, quoted, header):
    """The payer uses the same nonce to pay somebody else; the chain transaction's hash."""
    fields = read_header(header)["payload"]["authorization"]
    other = payment(
        world.buyer.account, quoted.entry, to=ELSEWHERE, nonce=fields["nonce"], validBefore=fields["validBefore"]
    )
    known = set(world.foreign)
    await world.submit_as_stranger(write_header(other))
    return (world.foreign - known).pop()


async def test_g7_once_in_doubt_a_refusal_in_words_fails_nothing():
    async with open_world() as world:
        quoted, header = await in_doubt(world)
        says(world, success=False, error_reason="insufficient_funds")
        assert (await world.buyer.present(quoted, header)).status_code == 503
        assert (await world.order(quoted.id)).payment is PaymentState.IN_DOUBT


async def test_f7_s8_a_transfer_of_this_nonce_to_somebody_else_pays_nothing():
    async with open_world() as world:
        quoted = await world.buyer.ask(world.url("echo"))
        header = world.buyer.pay(quoted)
        facilitator = says(world, success=True)

        async def settle(_payload, _requirements):
            return msgspec.structs.replace(facilitator.answer, transaction=await spend_elsewhere(world, quoted, header))

        facilitator.settle = settle
        answer = await world.buyer.present(quoted, header)
        assert answer.status_code == 503
        assert b"hello" not in answer.content
        assert (await world.order(quoted.id)).fulfilment is FulfilmentState.READY


async def test_g7_a_nonce_used_in_the_newest_block_fails_nothing_until_that_block_is_final():
    async with open_world() as world:
        quoted, header = await in_doubt(world)
        await spend_elsewhere(world, quoted, header)
        await resolve(world.paddock, quoted.id)
        assert (await world.order(quoted.id)).payment is PaymentState.IN_DOUBT
        world.chain.mine(world.chain.finality + 1)
        await resolve(world.paddock, quoted.id)
        assert (await world.order(quoted.id)).payment is PaymentState.FAILED


async def test_g7_a_payment_mined_between_two_looks_is_not_taken_for_a_cancelled_one(monkeypatch):
    async with open_world() as world:
        quoted, header = await in_doubt(world)
        await world.submit_as_stranger(header)
        world.foreign.clear()  # it is the order's own Transfer
        world.chain.mine(world.chain.finality + 1)
        looks, search = [], world.chain.spent_in

        async def blind_at_first(*asked):
            looks.append(asked)
            return [] if len(looks) == 1 else await search(*asked)

        monkeypatch.setattr(world.chain, "spent_in", blind_at_first)
        await resolve(world.paddock, quoted.id)
        assert (await world.order(quoted.id)).payment is PaymentState.SETTLED


async def test_a_callback_that_ran_is_delivered_although_its_answer_cannot_be_written():
    async def broken(_arguments, _context):
        raise RuntimeError("no words for it")

    async with open_world(replace(ACCESS_PASS, slug="mute-pass", run=broken)) as world:
        quoted = await world.buyer.ask(world.url("mute-pass"), "POST", {})
        async with world.workers():
            answer = await world.buyer.present(quoted, world.buyer.pay(quoted))
        assert answer.status_code == 200
        order = await world.order(quoted.id)
        assert answer.json()["transaction"] == order.callback_tx
        assert answer.json()["events"]["PassMinted"]["payer"] == world.buyer.account.address


async def test_a_full_queue_is_no_error_for_the_row_is_stored():
    async with open_world() as world:
        settler = Settler(world.db, world.paddock.home, world.clock, world.paddock.receipts)
        settler._queue = asyncio.Queue(maxsize=1)
        settler.offer(samples.settlement())
        settler.offer(samples.settlement())
        assert settler._queue.qsize() == 1


def test_s31_an_empty_token_never_matches_even_where_an_empty_one_was_configured():
    assert not matches("", digest(""))
    assert matches("token", digest("token"))
