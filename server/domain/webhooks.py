"""Webhooks: what is announced to merchants, where to, and when it is tried again."""

import hashlib
import hmac
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from server.domain.errors import ConfigurationError
from server.domain.orders import Change, Order, Shown
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState

KEEP_TRYING = timedelta(days=3)
FIRST_WAIT, LONGEST_WAIT = 5.0, 6 * 3600.0
"""Seconds until a failed delivery is tried again: tripled from attempt to attempt."""
QUIET_AFTER, LONGEST_QUIET = 5, 300.0
"""After so many attempts in a row without any answer an endpoint is left alone, for so many seconds at most."""
GONE = 410


class Kind(StrEnum):
    """What is announced; the `type` of a message."""

    ORDER_SETTLED = "order.settled"
    ORDER_DELIVERED = "order.delivered"
    ORDER_FAILED = "order.failed"
    ORDER_REFUND_DUE = "order.refund_due"
    ORDER_REFUNDED = "order.refunded"
    ORDER_REFUND_BLOCKED = "order.refund_blocked"
    ORDER_FINAL = "order.final"
    ORDER_REVERSED = "order.reversed"
    CASE_OPENED = "case.opened"
    CASE_CLOSED = "case.closed"
    TEST = "webhook.test"


_MOVES: dict[tuple[str, str], Kind] = {
    ("payment", PaymentState.SETTLED): Kind.ORDER_SETTLED,
    ("payment", PaymentState.FAILED): Kind.ORDER_FAILED,
    ("fulfilment", FulfilmentState.RELEASED): Kind.ORDER_DELIVERED,
    ("fulfilment", FulfilmentState.FAILED): Kind.ORDER_FAILED,
    ("money back", MoneyBackState.DUE): Kind.ORDER_REFUND_DUE,
    ("money back", MoneyBackState.REFUNDED): Kind.ORDER_REFUNDED,
    ("money back", MoneyBackState.BLOCKED): Kind.ORDER_REFUND_BLOCKED,
}

_FACTS = {"final": Kind.ORDER_FINAL, "reorganised": Kind.ORDER_REVERSED}


def kinds_of(order: Order, changes: Sequence[Change]) -> list[Kind]:
    """What an order's changes are to a merchant, in their order and each once; most are nothing.

    A handler's failure that leaves the payment open is none: the buyer may send the same payment again.
    """
    found: dict[Kind, None] = {}
    for change in changes:
        kind = _FACTS.get(change.what) or _MOVES.get((change.what, change.new))
        if kind and (kind is not Kind.ORDER_FAILED or order.shown is Shown.FAILED):
            found[kind] = None
    return list(found)


@dataclass(frozen=True)
class WebhookKeys:
    """The keys that merchants' secrets are derived from, by id (0–255): the current one makes new secrets."""

    current: int
    keys: Mapping[int, bytes] = field(repr=False)

    def new(self) -> str:
        """The name of a fresh secret. Names are stored and worth nothing without the key."""
        return f"{self.current}.{secrets.token_hex(16)}"

    def secret(self, endpoint_id: str, name: str) -> bytes:
        """The 32 bytes of a name. Raises ConfigurationError if its key is not among the configured ones."""
        return self._derive("webhook", endpoint_id, name)

    def api_secret(self, merchant: str, name: str) -> str:
        """The secret (64 hex digits) by which a merchant's back end signs. Raises ConfigurationError likewise."""
        return self._derive("api", merchant, name).hex()

    def upstream_secret(self, slug: str, name: str) -> bytes:
        """The 32 bytes by which requests to an upstream are signed. Raises ConfigurationError likewise."""
        return self._derive("upstream", slug, name)

    def _derive(self, use: str, owner: str, name: str) -> bytes:
        key_id = int(name.partition(".")[0])
        if key_id not in self.keys:
            raise ConfigurationError(f"PADDOCK_WEBHOOK_KEYS lacks key {key_id}, which a secret of {owner} is made of")
        return hmac.digest(self.keys[key_id], f"paddock {use} {owner} {name}".encode(), hashlib.sha256)


