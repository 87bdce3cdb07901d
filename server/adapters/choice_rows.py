"""Payers' signatures over calldata as rows."""

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from server.adapters.choice_models import calldata_signatures
from server.adapters.statements import Statements
from server.domain.choices import CalldataSignature
from server.domain.errors import DuplicateClaim


class CalldataSignatureRows:
    """Implements ports.CalldataSignatures."""

    def __init__(self, connection: Statements) -> None:
        self._connection = connection

    async def get(self, order_id: str) -> CalldataSignature | None:
        query = select(calldata_signatures).where(calldata_signatures.c.order_id == order_id)
        row = (await self._connection.execute(query)).mappings().first()
        return CalldataSignature(**row) if row else None

    async def put(self, signed: CalldataSignature) -> None:
        values = {name: getattr(signed, name) for name in CalldataSignature.__dataclass_fields__}
        try:
            await self._connection.execute(insert(calldata_signatures).values(values))
        except IntegrityError as error:
            raise DuplicateClaim(f"the calldata of order {signed.order_id} is signed already") from error
