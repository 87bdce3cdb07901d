"""Spending: what was paid, by task, merchant or day."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, select

from agent.budgets import HoldState
from agent.models import holds

KEYS = ("task", "merchant", "day")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a report: atomic units of `asset`; `open` is what may still be spent."""

    key: str
    network: str
    asset: str
    purchases: int
    settled: int
    open: int


def spending(connection: Connection, by: str) -> list[Line]:
    """Lines by `task`, `merchant` or `day` (UTC), largest first; released holds were never spent."""
    rows = connection.execute(select(holds).where(holds.c.state != HoldState.RELEASED)).all()
    groups: dict[tuple[str, str, str], list[tuple[str, int]]] = {}
    for row in rows:
        keys = {"task": row.task, "merchant": row.origin, "day": str(row.created_at.date())}
        group = groups.setdefault((keys[by], row.network, row.asset), [])
        group.append((row.state, row.amount))
    lines = [
        Line(
            key=key,
            network=network,
            asset=asset,
            purchases=len(group),
            settled=_sum(group, (HoldState.SETTLED,)),
            open=_sum(group, (HoldState.RESERVED, HoldState.POSSIBLE)),
        )
        for (key, network, asset), group in groups.items()
    ]
    return sorted(lines, key=lambda line: (-line.settled - line.open, line.key))


def _sum(group: Iterable[tuple[str, int]], states: tuple[HoldState, ...]) -> int:
    return sum(amount for state, amount in group if state in states)
