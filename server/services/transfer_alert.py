"""On sale: word of the next transfer that an address sends or receives, in time; else the price comes back."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Literal

from msgspec import Meta, Struct

from server.domain.errors import InternalError
from server.domain.evidence import TransferLog
from server.services.arguments import Address, checksummed
from server.services.chain_watch import HELD_SECONDS, LONGEST, Units
from server.services.money import Amount, amount_of
from server.services.service import Answer, Context, Fulfilment, Service, ServiceError, TryAgain, json_answer

MOST_BACK = 1_000
MOST_CONFIRMATIONS = 100


class AlertArguments(Struct, forbid_unknown_fields=True):
    """A transfer of the asset that is paid in: `in` to the address, `out` from it, or `any`; of `at_least` so much.

    It counts from the block on in which the payment was held, or from so many blocks before (`back`), within so many
    seconds of the payment. With `confirmations` its block is the first of so many.
    """

    address: Address
    within: Annotated[int, Meta(ge=1, le=LONGEST, description="Seconds.")]
    direction: Literal["in", "out", "any"] = "any"
    at_least: Units = "1"
    back: Annotated[int, Meta(ge=0, le=MOST_BACK, description="Blocks.")] = 0
    confirmations: Annotated[int, Meta(ge=1, le=MOST_CONFIRMATIONS)] = 1

    def __post_init__(self) -> None:
        checksummed(self.address)


class Alert(Struct):
    """The first such transfer, told `after_seconds` from the payment, when the newest block was `as_of_block`."""

    address: str
    direction: Literal["in", "out"]
    transaction: str
    log_index: int
    block: int
    block_hash: str
    sender: str
    recipient: str
    asset: str
    asset_symbol: str
    amount: Amount
    as_of_block: int
    at: datetime
    after_seconds: int


async def run(arguments: AlertArguments, context: Context) -> Answer:
    """Raises TryAgain until there is such a transfer, ServiceError when the time is over."""
    if context.paid_at is None or context.execution is None:
        raise InternalError("an alert begins with its payment")
    now = context.clock.now()
    newest = await context.chain.block_number()
    held = await context.chain.mined(context.execution.transaction)
    address = checksummed(arguments.address)
    found: TransferLog | None = None
    if held:
        logs = await context.chain.transfers(context.asset, address, max(0, held.block - arguments.back))
        found = first(logs, arguments, newest, held.transaction)
    if now > context.paid_at + timedelta(seconds=arguments.within):
        raise ServiceError(f"no such transfer was seen within {arguments.within} s")
    if found is None:
        raise TryAgain("no such transfer was seen yet")
    return json_answer(
        Alert(
            address=address,
            direction="in" if _comes(found, arguments) else "out",
            transaction=found.transaction,
            log_index=found.log_index,
            block=found.block,
            block_hash=found.block_hash,
            sender=found.sender,
            recipient=found.recipient,
            asset=context.asset,
            asset_symbol=context.asset_symbol,
            amount=amount_of(found.amount, context.asset_decimals),
            as_of_block=newest,
            at=now,
            after_seconds=int((now - context.paid_at).total_seconds()),
        )
    )


def first(logs: Sequence[TransferLog], wanted: AlertArguments, newest: int, holding: str) -> TransferLog | None:
    """The first of them, oldest first, that is wanted and deep enough; what holds the payment itself is none."""
    for log in logs:
        told = {"in": _comes(log, wanted), "out": _goes(log, wanted), "any": True}[wanted.direction]
        deep = newest - log.block + 1 >= wanted.confirmations
        if told and deep and log.amount >= int(wanted.at_least) and log.transaction != holding:
            return log
    return None


def _comes(log: TransferLog, wanted: AlertArguments) -> bool:
    return log.recipient.lower() == wanted.address.lower()


def _goes(log: TransferLog, wanted: AlertArguments) -> bool:
    return log.sender.lower() == wanted.address.lower()


SERVICE = Service(
    slug="transfer-alert",
    title="Transfer alert, charged when it comes",
    summary="Tells of the next transfer of an address. Its price is held in escrow, and comes back without one.",
    kind="on-chain data",
    unit="alert",
    amount=10_000,
    method="POST",
    mode="DELEGATE",
    fulfilment=Fulfilment.AFTER_SETTLEMENT,
    callback="EscrowRelease",
    held_seconds=HELD_SECONDS,
    arguments=AlertArguments,
    answers=Alert,
    example={"address": "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65", "within": 60, "back": MOST_BACK},
    run=run,
    tags=("chain", "transfer", "alert", "escrow"),
)
