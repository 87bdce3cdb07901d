"""Deliveries, the ledger, receipts and proofs as rows."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import case, delete, func, insert, or_, select, true
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from protocol.receipts import SignedReceipt
from server.adapters.models import deliveries, ledger_entries, proofs, receipts
from server.adapters.triggers import is_second, refusal
from server.domain.deliveries import Delivery
from server.domain.errors import DuplicateClaim, EntryRefused, StaleWrite
from server.domain.ledger import Entry
from server.ports import Clock

_ENTRY = tuple(Entry.__dataclass_fields__)


class DeliveryRows:
    """Implements ports.Deliveries."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def put(self, delivery: Delivery) -> None:
        await self._connection.execute(delete(deliveries).where(deliveries.c.order_id == delivery.order_id))
        await self._connection.execute(
            insert(deliveries).values(
                order_id=delivery.order_id,
                body=delivery.body,
                content_type=delivery.content_type,
                created_at=delivery.created_at,
            )
        )

    async def get(self, order_id: str) -> Delivery | None:
        query = select(deliveries).where(deliveries.c.order_id == order_id)
        row = (await self._connection.execute(query)).mappings().first()
        return Delivery(**row) if row else None


class LedgerRows:
    """Implements ports.Ledger."""

    def __init__(self, connection: AsyncConnection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock

    async def add(self, entry: Entry) -> None:
        values = {name: getattr(entry, name) for name in _ENTRY} | {"booked_at": self._clock.now()}
        try:
            await self._connection.execute(insert(ledger_entries).values(values))
        except IntegrityError as error:
            if is_second(error):
                words = f"order {entry.order_id} or its Transfer has a {entry.kind} entry already"
                raise DuplicateClaim(words) from error
            raise EntryRefused(f"the {entry.kind} of order {entry.order_id}: {refusal(error)}") from error

    async def of(self, order_id: str) -> Sequence[Entry]:
        query = select(ledger_entries).where(ledger_entries.c.order_id == order_id).order_by(ledger_entries.c.id)
        rows = (await self._connection.execute(query)).mappings()
        return [Entry(**{name: row[name] for name in _ENTRY}) for row in rows]

    async def booked(self, network: str, block_hash: str, log_index: int) -> bool:
        table = ledger_entries.c
        query = select(func.sum(case((table.reversal, -1), else_=1))).where(
            table.network == network, table.block_hash == block_hash, table.log_index == log_index
        )
        return bool((await self._connection.execute(query)).scalar())

    async def touching(
        self, network: str, asset: str, account: str, first: int = 0, last: int | None = None
    ) -> list[Entry]:
        table = ledger_entries.c
        query = (
            select(ledger_entries)
            .where(table.network == network, table.asset == asset, or_(table.debit == account, table.credit == account))
            .where(table.block >= first, table.block <= last if last is not None else true())
            .order_by(table.id)
        )
        rows = (await self._connection.execute(query)).mappings()
        return [Entry(**{name: row[name] for name in _ENTRY}) for row in rows]


class ReceiptRows:
    """Implements ports.Receipts."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def put(self, order_id: str, receipt: SignedReceipt, standard: bytes) -> None:
        await self._connection.execute(delete(receipts).where(receipts.c.order_id == order_id))
        values = {"order_id": order_id, "receipt": msgspec.json.encode(receipt), "standard": standard}
        try:
            await self._connection.execute(insert(receipts).values(values))
        except IntegrityError as error:
            raise StaleWrite(f"order {order_id} got its receipt from somebody else at this moment") from error

    async def get(self, order_id: str) -> tuple[SignedReceipt, bytes] | None:
        query = select(receipts.c.receipt, receipts.c.standard).where(receipts.c.order_id == order_id)
        row = (await self._connection.execute(query)).first()
        return (msgspec.json.decode(row[0], type=SignedReceipt), row[1]) if row else None


class ProofRows:
    """Implements ports.Proofs."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def put(self, order_id: str, record: bytes, stored_at: datetime) -> None:
        await self._connection.execute(delete(proofs).where(proofs.c.order_id == order_id))
        await self._connection.execute(insert(proofs).values(order_id=order_id, record=record, stored_at=stored_at))

    async def get(self, order_id: str) -> bytes | None:
        query = select(proofs.c.record).where(proofs.c.order_id == order_id)
        return (await self._connection.execute(query)).scalar()
