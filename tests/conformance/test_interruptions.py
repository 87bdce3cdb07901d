"""Units of work that are cancelled half-way, or lose a race, on the fake, SQLite and PostgreSQL."""

import asyncio
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from eth_account import Account

from server.adapters.clock import SystemClock
from server.adapters.signers import LocalSigner
from server.application.deliver import record_settled
from server.application.paddock import Ground
from server.domain.evidence import TransferLog
from server.domain.states import FulfilmentState, PaymentState
from server.facilitator.settler import Settler
from server.payments.delegate import DELEGATE
from tests.conformance.rows import add, get, race
from tests.conformance.worlds import fake_world
from tests.fakes import samples
from tests.unit.chain_samples import signed

MOMENTS = [number / 2_000 for number in range(60)]
"""Seconds after which a task is cancelled: at any of its statements."""
PROMPT = 10.0
"""Seconds; who finds a lock that nobody holds any more waits for thirty."""


@dataclass(frozen=True)
class Till:
    """What writing down a payment is given, of a network that wants one confirmation."""

    db: Any
    clock: SystemClock

    def on(self, network: str) -> Any:
        return SimpleNamespace(confirmations=1)


async def write_for_ever(database):
    while True:
        async with database.begin("claim") as work:
            await work.outbox.waiting()


async def test_a_cancelled_unit_of_work_ends_at_once_and_keeps_no_lock(database):
    for moment in MOMENTS:
        writer = asyncio.create_task(write_for_ever(database))
        asyncio.get_running_loop().call_later(moment, writer.cancel)
        async with asyncio.timeout(PROMPT):
            with pytest.raises(asyncio.CancelledError):
                await writer
            await add(database, samples.order())


async def test_f13_a_payment_that_many_write_down_at_once_is_booked_once_and_the_others_read_again(database):
    order = await add(database, samples.order(mode=DELEGATE, payment=PaymentState.SETTLING))
    row = samples.entry(order)
    terms, payer = order.terms, order.authorization.payer
    transfer = TransferLog(
        row.transaction, 0, row.block, row.block_hash, terms.asset, payer, terms.pay_to, terms.amount
    )
    till = Till(database, SystemClock())
    outcomes = await race(*(record_settled(till, order.id, [transfer]) for _ in range(20)))
    assert set(outcomes) <= {"won", "StaleWrite"}
    assert "won" in outcomes
    stored = await get(database, order.id)
    assert (stored.payment, stored.fulfilment) == (PaymentState.SETTLED, FulfilmentState.EXECUTING)
    async with database.read() as view:
        assert len(await view.ledger.of(order.id)) == 1


async def test_receipts_that_many_store_at_once_leave_one_and_the_others_read_again(database):
    order = await add(database, samples.order())

    async def store(number):
        async with database.begin("settled") as work:
            await work.receipts.put(order.id, signed(1), str(number).encode())

    outcomes = await race(*(store(number) for number in range(20)))
    assert set(outcomes) <= {"won", "StaleWrite"}
    async with database.read() as view:
        _, standard = await view.receipts.get(order.id)
    assert outcomes[int(standard)] == "won"


async def test_a_cancelled_settler_ends_after_all_that_it_began(database):
    """What it leaves behind would speak to a database that is closed by then, and be cancelled a second time."""
    world, signer = fake_world(), LocalSigner(Account.create().key.hex())
    for moment in MOMENTS:
        settler = Settler(database, Ground(world.market, world.chain), SystemClock(), signer)
        task = asyncio.create_task(settler.run())
        await asyncio.sleep(moment)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert asyncio.all_tasks() == {asyncio.current_task()}, f"cancelled after {moment} s"
