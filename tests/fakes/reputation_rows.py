"""Identities and reviews in the fake database."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC

from server.domain.errors import StaleWrite
from server.domain.reputation import Identity, ReputationCursor, Review, Tally
from tests.fakes.tables import Tables


@dataclass(frozen=True)
class FakeReputation:
    """Implements ports.Reputation."""

    tables: Tables

    async def add(self, review: Review) -> bool:
        place = (review.network, review.given_in)
        known = {(one.network, one.given_in) for one in self.tables.reviews.values() if one.given_in}
        if _key(review) in self.tables.reviews or place in known:
            return False
        self.tables.reviews[_key(review)] = replace(review, at=review.at.astimezone(UTC))
        return True

    async def of(self, network: str, transaction: str, log_index: int) -> Review | None:
        return self.tables.reviews.get((network, transaction, log_index))

    async def withdraw(self, network: str, given_in: str) -> None:
        own = [key for key, one in self.tables.reviews.items() if (one.network, one.given_in) == (network, given_in)]
        self.tables.withdrawn.update(dict.fromkeys(own, True))

    async def drop_above(self, network: str, block: int) -> None:
        gone = [key for key, one in self.tables.reviews.items() if one.network == network and one.given_block > block]
        for key in gone:
            del self.tables.reviews[key]
            self.tables.withdrawn.pop(key, None)

    async def tallies(self) -> Sequence[Tally]:
        places = sorted({(one.merchant, one.service) for one in self._standing()})
        return [self._tally(*place) for place in places]

    async def reviewers(self, network: str, merchant: str) -> Sequence[str]:
        own = [one for one in self._standing() if (one.network, one.merchant) == (network, merchant)]
        return sorted({one.reviewer for one in own if one.given_in})

    async def cursor(self, network: str) -> ReputationCursor | None:
        return self.tables.reputation_cursors.get(network)

    async def move(self, cursor: ReputationCursor) -> None:
        there = self.tables.reputation_cursors.get(cursor.network)
        if (there.version if there else 0) != cursor.version:
            raise StaleWrite(f"the registry of {cursor.network} is read by somebody else")
        self.tables.reputation_cursors[cursor.network] = replace(cursor, version=cursor.version + 1)

    async def identities(self) -> Sequence[Identity]:
        return [self.tables.identities[key] for key in sorted(self.tables.identities)]

    async def put_identity(self, identity: Identity) -> None:
        kept = replace(identity, checked_at=identity.checked_at.astimezone(UTC))
        self.tables.identities[identity.network, identity.merchant] = kept

    def _standing(self) -> list[Review]:
        return [one for key, one in self.tables.reviews.items() if key not in self.tables.withdrawn]

    def _tally(self, merchant: str, service: str) -> Tally:
        own = [one for one in self._standing() if (one.merchant, one.service) == (merchant, service)]
        weight, weighted = sum(one.weight for one in own), sum(one.weight * one.score for one in own)
        return Tally(merchant, service, len(own), weight, weighted)


def _key(review: Review) -> tuple[str, str, int]:
    return review.network, review.transaction, review.log_index
