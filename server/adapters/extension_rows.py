"""Payment identifiers and sign-ins as rows."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError

from server.adapters.extension_models import payment_identifiers, sign_in_nonces
from server.adapters.models import orders
from server.adapters.statements import Statements
from server.domain.errors import DuplicateClaim
from server.domain.states import FulfilmentState

AT_ONCE = 100
"""How many used nonces are forgotten in one go, so that no sign-in pays for many."""


class IdentifierRows:
    """Implements ports.Identifiers."""

    def __init__(self, connection: Statements) -> None:
        self._connection = connection

    async def hold(self, payer: str, intent: bytes, identifier: str, order_id: str) -> str:
        table = payment_identifiers.c
        values = {"payer": payer, "intent": intent, "identifier": identifier, "order_id": order_id}
        try:
            async with self._connection.begin_nested():
                await self._connection.execute(insert(payment_identifiers).values(**values))
        except IntegrityError:
            query = select(table.order_id).where(
                table.payer == payer, table.intent == intent, table.identifier == identifier
            )
            holder = (await self._connection.execute(query)).scalar()
            if holder is None:  # nobody has it: something else is wrong
                raise
            return str(holder)
        return order_id


class SignInRows:
    """Implements ports.SignIns."""

    def __init__(self, connection: Statements) -> None:
        self._connection = connection

    async def bought(self, payer: str, intent: bytes, before: datetime, since: datetime) -> str | None:
        query = (
            select(orders.c.id)
            .where(
                orders.c.payer == payer,
                orders.c.intent == intent,
                orders.c.fulfilment == FulfilmentState.RELEASED,
                orders.c.created_at < before,
                orders.c.released_at >= since,
            )
            .order_by(orders.c.released_at.desc())
            .limit(1)
        )
        return (await self._connection.execute(query)).scalar()

    async def use(self, nonce: str, until: datetime, now: datetime) -> None:
        table = sign_in_nonces.c
        over = select(table.nonce).where(table.until <= now).limit(AT_ONCE).with_for_update(skip_locked=True)
        await self._connection.execute(delete(sign_in_nonces).where(table.nonce.in_(over)))
        try:
            await self._connection.execute(insert(sign_in_nonces).values(nonce=nonce, until=until))
        except IntegrityError as error:
            raise DuplicateClaim("this nonce was used") from error

    async def use_one_of(self, nonces: Sequence[str], until: datetime) -> bool:
        query = select(sign_in_nonces.c.nonce).where(sign_in_nonces.c.nonce.in_(nonces))
        used = set((await self._connection.execute(query)).scalars())
        for nonce in nonces:
            if nonce in used:
                continue
            with suppress(IntegrityError):  # another request was first with this one
                async with self._connection.begin_nested():
                    await self._connection.execute(insert(sign_in_nonces).values(nonce=nonce, until=until))
                return True
        return False
