"""Figures: medians and spreads of rounds, ratios of one run, goals, and the file they are written to."""

import json
import os
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

PADDOCK = "paddock"
DIGITS = 3


@dataclass(frozen=True, slots=True)
class Spread:
    """The middle and the ends of several rounds."""

    median: float
    min: float
    max: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Of at least one value."""
        return cls(
            round(statistics.median(values), DIGITS),
            round(min(values), DIGITS),
            round(max(values), DIGITS),
        )


@dataclass(frozen=True, slots=True)
class Limit:
    """What Paddock's median over a peer's has to be: at least `least`, or at most `most`. With PADDOCK as the peer it
    is the median itself, in the figure's unit."""

    peer: str
    least: float = 0.0
    most: float = float("inf")

    def holds(self, ratio: float) -> bool:
        return self.least <= ratio <= self.most


@dataclass(frozen=True, slots=True)
class Goal:
    """A goal in words, and as one limit for each peer that it names."""

    text: str
    limits: tuple[Limit, ...]

    def met(self, ratios: Mapping[str, float]) -> bool | None:
        """False when a measured ratio breaks its limit; None while a peer that the goal names was not measured."""
        verdicts = [limit.holds(ratios[limit.peer]) for limit in self.limits if limit.peer in ratios]
        if not all(verdicts):
            return False
        return True if len(verdicts) == len(self.limits) else None


@dataclass(frozen=True, slots=True)
class Result:
    """One figure of one run. `values` has, for each side by name, one value for each round; Paddock is among them."""

    id: str
    title: str
    unit: str
    goal: Goal
    values: Mapping[str, Sequence[float]]

    @property
    def spreads(self) -> dict[str, Spread]:
        """Medians and spreads by side."""
        return {name: Spread.of(values) for name, values in self.values.items()}

    @property
    def ratios(self) -> dict[str, float]:
        """Paddock's median over each peer's, in the order in which the peers were given."""
        medians = {name: statistics.median(values) for name, values in self.values.items()}
        return {name: round(medians[PADDOCK] / value, DIGITS) for name, value in medians.items() if name != PADDOCK}

    @property
    def met(self) -> bool | None:
        """See Goal.met."""
        return self.goal.met(self.ratios | {PADDOCK: statistics.median(self.values[PADDOCK])})

    def record(self) -> dict[str, Any]:
        """As var/bench.json has it; `ratio` is the one over the first peer, None where there is none."""
        spreads = {name: asdict(spread) for name, spread in self.spreads.items()}
        return {
            "id": self.id,
            "unit": self.unit,
            "paddock": spreads.pop(PADDOCK),
            "peers": spreads,
            "ratio": next(iter(self.ratios.values()), None),
            "rounds": len(self.values[PADDOCK]),
            "goal": self.goal.text,
            "met": self.met,
        }


def write(path: Path, machine: Mapping[str, Any], rounds: int, results: Sequence[Result]) -> None:
    """Replace the file in one move."""
    document = {"machine": dict(machine), "rounds": rounds, "figures": [result.record() for result in results]}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}")
    partial.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(path)
