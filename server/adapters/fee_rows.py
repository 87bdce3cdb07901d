"""Merchants' fees as rows."""

from collections.abc import Sequence

from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError

from server.adapters.fee_models import fee_entries
from server.adapters.statements import Statements
from server.adapters.triggers import is_second, refusal
from server.domain.errors import DuplicateClaim, EntryRefused
from server.domain.fees import FeeEntry, FeeKind, balance_of
from server.ports.clock import Clock

_COLUMNS = tuple(FeeEntry.__dataclass_fields__)
_BALANCE = 4021
"""Seed of the advisory locks under which balances are read."""


class FeeRows:
    """Implements ports.FeeBook."""

    def __init__(self, connection: Statements, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock

    async def add(self, entry: FeeEntry) -> None:
        values = {name: getattr(entry, name) for name in _COLUMNS}
        try:
            await self._connection.execute(insert(fee_entries).values(**values, booked_at=self._clock.now()))
        except IntegrityError as error:
            if is_second(error):
                raise DuplicateClaim(f"there is a row {entry.kind} for that order") from error
            raise EntryRefused(f"the row {entry.kind} of merchant {entry.merchant}: {refusal(error)}") from error

    async def balance(self, merchant: str) -> int:
        if self._connection.dialect.name == "postgresql":  # SQLite has one writer at a time as it is
            await self._connection.execute(
                select(func.pg_advisory_xact_lock(func.hashtextextended(merchant, _BALANCE)))
            )
        own, account = fee_entries.c.merchant == merchant, balance_of(merchant)
        rows = await self._connection.execute(select(fee_entries.c.debit, fee_entries.c.amount).where(own))
        return sum(amount if debit == account else -amount for debit, amount in rows)

    async def of(self, order_id: str) -> Sequence[FeeEntry]:
        query = select(fee_entries).where(fee_entries.c.order_id == order_id).order_by(fee_entries.c.id)
        rows = (await self._connection.execute(query)).mappings()
        return [FeeEntry(**{name: row[name] for name in _COLUMNS} | {"kind": FeeKind(row["kind"])}) for row in rows]
