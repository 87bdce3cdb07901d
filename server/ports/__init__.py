"""What the core needs from outside: one protocol for each thing that has a real and a fake implementation."""

from server.domain.sending import Fees
from server.ports.allowlists import Allowlists
from server.ports.books import Bookkeeping
from server.ports.buyer_keys import BuyerKeys
from server.ports.cases import CaseEvent, Cases, Repeated, Suspects
from server.ports.chain import Call, Chain, ChainReader, TransactionSigner
from server.ports.choices import CalldataSignatures
from server.ports.clock import Clock
from server.ports.core import Core
from server.ports.database import Database, UnitOfWork
from server.ports.extensions import Identifiers, SignIns
from server.ports.facilitator import Facilitator
from server.ports.fees import FeeBook
from server.ports.members import Members, Sessions
from server.ports.merchant_orders import ApiNonces, MerchantOrders
from server.ports.merchants import Merchants
from server.ports.pledges import Pledges
from server.ports.proofs import Anchors, ReceiptChain
from server.ports.records import Deliveries, Event, Ledger, Orders, Proofs, Receipts
from server.ports.reputation import Reputation
from server.ports.screening import OpenScreening, Party, Purpose, Screening, Verdict
from server.ports.switches import Switches
from server.ports.tallies import Tallies
from server.ports.traces import OrderTraces
from server.ports.transfers import Transfers, Way
from server.ports.upstreams import Forwarded, Gateway, Reached, Upstreams
from server.ports.webhooks import Courier, Reply, Webhooks
from server.ports.work import Job, Outbox, Settlements, Transactions

__all__ = [
    "Allowlists",
    "Anchors",
    "ApiNonces",
    "Bookkeeping",
    "BuyerKeys",
    "Call",
    "CalldataSignatures",
    "CaseEvent",
    "Cases",
    "Chain",
    "ChainReader",
    "Clock",
    "Core",
    "Courier",
    "Database",
    "Deliveries",
    "Event",
    "Facilitator",
    "FeeBook",
    "Fees",
    "Forwarded",
    "Gateway",
    "Identifiers",
    "Job",
    "Ledger",
    "Members",
    "MerchantOrders",
    "Merchants",
    "OpenScreening",
    "OrderTraces",
    "Orders",
    "Outbox",
    "Party",
    "Pledges",
    "Proofs",
    "Purpose",
    "Reached",
    "ReceiptChain",
    "Receipts",
    "Repeated",
    "Reply",
    "Reputation",
    "Screening",
    "Sessions",
    "Settlements",
    "SignIns",
    "Suspects",
    "Switches",
    "Tallies",
    "TransactionSigner",
    "Transactions",
    "Transfers",
    "UnitOfWork",
    "Upstreams",
    "Verdict",
    "Way",
    "Webhooks",
]
