"""What the fake database holds."""

from dataclasses import dataclass, field
from datetime import datetime

from protocol.receipts import SignedReceipt
from server.domain.allowlists import AllowlistChange, ListedAction
from server.domain.anchors import Anchor, Chained, Site
from server.domain.books import WalletCursor
from server.domain.buyer_keys import BuyerKey
from server.domain.cases import Case
from server.domain.choices import CalldataSignature
from server.domain.deliveries import Delivery
from server.domain.fees import FeeEntry
from server.domain.ledger import Entry
from server.domain.market import Merchant
from server.domain.members import Member, MemberChange, Session
from server.domain.merchant_changes import MerchantChange
from server.domain.merchant_orders import MerchantOrder
from server.domain.orders import Order
from server.domain.pledges import Pledge
from server.domain.reputation import Identity, ReputationCursor, Review
from server.domain.sending import ChainTransaction
from server.domain.settlements import Settlement
from server.domain.switches import Switch
from server.domain.transfers import Cursor
from server.domain.upstreams import Upstream, UpstreamChange
from server.domain.webhooks import Announcement, Endpoint, WebhookDelivery
from server.ports import CaseEvent, Event, Job


@dataclass(slots=True)
class JobRow:
    """A job as the outbox keeps it."""

    job: Job
    due: datetime
    lease_until: datetime | None = None
    done: bool = False
    error: str | None = None


@dataclass
class Tables:
    """All rows. Rows are replaced and never changed, so a shallow copy is a snapshot."""

    orders: dict[str, Order] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    deliveries: dict[str, Delivery] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    booked: list[datetime] = field(default_factory=list)
    closed_hours: dict[int, None] = field(default_factory=dict)
    wallet_cursors: dict[tuple[str, str, str], WalletCursor] = field(default_factory=dict)
    row_cursors: dict[str, int] = field(default_factory=dict)
    receipts: dict[str, tuple[SignedReceipt, bytes]] = field(default_factory=dict)
    proofs: dict[str, bytes] = field(default_factory=dict)
    receipt_queue: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    receipt_chain: dict[tuple[str, int], Chained] = field(default_factory=dict)
    anchors: dict[tuple[Site, str, int], Anchor] = field(default_factory=dict)
    jobs: dict[str, JobRow] = field(default_factory=dict)
    settlements: dict[str, Settlement] = field(default_factory=dict)
    failures: dict[str, list[datetime]] = field(default_factory=dict)
    switches: dict[str, Switch] = field(default_factory=dict)
    cursors: dict[str, Cursor] = field(default_factory=dict)
    next_nonces: dict[tuple[str, str], int] = field(default_factory=dict)
    transactions: dict[str, ChainTransaction] = field(default_factory=dict)
    identifiers: dict[tuple[str, bytes, str], str] = field(default_factory=dict)
    nonces: dict[str, datetime] = field(default_factory=dict)
    cases: dict[str, Case] = field(default_factory=dict)
    case_events: list[CaseEvent] = field(default_factory=list)
    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    announcements: dict[str, Announcement] = field(default_factory=dict)
    webhook_deliveries: dict[str, WebhookDelivery] = field(default_factory=dict)
    pledges: dict[str, Pledge] = field(default_factory=dict)
    callback_actions: dict[tuple[str, str, str], ListedAction] = field(default_factory=dict)
    callback_changes: list[AllowlistChange] = field(default_factory=list)
    calldata_signatures: dict[str, CalldataSignature] = field(default_factory=dict)
    identities: dict[tuple[str, str], Identity] = field(default_factory=dict)
    reviews: dict[tuple[str, str, int], Review] = field(default_factory=dict)
    withdrawn: dict[tuple[str, str, int], bool] = field(default_factory=dict)
    reputation_cursors: dict[str, ReputationCursor] = field(default_factory=dict)
    merchant_orders: dict[str, MerchantOrder] = field(default_factory=dict)
    fees: list[FeeEntry] = field(default_factory=list)
    api_nonces: dict[tuple[str, str], datetime] = field(default_factory=dict)
    upstreams: dict[str, Upstream] = field(default_factory=dict)
    upstream_changes: list[UpstreamChange] = field(default_factory=list)
    merchants: dict[str, Merchant] = field(default_factory=dict)
    merchant_changes: list[MerchantChange] = field(default_factory=list)
    members: dict[tuple[str, str], Member] = field(default_factory=dict)
    member_changes: list[MemberChange] = field(default_factory=list)
    sessions: dict[bytes, Session] = field(default_factory=dict)
    traces: dict[str, str] = field(default_factory=dict)
    buyer_keys: dict[str, BuyerKey] = field(default_factory=dict)
    buyer_key_orders: dict[str, str] = field(default_factory=dict)

    def copy(self) -> "Tables":
        return Tables(**{name: getattr(self, name).copy() for name in self.__dataclass_fields__})
