"""The fake facilitator lies exactly as it is told: what it says, and whether money moved."""

import pytest
from eth_account import Account

from server.adapters.clock import SystemClock
from server.adapters.signers import LocalSigner
from server.domain.outages import FacilitatorUnavailable
from tests.conformance.counters import Counter
from tests.conformance.worlds import fake_world
from tests.fakes.facilitator import FakeFacilitator, How

PENDING = "settlement_pending"
LIES = {  # what happens to the money, success, reason
    How.HONEST: (True, True, None),
    How.REFUSES: (False, False, "insufficient_funds"),
    How.REFUSES_AND_SETTLES: (True, False, "insufficient_funds"),
    How.NO_TRANSACTION: (False, True, None),
    How.UNKNOWN_TRANSACTION: (False, True, None),
    How.FOREIGN_TRANSACTION: (False, True, None),
    How.WRONG_NETWORK: (True, True, None),
    How.WRONG_PAYER: (True, True, None),
    How.PENDING: (True, False, PENDING),
    How.PENDING_AND_NEVER: (False, False, PENDING),
}


@pytest.fixture
def liar():
    world = fake_world()
    signer = LocalSigner(Account.create().key.hex())
    return Counter(FakeFacilitator(world.chain, SystemClock(), world.market, signer), world, signer.address)


@pytest.mark.parametrize("how", LIES)
async def test_s8_each_lie_is_told_once_and_then_the_truth(liar, how):
    moved, success, reason = LIES[how]
    another = liar.payment(await liar.world.payer())
    assert (await liar.settle(another)).success
    payer = await liar.world.payer()
    payment = liar.payment(payer)
    liar.facilitator.script.append(how)
    response = await liar.settle(payment)
    assert (response.success, response.error_reason) == (success, reason)
    transfer = await liar.paid(payment)
    assert (transfer is not None) == moved
    names_it = transfer is not None and response.transaction == transfer.transaction
    assert names_it == (how in (How.HONEST, How.WRONG_NETWORK, How.WRONG_PAYER, How.PENDING))
    assert (response.transaction == "") == (how in (How.REFUSES, How.REFUSES_AND_SETTLES, How.NO_TRANSACTION))
    assert (response.network != liar.world.market.network) == (how is How.WRONG_NETWORK)
    truth = await liar.settle(payment)
    assert (truth.success, truth.transaction) == (True, (await liar.paid(payment)).transaction)


@pytest.mark.parametrize(("how", "moved"), [(How.DOWN, False), (How.DOWN_AFTER, True)])
async def test_s11_a_facilitator_that_is_down_may_have_settled_or_not(liar, how, moved):
    payment = liar.payment(await liar.world.payer())
    liar.facilitator.script.append(how)
    with pytest.raises(FacilitatorUnavailable):
        await liar.settle(payment)
    assert (await liar.paid(payment) is not None) == moved
    assert (await liar.settle(payment)).success


def test_every_way_of_answering_is_tried():
    assert {*LIES, How.DOWN, How.DOWN_AFTER} == set(How)
