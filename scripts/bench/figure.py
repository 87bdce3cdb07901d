"""What a figure is, and the sides it is measured on."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from scripts.bench.results import PADDOCK, Goal

SLUG = "market-signal"
TARGET = f"/v1/{SLUG}?symbol=DEMO-TREND"
"""What is asked for in every figure: a DIRECT service with an argument."""
TERMS = "BENCH_TERMS"
"""The variable that tells a peer what to sell, as JSON: a Market's fields, and `path` and the settlement `key`."""


@dataclass(frozen=True, slots=True)
class Market:
    """What all sides sell for, where: `amount` is in atomic units of the asset; one of Paddock's contracts is there."""

    rpc: str
    network: str
    asset: str
    asset_name: str
    asset_version: str
    amount: int
    pay_to: str
    batch_settler: str


@dataclass(frozen=True, slots=True)
class Side:
    """A server under measurement, on a port of this machine. `pids` are all of its processes, and none of others'.
    `quotes` tells whether it claims to quote each request by itself, and `receipts` whether it signs receipts."""

    name: str
    title: str
    port: int
    pids: tuple[int, ...]
    market: Market
    quotes: bool
    receipts: bool


@dataclass(frozen=True, slots=True)
class Figure:
    """One of the goals. `measure` gives one round's value for a side, in `unit`; `does` says what each side does for
    it and what it doesn't, by the sides' names: who isn't in it has no part. `others` are sides that are no server of
    their own, with their titles: another way to do the same on Paddock's ground. Raises BenchFailed when an answer is
    not what was asked for."""

    id: str
    title: str
    unit: str
    goal: Goal
    does: Mapping[str, str]
    measure: Callable[[Side], Awaitable[float]]
    others: Mapping[str, str] = field(default_factory=dict)

    def sides(self, running: Sequence[Side]) -> tuple[Side, ...]:
        """Who is measured, of those that run and of `others`."""
        paddock = next(side for side in running if side.name == PADDOCK)
        own = [replace(paddock, name=name, title=title) for name, title in self.others.items()]
        return tuple(side for side in (*running, *own) if side.name in self.does)
