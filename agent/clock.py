"""Time as the agent sees it."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """The present, and waiting for it to pass."""

    def now(self) -> datetime:
        """This moment, aware, in UTC."""

    def sleep(self, seconds: float) -> None:
        """Return that many seconds later."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class ManualClock:
    """A clock for tests: it passes by sleeping only, at once, and remembers the sleeps."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment
        self.sleeps: list[float] = []

    def now(self) -> datetime:
        return self.moment

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.moment += timedelta(seconds=seconds)
