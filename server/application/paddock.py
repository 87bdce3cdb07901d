"""What every use case is given: the ports, the keys and the market, put together by `bootstrap`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from urllib.parse import urlsplit

from server.application.admission import Admission
from server.application.blanks import Blanks
from server.application.directory import Directory, Listed
from server.application.endings import Endings
from server.application.holdings import Holdings
from server.application.post import Post
from server.application.ranks import Ranks
from server.application.standings import Standings
from server.application.tracing import Tracing
from server.application.trends import Trends
from server.application.wallets import HotWallet
from server.domain.errors import ConfigurationError
from server.domain.market import Asset, Market, Merchant
from server.domain.orders import Order
from server.domain.quotes import QuoteKeys
from server.ports import (
    Chain,
    Clock,
    Core,
    Database,
    Facilitator,
    Gateway,
    OpenScreening,
    Screening,
    TransactionSigner,
)
from server.services.browser import Browser
from server.services.merchant_order import SERVICE as MERCHANT_ORDER
from server.services.service import Service

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Limits:
    """Times that a buyer can notice."""

    lease: timedelta = timedelta(seconds=45)
    """How long one process may work on an order before another may take it over; above handler plus settlement."""
    wait_for_other: float = 20.0
    """Seconds that a request waits for another one with the same payment."""
    wait_for_callback: float = 30.0
    """Seconds that a request waits for its DELEGATE callback before it answers 202."""
    poll: float = 0.05
    """Seconds between two looks at an order that another process works on."""
    keep_answers: timedelta = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Anchoring:
    """When new entries of a chain are worth a chain transaction."""

    every: timedelta = timedelta(seconds=60)
    """An entry is anchored at most this long after it was chained."""
    at_once: int = 512
    """So many entries do not wait for that."""


@dataclass(frozen=True, slots=True)
class Settling:
    """A facilitator that this process offers to others: with which keys it settles, by network.

    `tokens` are the digests of those that it is offered to; without any, to everybody.
    """

    facilitator: Facilitator
    signers: Mapping[str, tuple[str, ...]]
    tokens: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Custody:
    """How a process is given its keys: by the names of variables that hold one in hex, and whether anvil's will do."""

    devnet: bool = False
    in_variables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ground:
    """One network: what is traded there, and the way to its chain."""

    market: Market
    chain: Chain
    confirmations: int = 1
    """Blocks, its own among them, that a payment's block must have before an answer leaves."""


def ground_of(grounds: Mapping[str, Ground], network: str) -> Ground:
    """The ground of a network. Raises ConfigurationError for one that was taken out of the settings."""
    ground = grounds.get(network)
    if ground is None:
        raise ConfigurationError(f"{network} is not configured: put it back into PADDOCK_RPC_URL, orders need it")
    return ground


def asset_of(grounds: Mapping[str, Ground], order: Order) -> Asset:
    """The asset that an order is paid in. Raises ConfigurationError for one that was taken out of the settings."""
    asset = ground_of(grounds, order.terms.network).market.asset_at(order.terms.asset)
    if asset is None:
        raise ConfigurationError(f"{order.terms.asset} on {order.terms.network} is not configured any more")
    return asset


def shown_asset(grounds: Mapping[str, Ground], order: Order) -> Asset:
    """The asset for what is only told: of one that was taken out of the settings, units and address."""
    try:
        return asset_of(grounds, order)
    except ConfigurationError:
        return Asset(order.terms.asset, "", "", 0, order.terms.asset)


