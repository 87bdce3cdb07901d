"""Merchants' identities in an ERC-8004 registry, and the reviews of their services that count."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

IDENTITY_REGISTRY, REPUTATION_REGISTRY = "IdentityRegistry", "ReputationRegistry"
"""The registries' names among a market's contracts."""
MOST_WEIGHT = 1_000_000 * 10**6
"""In millionths of a dollar: no payment weighs more than a million dollars, so that sums stay small."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Which agent a merchant says it is. `registry` and `wallet` are addresses, `uri` is where its file is.

    `verified`: the registry pays it where we do, and its file is the one that we serve, which points back.
    """

    network: str
    merchant: str
    registry: str
    agent_id: int
    wallet: str
    uri: str
    verified: bool
    checked_at: datetime


@dataclass(frozen=True, slots=True)
class Review:
    """One review behind which a payment was found on chain: the Transfer that stands at `log_index`.

    `weight` is what was paid, in millionths of a dollar. `given_in` names its place in the reputation registry, None
    where its payer signed it for us alone; `given_block` is 0 then.
    """

    network: str
    transaction: str
    log_index: int
    order_id: str
    merchant: str
    service: str
    reviewer: str
    score: int
    weight: int
    file_hash: str
    at: datetime
    given_in: str | None = None
    given_block: int = 0


@dataclass(frozen=True, slots=True)
class ReputationCursor:
    """A network's registry was read up to `block`, whose hash tells whether that still is the chain."""

    network: str
    block: int
    block_hash: str
    version: int = 0


class Tally(NamedTuple):
    """The reviews of one service: how many, what they weigh, and the sum of score times weight."""

    merchant: str
    service: str
    reviews: int
    weight: int
    weighted: int


@dataclass(frozen=True, slots=True)
class Standing:
    """What checked reviews say: `rating` 0 to 100, rounded down, weighted by amount; None without any."""

    reviews: int = 0
    rating: int | None = None


def standing_of(tallies: Iterable[Tally]) -> Standing:
    """Several services' reviews together."""
    rows = list(tallies)
    weight = sum(row.weight for row in rows)
    rating = sum(row.weighted for row in rows) // weight if weight else None
    return Standing(sum(row.reviews for row in rows), rating)


def place_in(registry: str, agent_id: int, reviewer: str, index: int) -> str:
    """What names a piece of feedback in a registry (an address)."""
    return f"{registry}:{agent_id}:{reviewer}:{index}"
