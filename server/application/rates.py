"""Rates: how often each of many names was seen in this minute, in one process."""

from collections import Counter
from datetime import datetime

from server.domain.outages import TooManyRequests

MINUTE = 60


class Rates:
    """Counts by the minute of the clock, and keeps no minute but the present one."""

    def __init__(self) -> None:
        self._minute, self._seen = 0, Counter[str]()

    def take(self, name: str, most: int, now: datetime) -> None:
        """Count it once more. Raises TooManyRequests when it was seen so often already."""
        minute, second = divmod(int(now.timestamp()), MINUTE)
        if minute != self._minute:
            self._minute, self._seen = minute, Counter()
        if self._seen[name] >= most:
            raise TooManyRequests(f"{most} requests without a payment in a minute", MINUTE - second)
        self._seen[name] += 1
