"""The facilitator's settlements and our chain transactions as rows."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import RowMapping, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from protocol.exact import read
from protocol.headers import decode_json
from protocol.wire import FacilitatorRequest
from server.adapters.models import chain_transactions, sending_keys, settlements
from server.domain.errors import DuplicateClaim, StaleWrite
from server.domain.sending import ChainTransaction, TransactionState
from server.domain.settlements import Settlement, SettlementState
from server.ports import Clock

_MUTABLE = ("state", "lease_until", "transaction", "reason")
_TRANSACTION = tuple(ChainTransaction.__dataclass_fields__)


class SettlementRows:
    """Implements ports.Settlements."""

    def __init__(self, connection: AsyncConnection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock

    async def add(self, settlement: Settlement) -> None:
        values = {name: getattr(settlement, name) for name in ("id", "request", "since_block", *_MUTABLE)}
        values["payer"] = settlement.payment.transfer.payer
        try:
            await self._connection.execute(insert(settlements).values(**values, version=0))
        except IntegrityError as error:
            raise DuplicateClaim("this payment is known") from error

    async def get(self, settlement_id: str) -> Settlement | None:
        query = select(settlements).where(settlements.c.id == settlement_id)
        row = (await self._connection.execute(query)).mappings().first()
        return _settlement(row) if row else None

    async def save(self, settlement: Settlement) -> None:
        values = {name: getattr(settlement, name) for name in _MUTABLE}
        if settlement.state is SettlementState.FAILED:
            values |= {"failures": settlements.c.failures + 1, "failed_at": self._clock.now()}
        result = await self._connection.execute(
            update(settlements)
            .where(settlements.c.id == settlement.id, settlements.c.version == settlement.version)
            .values(**values, version=settlement.version + 1)
        )
        if result.rowcount != 1:
            raise StaleWrite(f"settlement {settlement.id} was changed by somebody else")
        settlement.version += 1

    async def sent_in(self, transaction: str) -> Sequence[Settlement]:
        query = select(settlements).where(
            settlements.c.transaction == transaction, settlements.c.state == SettlementState.SENT
        )
        return [_settlement(row) for row in (await self._connection.execute(query)).mappings()]

    async def abandoned(self, lapsed_at: datetime, limit: int) -> Sequence[Settlement]:
        query = (
            select(settlements)
            .where(settlements.c.state == SettlementState.QUEUED, settlements.c.lease_until <= lapsed_at)
            .limit(limit)
        )
        return [_settlement(row) for row in (await self._connection.execute(query)).mappings()]

    async def failures_of(self, payer: str, since: datetime) -> int:
        total = func.coalesce(func.sum(settlements.c.failures), 0)
        query = select(total).where(settlements.c.payer == payer, settlements.c.failed_at > since)
        return int((await self._connection.execute(query)).scalar_one())


def _settlement(row: RowMapping) -> Settlement:
    request = decode_json(row["request"], FacilitatorRequest)
    return Settlement(
        id=row["id"],
        payment=read(request.payment_requirements, request.payment_payload.payload),
        request=row["request"],
        lease_until=row["lease_until"],
        since_block=row["since_block"],
        state=SettlementState(row["state"]),
        transaction=row["transaction"],
        reason=row["reason"],
        version=row["version"],
    )


class TransactionRows:
    """Implements ports.Transactions. Allotting, signing and storing share one transaction, so no nonce is lost."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def allot(self, network: str, sender: str, at_least: int) -> int:
        key = (sending_keys.c.network == network) & (sending_keys.c.address == sender)
        query = select(sending_keys.c.next_nonce).where(key).with_for_update()
        stored = (await self._connection.execute(query)).scalar()
        if stored is None:
            try:
                async with self._connection.begin_nested():
                    await self._connection.execute(
                        insert(sending_keys).values(network=network, address=sender, next_nonce=at_least)
                    )
            except IntegrityError:  # another process was first; its row is the one to lock
                pass
            stored = (await self._connection.execute(query)).scalar_one()
        nonce = max(int(stored), at_least)
        await self._connection.execute(update(sending_keys).where(key).values(next_nonce=nonce + 1))
        return nonce

    async def add(self, transaction: ChainTransaction) -> None:
        values = {name: getattr(transaction, name) for name in _TRANSACTION}
        try:
            await self._connection.execute(insert(chain_transactions).values(**values))
        except IntegrityError as error:
            raise DuplicateClaim(f"nonce {transaction.nonce} of {transaction.sender} is taken") from error

    async def get(self, transaction: str) -> ChainTransaction | None:
        query = select(chain_transactions).where(chain_transactions.c.hash == transaction)
        row = (await self._connection.execute(query)).mappings().first()
        return _transaction(row) if row else None

    async def of(self, purpose: str, subject: str) -> ChainTransaction | None:
        table = chain_transactions.c
        query = (
            select(chain_transactions)
            .where(table.purpose == purpose, table.subject == subject)
            .order_by(table.nonce.desc())
            .limit(1)
        )
        row = (await self._connection.execute(query)).mappings().first()
        return _transaction(row) if row else None

    async def unmined(self, network: str, sender: str) -> Sequence[ChainTransaction]:
        table = chain_transactions.c
        query = (
            select(chain_transactions)
            .where(table.network == network, table.sender == sender, table.state == TransactionState.SIGNED)
            .order_by(table.nonce)
        )
        return [_transaction(row) for row in (await self._connection.execute(query)).mappings()]

    async def record(self, transaction: str, state: TransactionState, block: int) -> None:
        await self._connection.execute(
            update(chain_transactions).where(chain_transactions.c.hash == transaction).values(state=state, block=block)
        )


def _transaction(row: RowMapping) -> ChainTransaction:
    return ChainTransaction(**{name: row[name] for name in _TRANSACTION} | {"state": TransactionState(row["state"])})
