"""The fake database's books: the same answers as the adapter's, from lists."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from server.domain.books import Booked, WalletCursor
from server.domain.errors import StaleWrite
from server.domain.ledger import Entry
from server.domain.orders import Order
from server.domain.statements import Line, Period, Place
from server.domain.states import OWED, FulfilmentState
from tests.fakes.tables import Tables


@dataclass(frozen=True)
class FakeBooks:
    """Implements ports.Bookkeeping."""

    tables: Tables

    async def balances(self, network: str, asset: str) -> Mapping[str, int]:
        found: Counter[str] = Counter()
        for row in self.tables.entries:
            if (row.network, row.asset) == (network, asset):
                found[row.debit] += row.amount
                found[row.credit] -= row.amount
        return dict(found)

    async def after(self, network: str, sequence: int, limit: int) -> Sequence[Booked]:
        return [one for one in self._booked() if one.entry.network == network and one.sequence > sequence][:limit]

    async def about(self, network: str, transaction: str, log_index: int) -> Sequence[Entry]:
        wanted = (network, transaction, log_index)
        return [row for row in self.tables.entries if (row.network, row.transaction, row.log_index) == wanted]

    async def first_block(self, network: str) -> int | None:
        own = (row.block for row in self.tables.entries if row.network == network and row.block_hash)
        return min(own, default=None)

    async def before_block(self, network: str, block: int) -> int | None:
        own = (one for one in self._booked() if one.entry.network == network and one.entry.block >= block)
        return min((one.sequence - 1 for one in own), default=None)

    async def cursor(self, network: str, asset: str, address: str) -> WalletCursor | None:
        return self.tables.wallet_cursors.get((network, asset, address))

    async def move(self, cursor: WalletCursor) -> None:
        key = (cursor.network, cursor.asset, cursor.address)
        stored = self.tables.wallet_cursors.get(key)
        if (stored.version if stored else 0) != cursor.version:
            raise StaleWrite(f"the books of {cursor.address} were compared by somebody else")
        self.tables.wallet_cursors[key] = replace(cursor, version=cursor.version + 1)

    async def checked(self, network: str) -> int:
        return self.tables.row_cursors.get(network, 0)

    async def check(self, network: str, old: int, new: int) -> None:
        if await self.checked(network) != old:
            raise StaleWrite(f"the rows of {network} were compared by somebody else")
        self.tables.row_cursors[network] = new

    async def brought_forward(self, merchant: str, until: datetime) -> Mapping[Place, int]:
        found: Counter[Place] = Counter()
        for one in self._booked():
            if one.at < until and self.tables.orders[one.entry.order_id].terms.merchant == merchant:
                found[_place(one.entry)] += _change(one.entry)
        return dict(found)

    async def lines(self, merchant: str, period: Period, after: Line | None, limit: int) -> Sequence[Line]:
        within = [one for one in self._booked() if period.start <= one.at < period.end]
        own = [one for one in within if self.tables.orders[one.entry.order_id].terms.merchant == merchant]
        rest = [one for one in own if after is None or (one.at, one.sequence) > (after.at, after.sequence)]
        found = sorted(rest, key=lambda one: (one.at, one.sequence))[:limit]
        return [self._line(one, period.end) for one in found]

    async def owed(self, merchant: str, until: datetime) -> Mapping[Place, int]:
        found: Counter[Place] = Counter()
        last = {(one.order_id, one.what): one.new for one in self.tables.events if one.at < until}
        for order in self.tables.orders.values():
            if order.terms.merchant == merchant and last.get((order.id, "money back")) in OWED:
                failed = last.get((order.id, "fulfilment")) == FulfilmentState.FAILED
                found[Place(order.terms.network, order.terms.asset)] += self._due(order, until, failed)
        return {place: amount for place, amount in found.items() if amount}

    def _due(self, order: Order, until: datetime, failed: bool) -> int:
        if order.received is None:
            return order.price
        own = [one.entry for one in self._booked() if one.entry.order_id == order.id and one.at < until]
        return sum(map(_change, own)) - (0 if failed else order.price)

    def _booked(self) -> Iterator[Booked]:
        for index, (row, at) in enumerate(zip(self.tables.entries, self.tables.booked, strict=True)):
            yield Booked(index + 1, at, row)

    def _line(self, one: Booked, end: datetime) -> Line:
        row = one.entry
        undone = [back.entry for back in self._booked() if back.entry.reversal and back.at < end]
        gone = any(_log(back) == _log(row) for back in undone)
        state = "reversal" if row.reversal else "reversed" if gone else "standing"
        service = self.tables.orders[row.order_id].terms.service
        about = (one.sequence, one.at, row.order_id, service, row.kind, state, row.transaction, _place(row))
        return Line(*about, row.amount, _change(row))


def _log(row: Entry) -> tuple[object, ...]:
    return row.order_id, row.kind, row.round, row.block_hash, row.log_index


def _place(row: Entry) -> Place:
    return Place(row.network, row.asset)


def _change(row: Entry) -> int:
    if row.credit.startswith("payer:"):
        return row.amount
    return -row.amount if row.debit.startswith("payer:") else 0
