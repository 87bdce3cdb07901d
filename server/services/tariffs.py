"""Prices that follow from what is asked for: by the count of its units, in tiers, or by any function."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Tier:
    """`price` millionths of a dollar for each unit up to the `last`; None has no end."""

    price: int
    last: int | None = None


@dataclass(frozen=True, slots=True)
class Tiers:
    """`count` says how many of `unit` a call's arguments ask for; each costs what the tier that it is in says."""

    unit: str
    count: Callable[[Any], int]
    tiers: tuple[Tier, ...]

    def price(self, arguments: Any, _now: datetime) -> int:
        """Millionths of a dollar."""
        return self.of(self.count(arguments))

    def of(self, asked: int) -> int:
        """What so many units cost, in millionths of a dollar."""
        total = counted = 0
        for tier in self.tiers:
            until = asked if tier.last is None else min(asked, tier.last)
            total += (until - counted) * tier.price
            counted = until
        return total


@dataclass(frozen=True, slots=True)
class Dynamic:
    """`price` is any function of a call's arguments and the time, in millionths of a dollar; `words` tell it."""

    words: str
    price: Callable[[Any, datetime], int]


Tariff = Tiers | Dynamic
