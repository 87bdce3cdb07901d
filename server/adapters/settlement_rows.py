"""The facilitator's settlements as rows."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import RowMapping, bindparam, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from protocol.headers import decode_json
from protocol.schemes import read
from protocol.wire import FacilitatorRequest
from server.adapters.models import settlements
from server.adapters.statements import Statements
from server.domain.errors import DuplicateClaim, StaleWrite
from server.domain.settlements import Settlement, SettlementState
from server.ports import Clock

HELD_AT_ONCE = 1_000
"""Names in one statement."""
_MUTABLE = ("state", "lease_until", "transaction", "sent_in", "reason")
_ADD = insert(settlements)
_GET = select(settlements).where(settlements.c.id == bindparam("key"))
_SAVE = update(settlements).where(settlements.c.id == bindparam("key"), settlements.c.version == bindparam("read"))
_FAIL = _SAVE.values(failures=settlements.c.failures + 1)
_FAILURES = select(func.coalesce(func.sum(settlements.c.failures), 0)).where(
    settlements.c.payer == bindparam("payer"), settlements.c.failed_at > bindparam("since")
)
_HOLD = update(settlements).where(
    settlements.c.id.in_(bindparam("ids", expanding=True)), settlements.c.state == SettlementState.QUEUED
)
_SENT = select(settlements).where(settlements.c.sent_in == bindparam("hash"))


class SettlementRows:
    """Implements ports.Settlements."""

    def __init__(self, connection: Statements, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock

    async def add(self, settlement: Settlement) -> None:
        values = {name: getattr(settlement, name) for name in ("id", "request", "amount", "since_block", *_MUTABLE)}
        values |= {"network": settlement.payment.network, "payer": settlement.payment.payer}
        try:
            await self._connection.execute(_ADD, values | {"version": 0})
        except IntegrityError as error:
            raise DuplicateClaim("this payment is known") from error

    async def get(self, settlement_id: str) -> Settlement | None:
        row = (await self._connection.execute(_GET, {"key": settlement_id})).mappings().first()
        return _settlement(row) if row else None

    async def save(self, settlement: Settlement) -> None:
        values = {name: getattr(settlement, name) for name in _MUTABLE}
        values |= {"key": settlement.id, "read": settlement.version, "version": settlement.version + 1}
        failed = settlement.state is SettlementState.FAILED
        change = (_FAIL, values | {"failed_at": self._clock.now()}) if failed else (_SAVE, values)
        result = await self._connection.execute(*change)
        if result.rowcount != 1:
            raise StaleWrite(f"settlement {settlement.id} was changed by somebody else")
        settlement.version += 1

    async def sent_in(self, transaction: str) -> Sequence[Settlement]:
        rows = (await self._connection.execute(_SENT, {"hash": transaction})).mappings()
        return [_settlement(row) for row in rows]

    async def abandoned(self, network: str, lapsed_at: datetime, limit: int) -> Sequence[Settlement]:
        waiting = (settlements.c.state == SettlementState.QUEUED) & (settlements.c.network == network)
        query = select(settlements).where(waiting, settlements.c.lease_until <= lapsed_at).limit(limit)
        return [_settlement(row) for row in (await self._connection.execute(query)).mappings()]

    async def hold(self, settlements: Collection[str], until: datetime) -> None:
        names = list(settlements)
        for start in range(0, len(names), HELD_AT_ONCE):
            some = names[start : start + HELD_AT_ONCE]
            await self._connection.execute(_HOLD, {"ids": some, "lease_until": until})

    async def failures_of(self, payer: str, since: datetime) -> int:
        return int((await self._connection.execute(_FAILURES, {"payer": payer, "since": since})).scalar_one())


def _settlement(row: RowMapping) -> Settlement:
    request = decode_json(row["request"], FacilitatorRequest)
    return Settlement(
        id=row["id"],
        payment=read(request.payment_requirements, request.payment_payload.payload),
        amount=row["amount"],
        request=row["request"],
        lease_until=row["lease_until"],
        since_block=row["since_block"],
        state=SettlementState(row["state"]),
        transaction=row["transaction"],
        sent_in=row["sent_in"],
        reason=row["reason"],
        version=row["version"],
    )
