"""A final order has its proof record stored, and a delivered one's receipt waits to be chained."""

import hashlib
import json
from datetime import timedelta

import pytest

from server.application.deliver import sign_again
from server.application.prove import prove
from server.domain.deliveries import Delivery
from server.domain.evidence import Mined
from server.domain.states import FulfilmentState, PaymentState
from tests.fakes import samples
from tests.fakes.chain import DOLLAR
from tests.fakes.liars import Liar
from tests.fakes.paddocks import bare_paddock, jobs, put

FINAL = {"asset": DOLLAR.address, "payment": PaymentState.SETTLED, "final_at": samples.NOW + timedelta(minutes=1)}
DELIVERED = {"fulfilment": FulfilmentState.RELEASED, "released_at": samples.NOW}


async def proof(paddock, order):
    async with paddock.db.read() as view:
        return json.loads(await view.proofs.get(order.id))


@pytest.mark.parametrize(
    ("changes", "status", "waits"),
    [(DELIVERED, "completed", True), ({"fulfilment": FulfilmentState.FAILED}, "failed", False)],
)
async def test_a_final_order_is_proven_once_and_chained_if_it_was_delivered(clock, changes, status, waits):
    paddock = bare_paddock(clock, Liar(None))
    order = await put(paddock, samples.order(**FINAL | changes))
    for _ in range(2):
        assert await prove(paddock, order.id) is None
    async with paddock.db.read() as view:
        assert await view.receipt_chain.waiting("paddock", 10) == [order.id] * waits
    assert (await proof(paddock, order))["order"] == {"id": order.id, "status": status, "failure": None}
    assert await jobs(paddock) == [("chain_receipts", "paddock")] * waits


PAID = "0x" + "aa" * 32


@pytest.mark.parametrize(
    ("mined", "block", "block_hash"),
    [(Mined(PAID, True, 7, "0xblock", 21_000, ()), 7, "0xblock"), (None, None, None)],
    ids=["shown by the chain", "not shown by this node"],
)
async def test_a_proof_names_the_block_of_the_payment_where_the_chain_shows_it(clock, mined, block, block_hash):
    paddock = bare_paddock(clock, Liar(None, mined=mined))
    order = await put(paddock, samples.order(**FINAL, settlement_tx=PAID))
    await prove(paddock, order.id)
    found = (await proof(paddock, order))["settlement"]
    assert (found["transaction"], found["block"], found["blockHash"]) == (PAID, block, block_hash)


@pytest.mark.parametrize("released", [True, False])
async def test_a_proof_names_the_answer_and_the_receipt_only_of_what_was_delivered(clock, released):
    paddock = bare_paddock(clock, Liar(None, mined=None))
    changes = DELIVERED | {"paid_at": samples.NOW} if released else {"fulfilment": FulfilmentState.FAILED}
    order = await put(paddock, samples.order(**FINAL | changes, settlement_tx=PAID))
    async with paddock.db.begin("answered") as work:
        await work.deliveries.put(Delivery(order.id, b"answer", "text/plain", samples.NOW))
        if released:
            await sign_again(paddock, work, order)
    await prove(paddock, order.id)
    found = await proof(paddock, order)
    answer = {"sha256": hashlib.sha256(b"answer").hexdigest(), "size": 6, "type": "text/plain"}
    assert found["resource"] == (answer if released else None)
    assert (found["receipt"] and found["receipt"]["receipt"]["transaction"]) == (PAID if released else None)
