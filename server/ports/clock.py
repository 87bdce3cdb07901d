"""Time, as the core sees it."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Time as the core sees it."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""

    async def sleep(self, seconds: float) -> None:
        """Give way for that long."""
