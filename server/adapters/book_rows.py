"""The ledger as a whole, and how far it was compared, as rows."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    and_,
    case,
    func,
    insert,
    literal,
    literal_column,
    or_,
    select,
    true,
    union_all,
    update,
)
from sqlalchemy.exc import IntegrityError

from server.adapters.book_models import row_cursors, wallet_cursors
from server.adapters.models import ledger_entries, order_events, orders
from server.adapters.statements import Statements
from server.adapters.sums import GROUPS, group, together
from server.domain.books import Booked, WalletCursor
from server.domain.errors import StaleWrite
from server.domain.ledger import Entry
from server.domain.statements import Line, Period, Place
from server.domain.states import OWED, FulfilmentState

_ENTRY = tuple(Entry.__dataclass_fields__)
_ROW = ledger_entries.c
_CHANGE = case(
    (func.substr(_ROW.credit, 1, 6) == "payer:", 1), (func.substr(_ROW.debit, 1, 6) == "payer:", -1), else_=0
)


class BookRows:
    """Implements ports.Bookkeeping."""

    def __init__(self, connection: Statements) -> None:
        self._connection = connection

    async def balances(self, network: str, asset: str) -> Mapping[str, int]:
        here = (_ROW.network == network, _ROW.asset == asset)
        sides = [
            select(side.label("account"), literal(sign, Integer).label("sign"), _ROW.amount).where(*here)
            for side, sign in ((_ROW.debit, 1), (_ROW.credit, -1))
        ]
        moves = union_all(*sides).subquery("moves")
        query = select(moves.c.account, *_sums(moves.c.sign, "moves.amount")).group_by(moves.c.account)
        rows = (await self._connection.execute(query)).all()
        return {account: together(sums) for account, *sums in rows}

    async def after(self, network: str, sequence: int, limit: int) -> Sequence[Booked]:
        query = select(ledger_entries).where(_ROW.network == network, _ROW.id > sequence).order_by(_ROW.id)
        rows = (await self._connection.execute(query.limit(limit))).mappings()
        return [Booked(row["id"], row["booked_at"], _entry(row)) for row in rows]

    async def about(self, network: str, transaction: str, log_index: int) -> Sequence[Entry]:
        same = (_ROW.network == network, _ROW.transaction == transaction, _ROW.log_index == log_index)
        query = select(ledger_entries).where(*same).order_by(_ROW.id)
        return [_entry(row) for row in (await self._connection.execute(query)).mappings()]

    async def first_block(self, network: str) -> int | None:
        return await self._one(select(func.min(_ROW.block)).where(_ROW.network == network, _ROW.block_hash != ""))

    async def before_block(self, network: str, block: int) -> int | None:
        lowest = await self._one(select(func.min(_ROW.id)).where(_ROW.network == network, _ROW.block >= block))
        return None if lowest is None else lowest - 1

    async def cursor(self, network: str, asset: str, address: str) -> WalletCursor | None:
        query = select(wallet_cursors).where(_is(network, asset, address))
        row = (await self._connection.execute(query)).mappings().first()
        return WalletCursor(**row) if row else None

    async def move(self, cursor: WalletCursor) -> None:
        values = {name: getattr(cursor, name) for name in WalletCursor.__dataclass_fields__}
        values["version"] += 1
        same = _is(cursor.network, cursor.asset, cursor.address) & (wallet_cursors.c.version == cursor.version)
        change = update(wallet_cursors).where(same) if cursor.version else insert(wallet_cursors)
        await self._store(change.values(values), f"the books of {cursor.address}")

    async def checked(self, network: str) -> int:
        return await self._one(select(row_cursors.c.row).where(row_cursors.c.network == network)) or 0

    async def check(self, network: str, old: int, new: int) -> None:
        same = (row_cursors.c.network == network) & (row_cursors.c.row == old)
        known = await self._one(select(row_cursors.c.row).where(row_cursors.c.network == network)) is not None
        change = update(row_cursors).where(same) if known else insert(row_cursors)
        await self._store(change.values(network=network, row=new), f"the rows of {network}")

    async def brought_forward(self, merchant: str, until: datetime) -> Mapping[Place, int]:
        query = (
            select(_ROW.network, _ROW.asset, *_sums(_CHANGE, "ledger_entries.amount"))
            .join(orders, orders.c.id == _ROW.order_id)
            .where(orders.c.merchant == merchant, _ROW.booked_at < until)
            .group_by(_ROW.network, _ROW.asset)
        )
        rows = (await self._connection.execute(query)).all()
        return {Place(network, asset): together(sums) for network, asset, *sums in rows}

    async def lines(self, merchant: str, period: Period, after: Line | None, limit: int) -> Sequence[Line]:
        behind: ColumnElement[bool] = true()
        if after:
            later = and_(_ROW.booked_at == after.at, _ROW.id > after.sequence)
            behind = or_(_ROW.booked_at > after.at, later)
        query = (
            select(ledger_entries, orders.c.service, _CHANGE.label("sign"), _state(period.end).label("state"))
            .join(orders, orders.c.id == _ROW.order_id)
            .where(orders.c.merchant == merchant, _ROW.booked_at >= period.start, _ROW.booked_at < period.end, behind)
            .order_by(_ROW.booked_at, _ROW.id)
            .limit(limit)
        )
        return [_line(row) for row in (await self._connection.execute(query)).mappings()]

    async def owed(self, merchant: str, until: datetime) -> Mapping[Place, int]:
        own = and_(orders.c.merchant == merchant, orders.c.id.in_(_last("money back", until, OWED)))
        by_transfer = and_(own, orders.c.received.is_not(None))
        place, price = (orders.c.network, orders.c.asset), func.coalesce(orders.c.charged, orders.c.amount)
        kept = orders.c.id.not_in(_last("fulfilment", until, [FulfilmentState.FAILED]))
        parts = [
            _part(place, 1, price).where(own, orders.c.received.is_(None)),
            _part(place, _CHANGE, _ROW.amount)
            .join(ledger_entries, _ROW.order_id == orders.c.id)
            .where(by_transfer, _ROW.booked_at < until),
            _part(place, -1, price).where(by_transfer, kept),
        ]
        debts = union_all(*parts).subquery("debts")
        sums = _sums(debts.c.sign, "debts.amount")
        query = select(debts.c.network, debts.c.asset, *sums).group_by(debts.c.network, debts.c.asset)
        rows = (await self._connection.execute(query)).all()
        found = {Place(network, asset): together(sums) for network, asset, *sums in rows}
        return {place: amount for place, amount in found.items() if amount}

    async def _one(self, query: Any) -> int | None:
        found: int | None = (await self._connection.execute(query)).scalar()
        return found

    async def _store(self, change: Any, what: str) -> None:
        try:
            result = await self._connection.execute(change)
        except IntegrityError as error:
            raise StaleWrite(f"{what} were compared by somebody else") from error
        if result.rowcount != 1:
            raise StaleWrite(f"{what} were compared by somebody else")


def _sums(sign: ColumnElement[int], column: str) -> list[ColumnElement[int]]:
    return [func.sum(sign * literal_column(group(column, index), Integer)) for index in range(GROUPS)]


def _last(what: str, until: datetime, states: Iterable[str]) -> Select[Any]:
    """The orders whose column `what` stood at one of these at a moment, by their timelines."""
    newest = (
        select(func.max(order_events.c.sequence))
        .where(order_events.c.what == what, order_events.c.at < until)
        .group_by(order_events.c.order_id)
    )
    return select(order_events.c.order_id).where(order_events.c.sequence.in_(newest), order_events.c.new.in_(states))


def _part(place: Sequence[Any], sign: Any, amount: Any) -> Select[Any]:
    sign = literal(sign, Integer) if isinstance(sign, int) else sign
    return select(*place, sign.label("sign"), amount.label("amount")).select_from(orders)


def _is(network: str, asset: str, address: str) -> ColumnElement[bool]:
    table = wallet_cursors.c
    return and_(table.network == network, table.asset == asset, table.address == address)


def _state(end: datetime) -> ColumnElement[str]:
    back = ledger_entries.alias("back")
    same = [back.c[name] == _ROW[name] for name in ("order_id", "kind", "round", "block_hash", "log_index")]
    taken = select(back.c.id).where(back.c.reversal, back.c.booked_at < end, *same).exists()
    return case((_ROW.reversal, "reversal"), (taken, "reversed"), else_="standing")


def _entry(row: Mapping[Any, Any]) -> Entry:
    return Entry(**{name: row[name] for name in _ENTRY})


def _line(row: Mapping[Any, Any]) -> Line:
    return Line(
        sequence=row["id"],
        at=row["booked_at"],
        order_id=row["order_id"],
        service=row["service"],
        kind=row["kind"],
        state=row["state"],
        transaction=row["transaction"],
        place=Place(row["network"], row["asset"]),
        amount=row["amount"],
        change=row["sign"] * row["amount"],
    )
