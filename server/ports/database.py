"""The database: units of work over all records."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from server.ports.allowlists import Allowlists
from server.ports.books import Bookkeeping
from server.ports.buyer_keys import BuyerKeys
from server.ports.cases import Cases, Suspects
from server.ports.choices import CalldataSignatures
from server.ports.extensions import Identifiers, SignIns
from server.ports.fees import FeeBook
from server.ports.members import Members, Sessions
from server.ports.merchant_orders import ApiNonces, MerchantOrders
from server.ports.merchants import Merchants
from server.ports.pledges import Pledges
from server.ports.proofs import Anchors, ReceiptChain
from server.ports.records import Deliveries, Ledger, Orders, Proofs, Receipts
from server.ports.reputation import Reputation
from server.ports.switches import Switches
from server.ports.tallies import Tallies
from server.ports.traces import OrderTraces
from server.ports.transfers import Transfers
from server.ports.upstreams import Upstreams
from server.ports.webhooks import Webhooks
from server.ports.work import Outbox, Settlements, Transactions


class UnitOfWork(Protocol):
    """Everything changed through it happens together or not at all."""

    orders: Orders
    deliveries: Deliveries
    ledger: Ledger
    books: Bookkeeping
    tallies: Tallies
    receipts: Receipts
    proofs: Proofs
    receipt_chain: ReceiptChain
    anchors: Anchors
    outbox: Outbox
    settlements: Settlements
    transactions: Transactions
    identifiers: Identifiers
    sign_ins: SignIns
    cases: Cases
    suspects: Suspects
    webhooks: Webhooks
    switches: Switches
    pledges: Pledges
    calldata: CalldataSignatures
    allowlists: Allowlists
    transfers: Transfers
    reputation: Reputation
    merchant_orders: MerchantOrders
    api_nonces: ApiNonces
    fee_book: FeeBook
    upstreams: Upstreams
    merchants: Merchants
    members: Members
    sessions: Sessions
    traces: OrderTraces
    buyer_keys: BuyerKeys


class Database(Protocol):
    """Where the facts are kept."""

    def begin(self, name: str) -> AbstractAsyncContextManager[UnitOfWork]:
        """A unit of work that commits at the end of the block, or rolls back if it raises.

        `name` says what it is for: it labels traces and the points at which tests kill the process.
        """

    def read(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """For reading few records: nothing is kept, and a second statement may find what came after the first."""

    def survey(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """A consistent view, for what may look at many records: nobody else waits meanwhile."""
