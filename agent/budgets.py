"""Budgets: every purchase holds its amount from before the signature until the chain says how it ended."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection, and_, insert, or_, select, update

from agent.errors import Refused
from agent.models import Purchase, holds

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Money set aside for one authorization: atomic units, and what tells on chain whether it was spent."""

    purchase_id: str
    network: str
    asset: str
    amount: int
    task: str
    origin: str
    payer: str
    nonce: str
    valid_before: datetime

    @classmethod
    def of(cls, bought: Purchase) -> "Hold":
        """The hold of a purchase that is about to be signed."""
        values = {name: getattr(bought, name) for name in cls.__dataclass_fields__ if name != "purchase_id"}
        return cls(purchase_id=bought.id, **values)


@dataclass(frozen=True, slots=True)
class Caps:
    """Limits in atomic units of the hold's asset."""

    per_task: int
    per_day: int


@dataclass(frozen=True, slots=True)
class Spent:
    """Reserved, possible and settled together, in atomic units."""

    task: int
    day: int


def reserve(connection: Connection, hold: Hold, caps: Caps, now: datetime) -> None:
    """Set the amount aside. Raises Refused where a cap would be exceeded.

    Atomic across processes because the connection's transaction is BEGIN IMMEDIATE. The hold survives a crash.
    """
    check(spent_on(connection, hold.network, hold.asset, hold.task, now), hold.amount, caps)
    row = {name: getattr(hold, name) for name in Hold.__dataclass_fields__}
    connection.execute(insert(holds).values(row | {"state": HoldState.RESERVED, "created_at": now}))


def check(spent: Spent, amount: int, caps: Caps) -> None:
    """Whether the amount still fits. Raises Refused."""
    if spent.task + amount > caps.per_task:
        raise Refused("limits.per_task", "the budget of this task has too little left for it")
    if spent.day + amount > caps.per_day:
        raise Refused("limits.per_day", "the budget of these 24 hours has too little left for it")


def move(connection: Connection, purchase_id: str, state: HoldState) -> bool:
    """Move a hold if the table allows it; returns whether it moved."""
    statement = update(holds).where(holds.c.purchase_id == purchase_id, holds.c.state.in_(MOVES[state]))
    return connection.execute(statement.values(state=state)).rowcount == 1


def settle(connection: Connection, purchase_id: str, amount: int) -> None:
    """The chain shows that so much was spent, of a hold of at least that: what was more than it counts no longer."""
    statement = update(holds).where(holds.c.purchase_id == purchase_id)
    connection.execute(statement.values(state=HoldState.SETTLED, amount=amount))


def spent_on(connection: Connection, network: str, asset: str, task: str, now: datetime) -> Spent:
    """What counts against the caps of an asset: all of the task, and all that can have moved in the last 24 hours."""
    recent = or_(holds.c.created_at > now - DAY, and_(holds.c.state.in_(OPEN), holds.c.valid_before > now - DAY))
    rows = connection.execute(
        select(holds.c.amount, holds.c.task, recent.label("recent")).where(
            holds.c.network == network,
            holds.c.asset == asset,
            holds.c.state != HoldState.RELEASED,
            or_(holds.c.task == task, recent),
        )
    ).all()
    return Spent(
        task=sum(row.amount for row in rows if row.task == task),
        day=sum(row.amount for row in rows if row.recent),
    )


def unsettled(connection: Connection) -> set[str]:
    """Purchases whose hold only the chain can end."""
    return set(connection.execute(select(holds.c.purchase_id).where(holds.c.state.in_(OPEN))).scalars())
