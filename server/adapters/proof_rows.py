"""Receipt chains and their anchors as rows."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, RowMapping, bindparam, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from server.adapters.proof_models import anchors, receipt_chain, receipt_queue
from server.adapters.statements import Statements
from server.domain.anchors import Anchor, Chained, Kind, Site
from server.domain.errors import DuplicateClaim, StaleWrite

_ENTRY = tuple(Chained.__dataclass_fields__)
_SITE = tuple(Site.__dataclass_fields__)
_ANCHOR = tuple(name for name in Anchor.__dataclass_fields__ if name != "site")
_INDEX = receipt_chain.c["index"]
_HIGHEST = 2**31 - 1
_Q = receipt_queue.c
_ENQUEUE = {
    name: insert(receipt_queue).on_conflict_do_nothing(index_elements=[_Q.order_id])
    for name, insert in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
}
_WAITING = (
    select(_Q.order_id)
    .where(_Q.merchant == bindparam("merchant"))
    .order_by(_Q.released_at, _Q.order_id)
    .limit(bindparam("limit"))
)
_LEAVE_QUEUE = delete(receipt_queue).where(_Q.order_id == bindparam("order"))
_TAIL = select(receipt_chain).where(receipt_chain.c.merchant == bindparam("merchant")).order_by(_INDEX.desc()).limit(1)
_OF = select(receipt_chain).where(receipt_chain.c.order_id == bindparam("order")).order_by(_INDEX)
_APPEND = insert(receipt_chain)


class ReceiptChainRows:
    """Implements ports.ReceiptChain. The key (merchant, index) lets only one of several writers append."""

    def __init__(self, connection: Statements) -> None:
        self._connection = connection

    async def enqueue(self, order_id: str, merchant: str, released_at: datetime) -> None:
        row = {"order_id": order_id, "merchant": merchant, "released_at": released_at}
        await self._connection.execute(_ENQUEUE[self._connection.dialect.name], row)
        if await self.of(order_id):  # looked up last: the insert may have waited for the one that appended it
            await self._leave_queue(order_id)

    async def waiting(self, merchant: str, limit: int) -> Sequence[str]:
        return list((await self._connection.execute(_WAITING, {"merchant": merchant, "limit": limit})).scalars())

    async def tail(self, merchant: str) -> Chained | None:
        row = (await self._connection.execute(_TAIL, {"merchant": merchant})).mappings().first()
        return _chained(row) if row else None

    async def append(self, entry: Chained) -> None:
        if any(known.kind == entry.kind for known in await self.of(entry.order_id)):
            raise DuplicateClaim(f"order {entry.order_id} has its {entry.kind} entry already")
        try:
            await self._connection.execute(_APPEND, {name: getattr(entry, name) for name in _ENTRY})
        except IntegrityError as error:
            raise StaleWrite(f"somebody else wrote entry {entry.index} of {entry.merchant}'s chain") from error
        await self._leave_queue(entry.order_id)

    async def _leave_queue(self, order_id: str) -> None:
        await self._connection.execute(_LEAVE_QUEUE, {"order": order_id})

    async def of(self, order_id: str) -> Sequence[Chained]:
        return [_chained(row) for row in (await self._connection.execute(_OF, {"order": order_id})).mappings()]

    async def entries(self, merchant: str, first: int, limit: int) -> Sequence[Chained]:
        query = select(receipt_chain).where(receipt_chain.c.merchant == merchant, first <= _INDEX).order_by(_INDEX)
        return [_chained(row) for row in (await self._connection.execute(query.limit(limit))).mappings()]


class AnchorRows:
    """Implements ports.Anchors."""

    def __init__(self, connection: Statements) -> None:
        self._connection = connection

    async def add(self, anchor: Anchor) -> None:
        values = {name: getattr(anchor.site, name) for name in _SITE} | {n: getattr(anchor, n) for n in _ANCHOR}
        try:
            await self._connection.execute(insert(anchors).values(values))
        except IntegrityError as error:
            raise StaleWrite(f"somebody else wrote batch {anchor.batch} of {anchor.merchant}'s chain") from error

    async def last(self, site: Site, merchant: str) -> Anchor | None:
        query = select(anchors).where(_at(site, merchant)).order_by(anchors.c.batch.desc()).limit(1)
        row = (await self._connection.execute(query)).mappings().first()
        return _anchor(row) if row else None

    async def newest(self, site: Site, merchant: str, before: int | None, limit: int) -> Sequence[Anchor]:
        query = select(anchors).where(_at(site, merchant)).order_by(anchors.c.batch.desc()).limit(limit)
        if before is not None:
            query = query.where(anchors.c.batch < max(0, min(before, _HIGHEST)))
        return [_anchor(row) for row in (await self._connection.execute(query)).mappings()]

    async def sent_again(self, anchor: Anchor, transaction: str) -> None:
        same = _is(anchor) & (anchors.c.transaction == anchor.transaction)
        result = await self._connection.execute(update(anchors).where(same).values(transaction=transaction))
        if result.rowcount != 1:
            raise StaleWrite(f"somebody else sent batch {anchor.batch} of {anchor.merchant}'s chain again")

    async def confirm(self, anchor: Anchor, block: int) -> None:
        where = {"block": block, "transaction": anchor.transaction}
        await self._connection.execute(update(anchors).where(_is(anchor)).values(**where))

    async def covering(self, merchant: str, index: int) -> Anchor | None:
        table = anchors.c
        holds = (table.merchant == merchant) & (table.first <= index) & (table.last >= index)
        query = select(anchors).where(holds, table.block.is_not(None)).order_by(table.block.desc()).limit(1)
        row = (await self._connection.execute(query)).mappings().first()
        return _anchor(row) if row else None

    async def between(self, site: Site, merchant: str, first: int, last: int) -> Sequence[Anchor]:
        table = anchors.c
        any_of = _at(site, merchant) & (table.first <= last) & (table.last >= first) & table.block.is_not(None)
        query = select(anchors).where(any_of).order_by(table.batch)
        return [_anchor(row) for row in (await self._connection.execute(query)).mappings()]


def _at(site: Site, merchant: str) -> ColumnElement[bool]:
    table = anchors.c
    place = (table.network == site.network) & (table.contract == site.contract) & (table.publisher == site.publisher)
    return place & (table.merchant == merchant)


def _is(anchor: Anchor) -> ColumnElement[bool]:
    return _at(anchor.site, anchor.merchant) & (anchors.c.batch == anchor.batch)


def _chained(row: RowMapping) -> Chained:
    return Chained(**{name: row[name] for name in _ENTRY} | {"kind": Kind(row["kind"])})


def _anchor(row: RowMapping) -> Anchor:
    return Anchor(site=Site(*(row[name] for name in _SITE)), **{name: row[name] for name in _ANCHOR})
