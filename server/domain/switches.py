"""Switches that the operator turns by hand, for all processes at once."""

from dataclasses import dataclass
from datetime import datetime

SETTLEMENT_PAUSED = "settlement paused"


@dataclass(frozen=True, slots=True)
class Switch:
    """`on` since `at`, turned by `by` for a `reason` that the operator reads, and no buyer."""

    name: str
    on: bool
    reason: str
    at: datetime
    by: str
