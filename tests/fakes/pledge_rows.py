"""Pledges in the fake database."""

from dataclasses import dataclass

from server.domain.errors import StaleWrite
from server.domain.pledges import Pledge
from tests.fakes.tables import Tables


@dataclass(frozen=True)
class FakePledges:
    """Implements ports.Pledges."""

    tables: Tables

    async def get(self, order_id: str) -> Pledge | None:
        return self.tables.pledges.get(order_id)

    async def put(self, pledge: Pledge, instead_of: Pledge | None) -> None:
        if self.tables.pledges.get(pledge.order_id) != instead_of:
            raise StaleWrite(f"another refund of order {pledge.order_id} was pledged")
        self.tables.pledges[pledge.order_id] = pledge
