"""A circuit breaker: after failures in a row it asks nobody for a while, and then one at a time."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from server.domain.outages import CircuitOpen


@dataclass(slots=True)
class Breaker:
    """`most` failures in a row open it for `rest`. Then it lets one probe in for each `rest`, until one succeeds."""

    name: str
    most: int
    rest: timedelta
    failures: int = 0
    shut_until: datetime | None = None

    def require(self, now: datetime) -> None:
        """Raises CircuitOpen, unless it is closed or the caller is the next probe."""
        if self.shut_until is None:
            return
        if now < self.shut_until:
            wait = math.ceil((self.shut_until - now).total_seconds())
            raise CircuitOpen(f"{self.name} has failed {self.failures} times in a row", wait)
        self.shut_until = now + self.rest

    def succeeded(self) -> None:
        """It answered: everybody may ask again."""
        self.failures, self.shut_until = 0, None

    def failed(self, now: datetime) -> None:
        """It did not answer."""
        self.failures += 1
        if self.failures >= self.most:
            self.shut_until = now + self.rest

    @property
    def open(self) -> bool:
        return self.shut_until is not None
