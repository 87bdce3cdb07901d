"""How far each network was read for plain transfers, and which orders they may be for, as rows."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import ColumnElement, and_, insert, select, update
from sqlalchemy.exc import IntegrityError

from server.adapters.models import ledger_entries, orders
from server.adapters.row_sets import BY_TRANSFER, WAITING
from server.adapters.statements import Statements
from server.adapters.transfer_models import transfer_cursors
from server.domain.errors import StaleWrite
from server.domain.transfers import Cursor
from server.ports import Way

_COLUMNS = tuple(Cursor.__dataclass_fields__)


class TransferRows:
    """Implements ports.Transfers."""

    def __init__(self, connection: Statements) -> None:
        self._connection = connection

    async def cursor(self, network: str) -> Cursor | None:
        query = select(transfer_cursors).where(transfer_cursors.c.network == network)
        row = (await self._connection.execute(query)).mappings().first()
        return Cursor(**{name: row[name] for name in _COLUMNS}) if row else None

    async def move(self, cursor: Cursor) -> None:
        written = replace(cursor, version=cursor.version + 1)
        values = {name: getattr(written, name) for name in _COLUMNS}
        own = (transfer_cursors.c.network == cursor.network) & (transfer_cursors.c.version == cursor.version)
        write = update(transfer_cursors).where(own) if cursor.version else insert(transfer_cursors)
        try:
            moved = (await self._connection.execute(write.values(**values))).rowcount == 1
        except IntegrityError:
            moved = False
        if not moved:
            raise StaleWrite(f"{cursor.network} was read by somebody else")

    async def waiting(self, way: Way) -> Sequence[str]:
        query = select(orders.c.id).where(BY_TRANSFER, WAITING, _goes(way)).order_by(orders.c.created_at, orders.c.id)
        return list((await self._connection.execute(query)).scalars())

    async def newest(self, way: Way) -> str | None:
        latest = (orders.c.created_at.desc(), orders.c.id.desc())
        query = select(orders.c.id).where(BY_TRANSFER, _goes(way)).order_by(*latest).limit(1)
        return (await self._connection.execute(query)).scalar()

    async def payees(self, network: str) -> set[str]:
        query = select(orders.c.pay_to).where(WAITING, orders.c.network == network).distinct()
        return set((await self._connection.execute(query)).scalars())

    async def lapsed(self, network: str, at: datetime, limit: int) -> Sequence[str]:
        query = select(orders.c.id).where(WAITING, orders.c.network == network, orders.c.expires_at < at)
        return list((await self._connection.execute(query.order_by(orders.c.expires_at).limit(limit))).scalars())

    async def booked_above(self, network: str, block: int) -> Sequence[str]:
        rows = select(ledger_entries.c.order_id).where(
            ledger_entries.c.network == network, ledger_entries.c.block > block
        )
        query = select(orders.c.id).where(BY_TRANSFER, orders.c.id.in_(rows)).order_by(orders.c.created_at)
        return list((await self._connection.execute(query)).scalars())


def _goes(way: Way) -> ColumnElement[bool]:
    return and_(*(orders.c[name] == value for name, value in way._asdict().items()))