@dataclass(frozen=True)
class Paddock:
    """Implementations of the ports, chosen once. `delegate` is there only in the process that holds that key.

    `grounds` are the networks by CAIP-2 name; the first is home, where DELEGATE contracts are. `floats` are the
    wallets from which merchants' DIRECT payments are refunded, by merchant; like `delegate` they are for workers.
    """

    db: Database
    clock: Clock
    facilitator: Facilitator
    grounds: Mapping[str, Ground]
    services: Mapping[str, Service]
    merchants: Mapping[str, Merchant]
    quotes: QuoteKeys
    receipts: TransactionSigner
    opened_at: datetime
    delegate: TransactionSigner | None = None
    floats: Mapping[str, TransactionSigner] = field(default_factory=dict)
    float_addresses: Mapping[str, str] = field(default_factory=dict)
    """Where the floats are, for processes that do not hold their keys."""
    wallet: HotWallet | None = None
    """The delegate wallet as it is watched."""
    float_wallet: HotWallet | None = None
    """The refund float of this marketplace's own merchant, as it is watched."""
    screening: Screening = field(default_factory=OpenScreening)
    post: Post | None = None
    origins: tuple[str, ...] = ("http://127.0.0.1:8402",)
    """Scheme, authority, and the path prefix that a proxy in front takes away; no slash at the end."""
    limits: Limits = field(default_factory=Limits)
    admission: Admission = field(default_factory=Admission)
    anchoring: Anchoring = field(default_factory=Anchoring)
    standings: Standings = field(default_factory=Standings)
    ranks: Ranks = field(default_factory=Ranks)
    directory: Directory = field(default_factory=Directory)
    trends: Trends = field(default_factory=Trends)
    holdings: Holdings = field(default_factory=Holdings)
    custody: Custody = field(default_factory=Custody)
    endings: Endings = field(default_factory=Endings)
    tracing: Tracing | None = None
    """None where no traces are exported."""
    core: Core | None = None
    gateway: Gateway | None = None
    """The way out to providers' upstreams; their services are in `services` while they are on sale."""
    off_sale: Mapping[str, Service] = field(default_factory=dict)
    """Services that are not on sale, whose orders go on."""
    browser: Browser | None = None
    open_registration: bool = False
    """Whether anybody becomes a merchant by the signature of the wallet that is to be paid."""
    order_fee: int = 0
    """What a merchant pays for an order of its back end, in millionths of a dollar."""
    other_receipt_signers: tuple[str, ...] = ()
    """Addresses whose receipts count beside those of `receipts`: former keys, and the next one."""

    def on(self, network: str) -> Ground:
        """The ground of a network. Raises ConfigurationError for one that was taken out of the settings."""
        return ground_of(self.grounds, network)

    def asset_of(self, order: Order) -> Asset:
        """The asset that an order is paid in."""
        return asset_of(self.grounds, order)

    def shown_asset(self, order: Order) -> Asset:
        """The same for what is only told (`shown_asset`)."""
        return shown_asset(self.grounds, order)

    def service_of(self, order: Order) -> Service:
        """What an order is for, on sale or not. Raises KeyError for a service that was taken out."""
        slug = order.terms.service
        return MERCHANT_ORDER if slug == MERCHANT_ORDER.slug else self.off_sale.get(slug) or self.services[slug]

    def kept_since(self, slug: str) -> datetime:
        """Answers of a service that were released since then are given to their buyers again."""
        service = self.services.get(slug) or self.off_sale.get(slug)
        return BEGINNING if service and service.for_ever else self.clock.now() - self.limits.keep_answers

    async def listed(self) -> Listed:
        """What is on sale, the highest score first."""
        ranked = await self.ranks.read(self.db, self.clock, self.standings, self.services)
        return self.directory.read(self.services, ranked)

    @property
    def floats_at(self) -> Mapping[str, str]:
        """The addresses of refund floats, by merchant."""
        return dict(self.float_addresses) | {name: signer.address for name, signer in self.floats.items()}

    @property
    def receipt_signers(self) -> tuple[str, ...]:
        """Every address that signs receipts or did, the present one first."""
        return tuple(dict.fromkeys((self.receipts.address, *self.other_receipt_signers)))

    @property
    def home(self) -> Ground:
        """The first network."""
        return next(iter(self.grounds.values()))

    @property
    def market(self) -> Market:
        """Home's market."""
        return self.home.market

    @property
    def chain(self) -> Chain:
        """Home's chain."""
        return self.home.chain

    @property
    def origin(self) -> str:
        """The origin that stands in links: the first of those that this marketplace answers for."""
        return self.origins[0]

    @cached_property
    def prefix(self) -> str:
        """The path under which a proxy mounts this marketplace, the same at each origin; mostly empty."""
        return urlsplit(self.origins[0]).path

    @cached_property
    def origin_at(self) -> Mapping[str, str]:
        """Our origins by host and port in lower case; the first of several at one."""
        return {urlsplit(origin).netloc.lower(): origin for origin in reversed(self.origins)}

    @cached_property
    def blanks(self) -> Blanks:
        """The terms that this process has made of all of that."""
        return Blanks()
