"""A Core in memory, at which this marketplace is a merchant."""

from dataclasses import dataclass, field, replace

from server.domain.core import CoreOrder
from server.domain.errors import OrderRefused
from server.domain.orders import Order
from server.domain.outages import CoreUnavailable


@dataclass
class FakeCore:
    """Implements ports.Core. `away`: nothing answers. `lies`: what differs in the orders that it gives out."""

    away: bool = False
    lies: dict[str, object] = field(default_factory=dict)
    made: dict[str, CoreOrder] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)

    async def create(self, name: str, symbol: str, order: Order) -> CoreOrder:
        self._require_answer()
        terms = order.terms
        given = CoreOrder(f"core-{len(self.made)}", terms.network, terms.asset, terms.amount, terms.pay_to)
        known = self.made.setdefault(name, given)
        if (known.amount, known.asset) != (given.amount, given.asset) or known.order_id in self.cancelled:
            raise OrderRefused(f"the Core refuses it: {name} is {known.order_id}")
        return replace(known, **self.lies)  # type: ignore[arg-type]  # a test says what

    async def cancel(self, core_order_id: str) -> None:
        self._require_answer()
        if core_order_id not in {one.order_id for one in self.made.values()} - self.cancelled:
            raise OrderRefused("the Core refuses it: no such open order")
        self.cancelled.add(core_order_id)

    def _require_answer(self) -> None:
        if self.away:
            raise CoreUnavailable("the Core did not get through: ConnectError")
