"""What the core needs from outside: one protocol for each thing that has a real and a fake implementation."""

from server.domain.sending import Fees
from server.ports.chain import Call, Chain, ChainReader, TransactionSigner
from server.ports.clock import Clock
from server.ports.database import Database, UnitOfWork
from server.ports.extensions import Identifiers, SignIns
from server.ports.facilitator import Facilitator
from server.ports.proofs import Anchors, ReceiptChain
from server.ports.records import Deliveries, Event, Ledger, Orders, Proofs, Receipts
from server.ports.work import Job, Outbox, Settlements, Transactions

__all__ = [
    "Anchors",
    "Call",
    "Chain",
    "ChainReader",
    "Clock",
    "Database",
    "Deliveries",
    "Event",
    "Facilitator",
    "Fees",
    "Identifiers",
    "Job",
    "Ledger",
    "Orders",
    "Outbox",
    "Proofs",
    "ReceiptChain",
    "Receipts",
    "Settlements",
    "SignIns",
    "TransactionSigner",
    "Transactions",
    "UnitOfWork",
]
