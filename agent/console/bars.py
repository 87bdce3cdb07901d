"""Budgets as bars: of each asset, how far each budget of the policy is used."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from agent import budgets
from agent.budgets import Budget, HoldState, Level
from agent.models import holds
from agent.policy import Policy
from agent.policy_file import AssetRules
from protocol.amounts import display

FULL, NEAR = 1000, 800
MOST_NAMES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One budget: amounts in units of the asset, `permille` of it used, and whether that is `near` its end."""

    rule: str
    words: str
    used: str
    most: str
    left: str
    permille: int

    @property
    def tone(self) -> str:
        return "full" if self.permille >= FULL else "near" if self.permille >= NEAR else "fine"


@dataclass(frozen=True, slots=True)
class AssetBars:
    """An asset of the policy, and its budgets."""

    asset: AssetRules
    bars: list[Bar]


def asset_bars(connection: Connection, policy: Policy, now: datetime) -> list[AssetBars]:
    """Of every asset: the budgets for all purchases, then those of the sellers, tasks and sessions that used any."""
    return [AssetBars(asset, list(_bars(connection, policy, asset, now))) for asset in policy.file.assets]


def _bars(connection: Connection, policy: Policy, asset: AssetRules, now: datetime) -> Iterator[Bar]:
    where = (asset.network, asset.address)
    groups = [policy.budgets(*where)]
    for kind in ("origin", "task", "session"):
        for name in _names(connection, asset, kind):
            given = policy.budgets(*where, **{kind: name})
            groups.append(tuple(one for one in given if one.column in _COLUMNS[kind]))
    counted: set[Budget] = set()
    for group in groups:
        fresh = [budget for budget in group if budget not in counted]
        found = budgets.levels(connection, *where, fresh, now) if fresh else {}
        counted.update(fresh)
        yield from (_bar(budget, found[budget.rule], asset) for budget in fresh)


_COLUMNS = {"origin": ("host", "origin"), "task": ("task",), "session": ("session",)}


def _names(connection: Connection, asset: AssetRules, kind: str) -> list[str]:
    """The sellers, tasks or sessions that spent lately, the last ones first."""
    column = holds.c[kind]
    spent = (holds.c.network == asset.network, holds.c.asset == asset.address, holds.c.state != HoldState.RELEASED)
    found = select(column).where(*spent, column.is_not(None), column != "").group_by(column)
    return list(connection.execute(found.order_by(func.max(holds.c.created_at).desc()).limit(MOST_NAMES)).scalars())


def _bar(budget: Budget, level: Level, asset: AssetRules) -> Bar:
    of = f"{budget.column} {budget.value}" if budget.column in ("task", "session") else budget.value or "all purchases"
    return Bar(
        rule=budget.rule,
        words=f"{of}, in any 24 hours" if budget.daily else of,
        used=display(level.spent, asset.decimals),
        most=display(level.most, asset.decimals),
        left=display(max(0, level.most - level.spent), asset.decimals),
        permille=min(FULL, level.spent * FULL // level.most) if level.most else FULL,
    )
