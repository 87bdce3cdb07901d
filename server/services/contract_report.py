"""On sale: what the chain knows of a contract: its code, who compiled it, what it offers, and what it holds."""

import asyncio

from msgspec import Struct

from server.services.arguments import Address, checksummed
from server.services.contract_risk import code_at, scan
from server.services.money import NATIVE_DECIMALS, Amount, amount_of
from server.services.proxies import Proxy
from server.services.service import Answer, Context, Service, json_answer
from server.services.solc_metadata import Metadata


class ContractArguments(Struct, forbid_unknown_fields=True):
    """Which contract."""

    address: Address

    def __post_init__(self) -> None:
        checksummed(self.address)


class Entry(Struct):
    """A function that the contract dispatches to; `signature` is null where its selector is not well known."""

    selector: str
    signature: str | None


class ContractReport(Struct):
    """A contract as it is in the newest block. Sizes count bytes, and `code_hash` is the code's keccak256, 0x-hex.

    `metadata` is what its compiler appended, `proxy` says where its behaviour is if that is elsewhere; null without.
    `nonce` is 1 for a contract that created none (EIP-161), and one more for each that it did.
    """

    address: str
    code_size: int
    code_hash: str
    metadata: Metadata | None
    proxy: Proxy | None
    standards: list[str]
    functions: list[Entry]
    nonce: int
    native_balance: Amount
    asset: str
    asset_symbol: str
    asset_balance: Amount


async def run(arguments: ContractArguments, context: Context) -> Answer:
    """Raises ServiceError for an address without code (404), and as a scan of that code does."""
    address = checksummed(arguments.address)
    code, native, held, nonce = await asyncio.gather(
        code_at(address, context),
        context.chain.balance(address),
        context.chain.token_balance(context.asset, address),
        context.chain.transaction_count(address),
    )
    read = await asyncio.to_thread(scan, code, address)
    return json_answer(
        ContractReport(
            address=address,
            code_size=read.code_size,
            code_hash=read.code_hash,
            metadata=read.metadata,
            proxy=read.proxy,
            standards=read.standards,
            functions=[Entry(one.selector, one.signature) for one in read.functions],
            nonce=nonce,
            native_balance=amount_of(native, NATIVE_DECIMALS),
            asset=context.asset,
            asset_symbol=context.asset_symbol,
            asset_balance=amount_of(held, context.asset_decimals),
        )
    )


SERVICE = Service(
    slug="contract-report",
    title="Contract report",
    summary="A contract's code size and hash, compiler, proxy kind, standards, functions and balances, from the chain.",
    kind="on-chain data",
    unit="contract",
    amount=15_000,
    arguments=ContractArguments,
    answers=ContractReport,
    example={"address": "0x000000000022D473030F116dDEE9F6B43aC78BA3"},
    run=run,
    tags=("chain", "contract", "evm", "bytecode"),
)
