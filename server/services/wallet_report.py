"""On sale: what the chain knows of a wallet, above all how the marketplace's asset came and went."""

import asyncio
from collections.abc import Iterable
from typing import Annotated

from msgspec import Meta, Struct

from server.domain.evidence import TransferLog
from server.services.arguments import Address, checksummed
from server.services.money import NATIVE_DECIMALS, Amount, amount_of
from server.services.service import Answer, Context, Service, json_answer


class WalletArguments(Struct, forbid_unknown_fields=True):
    """Transfers are counted from `from_block` on; `limit` bounds the list of counterparties."""

    address: Address
    from_block: Annotated[int, Meta(ge=0, le=2**53 - 1, description="First block looked at.")] = 0
    limit: Annotated[int, Meta(ge=1, le=50, description="At most this many counterparties.")] = 10

    def __post_init__(self) -> None:
        checksummed(self.address)


class Flow(Struct):
    """Transfers in one direction."""

    transfers: int
    total: Amount


class Counterparty(Struct):
    """Another address and the asset's transfers with it; "in" is what the wallet received."""

    address: str
    inbound: Flow
    outbound: Flow


class WalletReport(Struct):
    """A wallet at `as_of_block`. `net` is inbound less outbound and may be negative.

    A transfer from the wallet to itself counts in both directions and has no counterparty. `counterparties` come by
    what was moved with them, most first, `counterparty_count` has them all. `first_block` and `last_block` are those
    of its transfers; null without any. Minting and burning show as transfers with the zero address.
    """

    address: str
    is_contract: bool
    as_of_block: int
    from_block: int
    transactions_sent: int
    native_balance: Amount
    asset: str
    asset_symbol: str
    asset_balance: Amount
    inbound: Flow
    outbound: Flow
    net: Amount
    counterparties: list[Counterparty]
    counterparty_count: int
    first_block: int | None
    last_block: int | None


async def run(arguments: WalletArguments, context: Context) -> Answer:
    """Transfers after the block number that is read first are left out; balances are the newest."""
    address = checksummed(arguments.address)
    chain = context.chain
    newest = await chain.block_number()
    native, held, sent, code, logs = await asyncio.gather(
        chain.balance(address),
        chain.token_balance(context.asset, address),
        chain.transaction_count(address),
        chain.code(address),
        chain.transfers(context.asset, address, arguments.from_block),
    )
    logs = [log for log in logs if log.block <= newest]
    inbound = [log for log in logs if log.recipient.lower() == address.lower()]
    outbound = [log for log in logs if log.sender.lower() == address.lower()]
    decimals = context.asset_decimals
    others = _counterparties(address, inbound, outbound, decimals)
    return json_answer(
        WalletReport(
            address=address,
            is_contract=bool(code),
            as_of_block=newest,
            from_block=arguments.from_block,
            transactions_sent=sent,
            native_balance=amount_of(native, NATIVE_DECIMALS),
            asset=context.asset,
            asset_symbol=context.asset_symbol,
            asset_balance=amount_of(held, decimals),
            inbound=_flow(inbound, decimals),
            outbound=_flow(outbound, decimals),
            net=amount_of(_total(inbound) - _total(outbound), decimals),
            counterparties=others[: arguments.limit],
            counterparty_count=len(others),
            first_block=min((log.block for log in logs), default=None),
            last_block=max((log.block for log in logs), default=None),
        )
    )


def _counterparties(
    wallet: str, inbound: Iterable[TransferLog], outbound: Iterable[TransferLog], decimals: int
) -> list[Counterparty]:
    moved: dict[str, tuple[list[TransferLog], list[TransferLog]]] = {}
    for log in inbound:
        moved.setdefault(log.sender.lower(), ([], []))[0].append(log)
    for log in outbound:
        moved.setdefault(log.recipient.lower(), ([], []))[1].append(log)
    moved.pop(wallet.lower(), None)
    order = sorted(moved, key=lambda other: (-_total([*moved[other][0], *moved[other][1]]), other))
    return [Counterparty(checksummed(other), *(_flow(logs, decimals) for logs in moved[other])) for other in order]


def _total(logs: Iterable[TransferLog]) -> int:
    return sum(log.amount for log in logs)


def _flow(logs: list[TransferLog], decimals: int) -> Flow:
    return Flow(len(logs), amount_of(_total(logs), decimals))


SERVICE = Service(
    slug="wallet-report",
    title="Wallet report",
    summary="A wallet's balances, transactions and asset transfers on the marketplace's chain, with counterparties.",
    kind="on-chain data",
    unit="wallet",
    amount=10_000,
    arguments=WalletArguments,
    answers=WalletReport,
    example={"address": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"},
    run=run,
    tags=("chain", "wallet", "usdc"),
)
