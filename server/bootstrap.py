"""The one place that knows every adapter: puts a process together from its settings."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

from eth_utils.address import is_same_address

from protocol.networks import chain_id
from protocol.wire import SCHEME_EXACT
from server.adapters.chain import EvmChain
from server.adapters.clock import SystemClock
from server.adapters.courier import HttpCourier
from server.adapters.database import SqlDatabase
from server.adapters.egress import GuardedClient
from server.adapters.facilitator_client import Kind, RemoteFacilitator
from server.adapters.gateway import open_gateway
from server.adapters.goat_core import open_core
from server.adapters.keys import address_of_key, open_signer
from server.adapters.market_checks import check_market
from server.adapters.merchant_rows import all_merchants, keep_fresh
from server.adapters.networks import Depths, Known, market_of, read_deployments, read_networks, require_apart
from server.adapters.nodes import NodeChain
from server.adapters.quorum import QuorumChain
from server.adapters.screening import ListScreening
from server.application.admission import Admission
from server.application.announce import AnnouncingDatabase
from server.application.catalogue import kept_shelf
from server.application.paddock import Anchoring, Custody, Ground, Paddock, Settling
from server.application.post import Post
from server.application.watch import keep_watch
from server.domain.addresses import EgressRules
from server.domain.errors import ConfigurationError
from server.domain.market import key_digest
from server.domain.quotes import QuoteKeys
from server.domain.webhooks import WebhookKeys
from server.exporting import open_tracing
from server.facilitator.cool_off import CoolOff
from server.facilitator.local import LocalFacilitator
from server.facilitator.settler import Settler
from server.key_sources import KeySource
from server.ports import Clock, Courier, Facilitator, OpenScreening, TransactionSigner
from server.services import on_sale
from server.services.browser import find_browser
from server.services.service import Service
from server.services.upstream import Door
from server.setting_values import Nodes, read_keys, split
from server.settings import DEVNET_SECRETS, SIGNING_KEYS, Settings
from server.watched import delegate_wallet, float_wallet, gas_wallets


@dataclass(frozen=True)
class Parts:
    """What a process may need beside the use cases' own `Paddock`."""

    settings: Settings
    db: SqlDatabase
    grounds: Mapping[str, Ground]
    clock: SystemClock

    @property
    def floats_at(self) -> Mapping[str, str]:
        """The addresses of refund floats, by merchant."""
        return {self.settings.merchant_id: self.settings.float_address} if self.settings.float_address else {}

    @property
    def sold(self) -> tuple[Service, ...]:
        """What is on sale by our own code."""
        return on_sale(samples=self.settings.samples)

    @property
    def home(self) -> Ground:
        """The first network."""
        return next(iter(self.grounds.values()))


@asynccontextmanager
async def open_parts(settings: Settings) -> AsyncIterator[Parts]:
    """Database, chains and markets, checked against each other."""
    async with AsyncExitStack() as stack:
        clock = SystemClock()
        db = SqlDatabase(settings.database_url, clock)
        stack.push_async_callback(db.close)
        deployed = read_deployments(settings.deployments, settings.delegate_address)
        known = read_networks(settings.networks)
        grounds: dict[str, Ground] = {}
        for nodes in settings.nodes:
            network = nodes.network or next(iter(deployed), "")
            if network in grounds:
                raise ConfigurationError(
                    f"PADDOCK_RPC_URL names {network} twice; separate nodes of one network by commas, without spaces"
                )
            there = known.get(network, Known())
            depths = there.depths
            found = market_of(network, chain_id(network), deployed, there, settings.delegate_address)
            factories, test = frozenset(settings.wallet_factories), settings.devnet or found.test
            market = replace(found, factories=factories, execution_gas=settings.execution_gas, test=test)
            chain = connect(settings, nodes, depths, clock)
            stack.push_async_callback(chain.close)
            await check_market(chain, market, on_sale(samples=settings.samples), devnet=settings.devnet)
            confirmations = _depth(settings.confirmations, depths.confirmations, 1)
            grounds[network] = Ground(market, chain, max(1, confirmations))
        require_apart([ground.market for ground in grounds.values()])
        yield Parts(settings, db, grounds, clock)


