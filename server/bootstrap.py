"""The one place that knows every adapter: puts a process together from its settings."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from eth_utils.address import is_same_address

from protocol.networks import caip2
from protocol.typed_data import domain_separator
from server.adapters.chain import EvmChain
from server.adapters.clock import SystemClock
from server.adapters.database import SqlDatabase
from server.adapters.deployments import read_market
from server.adapters.facilitator_client import RemoteFacilitator
from server.adapters.keys import address_of_key, open_signer
from server.adapters.merchant_rows import all_merchants
from server.adapters.nodes import NodeChain
from server.adapters.quorum import QuorumChain
from server.application.paddock import Paddock, Settling
from server.application.wallets import HotWallet
from server.application.watch import keep_watch
from server.domain.calls import encode_call
from server.domain.errors import ConfigurationError
from server.domain.market import Market
from server.domain.quotes import QuoteKeys
from server.facilitator.local import LocalFacilitator
from server.facilitator.settler import Settler
from server.key_sources import KeySource
from server.ports import Call, Clock, Facilitator, TransactionSigner
from server.services import CATALOGUE
from server.services.service import Fulfilment, Service
from server.settings import DEVNET_SECRETS, SIGNING_KEYS, Settings, node_urls, read_quote_keys


@dataclass(frozen=True)
class Parts:
    """What a process may need beside the use cases' own `Paddock`."""

    settings: Settings
    db: SqlDatabase
    chain: NodeChain
    market: Market
    clock: SystemClock


@asynccontextmanager
async def open_parts(settings: Settings) -> AsyncIterator[Parts]:
    """Database, chain and market, checked against each other."""
    async with AsyncExitStack() as stack:
        clock = SystemClock()
        db = SqlDatabase(settings.database_url, clock)
        stack.push_async_callback(db.close)
        chain = connect(settings, clock)
        stack.push_async_callback(chain.close)
        market = read_market(settings.deployments, settings.delegate_address)
        await check_market(settings, chain, market)
        yield Parts(settings, db, chain, market, clock)


def connect(settings: Settings, clock: Clock) -> NodeChain:
    """The chain: by its one node, or by a quorum of several."""
    nodes = [EvmChain(url, settings.finality) for url in node_urls(settings.rpc_url)]
    return nodes[0] if len(nodes) == 1 else QuorumChain(nodes, settings.rpc_quorum, clock)


async def check_market(settings: Settings, chain: NodeChain, market: Market) -> None:
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
    async with parts.db.view() as connection:
        merchants = await all_merchants(connection)
    if not merchants:
        raise ConfigurationError("the database knows no merchant; run `paddock migrate` first")
    current, keys = read_quote_keys(settings.quote_keys) if settings.quote_keys else (0, {})
    async with AsyncExitStack() as stack:
        receipts = await stack.enter_async_context(signer(settings, settings.receipt_key))
        delegate: TransactionSigner | None = None
        if holds_delegate:
            delegate = await stack.enter_async_context(signer(settings, settings.delegate_key))
            if not is_same_address(delegate.address, parts.market.delegate):
                raise ConfigurationError(
                    f"PADDOCK_DELEGATE_KEY, or what stands for it, is the key of {delegate.address}, and "
                    f"PADDOCK_DELEGATE_ADDRESS is {parts.market.delegate}"
                )
        yield Paddock(
            db=parts.db,
            clock=parts.clock,
            chain=parts.chain,
            facilitator=facilitator,
            market=parts.market,
            services={service.slug: service for service in CATALOGUE},
            merchants=merchants,
            quotes=QuoteKeys(current, keys),
            receipts=receipts,
            opened_at=parts.clock.now(),
            delegate=delegate,
            wallet=delegate_wallet(parts),
            origins=settings.origins,
        )


def delegate_wallet(parts: Parts) -> HotWallet:
    """The delegate wallet as it is watched; its key is not needed for that."""
    settings, market = parts.settings, parts.market
    return HotWallet(
        chain=parts.chain,
        clock=parts.clock,
        name="delegate",
        network=market.network,
        address=market.delegate,
        asset=market.asset.address,
        cap=settings.delegate_cap,
        gas_floor=settings.delegate_gas_floor,
    )


def signer(settings: Settings, source: KeySource) -> AbstractAsyncContextManager[TransactionSigner]:
    """The key of a source; off the devnet none that everybody knows, in whatever form it comes."""
    public = () if settings.devnet else (address_of_key(DEVNET_SECRETS[name]) for name in SIGNING_KEYS)
    return open_signer(source, frozenset(public))


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
    async with signer(parts.settings, parts.settings.settlement_key) as key:
        settler = Settler(parts.db, parts.chain, parts.clock, parts.market, key)
        facilitator = LocalFacilitator(parts.db, parts.chain, parts.clock, parts.market, settler)
        floor = parts.settings.settlement_gas_floor
        wallet = HotWallet(parts.chain, parts.clock, "settlement", parts.market.network, key.address, gas_floor=floor)
        tasks = [asyncio.create_task(settler.run(), name="settler"), asyncio.create_task(keep_watch(wallet))]
        try:
            yield Settling(facilitator, parts.market.network, key.address)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
