"""Pledges in the fake database."""

from dataclasses import dataclass

from server.domain.errors import StaleWrite
from server.domain.pledges import Pledge
from tests.fakes.tables import Tables


@dataclass(frozen=True)
class FakePledges:
    """Implements ports.Pledges."""

    tables: Tables

    async def get(self, refund: str) -> Pledge | None:
        return self.tables.pledges.get(refund)

    async def put(self, pledge: Pledge, instead_of: Pledge | None) -> None:
        if self.tables.pledges.get(pledge.refund) != instead_of:
            raise StaleWrite(f"refund {pledge.refund} was pledged by another wallet")
        self.tables.pledges[pledge.refund] = pledge
