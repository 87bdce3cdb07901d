"""Payers' signatures over calldata in the fake database."""

from dataclasses import dataclass

from server.domain.choices import CalldataSignature
from server.domain.errors import DuplicateClaim
from tests.fakes.tables import Tables


@dataclass(frozen=True)
class FakeCalldataSignatures:
    """Implements ports.CalldataSignatures."""

    tables: Tables

    async def get(self, order_id: str) -> CalldataSignature | None:
        return self.tables.calldata_signatures.get(order_id)

    async def put(self, signed: CalldataSignature) -> None:
        if signed.order_id in self.tables.calldata_signatures:
            raise DuplicateClaim(f"the calldata of order {signed.order_id} is signed already")
        self.tables.calldata_signatures[signed.order_id] = signed
