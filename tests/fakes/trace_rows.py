"""Orders' traces in the fake database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.fakes.tables import Tables


@dataclass(frozen=True)
class FakeOrderTraces:
    """Implements ports.OrderTraces."""

    tables: Tables

    async def put(self, order_id: str, traceparent: str) -> None:
        self.tables.traces.setdefault(order_id, traceparent)

    async def of(self, order_ids: Sequence[str]) -> Mapping[str, str]:
        return {one: self.tables.traces[one] for one in order_ids if one in self.tables.traces}
