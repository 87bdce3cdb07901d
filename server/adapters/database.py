"""The database: engines for writing and reading, and the unit of work over them."""

import logging
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import asyncpg
from sqlalchemy import inspect
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from server.adapters.allowlist_rows import AllowlistRows
from server.adapters.book_rows import BookRows
from server.adapters.buyer_key_rows import BuyerKeyRows
from server.adapters.case_rows import CaseRows
from server.adapters.choice_rows import CalldataSignatureRows
from server.adapters.extension_rows import IdentifierRows, SignInRows
from server.adapters.fee_rows import FeeRows
from server.adapters.job_rows import OutboxRows
from server.adapters.member_rows import MemberRows, SessionRows
from server.adapters.merchant_order_rows import ApiNonceRows, MerchantOrderRows
from server.adapters.merchant_rows import MerchantRows
from server.adapters.models import metadata
from server.adapters.money_rows import DeliveryRows, LedgerRows, ProofRows, ReceiptRows
from server.adapters.order_rows import OrderRows
from server.adapters.pledge_rows import PledgeRows
from server.adapters.postgres import opened_postgres
from server.adapters.proof_rows import AnchorRows, ReceiptChainRows
from server.adapters.reputation_rows import ReputationRows
from server.adapters.settlement_rows import SettlementRows
from server.adapters.sqlite import NearSqlite, far_engine
from server.adapters.statements import Statements
from server.adapters.suspect_rows import SuspectRows
from server.adapters.switch_rows import SwitchRows
from server.adapters.tally_rows import TallyRows
from server.adapters.trace_rows import TraceRows
from server.adapters.transaction_rows import TransactionRows
from server.adapters.transfer_rows import TransferRows
from server.adapters.upstream_rows import UpstreamRows
from server.adapters.webhook_rows import WebhookRows
from server.domain.errors import ConfigurationError
from server.domain.outages import DatabaseUnavailable
from server.ports import (
    Allowlists,
    Anchors,
    ApiNonces,
    Bookkeeping,
    BuyerKeys,
    CalldataSignatures,
    Cases,
    Clock,
    Deliveries,
    FeeBook,
    Identifiers,
    Ledger,
    Members,
    MerchantOrders,
    Merchants,
    Orders,
    OrderTraces,
    Outbox,
    Pledges,
    Proofs,
    ReceiptChain,
    Receipts,
    Reputation,
    Sessions,
    Settlements,
    SignIns,
    Suspects,
    Switches,
    Tallies,
    Transactions,
    Transfers,
    UnitOfWork,
    Upstreams,
    Webhooks,
)

log = logging.getLogger(__name__)
DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}


class SqlUnitOfWork:
    """Implements ports.UnitOfWork on one open transaction."""

    def __init__(self, connection: Statements, clock: Clock) -> None:
        self.orders: Orders = OrderRows(connection, clock)
        self.deliveries: Deliveries = DeliveryRows(connection)
        self.ledger: Ledger = LedgerRows(connection, clock)
        self.books: Bookkeeping = BookRows(connection)
        self.tallies: Tallies = TallyRows(connection)
        self.receipts: Receipts = ReceiptRows(connection)
        self.proofs: Proofs = ProofRows(connection)
        self.receipt_chain: ReceiptChain = ReceiptChainRows(connection)
        self.anchors: Anchors = AnchorRows(connection)
        self.outbox: Outbox = OutboxRows(connection)
        self.settlements: Settlements = SettlementRows(connection, clock)
        self.transactions: Transactions = TransactionRows(connection)
        self.identifiers: Identifiers = IdentifierRows(connection)
        self.sign_ins: SignIns = SignInRows(connection)
        self.cases: Cases = CaseRows(connection, clock)
        self.suspects: Suspects = SuspectRows(connection)
        self.webhooks: Webhooks = WebhookRows(connection, clock)
        self.switches: Switches = SwitchRows(connection)
        self.pledges: Pledges = PledgeRows(connection)
        self.calldata: CalldataSignatures = CalldataSignatureRows(connection)
        self.allowlists: Allowlists = AllowlistRows(connection)
        self.transfers: Transfers = TransferRows(connection)
        self.reputation: Reputation = ReputationRows(connection)
        self.merchant_orders: MerchantOrders = MerchantOrderRows(connection)
        self.api_nonces: ApiNonces = ApiNonceRows(connection)
        self.fee_book: FeeBook = FeeRows(connection, clock)
        self.upstreams: Upstreams = UpstreamRows(connection)
        self.merchants: Merchants = MerchantRows(connection, clock)
        self.members: Members = MemberRows(connection, clock)
        self.sessions: Sessions = SessionRows(connection)
        self.traces: OrderTraces = TraceRows(connection)
        self.buyer_keys: BuyerKeys = BuyerKeyRows(connection)


