"""Webhooks: what is kept of endpoints and deliveries, and the way out to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from server.domain.webhooks import Announcement, Endpoint, WebhookDelivery


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of one attempt. `status` is None when no answer came; then `error` says why, in our words.

    `excerpt` is the beginning of the answer's body, printable.
    """

    status: int | None
    seconds: float
    excerpt: str = ""
    error: str = ""


class Courier(Protocol):
    """The way out to merchants' endpoints."""

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """One attempt, over within ten seconds. Never raises for what the other side does or is.

        Connects to no address that the egress rules refuse, and follows no redirect. May be repeated.
        """


class Webhooks(Protocol):
    """Endpoints, announcements, and the deliveries of these to those."""

    async def add_endpoint(self, endpoint: Endpoint) -> None:
        """Store a new one."""

    async def endpoint(self, endpoint_id: str) -> Endpoint | None:
        """The endpoint, also one that was removed; or None."""

    async def save_endpoint(self, endpoint: Endpoint) -> None:
        """Write if nobody wrote since it was read, else StaleWrite."""

    async def note_health(self, endpoint_id: str, failures: int, quiet_until: datetime | None) -> None:
        """Write how reachable it is. The last one wins, and no version is counted."""

    async def endpoints_of(self, merchant: str) -> Sequence[Endpoint]:
        """Those that were not removed, oldest first."""

    async def listed(self, limit: int) -> Sequence[Endpoint]:
        """Those of every merchant that were not removed, newest first."""

    async def next_of(self, order_id: str) -> tuple[int, datetime]:
        """The sequence number of the order's next announcement, and the time.

        Nobody else gets that number before this unit of work ends.
        """

    async def announce(self, announcement: Announcement, deliveries: Sequence[WebhookDelivery]) -> None:
        """Store an announcement with its deliveries. Raises DuplicateClaim if the order has one of that number."""

    async def body(self, announcement_id: str) -> bytes:
        """The JSON that is sent. Raises UnknownWebhook."""

    async def next_delivery(self, endpoint_id: str, order_id: str) -> WebhookDelivery | None:
        """Of those that wait for this endpoint and order, the one with the lowest sequence number."""

    async def delivery(self, delivery_id: str) -> WebhookDelivery | None:
        """The delivery, or None."""

    async def save_delivery(self, delivery: WebhookDelivery) -> None:
        """Write if nobody wrote since it was read, else StaleWrite."""

    async def deliveries(self, endpoint_id: str, before: int | None, limit: int) -> Sequence[WebhookDelivery]:
        """An endpoint's deliveries, newest first; only those numbered below `before`, if it is given."""

    async def deliveries_of(self, order_id: str, merchant: str) -> Sequence[WebhookDelivery]:
        """What was announced of an order to its merchant's endpoints, removed ones too, in the order of announcing."""

    async def backlog(self, endpoints: Sequence[str]) -> Mapping[tuple[str, str], int]:
        """How many deliveries wait or were given up, by endpoint and state; none where there are none."""

    async def counts(self) -> Mapping[str, int]:
        """How many deliveries there are, by state; states without any are left out."""
