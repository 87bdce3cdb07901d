"""Deliveries, the ledger, receipts and proofs as rows."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import bindparam, case, delete, func, insert, or_, select, true
from sqlalchemy.exc import IntegrityError

from protocol.receipts import SignedReceipt
from server.adapters.models import deliveries, ledger_entries, proofs, receipts
from server.adapters.statements import Statements
from server.adapters.triggers import is_second, refusal
from server.domain.deliveries import Delivery
from server.domain.errors import DuplicateClaim, EntryRefused, StaleWrite
from server.domain.ledger import Entry
from server.ports import Clock

_ENTRY = tuple(Entry.__dataclass_fields__)
_DELIVERY = tuple(Delivery.__dataclass_fields__)
_L = ledger_entries.c
_ADD_ENTRY = insert(ledger_entries)
_ENTRIES_OF = select(ledger_entries).where(_L.order_id == bindparam("order")).order_by(_L.id)
_BOOKED = select(func.sum(case((_L.reversal, -1), else_=1))).where(
    *(_L[name] == bindparam(name) for name in ("network", "block_hash", "log_index"))
)
_DROP_DELIVERY = delete(deliveries).where(deliveries.c.order_id == bindparam("order"))
_ADD_DELIVERY = insert(deliveries)
_DELIVERY_OF = select(deliveries).where(deliveries.c.order_id == bindparam("order"))
_DROP_RECEIPT = delete(receipts).where(receipts.c.order_id == bindparam("order"))
_ADD_RECEIPT = insert(receipts)
_RECEIPT_OF = select(receipts.c.receipt, receipts.c.standard).where(receipts.c.order_id == bindparam("order"))
_DROP_PROOF = delete(proofs).where(proofs.c.order_id == bindparam("order"))
_ADD_PROOF = insert(proofs)
_PROOF_OF = select(proofs.c.record).where(proofs.c.order_id == bindparam("order"))


class DeliveryRows:
    """Implements ports.Deliveries."""

    def __init__(self, connection: Statements) -> None:
        self._connection = connection

    async def put(self, delivery: Delivery) -> None:
        await self._connection.execute(_DROP_DELIVERY, {"order": delivery.order_id})
        await self._connection.execute(_ADD_DELIVERY, {name: getattr(delivery, name) for name in _DELIVERY})

    async def get(self, order_id: str) -> Delivery | None:
        row = (await self._connection.execute(_DELIVERY_OF, {"order": order_id})).mappings().first()
        return Delivery(**row) if row else None


class LedgerRows:
    """Implements ports.Ledger."""

    def __init__(self, connection: Statements, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock

    async def add(self, entry: Entry) -> None:
        values = {name: getattr(entry, name) for name in _ENTRY} | {"booked_at": self._clock.now()}
        try:
            await self._connection.execute(_ADD_ENTRY, values)
        except IntegrityError as error:
            if is_second(error):
                words = f"order {entry.order_id} or its Transfer has a {entry.kind} entry already"
                raise DuplicateClaim(words) from error
            raise EntryRefused(f"the {entry.kind} of order {entry.order_id}: {refusal(error)}") from error

    async def of(self, order_id: str) -> Sequence[Entry]:
        rows = (await self._connection.execute(_ENTRIES_OF, {"order": order_id})).mappings()
        return [Entry(**{name: row[name] for name in _ENTRY}) for row in rows]

    async def booked(self, network: str, block_hash: str, log_index: int) -> bool:
        place = {"network": network, "block_hash": block_hash, "log_index": log_index}
        return bool((await self._connection.execute(_BOOKED, place)).scalar())

    async def touching(
        self, network: str, asset: str, account: str, first: int = 0, last: int | None = None
    ) -> list[Entry]:
        query = (
            select(ledger_entries)
            .where(_L.network == network, _L.asset == asset, or_(_L.debit == account, _L.credit == account))
            .where(_L.block >= first, _L.block <= last if last is not None else true())
            .order_by(_L.id)
        )
        rows = (await self._connection.execute(query)).mappings()
        return [Entry(**{name: row[name] for name in _ENTRY}) for row in rows]


class ReceiptRows:
    """Implements ports.Receipts."""

    def __init__(self, connection: Statements) -> None:
        self._connection = connection

    async def put(self, order_id: str, receipt: SignedReceipt, standard: bytes) -> None:
        await self._connection.execute(_DROP_RECEIPT, {"order": order_id})
        values = {"order_id": order_id, "receipt": msgspec.json.encode(receipt), "standard": standard}
        try:
            await self._connection.execute(_ADD_RECEIPT, values)
        except IntegrityError as error:
            raise StaleWrite(f"order {order_id} got its receipt from somebody else at this moment") from error

    async def get(self, order_id: str) -> tuple[SignedReceipt, bytes] | None:
        row = (await self._connection.execute(_RECEIPT_OF, {"order": order_id})).first()
        return (msgspec.json.decode(row[0], type=SignedReceipt), row[1]) if row else None


class ProofRows:
    """Implements ports.Proofs."""

    def __init__(self, connection: Statements) -> None:
        self._connection = connection

    async def put(self, order_id: str, record: bytes, stored_at: datetime) -> None:
        await self._connection.execute(_DROP_PROOF, {"order": order_id})
        await self._connection.execute(_ADD_PROOF, {"order_id": order_id, "record": record, "stored_at": stored_at})

    async def get(self, order_id: str) -> bytes | None:
        return (await self._connection.execute(_PROOF_OF, {"order": order_id})).scalar()
