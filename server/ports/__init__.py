"""What the core needs from outside: one protocol for each thing that has a real and a fake implementation."""

from server.ports.cases import CaseEvent, Cases, Repeated, Suspects
from server.ports.chain import Call, Chain, ChainReader, Fees, TransactionSigner
from server.ports.clock import Clock
from server.ports.database import Database, UnitOfWork
from server.ports.facilitator import Facilitator
from server.ports.records import Deliveries, Event, Ledger, Orders, Proofs, Receipts
from server.ports.screening import OpenScreening, Party, Purpose, Screening, Verdict
from server.ports.work import Job, Outbox, Settlements, Transactions

__all__ = [
    "Call",
    "CaseEvent",
    "Cases",
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
    "OpenScreening",
    "Orders",
    "Outbox",
    "Party",
    "Proofs",
    "Purpose",
    "Receipts",
    "Repeated",
    "Screening",
    "Settlements",
    "Suspects",
    "TransactionSigner",
    "Transactions",
    "UnitOfWork",
    "Verdict",
]