def connect(settings: Settings, nodes: Nodes, depths: Depths, clock: Clock) -> NodeChain:
    """A chain: by its one node, or by a quorum of several."""
    finality = _depth(settings.finality, depths.finality, 12)
    chains = [EvmChain(url, finality) for url in nodes.urls]
    return chains[0] if len(chains) == 1 else QuorumChain(chains, nodes.quorum(settings.rpc_quorum), clock)


def _depth(wanted: int | None, known: int | None, otherwise: int) -> int:
    """Blocks: what the settings say, else `networks.toml`, else a cautious number."""
    return next((blocks for blocks in (wanted, known) if blocks is not None), otherwise)


@asynccontextmanager
async def open_paddock(parts: Parts, facilitator: Facilitator, *, holds_delegate: bool) -> AsyncIterator[Paddock]:
    """The use cases' ports for a server or a worker; only a worker holds the keys of delegate wallet and floats."""
    settings = parts.settings
    async with parts.db.view() as connection:
        merchants = await all_merchants(connection)
    if not merchants:
        raise ConfigurationError("the database knows no merchant; run `paddock migrate` first")
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(keep_fresh(parts.db, merchants))
        receipts = await stack.enter_async_context(signer(settings, settings.receipt_key))
        courier: HttpCourier | None = None
        core = await stack.enter_async_context(open_core(settings.back_ends.core, parts.clock))
        gateway = await stack.enter_async_context(open_gateway(egress_rules(settings)))
        door = Door(gateway, post_for(settings).keys, parts.clock)
        browser = find_browser(settings.chromium, devnet=settings.devnet)
        shelf = await stack.enter_async_context(kept_shelf(parts.sold, door, parts.db, browser=browser is not None))
        if holds_delegate:
            courier = HttpCourier(GuardedClient(egress_rules(settings)))
            stack.push_async_callback(courier.close)
        tracing = stack.enter_context(open_tracing("worker" if holds_delegate else "server", wanted=settings.traces))
        delegate, floats = await _money_keys(settings, stack) if holds_delegate else (None, {})
        yield Paddock(
            db=AnnouncingDatabase(parts.db, tracing),
            tracing=tracing,
            clock=parts.clock,
            facilitator=facilitator,
            grounds=parts.grounds,
            services=shelf.services,
            off_sale=shelf.off_sale,
            browser=browser,
            gateway=gateway,
            merchants=merchants,
            quotes=_quote_keys(settings),
            receipts=receipts,
            opened_at=parts.clock.now(),
            delegate=delegate,
            floats=floats,
            float_addresses=parts.floats_at,
            wallet=delegate_wallet(parts.home, parts.clock, settings.wallet_limits),
            float_wallet=float_wallet(parts.home, parts.clock, settings.wallet_limits, floats.values()),
            post=post_for(settings, courier),
            screening=ListScreening(settings.screening_file) if settings.screening_file else OpenScreening(),
            anchoring=Anchoring(every=timedelta(seconds=settings.anchor_seconds)),
            origins=settings.origins,
            admission=Admission(settings.payer_orders, settings.route_runs),
            other_receipt_signers=settings.receipt_signers,
            core=core,
            open_registration=settings.back_ends.joining,
            order_fee=settings.back_ends.order_fee,
        )


def _quote_keys(settings: Settings) -> QuoteKeys:
    """A worker may have none: it gives no quotes."""
    return QuoteKeys(*(read_keys(settings.quote_keys, "PADDOCK_QUOTE_KEYS") if settings.quote_keys else (0, {})))


async def _money_keys(
    settings: Settings, stack: AsyncExitStack
) -> tuple[TransactionSigner, dict[str, TransactionSigner]]:
    """The delegate wallet's key, and those of refund floats by merchant. Raises ConfigurationError."""
    delegate = await stack.enter_async_context(signer(settings, settings.delegate_key))
    _require_key_of("PADDOCK_DELEGATE", delegate, settings.delegate_address)
    if not settings.float_key.given:
        return delegate, {}
    own = await stack.enter_async_context(signer(settings, settings.float_key))
    if settings.float_address:
        _require_key_of("PADDOCK_FLOAT", own, settings.float_address)
    return delegate, {settings.merchant_id: own}