@dataclass(slots=True)
class Endpoint:
    """Where a merchant wants to be told. `secret` and `old_secret` are names, see WebhookKeys.

    `failures` counts attempts in a row that got no answer at all; until `quiet_until` none is made.
    """

    id: str
    merchant: str
    url: str
    description: str
    created_at: datetime
    secret: str
    old_secret: str | None = None
    old_secret_until: datetime | None = None
    enabled: bool = True
    note: str = ""
    removed_at: datetime | None = None
    failures: int = 0
    quiet_until: datetime | None = None
    version: int = 0

    def rotating(self, now: datetime) -> bool:
        """Whether two secrets sign."""
        return self.old_secret_until is not None and self.old_secret_until > now

    def rotate(self, name: str, now: datetime, overlap: timedelta) -> None:
        """Sign with a new secret, and for `overlap` with the one before too."""
        self.old_secret, self.old_secret_until = (self.secret, now + overlap) if overlap else (None, None)
        self.secret = name

    def signing(self, now: datetime) -> Iterator[str]:
        """The names of the secrets that sign now."""
        yield self.secret
        if self.old_secret and self.rotating(now):
            yield self.old_secret

    def disable(self, note: str) -> None:
        """Send nothing more; `note` says why."""
        self.enabled, self.note = False, note

    @property
    def silent(self) -> bool:
        """Whether it did not answer for so long that one attempt at a time is enough."""
        return self.failures >= QUIET_AFTER

    def miss(self, now: datetime) -> None:
        """No answer came."""
        self.failures += 1
        if self.silent:
            wait = wait_after(self.failures - QUIET_AFTER + 1, LONGEST_QUIET, self.id)
            self.quiet_until = now + timedelta(seconds=wait)

    def wake(self) -> None:
        """Forget that it could not be reached."""
        self.failures, self.quiet_until = 0, None


@dataclass(frozen=True, slots=True)
class Announcement:
    """Something that happened, once for all endpoints. `sequence` counts an order's from 1; `body` is JSON."""

    id: str
    merchant: str
    order_id: str
    sequence: int
    kind: Kind
    created_at: datetime
    body: bytes


class DeliveryState(StrEnum):
    WAITING = "waiting"
    DELIVERED = "delivered"
    DEAD = "dead"
    """Given up; it can be sent again on demand."""


@dataclass(slots=True)
class WebhookDelivery:
    """One announcement on its way to one endpoint. `id` is the `webhook-id`, the same at every attempt.

    The three days count from `since`. `number` grows over all deliveries and is the database's.
    """

    id: str
    endpoint_id: str
    announcement_id: str
    order_id: str
    sequence: int
    kind: Kind
    since: datetime
    due: datetime
    state: DeliveryState = DeliveryState.WAITING
    attempts: int = 0
    attempted_at: datetime | None = None
    status: int | None = None
    latency_ms: int | None = None
    excerpt: str = ""
    error: str = ""
    number: int = 0
    version: int = 0

    def overdue(self, now: datetime) -> bool:
        """Whether its three days are over."""
        return now >= self.since + KEEP_TRYING

    def succeed(self) -> None:
        """A 2xx came."""
        self.state = DeliveryState.DELIVERED

    def fail(self, now: datetime) -> None:
        """Try again later, or never: not past its three days."""
        self.due = now + timedelta(seconds=wait_after(self.attempts, LONGEST_WAIT, self.id))
        if self.overdue(self.due):
            self.state = DeliveryState.DEAD

    def give_up(self, why: str) -> None:
        """Never send it by itself again."""
        self.state, self.error = DeliveryState.DEAD, why

    def reopen(self, now: datetime) -> None:
        """Send it, now, as if for the first time, under the same id."""
        self.state, self.since, self.due, self.attempts = DeliveryState.WAITING, now, now, 0


def delivery_of(announcement: Announcement, endpoint_id: str) -> WebhookDelivery:
    """The delivery to an endpoint; its id follows from the two, so that no repetition makes a second one."""
    digest = hashlib.sha256(f"{endpoint_id} {announcement.id}".encode()).hexdigest()
    at = announcement.created_at
    return WebhookDelivery(
        f"msg_{digest[:32]}", endpoint_id, announcement.id, announcement.order_id, announcement.sequence,
        announcement.kind, since=at, due=at,
    )  # fmt: skip


def wait_after(attempts: int, longest: float, salt: str) -> float:
    """Seconds to wait after so many failed attempts: 5, 15, 45 … up to `longest`, a fifth more or less.

    The jitter is made from `salt` and so needs no chance: those who failed together come back apart.
    """
    wait = min(longest, FIRST_WAIT * 3.0 ** min(attempts - 1, 20))
    digest = hashlib.sha256(f"{salt} {attempts}".encode()).digest()
    return wait * (0.8 + 0.4 * int.from_bytes(digest[:4], "big") / 2**32)
