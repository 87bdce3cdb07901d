"""Where processes can die, and what a seed makes of a point: which purchases, and at which occurrence."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

SERVER, FACILITATOR, WORKER = "server", "facilitator", "worker"
UNITS = {
    SERVER: ("claim", "ready", "settled"),
    FACILITATOR: ("settlement admitted", "settlement signed", "broadcast", "settlement recorded"),
    WORKER: (
        *("jobs taken", "callback signed", "callback done", "callback failed", "refund signed", "refunded"),
        *("broadcast", "job", "mined", "swept", "final", "chained", "anchor signed", "anchored"),
    ),
}
"""By process, the units of work that come in every run; a broadcast is one as well."""
EDGES = ("before", "after")
SERVICES = {"market-signal": "DIRECT", "access-pass": "DELEGATE", "launch-pass": "DELEGATE"}


@dataclass(frozen=True)
class Point:
    """A process, a unit of work of its, and the side of its commit (or broadcast) on which the process dies."""

    victim: str
    unit: str
    edge: str

    def __str__(self) -> str:
        return f"{self.victim}/{self.unit}:{self.edge}"


@dataclass(frozen=True)
class Purchase:
    """A service to buy so many seconds into the run; an impatient buyer is gone when its first request fails."""

    service: str
    after: float
    patient: bool


@dataclass(frozen=True)
class Plan:
    """One run. The same point and seed make the same plan; when what happens is up to the machine."""

    point: Point
    seed: int
    occurrence: int
    purchases: tuple[Purchase, ...]

    @property
    def label(self) -> str:
        """As `tests.stack.killing` takes it."""
        return f"{self.point.unit}:{self.point.edge}#{self.occurrence}"

    def __str__(self) -> str:
        bought = ", ".join(f"{one.service}{'' if one.patient else ' (impatient)'}" for one in self.purchases)
        return f'POINTS="{self.point}" SEEDS={self.seed}-{self.seed}: occurrence {self.occurrence}; {bought}'


POINTS = tuple(Point(victim, unit, edge) for victim, units in UNITS.items() for unit in units for edge in EDGES)


def plan(point: Point, seed: int) -> Plan:
    """Every mode and a refund in each: of the launch pass there is one, so whoever comes second is refunded."""
    chance = random.Random(f"{point} {seed}")
    services = ["market-signal", "access-pass", "launch-pass", "launch-pass"]
    services += chance.choices(tuple(SERVICES), k=chance.randint(0, 3))
    chance.shuffle(services)
    return Plan(
        point,
        seed,
        chance.choice((1, 1, 2, 3) if point.unit in _FREQUENT else (1,)),
        tuple(Purchase(one, chance.uniform(0, 1), chance.random() < 0.7) for one in services),
    )


_FREQUENT = frozenset({"claim", "jobs taken", "broadcast", "job", "swept", "settled", "final"})
"""Units of work that come at least three times a run."""


def chosen(words: str) -> Sequence[Point]:
    """The points whose names contain one of these words, separated by commas; all of them for none."""
    wanted = [word.strip() for word in words.split(",") if word.strip()]
    found = [point for point in POINTS if not wanted or any(word in str(point) for word in wanted)]
    if not found:
        raise SystemExit(f"POINTS={words!r} names none of: {', '.join(map(str, POINTS))}")
    return found
