"""What the core needs from outside: one protocol for each thing that has a real and a fake implementation."""

from server.ports.chain import Call, Chain, ChainReader, Fees, TransactionSigner
from server.ports.clock import Clock
from server.ports.database import Database, UnitOfWork
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
    "Job",
    "Ledger",
    "Orders",
    "Outbox",
    "Proofs",
    "ReceiptChain",
    "Receipts",
    "Settlements",
    "TransactionSigner",
    "Transactions",
    "UnitOfWork",
]
