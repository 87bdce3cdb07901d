"""Identities, reviews and their cursors as rows."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import and_, delete, false, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from server.adapters.reputation_models import merchant_identities, reputation_cursors, reviews
from server.adapters.statements import Statements
from server.domain.errors import StaleWrite
from server.domain.reputation import Identity, ReputationCursor, Review, Tally

_IDENTITY = tuple(Identity.__dataclass_fields__)
_REVIEW = tuple(Review.__dataclass_fields__)
_CURSOR = tuple(ReputationCursor.__dataclass_fields__)


class ReputationRows:
    """Implements ports.Reputation."""

    def __init__(self, connection: Statements) -> None:
        self._connection = connection

    async def add(self, review: Review) -> bool:
        values = {name: getattr(review, name) for name in _REVIEW} | {"withdrawn": False}
        try:
            async with self._connection.begin_nested():
                await self._connection.execute(insert(reviews).values(values))
        except IntegrityError:
            return False
        return True

    async def of(self, network: str, transaction: str, log_index: int) -> Review | None:
        key = {"network": network, "transaction": transaction, "log_index": log_index}
        row = (await self._connection.execute(select(reviews).filter_by(**key))).mappings().first()
        return Review(**{name: row[name] for name in _REVIEW}) if row else None

    async def withdraw(self, network: str, given_in: str) -> None:
        own = and_(reviews.c.network == network, reviews.c.given_in == given_in)
        await self._connection.execute(update(reviews).where(own).values(withdrawn=True))

    async def drop_above(self, network: str, block: int) -> None:
        own = and_(reviews.c.network == network, reviews.c.given_block > block)
        await self._connection.execute(delete(reviews).where(own))

    async def tallies(self) -> Sequence[Tally]:
        sums = (func.count(), func.sum(reviews.c.weight), func.sum(reviews.c.weight * reviews.c.score))
        place = (reviews.c.merchant, reviews.c.service)
        query = select(*place, *sums).where(reviews.c.withdrawn == false()).group_by(*place).order_by(*place)
        rows = await self._connection.execute(query)
        return [Tally(row[0], row[1], *map(int, row[2:])) for row in rows]

    async def reviewers(self, network: str, merchant: str) -> Sequence[str]:
        wanted = (reviews.c.network == network, reviews.c.merchant == merchant, reviews.c.given_in.is_not(None))
        query = select(reviews.c.reviewer).where(*wanted, reviews.c.withdrawn == false())
        return sorted(set((await self._connection.execute(query)).scalars()))

    async def cursor(self, network: str) -> ReputationCursor | None:
        query = select(reputation_cursors).where(reputation_cursors.c.network == network)
        row = (await self._connection.execute(query)).mappings().first()
        return ReputationCursor(**{name: row[name] for name in _CURSOR}) if row else None

    async def move(self, cursor: ReputationCursor) -> None:
        written = replace(cursor, version=cursor.version + 1)
        values = {name: getattr(written, name) for name in _CURSOR}
        own = and_(reputation_cursors.c.network == cursor.network, reputation_cursors.c.version == cursor.version)
        write = update(reputation_cursors).where(own) if cursor.version else insert(reputation_cursors)
        try:
            moved = (await self._connection.execute(write.values(**values))).rowcount == 1
        except IntegrityError:
            moved = False
        if not moved:
            raise StaleWrite(f"the registry of {cursor.network} was read by somebody else")

    async def identities(self) -> Sequence[Identity]:
        query = select(merchant_identities).order_by(merchant_identities.c.network, merchant_identities.c.merchant)
        rows = (await self._connection.execute(query)).mappings()
        return [Identity(**{name: row[name] for name in _IDENTITY}) for row in rows]

    async def put_identity(self, identity: Identity) -> None:
        key = {"network": identity.network, "merchant": identity.merchant}
        await self._connection.execute(delete(merchant_identities).filter_by(**key))
        await self._connection.execute(
            insert(merchant_identities).values({name: getattr(identity, name) for name in _IDENTITY})
        )