class SqlDatabase:
    """Implements ports.Database on SQLite or PostgreSQL, chosen by URL."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._clock = clock
        self._writer, self._reader, self._surveyor = _opened(url)

    @asynccontextmanager
    async def begin(self, name: str) -> AsyncIterator[UnitOfWork]:
        """`name` is only a label here; see ports.Database."""
        with _reaching():
            async with self._writer.begin() as connection:
                yield SqlUnitOfWork(connection, self._clock)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[UnitOfWork]:
        with _reaching():
            async with self._reader.connect() as connection:
                yield SqlUnitOfWork(connection, self._clock)

    @asynccontextmanager
    async def survey(self) -> AsyncIterator[UnitOfWork]:
        with _reaching():
            async with self._surveyor.connect() as connection:
                yield SqlUnitOfWork(connection, self._clock)

    @asynccontextmanager
    async def view(self) -> AsyncIterator[AsyncConnection]:
        """A reading connection for listings and pages, which select what they show."""
        with _reaching():
            async with self._surveyor.connect() as connection:
                yield connection

    @asynccontextmanager
    async def change(self) -> AsyncIterator[Statements]:
        """A writing connection for set-up, committed at the end of the block."""
        async with self._writer.begin() as connection:
            yield connection

    async def missing_tables(self) -> list[str]:
        """Tables that this version needs and the database has not; there are some before a migration."""
        async with self.view() as connection:
            there = await connection.run_sync(lambda found: set(inspect(found).get_table_names()))
        return sorted(set(metadata.tables) - there)

    async def close(self) -> None:
        await self._writer.dispose()
        await self._reader.dispose()
        await self._surveyor.dispose()


@contextmanager
def _reaching() -> Iterator[None]:
    """Turn a database that is away, or too busy, into our own error: then nobody takes it for an answer."""
    try:
        yield
    except (OSError, PoolTimeout, asyncpg.PostgresError, asyncpg.InterfaceError, DBAPIError, sqlite3.Error) as error:
        away = not isinstance(error, DBAPIError) or error.connection_invalidated or _is_full(error)
        if not away and not isinstance(error, OperationalError | InterfaceError):
            raise
        log.warning("the database did not answer: %s", type(error).__name__)
        raise DatabaseUnavailable(f"the database did not answer: {type(error).__name__}") from error


def _is_full(error: DBAPIError) -> bool:
    """Whether PostgreSQL lacks what it needs for one more: connections, memory, disk (its class 53)."""
    return str(getattr(error.orig, "sqlstate", "") or "").startswith("53")


def async_url(url: str) -> str:
    """The URL with the asynchronous driver that belongs to its dialect."""
    parsed = make_url(url)
    driver = DRIVERS.get(parsed.drivername.partition("+")[0])
    if driver is None:
        raise ConfigurationError(f"PADDOCK_DATABASE_URL: {parsed.drivername} is neither sqlite nor postgresql")
    return parsed.set(drivername=driver).render_as_string(hide_password=False)


def _opened(url: str) -> tuple[AsyncEngine | NearSqlite, AsyncEngine | NearSqlite, AsyncEngine]:
    """For writing, for reading few rows, and for reading many."""
    target = make_url(async_url(url))
    if target.drivername.startswith("sqlite"):
        near = NearSqlite(target)
        return near, near, far_engine(target)
    return opened_postgres(target)
