"""Payment identifiers and sign-ins in the fake database."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from server.domain.errors import DuplicateClaim
from server.domain.states import FulfilmentState
from tests.fakes.tables import Tables


@dataclass(frozen=True)
class FakeIdentifiers:
    """Implements ports.Identifiers."""

    tables: Tables

    async def hold(self, payer: str, intent: bytes, identifier: str, order_id: str) -> str:
        if order_id not in self.tables.orders:
            raise KeyError(f"there is no order {order_id}")
        return self.tables.identifiers.setdefault((payer, intent, identifier), order_id)


@dataclass(frozen=True)
class FakeSignIns:
    """Implements ports.SignIns."""

    tables: Tables

    async def bought(self, payer: str, intent: bytes, before: datetime, since: datetime) -> str | None:
        found = [
            (order.released_at, order.id)
            for order in self.tables.orders.values()
            if (order.authorization.payer, order.terms.intent) == (payer, intent)
            and order.fulfilment is FulfilmentState.RELEASED
            and order.created_at < before
            and order.released_at is not None
            and order.released_at >= since
        ]
        return max(found)[1] if found else None

    async def use(self, nonce: str, until: datetime, now: datetime) -> None:
        for old in [old for old, end in self.tables.nonces.items() if end <= now]:
            del self.tables.nonces[old]
        if nonce in self.tables.nonces:
            raise DuplicateClaim("this nonce was used")
        self.tables.nonces[nonce] = until

    async def use_one_of(self, nonces: Sequence[str], until: datetime) -> bool:
        free = [one for one in nonces if one not in self.tables.nonces]
        self.tables.nonces |= dict.fromkeys(free[:1], until)
        return bool(free)
