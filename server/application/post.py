"""What messages to and from merchants' servers need: keys of all secrets, rules for URLs, and webhooks' lanes."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from server.domain.addresses import EgressRules
from server.domain.errors import ConfigurationError
from server.domain.webhooks import WebhookKeys
from server.ports import Clock, Courier, Database

MOST_AT_ONCE = 4
"""Attempts that one process makes at one endpoint at the same time; at a silent one, a single one."""
LONGEST_LINE = 60.0
"""Seconds for which who finds every lane taken is sent away at most."""


class Lanes:
    """Keeps one endpoint from taking every hand of this process, and one order from being sent by two of them."""

    def __init__(self) -> None:
        self._sending: dict[str, set[str]] = defaultdict(set)
        self._spacing: dict[str, float] = {}
        self._line: dict[str, datetime] = {}

    @contextmanager
    def enter(self, endpoint_id: str, order_id: str, most: int) -> Iterator[bool]:
        """Whether there is room; if so, it is taken until the end of the block."""
        sending = self._sending[endpoint_id]
        free = len(sending) < most and order_id not in sending
        if free:
            sending.add(order_id)
        try:
            yield free
        finally:
            if free:
                sending.discard(order_id)
                if not sending:
                    del self._sending[endpoint_id]

    def took(self, endpoint_id: str, seconds: float) -> None:
        """How long the latest attempt there took: so far apart are those who wait in line."""
        self._spacing[endpoint_id] = min(max(seconds / MOST_AT_ONCE, 0.02), 2.5)

    def wait(self, endpoint_id: str, now: datetime) -> float:
        """Seconds after which to come again: the next place in the endpoint's line."""
        place = max(self._line.get(endpoint_id, now), now) + timedelta(seconds=self._spacing.get(endpoint_id, 0.25))
        self._line[endpoint_id] = min(place, now + timedelta(seconds=LONGEST_LINE))
        return (self._line[endpoint_id] - now).total_seconds()


@dataclass(frozen=True)
class Post:
    """`courier` is there only in the process that sends."""

    keys: WebhookKeys
    rules: EgressRules
    courier: Courier | None = None
    lanes: Lanes = field(default_factory=Lanes)


class Office(Protocol):
    """Who manages endpoints: a `Paddock`, or a command that knows nothing of chains."""

    @property
    def db(self) -> Database:
        """Where the endpoints are."""

    @property
    def clock(self) -> Clock:
        """What time it is."""

    @property
    def post(self) -> Post | None:
        """None where no keys of secrets are given."""


def post_of(office: Office) -> Post:
    """Raises ConfigurationError where no keys of secrets are given."""
    if office.post is None:
        raise ConfigurationError("secrets cannot be made: PADDOCK_WEBHOOK_KEYS is not given to this process")
    return office.post
