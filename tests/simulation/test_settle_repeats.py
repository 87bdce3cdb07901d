"""F12, F13, F17: `/settle` asked again, at the worst moments, signs nothing twice and revives nobody else's payment."""

import msgspec
import pytest

from protocol.wire import PaymentPayload
from server.domain.settlements import SettlementState
from tests.simulation.world import RICH, open_world
from tests.stack.buyer import read_header


@pytest.fixture
async def world():
    async with open_world(finality=12) as opened:
        yield opened


async def paid(world, url, **changes):
    """What a facilitator is asked to settle, of a payment by the buyer."""
    quoted = await world.buyer.ask(url)
    payload = msgspec.convert(read_header(world.buyer.pay(quoted, **changes)), PaymentPayload)
    return payload, payload.accepted


def sent(world):
    return len(world.db.tables.transactions)


async def test_f13_f17_asked_again_before_its_settler_noticed_a_reorganisation_it_signs_nothing(world):
    payment = await paid(world, world.url("echo"))
    first = await world.paddock.facilitator.settle(*payment)
    assert first.success
    world.chain.reorganise(len(world.chain.blocks) - (await world.chain.mined(first.transaction)).block)
    again = await world.paddock.facilitator.settle(*payment)
    assert again.transaction == first.transaction
    await world.clock.sleep(5)
    assert (sent(world), world.settlements()) == (1, 1)
    world.foreign.add(first.transaction)  # it was for no order


async def test_f12_another_payment_with_the_same_nonce_does_not_revive_the_one_that_failed(world):
    nonce = "0x" + "5a" * 32
    held, world.chain.state.money[world.buyer.account.address] = RICH, 0
    dear = await paid(world, world.url("echo-dear"), nonce=nonce)
    refused = await world.paddock.facilitator.settle(*dear)
    assert (refused.success, sent(world)) == (False, 0)
    world.chain.state.money[world.buyer.account.address] = held
    other = await world.paddock.facilitator.settle(*await paid(world, world.url("echo"), nonce=nonce))
    assert (other.success, other.error_reason) == (False, "invalid_exact_evm_nonce_already_used")
    await world.clock.sleep(5)
    assert (sent(world), world.settlements()) == (0, 0)
    assert [row.state for row in world.db.tables.settlements.values()] == [SettlementState.FAILED]
    assert (await world.paddock.facilitator.settle(*dear)).success, "asked for itself, it is tried again"
    world.foreign |= set(world.db.tables.transactions)
