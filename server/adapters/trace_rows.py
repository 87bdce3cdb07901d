"""Orders' traces as rows."""

from collections.abc import Mapping, Sequence

from sqlalchemy import bindparam, select
from sqlalchemy.dialects import postgresql, sqlite

from server.adapters.statements import Statements
from server.adapters.trace_models import order_traces

_T = order_traces.c
_PUT = {
    name: insert(order_traces).on_conflict_do_nothing(index_elements=[_T.order_id])
    for name, insert in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
}
_OF = select(_T.order_id, _T.traceparent).where(_T.order_id.in_(bindparam("ids", expanding=True)))


class TraceRows:
    """Implements ports.OrderTraces."""

    def __init__(self, connection: Statements) -> None:
        self._connection = connection

    async def put(self, order_id: str, traceparent: str) -> None:
        row = {"order_id": order_id, "traceparent": traceparent}
        await self._connection.execute(_PUT[self._connection.dialect.name], row)

    async def of(self, order_ids: Sequence[str]) -> Mapping[str, str]:
        found = await self._connection.execute(_OF, {"ids": list(order_ids)})
        return {row.order_id: row.traceparent for row in found}
