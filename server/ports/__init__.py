"""What the core needs from outside: one protocol for each thing that has a real and a fake implementation."""

from server.ports.chain import Call, Chain, ChainReader, Fees, TransactionSigner
from server.ports.clock import Clock
from server.ports.database import Database, UnitOfWork
from server.ports.facilitator import Facilitator
from server.ports.records import Deliveries, Event, Ledger, Orders, Proofs, Receipts
from server.ports.switches import Switches
from server.ports.work import Job, Outbox, Settlements, Transactions

__all__ = [
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
    "Receipts",
    "Settlements",
    "Switches",
    "TransactionSigner",
    "Transactions",
    "UnitOfWork",
]
