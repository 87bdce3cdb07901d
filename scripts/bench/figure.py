"""What a figure is, and the sides it is measured on."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path

from scripts.bench.results import PADDOCK, Goal

Say = Callable[[str], None]

SLUG = "market-signal"
TARGET = f"/v1/{SLUG}?symbol=DEMO-TREND"
"""What is asked for in every figure: a DIRECT service with an argument."""
TERMS = "BENCH_TERMS"
"""The variable that tells a peer what to sell, as JSON: a Market's fields, and `path` and the settlement `key`."""


@dataclass(frozen=True, slots=True)
class Cores:
    """`server` is for the side under measurement, `load` for the load generator and the devnet."""

    server: int
    load: int


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


NO_MARKET = Market("", "", "", "", "", 0, "", "")
"""Of a side that is not up yet."""


@dataclass(frozen=True, slots=True)
class Side:
    """A server under measurement, on a port of this machine. `pids` are all of its processes, and none of others'.
    `quotes` tells whether it claims to quote each request by itself, and `receipts` whether it signs receipts.
    `database` is the SQLite file of a side that has one, `postgres` the URL of another's database, `more` are the ports
    of further server processes, and `beside` processes that work for other sides too."""

    name: str
    title: str
    port: int
    pids: tuple[int, ...]
    market: Market
    quotes: bool
    receipts: bool
    database: Path | None = None
    postgres: str | None = None
    more: tuple[int, ...] = ()
    beside: tuple[int, ...] = ()


Ground = Callable[[Say, Cores | None], AbstractContextManager[tuple[Side, ...]]]
"""Opens what a figure is measured on: its sides, up and pinned; all of it is ended with the context."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One of the goals. `measure` gives one round's value for a side, in `unit`; `does` says what each side does for
    it and what it doesn't, by the sides' names: who isn't in it has no part. `others` are sides that are no server of
    their own, with their titles: another way to do the same on Paddock's ground. `seconds` is the most that one side's
    part of one round takes, `part` the most that the whole figure does; `rounds` is its own number of them, where one
    takes long. What is `asked` for by its name only takes very long. `ground` is one of its own: without it Paddock's
    stack is up, and those peers that are in `does`. Raises BenchFailed when an answer is not what was asked for."""

    id: str
    title: str
    unit: str
    goal: Goal
    does: Mapping[str, str]
    measure: Callable[[Side], Awaitable[float]]
    others: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 30.0
    part: float = 150.0
    rounds: int | None = None
    ground: Ground | None = None
    asked: bool = False

    def sides(self, running: Sequence[Side]) -> tuple[Side, ...]:
        """Who is measured, of those that run and of `others`."""
        paddock = next(side for side in running if side.name == PADDOCK)
        own = [replace(paddock, name=name, title=title) for name, title in self.others.items()]
        return tuple(side for side in (*running, *own) if side.name in self.does)
