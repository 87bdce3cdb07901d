"""Budgets: every purchase holds its amount from before the signature until the chain says how it ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, bindparam, case, func, insert, or_, select, true, update

from agent.errors import Refused
from agent.models import Purchase, holds
from agent.prepared import Prepared, one_of
from agent.terms import host_of

DAY = timedelta(hours=24)


class HoldState(StrEnum):
    """reserved → possible (the signature left our hands) → settled; released once it can never be spent."""

    RESERVED = "reserved"
    POSSIBLE = "possible"
    SETTLED = "settled"
    RELEASED = "released"


# A settled hold is released by a refund; a released one is settled if money turns up after all.
MOVES: dict[HoldState, tuple[HoldState, ...]] = {
    HoldState.POSSIBLE: (HoldState.RESERVED,),
    HoldState.SETTLED: (HoldState.RESERVED, HoldState.POSSIBLE, HoldState.RELEASED),
    HoldState.RELEASED: (HoldState.RESERVED, HoldState.POSSIBLE, HoldState.SETTLED),
}
OPEN = (HoldState.RESERVED, HoldState.POSSIBLE)
_HOLD = Prepared(insert(holds))
_MOVE = {
    state: Prepared(
        update(holds).where(holds.c.purchase_id == bindparam("key"), one_of(holds.c.state, before)).values(state=state)
    )
    for state, before in MOVES.items()
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Money set aside for one authorization: atomic units, and what tells on chain whether it was spent."""

    purchase_id: str
    network: str
    asset: str
    amount: int
    task: str
    session: str
    origin: str
    payer: str
    nonce: str
    valid_before: datetime

    @classmethod
    def of(cls, bought: Purchase, session: str) -> "Hold":
        """The hold of a purchase that is about to be signed, in that session."""
        names = [name for name in cls.__dataclass_fields__ if name not in ("purchase_id", "session")]
        known = {name: getattr(bought, name) for name in names}
        return cls(purchase_id=bought.id, session=session, **known)

    @property
    def host(self) -> str:
        """The seller's host, whatever its port."""
        return host_of(self.origin)


@dataclass(frozen=True, slots=True)
class Budget:
    """At most so many atomic units, over all holds whose `column` says `value` (all there are, without one).

    `rule` is the key of the policy that says so, `words` what it is the budget of; a `daily` one is for any 24 hours.
    """

    rule: str
    most: int
    words: str
    daily: bool = False
    column: str = ""
    value: str = ""


class Level(NamedTuple):
    """How far a budget is used: reserved, possible and settled together, in atomic units."""

    spent: int
    most: int


def reserve(connection: Connection, hold: Hold, budgets: Sequence[Budget], now: datetime) -> None:
    """Set the amount aside. Raises Refused where a budget would be exceeded.

    Atomic across processes because the connection's transaction is BEGIN IMMEDIATE. The hold survives a crash.
    """
    check(connection, hold.network, hold.asset, hold.amount, budgets, now)
    row = {name: getattr(hold, name) for name in (*Hold.__dataclass_fields__, "host")}
    _HOLD.run(connection, **row, state=HoldState.RESERVED, created_at=now)


def check(
    connection: Connection, network: str, asset: str, amount: int, budgets: Sequence[Budget], now: datetime
) -> None:
    """Whether the amount still fits into every budget. Raises Refused, naming the first that it does not fit into."""
    for rule, level in levels(connection, network, asset, budgets, now).items():
        if level.spent + amount > level.most:
            words = next(budget.words for budget in budgets if budget.rule == rule)
            raise Refused(rule, f"the budget of {words} has too little left for it")


def levels(
    connection: Connection, network: str, asset: str, budgets: Sequence[Budget], now: datetime
) -> dict[str, Level]:
    """How far each budget of an asset is used, by its rule. Of a day counts all that can have moved in 24 hours."""
    values = {f"value_{index}": budget.value for index, budget in enumerate(budgets) if budget.column}
    counting = _counting(tuple((budget.column, budget.daily) for budget in budgets))
    rows = counting.rows(connection, network=network, asset=asset, since=now - DAY, **values)
    sums = [sum(row["amount"] * row[f"budget_{index}"] for row in rows) for index in range(len(budgets))]
    return {budget.rule: Level(spent, budget.most) for budget, spent in zip(budgets, sums, strict=True)}


@lru_cache(maxsize=64)
def _counting(kinds: tuple[tuple[str, bool], ...]) -> Prepared:
    """How many holds of each amount count against budgets of these columns, daily ones or not.

    Amounts are multiplied and added by the caller: they may have 256 bits, which SQLite's integers have not.
    """
    since = bindparam("since", type_=holds.c.created_at.type)
    recent = or_(holds.c.created_at > since, and_(one_of(holds.c.state, OPEN), holds.c.valid_before > since))
    counted = [_counted(index, *kind, recent) for index, kind in enumerate(kinds)]
    alive = (holds.c.network == bindparam("network"), holds.c.asset == bindparam("asset"))
    sums = [func.sum(case((one, 1), else_=0)).label(f"budget_{index}") for index, one in enumerate(counted)]
    found = select(holds.c.amount, *sums).where(*alive, holds.c.state != HoldState.RELEASED, or_(*counted))
    return Prepared(found.group_by(holds.c.amount))


def _counted(index: int, column: str, daily: bool, recent: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether a hold counts against the budget with that index."""
    same = holds.c[column] == bindparam(f"value_{index}") if column else true()
    return and_(same, recent if daily else true())


def move(connection: Connection, purchase_id: str, state: HoldState) -> bool:
    """Move a hold if the table allows it; returns whether it moved."""
    return _MOVE[state].run(connection, key=purchase_id) == 1


def settle(connection: Connection, purchase_id: str, amount: int) -> None:
    """The chain shows that so much was spent, of a hold of at least that: what was more than it counts no longer."""
    statement = update(holds).where(holds.c.purchase_id == purchase_id)
    connection.execute(statement.values(state=HoldState.SETTLED, amount=amount))


def unsettled(connection: Connection) -> set[str]:
    """Purchases whose hold only the chain can end."""
    return set(connection.execute(select(holds.c.purchase_id).where(holds.c.state.in_(OPEN))).scalars())
