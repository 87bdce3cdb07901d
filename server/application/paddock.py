"""What every use case is given: the ports, the keys and the market, put together by `bootstrap`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from server.application.admission import Admission
from server.domain.market import Market, Merchant
from server.domain.quotes import QuoteKeys
from server.ports import Chain, Clock, Database, Facilitator, TransactionSigner
from server.services.service import Service


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
class Settling:
    """A facilitator that this process offers to others: what it settles on, and with which key."""

    facilitator: Facilitator
    network: str
    signer: str


@dataclass(frozen=True)
class Paddock:
    """Implementations of the ports, chosen once. `delegate` is there only in the process that holds that key."""

    db: Database
    clock: Clock
    chain: Chain
    facilitator: Facilitator
    market: Market
    services: Mapping[str, Service]
    merchants: Mapping[str, Merchant]
    quotes: QuoteKeys
    receipts: TransactionSigner
    opened_at: datetime
    delegate: TransactionSigner | None = None
    origins: tuple[str, ...] = ("http://127.0.0.1:8402",)
    """Scheme, authority, and the path prefix that a proxy in front takes away; no slash at the end."""
    limits: Limits = field(default_factory=Limits)
    admission: Admission = field(default_factory=Admission)

    @property
    def origin(self) -> str:
        """The origin that stands in links: the first of those that this marketplace answers for."""
        return self.origins[0]

    @property
    def prefix(self) -> str:
        """The path under which a proxy mounts this marketplace, the same at each origin; mostly empty."""
        return urlsplit(self.origins[0]).path
