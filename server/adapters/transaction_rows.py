"""Our chain transactions, their attempts, and the nonces of sending keys as rows."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, RowMapping, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from server.adapters.models import chain_attempts, chain_transactions, sending_keys
from server.domain.errors import DuplicateClaim
from server.domain.evidence import Mined
from server.domain.sending import Attempt, ChainTransaction, Fees, Sender, TransactionState

_OWN = tuple(name for name in ChainTransaction.__dataclass_fields__ if name != "attempts")
_T = chain_transactions.c


class TransactionRows:
    """Implements ports.Transactions. Allotting, signing and storing share one transaction, so no nonce is lost."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def allot(self, network: str, sender: str, at_least: int) -> int:
        key = (sending_keys.c.network == network) & (sending_keys.c.address == sender)
        query = select(sending_keys.c.next_nonce).where(key).with_for_update()
        stored = (await self._connection.execute(query)).scalar()
        if stored is None:
            try:
                async with self._connection.begin_nested():
                    await self._connection.execute(
                        insert(sending_keys).values(network=network, address=sender, next_nonce=at_least)
                    )
            except IntegrityError:  # another process was first; its row is the one to lock
                pass
            stored = (await self._connection.execute(query)).scalar_one()
        nonce = max(int(stored), at_least)
        await self._connection.execute(update(sending_keys).where(key).values(next_nonce=nonce + 1))
        return nonce

    async def add(self, transaction: ChainTransaction) -> None:
        values = {name: getattr(transaction, name) for name in _OWN}
        try:
            await self._connection.execute(insert(chain_transactions).values(**values))
        except IntegrityError as error:
            raise DuplicateClaim(f"nonce {transaction.nonce} of {transaction.sender} is taken") from error
        for attempt in transaction.attempts:
            await self.attempt(transaction.hash, attempt)

    async def attempt(self, transaction: str, attempt: Attempt) -> None:
        values = {"hash": attempt.hash, "raw": attempt.raw, "signed_at": attempt.signed_at}
        fees = {"max_fee": attempt.fees.max_fee, "priority": attempt.fees.priority}
        try:
            await self._connection.execute(insert(chain_attempts).values(transaction=transaction, **values, **fees))
        except IntegrityError as error:
            raise DuplicateClaim(f"attempt {attempt.hash} is stored") from error

    async def get(self, transaction: str) -> ChainTransaction | None:
        found = await self._found(_T.hash == transaction)
        return found[0] if found else None

    async def of(self, purpose: str, subject: str) -> ChainTransaction | None:
        found = await self._found((_T.purpose == purpose) & (_T.subject == subject))
        return found[-1] if found else None

    async def senders(self) -> Sequence[Sender]:
        found = []
        for key in await self._connection.execute(select(sending_keys).order_by(*sending_keys.primary_key.columns)):
            signed = (
                select(_T.purpose, chain_attempts.c.signed_at)
                .join(chain_attempts, chain_attempts.c.transaction == _T.hash)
                .where(_T.network == key.network, _T.sender == key.address)
                .limit(1)
            )
            at = chain_attempts.c.signed_at
            first = (await self._connection.execute(signed.order_by(_T.nonce, at))).first()
            last = (await self._connection.execute(signed.order_by(_T.nonce.desc(), at.desc()))).first()
            if first and last:
                found.append(Sender(key.network, key.address, last.purpose, first.signed_at, last.signed_at))
        return found

    async def unmined(self, network: str, sender: str) -> Sequence[ChainTransaction]:
        own = (_T.network == network) & (_T.sender == sender)
        return await self._found(own & (_T.state == TransactionState.SIGNED))

    async def above(self, network: str, sender: str, block: int, nonce: int) -> Sequence[ChainTransaction]:
        own = (_T.network == network) & (_T.sender == sender)
        mined = _T.state.in_((TransactionState.SUCCEEDED, TransactionState.REVERTED))
        return await self._found(own & mined & ((_T.block > block) | (_T.nonce >= nonce)))

    async def record(self, transaction: str, mined: Mined) -> None:
        state = TransactionState.SUCCEEDED if mined.succeeded else TransactionState.REVERTED
        where = {"mined_hash": mined.transaction, "block": mined.block, "block_hash": mined.block_hash}
        await self._change(transaction, state=state, **where)

    async def lose(self, transaction: str) -> None:
        await self._change(transaction, state=TransactionState.LOST)

    async def reopen(self, transaction: str) -> None:
        await self._change(transaction, state=TransactionState.SIGNED, mined_hash=None, block=None, block_hash=None)

    async def _change(self, transaction: str, **values: object) -> None:
        await self._connection.execute(update(chain_transactions).where(_T.hash == transaction).values(**values))

    async def _found(self, condition: ColumnElement[bool]) -> list[ChainTransaction]:
        query = select(chain_transactions).where(condition).order_by(_T.nonce)
        rows = (await self._connection.execute(query)).mappings().all()
        signed = chain_attempts.c
        attempts: dict[str, list[Attempt]] = {row["hash"]: [] for row in rows}
        query = (
            select(chain_attempts).where(signed.transaction.in_(attempts)).order_by(signed.max_fee, signed.signed_at)
        )
        for row in (await self._connection.execute(query)).mappings() if rows else ():
            fees = Fees(row["max_fee"], row["priority"])
            attempts[row["transaction"]].append(Attempt(row["hash"], row["raw"], fees, row["signed_at"]))
        return [_transaction(row, tuple(attempts[row["hash"]])) for row in rows]


def _transaction(row: RowMapping, attempts: tuple[Attempt, ...]) -> ChainTransaction:
    values = {name: row[name] for name in _OWN} | {"state": TransactionState(row["state"])}
    return ChainTransaction(**values, attempts=attempts)
