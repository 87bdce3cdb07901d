"""P9 counts 402s from when they were due, and only while as many settlements are pending as it says."""

import asyncio
import sqlite3
from types import SimpleNamespace

import pytest

from scripts.bench import held, pending_terms
from scripts.bench.errors import BenchFailed
from scripts.bench.figure import Market, Side
from scripts.bench.wire import Answer

TOKEN = "0x" + "aa" * 20
MARKET = Market("http://127.0.0.1:1", "eip155:31337", TOKEN, "USDC", "2", 5000, TOKEN, TOKEN)


@pytest.fixture
def side(tmp_path):
    """A side with a database that has three settlements of each state."""
    path = tmp_path / "paddock.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE settlements (state TEXT)")
        states = [(state,) for state in ("queued", "sent", "settled", "failed") for _ in range(3)]
        connection.executemany("INSERT INTO settlements VALUES (?)", states)
        connection.execute("CREATE TABLE orders (id TEXT)")
        connection.execute("INSERT INTO orders VALUES ('one')")
        connection.execute("CREATE TABLE outbox (subject TEXT, done INTEGER, due TEXT)")
        connection.execute("CREATE TABLE receipt_queue (order_id TEXT)")
    connection.close()
    return Side("paddock", "Paddock", 1, (11,), MARKET, quotes=True, receipts=True, database=path)


def test_the_percentile_is_what_ninety_nine_of_a_hundred_are_at_most():
    assert pending_terms.p99([float(number) for number in range(101)]) == 99.0
    assert pending_terms.p99([1.0] * 990 + [50.0] * 10) < 2.0
    assert pending_terms.p99([1.0] * 989 + [50.0] * 11) == 50.0


class Late:
    """A connection whose first answer takes three ticks of its clock, and each other one none."""

    def __init__(self, clock, status=402):
        self.clock, self.status, self.asked = clock, status, 0

    async def ask(self, data):
        self.clock.now += 0.3 if self.asked == 0 else 0.0
        self.asked += 1
        return Answer(b"HTTP/1.1 %d X\r\n" % self.status, b"")


@pytest.fixture
def clock(monkeypatch):
    made = SimpleNamespace(now=0.0)

    async def sleep(seconds):
        made.now += seconds

    monkeypatch.setattr(pending_terms.time, "perf_counter", lambda: made.now)
    monkeypatch.setattr(pending_terms.asyncio, "sleep", sleep)
    return made


async def test_a_request_that_had_to_wait_for_the_one_before_counts_from_when_it_was_due(side, clock):
    took = await pending_terms.ask(side, Late(clock), [0.0, 0.1, 0.5])
    assert took == [pytest.approx(0.3), pytest.approx(0.2), pytest.approx(0.0)]


async def test_an_answer_that_is_no_402_is_no_figure(side, clock):
    with pytest.raises(BenchFailed, match="402 was due and 503 came"):
        await pending_terms.ask(side, Late(clock, 503), [0.0])


def test_pending_is_what_is_queued_or_sent_in_the_database(side, monkeypatch):
    monkeypatch.setattr(held, "balance", lambda rpc, asset, address: 700)
    assert held.pending(side) == 6
    assert held.require_pending(side, 700, 6) is None
    for before, count in ((700, 7), (700, 5), (695, 6)):
        with pytest.raises(BenchFailed, match="6 settlements are pending"):
            held.require_pending(side, before, count)


PAST, FUTURE = "2020-01-01 00:00:00.000000", "2999-01-01 00:00:00.000000"


@pytest.mark.parametrize(
    ("job", "count"),
    [(("one", 0, PAST), 1), (("one", 0, FUTURE), 0), (("one", 1, PAST), 0), (("books", 0, PAST), 0)],
    ids=["due", "later", "done", "of no order"],
)
def test_the_worker_is_at_work_while_jobs_of_orders_are_due(side, job, count):
    with sqlite3.connect(side.database) as connection:
        connection.execute("INSERT INTO outbox VALUES (?, ?, ?)", job)
    connection.close()
    assert held.at_work(side) == count


async def test_idle_begins_when_the_last_receipt_has_its_place(side, monkeypatch):
    connection = sqlite3.connect(side.database)
    with connection:
        connection.execute("INSERT INTO receipt_queue VALUES ('one')")
    looked = []

    async def sleep(seconds):
        looked.append(held.at_work(side))
        with connection:
            connection.execute("DELETE FROM receipt_queue")

    monkeypatch.setattr(held.asyncio, "sleep", sleep)
    await held.rested(side)
    connection.close()
    assert looked == [1]


def test_blocks_are_made_again_whatever_happened_while_there_were_none(monkeypatch):
    told = []
    monkeypatch.setattr(held, "asked", lambda node, *call: told.append(call))

    def fails():
        with held.no_blocks("node"):
            assert told == [("evm_setIntervalMining", 0)]
            raise BenchFailed("no figure")

    with pytest.raises(BenchFailed):
        fails()
    assert told[1:] == [("evm_setIntervalMining", 1), ("evm_mine",)]


def test_payers_have_their_money_at_once_and_then_blocks_come_by_the_second(side, monkeypatch):
    told = []
    monkeypatch.setattr(held, "asked", lambda node, *call: told.append(call))
    monkeypatch.setattr(held, "send", lambda side, role, to, data: told.append(role))
    assert len(held.funded(side, held.PER_PAYER + 1)) == 2
    assert told == [("evm_setAutomine", True), "deployer", "deployer", ("evm_setIntervalMining", 1)]


@pytest.fixture
def market(side, monkeypatch):
    """What the buyers do is to add a pending settlement and wait for blocks; `moved` is what the payee has then."""
    made = SimpleNamespace(blocks=asyncio.Event(), pending=0, moved=0, each=5000, most=0, begun=0)

    async def buy(_side, _payer):
        made.begun += 1
        made.most = max(made.most, made.begun - made.pending)
        await asyncio.sleep(0)
        made.pending += 1
        await made.blocks.wait()
        made.pending -= 1
        made.moved += made.each
        return 1.0

    def asked(_node, method, *_parameters):
        if method == "evm_mine":
            made.blocks.set()

    monkeypatch.setattr(held, "buy", buy)
    monkeypatch.setattr(held, "asked", asked)
    monkeypatch.setattr(held, "LOOK_EVERY", 0)
    monkeypatch.setattr(held, "funded", lambda side, count: [None] * count)
    monkeypatch.setattr(held, "pending", lambda side: made.pending)
    monkeypatch.setattr(held, "balance", lambda rpc, asset, address: made.moved)
    return made


async def test_all_are_pending_within_the_block_and_settled_after_it(side, market):
    async with held.held(side, 100):
        assert (market.pending, market.moved) == (100, 0)
    assert (market.pending, market.moved) == (0, 100 * 5000)
    assert market.most <= held.ON_THEIR_WAY + 1, "no more are on their way at once than the service takes"


async def test_purchases_whose_money_did_not_move_are_no_figure(side, market):
    market.each = 4999
    with pytest.raises(BenchFailed, match="10 payments were answered, and 49990 atomic units moved"):
        async with held.held(side, 10):
            pass


async def test_a_purchase_that_is_settled_while_no_block_is_made_is_no_figure(side, market):
    market.blocks.set()
    with pytest.raises(BenchFailed, match="settled while no block was made"):
        async with held.held(side, 10):
            pass
