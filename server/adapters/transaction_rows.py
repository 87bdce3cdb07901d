"""Our chain transactions, their attempts, and the nonces of sending keys as rows."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, RowMapping, and_, bindparam, insert, select, union_all, update
from sqlalchemy.exc import IntegrityError

from server.adapters.models import chain_attempts, chain_transactions, sending_keys
from server.adapters.row_sets import SIGNED
from server.adapters.statements import Statements
from server.domain.errors import DuplicateClaim
from server.domain.evidence import Mined
from server.domain.sending import Attempt, ChainTransaction, Fees, Sender, TransactionState

_OWN = tuple(name for name in ChainTransaction.__dataclass_fields__ if name != "attempts")
_T, _OTHER = chain_transactions.c, chain_transactions.alias().c
_OWN_KEY = (sending_keys.c.network == bindparam("chain")) & (sending_keys.c.address == bindparam("sender"))
_NEXT = select(sending_keys.c.next_nonce).where(_OWN_KEY).with_for_update()
_ALLOT = update(sending_keys).where(_OWN_KEY)
_ADD, _ADD_ATTEMPT = insert(chain_transactions), insert(chain_attempts)
_CHANGE = update(chain_transactions).where(_T.hash == bindparam("key"))
_ATTEMPTS = (
    select(chain_attempts)
    .where(chain_attempts.c.transaction.in_(bindparam("keys", expanding=True)))
    .order_by(chain_attempts.c.max_fee, chain_attempts.c.signed_at)
)


class TransactionRows:
    """Implements ports.Transactions. Allotting, signing and storing share one transaction, so no nonce is lost."""

    def __init__(self, connection: Statements) -> None:
        self._connection = connection

    async def allot(self, network: str, sender: str, at_least: int) -> int:
        key = {"chain": network, "sender": sender}
        stored = (await self._connection.execute(_NEXT, key)).scalar()
        if stored is None:
            try:
                async with self._connection.begin_nested():
                    await self._connection.execute(
                        insert(sending_keys).values(network=network, address=sender, next_nonce=at_least)
                    )
            except IntegrityError:  # another process was first; its row is the one to lock
                pass
            stored = (await self._connection.execute(_NEXT, key)).scalar_one()
        nonce = max(int(stored), at_least)
        await self._connection.execute(_ALLOT, key | {"next_nonce": nonce + 1})
        return nonce

    async def add(self, transaction: ChainTransaction) -> None:
        values = {name: getattr(transaction, name) for name in _OWN}
        try:
            await self._connection.execute(_ADD, values)
        except IntegrityError as error:
            raise DuplicateClaim(f"nonce {transaction.nonce} of {transaction.sender} is taken") from error
        for attempt in transaction.attempts:
            await self.attempt(transaction.hash, attempt)

    async def attempt(self, transaction: str, attempt: Attempt) -> None:
        values = {"hash": attempt.hash, "raw": attempt.raw, "signed_at": attempt.signed_at}
        fees = {"max_fee": attempt.fees.max_fee, "priority": attempt.fees.priority}
        try:
            await self._connection.execute(_ADD_ATTEMPT, values | fees | {"transaction": transaction})
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
        return await self._found(and_(own, SIGNED))

    async def above(self, network: str, sender: str, block: int, nonce: int) -> Sequence[ChainTransaction]:
        mined = _T.state.in_((TransactionState.SUCCEEDED, TransactionState.REVERTED))
        own = (_OTHER.network == network, _OTHER.sender == sender)
        # Each by an index of its own: an `or` would have all that the key ever sent read.
        found = (select(_OTHER.hash).where(*own, late) for late in (_OTHER.block > block, _OTHER.nonce >= nonce))
        return await self._found(mined & _T.hash.in_(union_all(*found)))

    async def record(self, transaction: str, mined: Mined) -> None:
        state = TransactionState.SUCCEEDED if mined.succeeded else TransactionState.REVERTED
        where = {"mined_hash": mined.transaction, "block": mined.block, "block_hash": mined.block_hash}
        await self._change(transaction, state=state, **where)

    async def lose(self, transaction: str) -> None:
        await self._change(transaction, state=TransactionState.LOST)

    async def reopen(self, transaction: str) -> None:
        await self._change(transaction, state=TransactionState.SIGNED, mined_hash=None, block=None, block_hash=None)

    async def _change(self, transaction: str, **values: object) -> None:
        await self._connection.execute(_CHANGE, values | {"key": transaction})

    async def _found(self, condition: ColumnElement[bool]) -> list[ChainTransaction]:
        query = select(chain_transactions).where(condition).order_by(_T.nonce)
        rows = (await self._connection.execute(query)).mappings().all()
        attempts: dict[str, list[Attempt]] = {row["hash"]: [] for row in rows}
        for row in (await self._connection.execute(_ATTEMPTS, {"keys": list(attempts)})).mappings() if rows else ():
            fees = Fees(row["max_fee"], row["priority"])
            attempts[row["transaction"]].append(Attempt(row["hash"], row["raw"], fees, row["signed_at"]))
        return [_transaction(row, tuple(attempts[row["hash"]])) for row in rows]


def _transaction(row: RowMapping, attempts: tuple[Attempt, ...]) -> ChainTransaction:
    values = {name: row[name] for name in _OWN} | {"state": TransactionState(row["state"])}
    return ChainTransaction(**values, attempts=attempts)
