"""A final order has its proof record stored, and a delivered one's receipt waits to be chained."""

import json
from datetime import timedelta

import pytest

from server.application.prove import prove
from server.domain.states import FulfilmentState, PaymentState
from tests.fakes import samples
from tests.fakes.chain import DOLLAR
from tests.fakes.liars import Liar
from tests.fakes.paddocks import bare_paddock, jobs, put

FINAL = {"asset": DOLLAR.address, "payment": PaymentState.SETTLED, "final_at": samples.NOW + timedelta(minutes=1)}
DELIVERED = {"fulfilment": FulfilmentState.RELEASED, "released_at": samples.NOW}


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
        record = json.loads(await view.proofs.get(order.id))
        assert await view.receipt_chain.waiting("paddock", 10) == [order.id] * waits
    assert record["order"] == {"id": order.id, "status": status, "failure": None}
    assert await jobs(paddock) == [("chain_receipts", "paddock")] * waits
