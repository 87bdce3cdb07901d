"""Upstreams: providers' own HTTP endpoints that the gateway sells, and how such a sale begins, rests and ends."""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from server.domain.listing_errors import BadUpstream, UpstreamConflict

MOST_ANSWER = 1024 * 1024
"""Bytes of an upstream's answer."""
LONGEST_SLUG = 64
LONGEST_RUN = 60
"""Seconds that an upstream may take, at most."""
LONGEST_QUOTE = 600
"""Seconds that its price may stand."""
MOST_PRICE = 10_000 * 1_000_000
"""Millionths of a dollar for one call."""
JSON = "application/json"
MEDIA_TYPES = (
    JSON,
    "text/plain",
    "text/csv",
    "text/markdown",
    "application/pdf",
    "application/octet-stream",
    "image/png",
    "image/jpeg",
    "image/webp",
)
"""What an upstream may answer with: nothing that a browser would run."""
SIGNATURE, TIMESTAMP, ORDER, PAYER = "Paddock-Signature", "Paddock-Timestamp", "Paddock-Order", "Paddock-Payer"
_FACTS = (
    "url", "method", "title", "summary", "kind", "unit", "amount", "media_type", "tags", "settles_first", "seconds",
    "quote_seconds", "secret",
)  # fmt: skip
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")


class UpstreamState(StrEnum):
    """Only a listed one is sold; nothing is ever forgotten, for orders of it stay."""

    DRAFT = "draft"
    LISTED = "listed"
    PAUSED = "paused"
    DELISTED = "delisted"


S = UpstreamState
MOVES: Mapping[UpstreamState, frozenset[UpstreamState]] = {
    S.DRAFT: frozenset({S.LISTED, S.DELISTED}),
    S.LISTED: frozenset({S.PAUSED, S.DELISTED}),
    S.PAUSED: frozenset({S.LISTED, S.DELISTED}),
    S.DELISTED: frozenset({S.LISTED}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """One endpoint, and how it is sold. `amount` is the price of a call in millionths of a dollar.

    `arguments` and `answers` are JSON Schemas in JSON (`answers` is empty where the answer is no JSON), `example` is a
    JSON object that the arguments' schema takes. `secret` is a name, see `WebhookKeys.upstream_secret`; the one before
    it, `old_secret`, signs beside it until `old_secret_until`. `by` asked for the last change, at `at`.
    """

    slug: str
    merchant: str
    url: str
    method: Literal["GET", "POST"]
    title: str
    summary: str
    kind: str
    unit: str
    amount: int
    arguments: bytes
    example: bytes
    answers: bytes
    media_type: str
    tags: tuple[str, ...]
    settles_first: bool
    seconds: int
    quote_seconds: int
    secret: str
    state: UpstreamState
    version: int
    at: datetime
    by: str
    old_secret: str = ""
    old_secret_until: datetime | None = None

    def secrets(self, now: datetime) -> tuple[str, ...]:
        """The names of the secrets that sign now, the present one first."""
        if self.old_secret and self.old_secret_until and now < self.old_secret_until:
            return self.secret, self.old_secret
        return (self.secret,)


@dataclass(frozen=True, slots=True)
class UpstreamChange:
    """One line of the audit: who did what to which upstream, when; `facts` are what it was sold as from then on."""

    slug: str
    version: int
    old: str
    new: str
    at: datetime
    by: str
    facts: bytes


def slug_of(merchant: str, name: str) -> str:
    """The last part of the paid route: `merchant.name`, so that nobody can sell under another's name.

    Raises BadUpstream.
    """
    if not _NAME.fullmatch(name):
        raise BadUpstream("name: 1 to 40 lower-case letters, digits and hyphens, like weather-report")
    slug = f"{merchant}.{name}"
    if len(slug) > LONGEST_SLUG:
        raise BadUpstream(f"name: {slug} is longer than {LONGEST_SLUG} characters; take a shorter one")
    return slug


def require_move(old: Upstream, new: UpstreamState) -> None:
    """Raises UpstreamConflict where an upstream cannot go from one state to the other."""
    if new not in MOVES[old.state]:
        raise UpstreamConflict(f"{old.slug} is {old.state} and cannot become {new}")


def signature(secret: bytes, timestamp: int, order: str, method: str, target: str, body: bytes) -> str:
    """What proves to an upstream that a request comes from here: HMAC-SHA256 in hex, as `v1=…`.

    Over timestamp, order, method, target (path with its query) and the body's SHA-256 in hex, joined by line feeds.
    """
    told = "\n".join((str(timestamp), order, method, target, hashlib.sha256(body).hexdigest()))
    return "v1=" + hmac.digest(secret, told.encode(), hashlib.sha256).hex()


def audited(upstream: Upstream, old: Upstream | None) -> UpstreamChange:
    """The line of the audit for what takes the place of another one, or of none."""
    facts = {name: getattr(upstream, name) for name in _FACTS}
    facts |= {name: getattr(upstream, name).decode() for name in ("arguments", "example", "answers")}
    version, state = (old.version + 1, old.state.value) if old else (upstream.version, "")
    told = json.dumps(facts, sort_keys=True).encode()
    return UpstreamChange(upstream.slug, version, state, upstream.state.value, upstream.at, upstream.by, told)
