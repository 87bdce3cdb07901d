"""What ports.Chain shows of payments by an executor, on the fake chain and on anvil with the real contracts."""

from dataclasses import replace

import msgspec
import pytest

from protocol import schemes
from protocol.wire import PaymentRequirements
from server.domain.evidence import TransferLog, moved_by_executor, spend_of, transfers_of
from server.domain.settlement_calls import settlement_call
from tests.stack.atomic import pay_atomic

PRICE = 1_000_000


class Quoted:
    """A 402 of one entry, of no server's."""

    def __init__(self, world, way):
        entry = world.entry(world.market.executor, PRICE) | {"scheme": "delegate"}
        told = {"assetTransferMethod": way, "quote": "1.x.y", "callback": world.market.contracts["AccessPass"].address}
        self.required = {"accepts": [entry | {"extra": entry["extra"] | told}], "resource": {"url": "http://x"}}


async def paid(world, way):
    """A payment that its payer signed; nobody has executed it."""
    payer = await world.payer(10 * PRICE)
    world.allow_permit2(payer.address, 10 * PRICE)
    made = pay_atomic(payer, Quoted(world, way), await now(world) + 600)
    return schemes.read(msgspec.convert(made["accepted"], PaymentRequirements), made["payload"])


async def now(world):
    return await world.chain.block_time(await world.chain.block_number())


@pytest.mark.parametrize("way", ["eip3009", "permit2"])
async def test_f6_an_executed_payment_is_found_whoever_submitted_it(world, way):
    payment = await paid(world, way)
    spend = spend_of(payment)
    assert not await world.chain.nonce_used(spend)
    mined = await world.transact(*settlement_call(world.market, payment, payment.value))
    assert mined.succeeded
    assert await world.chain.nonce_used(spend)
    (found,) = await world.chain.spent_in(spend, mined.block)
    assert [found] == transfers_of(mined, spend)
    assert (found.sender, found.recipient, found.amount) == (payment.payer, payment.to, PRICE)
    (handed_on,) = moved_by_executor(mined, spend, payment.to, payment.delegated.target)
    assert isinstance(handed_on, TransferLog)
    assert (handed_on.amount, handed_on.log_index > found.log_index) == (PRICE, True)
    world.mine()
    assert await world.chain.spent_in(spend, mined.block + 1) == []


@pytest.mark.parametrize("way", ["eip3009", "permit2"])
async def test_f11_what_was_executed_for_another_nonce_payer_token_or_amount_is_no_evidence(world, way):
    payment = await paid(world, way)
    spend = spend_of(payment)
    mined = await world.transact(*settlement_call(world.market, payment, payment.value))
    others = [spend._replace(nonce=b"\1" * 32), spend._replace(payer=payment.to), spend._replace(asset=payment.to)]
    for other in others + [spend._replace(most=PRICE + 1)] * (way == "permit2"):
        assert transfers_of(mined, other) == []
        assert await world.chain.spent_in(other, mined.block) == []
    assert transfers_of(replace(mined, succeeded=False), spend) == []
    look_alike = [replace(log, address=payment.payer) if log.address == payment.to else log for log in mined.logs]
    assert moved_by_executor(replace(mined, logs=tuple(look_alike)), spend, payment.payer, payment.to) == []