def _require_key_of(name: str, key: TransactionSigner, address: str) -> None:
    """Processes without keys are told the address. Raises ConfigurationError if it is another one."""
    if not is_same_address(key.address, address):
        raise ConfigurationError(
            f"{name}_KEY, or what stands for it, is the key of {key.address}, and {name}_ADDRESS is {address}"
        )


def post_for(settings: Settings, courier: Courier | None = None) -> Post:
    """Webhooks as the settings have them."""
    keys = WebhookKeys(*read_keys(settings.webhook_keys, "PADDOCK_WEBHOOK_KEYS"))
    return Post(keys, egress_rules(settings), courier)


def egress_rules(settings: Settings) -> EgressRules:
    """Where this process connects to on a merchant's word."""
    return EgressRules(https_only=not settings.devnet, allow_private=settings.webhook_allow_private)


def signer(settings: Settings, source: KeySource) -> AbstractAsyncContextManager[TransactionSigner]:
    """The key of a source; off the devnet none that everybody knows, in whatever form it comes."""
    public = () if settings.devnet else (address_of_key(DEVNET_SECRETS[name]) for name in SIGNING_KEYS)
    return open_signer(source, frozenset(public))


@asynccontextmanager
async def remote_facilitator(settings: Settings, wanted: Sequence[Kind] = ()) -> AsyncIterator[RemoteFacilitator]:
    """The facilitator that the settings name; of an embedded one, its URL on the server.

    Raises ConfigurationError when it answers and does not settle all of `wanted`.
    """
    url = f"{settings.origins[0]}/facilitator" if settings.embedded_facilitator else settings.facilitator_url
    token = next(iter(split(settings.facilitator_token)), "")
    client = RemoteFacilitator(url, token=token, wanted=wanted)
    try:
        await client.require_fit()
        yield client
    finally:
        await client.close()


def wanted_kinds(parts: Parts) -> tuple[Kind, ...]:
    """What a facilitator must settle for this marketplace."""
    return tuple(Kind(SCHEME_EXACT, network) for network in parts.grounds)


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
            facilitator = await stack.enter_async_context(remote_facilitator(settings, wanted_kinds(parts)))
        paddock = await stack.enter_async_context(open_paddock(parts, facilitator, holds_delegate=False))
        yield replace(paddock, custody=custody_of(settings)), settling


def custody_of(settings: Settings) -> Custody:
    """Of what a server holds."""
    embedded = settings.settlement_keys if settings.embedded_facilitator else ()
    bare = [f"{source.name}_KEY" for source in (settings.receipt_key, *embedded) if source.key]
    return Custody(settings.devnet, tuple(dict.fromkeys(bare)))


@asynccontextmanager
async def open_facilitator(settings: Settings) -> AsyncIterator[Settling]:
    """A facilitator process."""
    async with open_parts(settings) as parts, _settling(parts) as settling:
        yield settling


@asynccontextmanager
async def _settling(parts: Parts) -> AsyncIterator[Settling]:
    """This process's facilitator, with its settlers running: one for each network and key."""
    settings = parts.settings
    async with AsyncExitStack() as stack:
        keys = [await stack.enter_async_context(signer(settings, source)) for source in settings.settlement_keys]
        settlers = {
            network: [Settler(parts.db, ground, parts.clock, key) for key in keys]
            for network, ground in parts.grounds.items()
        }
        cool_off = CoolOff(settings.cool_off_failures, timedelta(seconds=settings.cool_off_seconds))
        facilitator = LocalFacilitator(parts.db, parts.clock, parts.grounds, settlers, cool_off=cool_off)
        running = [one.run() for own in settlers.values() for one in own]
        running += [
            keep_watch(wallet) for wallet in gas_wallets(parts.grounds, parts.clock, settings.wallet_limits, keys)
        ]
        tasks = [asyncio.create_task(one) for one in running]
        try:
            tokens = tuple(key_digest(token) for token in split(settings.facilitator_token))
            yield Settling(facilitator, {network: tuple(key.address for key in keys) for network in settlers}, tokens)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
