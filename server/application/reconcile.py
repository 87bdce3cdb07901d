"""Reconcile: compare the ledger with the chain, Transfer by Transfer, and the balances of our wallets."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from server.application.paddock import Ground
from server.domain.books import Parties, booked, misbooked, signed, standing_for, unbooked, unknown
from server.domain.cases import CaseKind, CaseState
from server.domain.evidence import Mined, TransferLog, transfer_at
from server.domain.ledger import Entry
from server.domain.market import Asset
from server.ports import Chain, Database, UnitOfWork

CHAIN, LEDGER, BALANCE, REORGANISED = "chain", "ledger", "balance", "reorganised"
RANGE = 1_000
"""Blocks that are asked for at once: nodes refuse more."""
ROWS = 200
Seen = dict[str, Mined | None]
"""Outcomes that were asked for already, by chain transaction."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that stands on one side only, or differently. `where` says what is wrong:

    `chain` has a Transfer that the books do not know; `ledger` has a row that the chain does not show so; a `balance`
    is not what Transfers explain, and then `transaction` is the wallet's name and `log_index` the block; a final block
    was `reorganised`, and then `transaction` is the block.
    """

    where: str
    network: str
    transaction: str
    log_index: int
    detail: str

    @property
    def kind(self) -> CaseKind:
        """The kind of its case."""
        return CaseKind.UNTRACKED_TRANSFER if self.where == CHAIN else CaseKind.DIFFERENCE

    @property
    def subject(self) -> str:
        """What its case is about."""
        return f"{self.network}:{self.transaction}:{self.log_index}"


@dataclass(frozen=True, slots=True)
class Wallet:
    """A wallet that we control, in one asset: its account in the ledger, and its address."""

    ground: Ground
    account: str
    address: str
    asset: Asset

    @property
    def network(self) -> str:
        return self.ground.market.network

    @property
    def name(self) -> str:
        """Short and the same for ever, for cases: role, address and asset."""
        return f"{self.account.partition(':')[0]} {self.address[:10]} {self.asset.address[:10]}"

    def alarming(self, log: TransferLog) -> bool:
        """Whether a Transfer must be in the books. What comes into a float is its funding, whoever sends it."""
        return not (self.account.startswith("float:") and log.recipient == self.address)


@dataclass(frozen=True, slots=True)
class Scan:
    """Some blocks: a wallet's Transfers, the ledger's rows of it, and the Transfers that no row stands for."""

    logs: list[TransferLog]
    rows: list[Entry]
    strange: list[TransferLog]


class Books(Protocol):
    """What is compared: a `Paddock`, or a process that has no keys at all."""

    @property
    def db(self) -> Database:
        """Where the ledger is."""

    @property
    def grounds(self) -> Mapping[str, Ground]:
        """Whose wallets, in which assets, on which chains."""

    @property
    def floats_at(self) -> Mapping[str, str]:
        """The addresses of refund floats, by merchant."""


def wallets(books: Books, network: str) -> list[Wallet]:
    """The wallets that we control on a network, in each of its assets."""
    ground = books.grounds[network]
    own = {f"delegate:{ground.market.delegate}": ground.market.delegate}
    own |= {f"float:{merchant}": address for merchant, address in books.floats_at.items()}
    return [Wallet(ground, account, at, asset) for account, at in own.items() for asset in ground.market.assets]


async def reconcile(books: Books, *, full: bool = True) -> list[Difference]:
    """All differences that nobody has decided a case about; empty when ledger and chain agree. Writes nothing.

    `full` begins where the books began, else behind what the workers have compared. What was settled a moment ago may
    be on chain and not yet booked.
    """
    found: list[Difference] = []
    for network in books.grounds:
        for wallet in wallets(books, network):
            found += await _of_wallet(books, wallet, full)
        found += [one async for one in _of_rows(books, network, full)]
    async with books.db.survey() as view:
        return [one for one in dict.fromkeys(found) if not await _declared(view, one)]


async def _declared(view: UnitOfWork, difference: Difference) -> bool:
    """Whether a person has decided its case, and so said where the money came from or went to."""
    case = await view.cases.about(difference.kind, difference.subject)
    return case is not None and case.state is CaseState.RESOLVED


async def judge(
    books: Books, network: str, transaction: str, log_index: int, seen: Seen | None = None
) -> Difference | None:
    """What is wrong between the ledger and the chain about one Transfer; None if they agree, or neither has it."""
    chain, seen = books.grounds[network].chain, {} if seen is None else seen
    if transaction not in seen:
        seen[transaction] = await chain.mined(transaction)
    mined = seen[transaction]
    log = transfer_at(mined, log_index) if mined else None
    async with books.db.survey() as view:
        rows = await view.books.about(network, transaction, log_index)
        kept = standing_for(rows)
        wrong = [misbooked(row, log, await _parties(books, view, row)) for row in kept]
    if len(kept) > 1:
        wrong.append(f"{len(kept)} rows stand for one Transfer, of orders {', '.join(row.order_id for row in kept)}")
    detail = next((one for one in wrong if one), None)
    if detail:
        return Difference(LEDGER, network, transaction, log_index, detail)
    taken_back = not rows or any(log and row.block_hash == log.block_hash for row in rows)
    if log and not kept and taken_back:
        return Difference(CHAIN, network, transaction, log_index, unknown(log))
    return None


async def scan(books: Books, wallet: Wallet, first: int, last: int) -> Scan:
    """What chain and books say of a wallet in those blocks, both included, with rows from before rows named a block."""
    logs = await wallet.ground.chain.transfers(wallet.asset.address, wallet.address, first, last)
    async with books.db.survey() as view:
        rows = await view.ledger.touching(wallet.network, wallet.asset.address, wallet.account, first, last)
        for log in unbooked(logs, rows):
            about = await view.books.about(wallet.network, log.transaction, log.log_index)
            rows = [*rows, *(row for row in about if not row.block_hash and row not in rows)]
    return Scan(logs, rows, unbooked(logs, rows))


def missing(wallet: Wallet, log: TransferLog) -> Difference:
    """A Transfer that should be in the books."""
    return Difference(CHAIN, wallet.network, log.transaction, log.log_index, unknown(log))


async def off_balance(wallet: Wallet, block: int, explained: int) -> tuple[int, Difference | None]:
    """What the wallet holds at a block, and the difference if that is not what its Transfers explain."""
    chain: Chain = wallet.ground.chain
    held = await chain.token_balance(wallet.asset.address, wallet.address, block)
    if held == explained:
        return held, None
    detail = f"{wallet.account} holds {held} of {wallet.asset.address}, and books and funding add up to {explained}"
    return held, Difference(BALANCE, wallet.network, wallet.name, block, detail)


async def _of_wallet(books: Books, wallet: Wallet, full: bool) -> list[Difference]:
    async with books.db.survey() as view:
        cursor = await view.books.cursor(wallet.network, wallet.asset.address, wallet.address)
    final = await wallet.ground.chain.final_block()
    first = 0 if cursor is None else cursor.first + 1 if full else cursor.block + 1
    moved = 0 if full or cursor is None else cursor.moved
    found: list[Difference] = []
    for start in range(first, final + 1, RANGE):
        part = await scan(books, wallet, start, min(final, start + RANGE - 1))
        moved += booked(part.rows, wallet.account) + sum(signed(log, wallet.address) for log in part.strange)
        found += [missing(wallet, log) for log in part.strange if wallet.alarming(log)]
    if cursor and cursor.opening is not None:
        _, off = await off_balance(wallet, max(final, cursor.block), cursor.opening + moved)
        found += [off] if off else []
    return found


async def _of_rows(books: Books, network: str, full: bool) -> AsyncIterator[Difference]:
    async with books.db.survey() as view:
        reached = 0 if full else await view.books.checked(network)
    seen: Seen = {}
    while True:
        async with books.db.survey() as view:
            rows = await view.books.after(network, reached, ROWS)
        for one in rows:
            entry, reached = one.entry, one.sequence
            found = await judge(books, network, entry.transaction, entry.log_index, seen) if entry.block_hash else None
            if found:
                yield found
        if not rows:
            return
        seen.clear()


async def _parties(books: Books, view: UnitOfWork, row: Entry) -> Parties:
    async def address(account: str) -> str | None:
        role, _, name = account.partition(":")
        if role == "merchant":
            order = await view.orders.get(row.order_id)
            return order.terms.pay_to if order else None
        return books.floats_at.get(name) if role == "float" else name if name.startswith("0x") else None

    return Parties(await address(row.credit), await address(row.debit))
