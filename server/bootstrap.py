"""The one place that knows every adapter: puts a process together from its settings."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from eth_utils.address import is_same_address

from protocol.networks import caip2
from protocol.typed_data import domain_separator
from server.adapters.chain import EvmChain
from server.adapters.clock import SystemClock
from server.adapters.database import SqlDatabase
from server.adapters.deployments import read_market
from server.adapters.facilitator_client import RemoteFacilitator
from server.adapters.merchant_rows import all_merchants
from server.adapters.signers import LocalSigner
from server.application.admission import Admission
from server.application.paddock import Paddock, Settling
from server.domain.calls import encode_call
from server.domain.errors import ConfigurationError
from server.domain.market import Market
from server.domain.quotes import QuoteKeys
from server.facilitator.cool_off import CoolOff
from server.facilitator.local import LocalFacilitator
from server.facilitator.settler import Settler
from server.ports import Call, Facilitator
from server.services import CATALOGUE
from server.services.service import Fulfilment, Service
from server.settings import Settings, read_quote_keys


@dataclass(frozen=True)
class Parts:
    """What a process may need beside the use cases' own `Paddock`."""

    settings: Settings
    db: SqlDatabase
    chain: EvmChain
    market: Market
    clock: SystemClock


@asynccontextmanager
async def open_parts(settings: Settings) -> AsyncIterator[Parts]:
    """Database, chain and market, checked against each other."""
    async with AsyncExitStack() as stack:
        clock = SystemClock()
        db = SqlDatabase(settings.database_url, clock)
        stack.push_async_callback(db.close)
        chain = EvmChain(settings.rpc_url, settings.finality)
        stack.push_async_callback(chain.close)
        market = read_market(settings.deployments, settings.delegate_address)
        await check_market(settings, chain, market)
        yield Parts(settings, db, chain, market, clock)


async def check_market(settings: Settings, chain: EvmChain, market: Market) -> None:
    """The chain is the one that was deployed to, the token's EIP-712 domain is what we say, a devnet is an anvil."""
    chain_id = await chain.chain_id()
    if chain_id != market.chain_id:
        raise ConfigurationError(
            f"PADDOCK_RPC_URL is {caip2(chain_id)}, and {settings.deployments.name} is for {market.network}"
        )
    if settings.devnet and not (await chain.client_version()).lower().startswith("anvil"):
        raise ConfigurationError("PADDOCK_DEVNET=1 is only for an anvil devnet, and this node is none")
    asset = market.asset.address
    separator = await chain.call(Call(asset, asset, encode_call("DOMAIN_SEPARATOR()")))
    if separator != domain_separator(market.domain):
        raise ConfigurationError(
            f"the token at {asset} does not have the EIP-712 domain {market.asset.name!r} version "
            f"{market.asset.version!r}: correct the deployments file, or deploy again with `make up`"
        )


@asynccontextmanager
async def open_paddock(parts: Parts, facilitator: Facilitator, *, holds_delegate: bool) -> AsyncIterator[Paddock]:
    """The use cases' ports for a server or a worker; only a worker holds the delegate wallet's key."""
    settings = parts.settings
    require_sellable(CATALOGUE)
    delegate = signer("PADDOCK_DELEGATE_KEY", settings.delegate_key) if holds_delegate else None
    if delegate and not is_same_address(delegate.address, parts.market.delegate):
        raise ConfigurationError("PADDOCK_DELEGATE_KEY is not the key of PADDOCK_DELEGATE_ADDRESS")
    async with parts.db.view() as connection:
        merchants = await all_merchants(connection)
    if not merchants:
        raise ConfigurationError("the database knows no merchant; run `paddock migrate` first")
    current, keys = read_quote_keys(settings.quote_keys) if settings.quote_keys else (0, {})
    yield Paddock(
        db=parts.db,
        clock=parts.clock,
        chain=parts.chain,
        facilitator=facilitator,
        market=parts.market,
        services={service.slug: service for service in CATALOGUE},
        merchants=merchants,
        quotes=QuoteKeys(current, keys),
        receipts=signer("PADDOCK_RECEIPT_KEY", settings.receipt_key),
        opened_at=parts.clock.now(),
        delegate=delegate,
        origins=settings.origins,
        admission=Admission(settings.payer_orders, settings.route_runs),
    )


def signer(name: str, key: str) -> LocalSigner:
    """The key of a variable. Raises ConfigurationError that names it and does not quote it."""
    try:
        return LocalSigner(key)
    except (ValueError, TypeError) as error:
        raise ConfigurationError(f"{name} is not a private key: 32 bytes in 0x-hex") from error


def require_sellable(services: Sequence[Service]) -> None:
    """Each mode has one fulfilment today; a service that asks for the other would be sold as something else."""
    for service in services:
        wanted = Fulfilment.AFTER_SETTLEMENT if service.mode == "DELEGATE" else Fulfilment.AFTER_VERIFICATION
        if service.fulfilment is not wanted:
            raise ConfigurationError(f"service {service.slug}: mode {service.mode} is fulfilled {wanted}")


@asynccontextmanager
async def remote_facilitator(settings: Settings) -> AsyncIterator[RemoteFacilitator]:
    """The facilitator that the settings name; of an embedded one, its URL on the server."""
    url = f"{settings.origins[0]}/facilitator" if settings.embedded_facilitator else settings.facilitator_url
    client = RemoteFacilitator(url)
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def open_server(settings: Settings) -> AsyncIterator[tuple[Paddock, Settling | None]]:
    """A server process: with the facilitator inside it on an embedded devnet, else with a client of one."""
    async with AsyncExitStack() as stack:
        parts = await stack.enter_async_context(open_parts(settings))
        settling: Settling | None = None
        facilitator: Facilitator
        if settings.embedded_facilitator:
            settling = await stack.enter_async_context(_settling(parts))
            facilitator = settling.facilitator
        else:
            facilitator = await stack.enter_async_context(remote_facilitator(settings))
        paddock = await stack.enter_async_context(open_paddock(parts, facilitator, holds_delegate=False))
        yield paddock, settling


@asynccontextmanager
async def open_facilitator(settings: Settings) -> AsyncIterator[Settling]:
    """A facilitator process."""
    async with open_parts(settings) as parts, _settling(parts) as settling:
        yield settling


@asynccontextmanager
async def _settling(parts: Parts) -> AsyncIterator[Settling]:
    """This process's facilitator, with its settler running."""
    key = signer("PADDOCK_SETTLEMENT_KEY", parts.settings.settlement_key)
    settler = Settler(parts.db, parts.chain, parts.clock, parts.market, key)
    cool_off = CoolOff(parts.settings.cool_off_failures, timedelta(seconds=parts.settings.cool_off_seconds))
    facilitator = LocalFacilitator(parts.db, parts.chain, parts.clock, parts.market, settler, cool_off=cool_off)
    task = asyncio.create_task(settler.run(), name="settler")
    try:
        yield Settling(facilitator, parts.market.network, key.address)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
