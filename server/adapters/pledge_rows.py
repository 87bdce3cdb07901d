"""Pledges as rows."""

from sqlalchemy import and_, insert, select, update
from sqlalchemy.exc import IntegrityError

from server.adapters.pledge_models import refund_pledges
from server.adapters.statements import Statements
from server.domain.errors import StaleWrite
from server.domain.pledges import Pledge

_COLUMNS = tuple(Pledge.__dataclass_fields__)


class PledgeRows:
    """Implements ports.Pledges."""

    def __init__(self, connection: Statements) -> None:
        self._connection = connection

    async def get(self, refund: str) -> Pledge | None:
        query = select(refund_pledges).where(refund_pledges.c.refund == refund)
        row = (await self._connection.execute(query)).mappings().first()
        return Pledge(**row) if row else None

    async def put(self, pledge: Pledge, instead_of: Pledge | None) -> None:
        if instead_of is None:
            await self._insert(pledge)
            return
        columns, read = refund_pledges.c, _values(instead_of)
        unchanged = and_(*(columns[name].is_not_distinct_from(value) for name, value in read.items()))
        changed = update(refund_pledges).where(unchanged).values(_values(pledge))
        if (await self._connection.execute(changed)).rowcount != 1:
            raise StaleWrite(f"refund {pledge.refund} was pledged by another wallet")

    async def _insert(self, pledge: Pledge) -> None:
        try:
            await self._connection.execute(insert(refund_pledges).values(_values(pledge)))
        except IntegrityError as error:
            raise StaleWrite(f"refund {pledge.refund} was pledged by another wallet") from error


def _values(pledge: Pledge) -> dict[str, object]:
    return {column: getattr(pledge, column) for column in _COLUMNS}
