"""What is kept of traces: to which one an order belongs."""

from collections.abc import Mapping, Sequence
from typing import Protocol


class OrderTraces(Protocol):
    """At most one trace for each order, as a W3C `traceparent` of 55 characters. No decision depends on it."""

    async def put(self, order_id: str, traceparent: str) -> None:
        """Store it; an order keeps the first that it was given."""

    async def of(self, order_ids: Sequence[str]) -> Mapping[str, str]:
        """By order; those without one are left out."""
