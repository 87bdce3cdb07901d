"""On sale: what a chain transaction did: how it ended, whose money it moved, and what it logged."""

from collections.abc import Iterable

from msgspec import UNSET, Struct, UnsetType

from protocol.amounts import display
from server.domain.evidence import Mined, RawLog, TransferLog, transfer_at
from server.services.arguments import Address, Transaction, checksummed
from server.services.known_events import EVENTS
from server.services.service import Answer, Context, Service, ServiceError, json_answer


class TransactionArguments(Struct, forbid_unknown_fields=True):
    """Exactly one of `transaction`, by its hash, and `party`: the newest one in which that address sent or received the
    marketplace's asset."""

    transaction: Transaction | UnsetType = UNSET
    party: Address | UnsetType = UNSET

    def __post_init__(self) -> None:
        if (self.transaction is UNSET) == (self.party is UNSET):
            raise ValueError("give exactly one of transaction and party")
        if isinstance(self.party, str):
            checksummed(self.party)


class Moved(Struct):
    """A Transfer of an ERC-20 token. `display` is for the marketplace's asset: of others no decimals are known."""

    log_index: int
    token: str
    sender: str
    recipient: str
    atomic: str
    display: str | None


class Net(Struct):
    """What an address had more of a token at the end, in atomic units; less, if it is below zero. Never zero."""

    address: str
    token: str
    atomic: str


class Event(Struct):
    """A log. `signature` is null where its first topic is not well known; `topics` and `data` are 0x-hex."""

    log_index: int
    contract: str
    signature: str | None
    topics: list[str]
    data: str


class TransactionReport(Struct):
    """A mined chain transaction. Confirmations are blocks from its own to the newest, both included.

    `transfers` are its ERC-20 Transfers in order, `net` what they come to, by address. One that failed logs nothing.
    """

    transaction: str
    succeeded: bool
    block: int
    block_hash: str
    confirmations: int
    gas_used: int
    asset: str
    asset_symbol: str
    transfers: list[Moved]
    net: list[Net]
    events: list[Event]


async def run(arguments: TransactionArguments, context: Context) -> Answer:
    """Raises ServiceError (404) for what is not mined, and for an address that never had to do with the asset."""
    wanted = await _named(arguments, context)
    mined = await context.chain.mined(wanted)
    if mined is None:
        raise ServiceError(f"transaction: none with the hash {wanted} is in a block of this chain", 404)
    return json_answer(report(mined, await context.chain.block_number(), context))


async def _named(arguments: TransactionArguments, context: Context) -> str:
    if isinstance(arguments.transaction, str):
        return arguments.transaction.lower()
    party = checksummed(str(arguments.party))
    moved = await context.chain.transfers(context.asset, party)
    if not moved:
        raise ServiceError(f"party: {party} never sent or received {context.asset_symbol}", 404)
    return moved[-1].transaction


def report(mined: Mined, newest: int, context: Context) -> TransactionReport:
    """The answer. A node may be behind the one that knew the transaction: then it has one confirmation."""
    found = [transfer_at(mined, log.index) for log in mined.logs]
    transfers = [one for one in found if one]
    return TransactionReport(
        transaction=mined.transaction,
        succeeded=mined.succeeded,
        block=mined.block,
        block_hash=mined.block_hash,
        confirmations=max(1, newest - mined.block + 1),
        gas_used=mined.gas_used,
        asset=context.asset,
        asset_symbol=context.asset_symbol,
        transfers=[_moved(one, context) for one in transfers],
        net=_net(transfers),
        events=[_event(log) for log in mined.logs],
    )


def _moved(one: TransferLog, context: Context) -> Moved:
    known = one.asset.lower() == context.asset.lower()
    shown = display(one.amount, context.asset_decimals) if known else None
    return Moved(one.log_index, one.asset, one.sender, one.recipient, str(one.amount), shown)


def _net(transfers: Iterable[TransferLog]) -> list[Net]:
    """In the order in which addresses and tokens first appear."""
    sums: dict[tuple[str, str], int] = {}
    for one in transfers:
        for address, change in ((one.sender, -one.amount), (one.recipient, one.amount)):
            sums[address, one.asset] = sums.get((address, one.asset), 0) + change
    return [Net(address, token, str(change)) for (address, token), change in sums.items() if change]


def _event(log: RawLog) -> Event:
    known = EVENTS.get(log.topics[0]) if log.topics else None
    return Event(log.index, log.address, known, ["0x" + one.hex() for one in log.topics], "0x" + log.data.hex())


SERVICE = Service(
    slug="transaction-report",
    title="Transaction report",
    summary="How a chain transaction ended, what it cost in gas, whose tokens it moved, and its logs by their names.",
    kind="on-chain data",
    unit="transaction",
    amount=5_000,
    arguments=TransactionArguments,
    answers=TransactionReport,
    example={"party": "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65"},
    run=run,
    tags=("chain", "transaction", "transfers", "logs"),
)
