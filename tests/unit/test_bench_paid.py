"""P2 counts paid requests within its time that left money and rows; M1 looks at memory after each part."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

from scripts.bench import memory, paid_rate, stubbed
from scripts.bench.errors import BenchFailed
from scripts.bench.figure import Market, Side
from scripts.bench.wire import Answer
from scripts.stack import Files

TOKEN = "0x" + "aa" * 20
MARKET = Market("http://127.0.0.1:1", "eip155:31337", TOKEN, "USDC", "2", 5000, TOKEN, TOKEN)
SIDE = Side("paddock", "Paddock", 1, (11, 12), MARKET, True, True, postgres="postgresql://nobody", beside=(21,))


@pytest.fixture
def market(monkeypatch):
    """Each of two connections' purchases are answered so many seconds after the beginning, and leave all they should.
    All takes one second, for `worked` seconds of which we are busy."""
    made = SimpleNamespace(each=[2.5, 3.5], moved=5000, rows=[1, 1, 1], sold=0, worked=0.89, left=1)

    async def opened(port):
        return SimpleNamespace(close=lambda: None)

    async def signed(side, callers):
        return ["header"] * made.left

    async def paying(side, caller, headers, until):
        began = until - paid_rate.WARM_SECONDS - paid_rate.SECONDS
        made.sold += len(made.each)
        return [began + one for one in made.each]

    async def counted(side):
        return [made.sold * one for one in made.rows]

    monkeypatch.setattr(paid_rate, "CONNECTIONS", 2)
    monkeypatch.setattr(paid_rate.Caller, "open", opened)
    monkeypatch.setattr(paid_rate, "signed", signed)
    monkeypatch.setattr(paid_rate, "paying", paying)
    monkeypatch.setattr(paid_rate, "counted", counted)
    monkeypatch.setattr(paid_rate, "balance", lambda rpc, asset, address: made.sold * made.moved)
    monkeypatch.setattr(paid_rate, "loaded", lambda side: made.worked if made.sold else 0.0)
    clock = iter([100.0, 101.0])
    monkeypatch.setattr(paid_rate, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    return made


async def test_answers_count_after_the_warm_up_and_before_the_end(market):
    market.each = [0.5, 2.5, 9.9, 10.1]
    assert await paid_rate.measure(SIDE) == 2 * 2 / paid_rate.SECONDS


async def test_a_side_that_spends_every_payment_is_measured_until_it_has(market):
    market.left, market.each = 0, [0.5, 2.5, 4.0]
    assert await paid_rate.measure(SIDE) == 2 * 2 / 2.0


async def test_payments_that_were_all_answered_while_warming_up_are_no_rate(market):
    market.left, market.each = 0, [0.5, 1.9]
    with pytest.raises(BenchFailed, match="4 payments were answered, none of them after the warm-up"):
        await paid_rate.measure(SIDE)


async def test_payments_whose_money_did_not_move_are_no_rate(market):
    market.moved = 4999
    with pytest.raises(BenchFailed, match="answered 4 payments, and 19996 atomic units moved"):
        await paid_rate.measure(SIDE)


@pytest.mark.parametrize("rows", [[0, 1, 1], [1, 0, 1], [1, 1, 0], [2, 2, 2]])
async def test_payments_without_their_rows_are_no_rate(market, rows):
    market.rows = rows
    with pytest.raises(BenchFailed, match="answered 4 payments, and its database has"):
        await paid_rate.measure(SIDE)


async def test_a_rate_is_refused_where_the_core_beside_the_sides_was_busy(market):
    market.worked = 0.91
    with pytest.raises(BenchFailed, match="were busy for 91% of the time"):
        await paid_rate.measure(SIDE)


def test_only_ourselves_and_what_is_beside_the_side_are_the_load(monkeypatch):
    asked = []
    monkeypatch.setattr(paid_rate, "worked", lambda pids: asked.append(tuple(pids)) or 3.0)
    monkeypatch.setattr(paid_rate.time, "process_time", lambda: 4.0)
    assert paid_rate.loaded(SIDE) == 7.0
    assert asked == [(21,)], "the side's own processes are children of ours"


async def test_a_side_without_a_database_has_no_rows():
    assert await paid_rate.counted(replace(SIDE, postgres=None)) == []


class Selling:
    """A connection on which each payment is answered with what was settled."""

    def __init__(self, status=200):
        self.status, self.sent = status, []

    async def ask(self, data):
        self.sent.append(data)
        return Answer(b"HTTP/1.1 %d OK\r\npayment-response: e30=\r\n" % self.status, b"")


async def test_each_payment_is_sent_once_until_all_are_spent(monkeypatch):
    monkeypatch.setattr(paid_rate.full_call, "check", lambda side, settled: None)
    headers, caller = ["a", "b", "c"], Selling()
    assert len(await paid_rate.paying(SIDE, caller, headers, float("inf"))) == 3
    assert headers == []
    assert [one.partition(b"SIGNATURE: ")[2][:1] for one in caller.sent] == [b"c", b"b", b"a"]
    with pytest.raises(BenchFailed, match="200 was due and 503 came"):
        await paid_rate.paying(SIDE, Selling(503), ["d"], float("inf"))


@pytest.fixture
def server(monkeypatch):
    """A server whose memory is a hundred bytes, and one more for each part of the work."""
    made = SimpleNamespace(size=100, moved=5000, sold=0)

    async def answered(side):
        made.size += 1

    async def bought(side):
        made.sold += memory.BUYERS * memory.EACH

    monkeypatch.setattr(memory, "answered", answered)
    monkeypatch.setattr(memory, "bought", bought)
    monkeypatch.setattr(memory, "resident", lambda side: made.size)
    monkeypatch.setattr(memory, "balance", lambda rpc, asset, address: made.sold * made.moved)
    return made


async def test_memory_after_the_last_part_is_over_that_after_the_first(server):
    assert await memory.measure(SIDE) == 110 / 101


async def test_memory_of_a_server_whose_sales_moved_no_money_is_no_figure(server):
    server.moved = 4999
    with pytest.raises(BenchFailed, match="answered 1000 payments, and 4999000 atomic units moved"):
        await memory.measure(SIDE)


def test_server_and_worker_have_the_stub_for_their_chain_and_it_has_the_devnet(monkeypatch, tmp_path):
    started = []
    monkeypatch.setattr(stubbed.OnPostgres, "_identity", lambda stack: None)
    monkeypatch.setattr(stubbed.OnStub, "_run", lambda stack, *given: started.append(given) or (lambda: None))
    files = Files(tmp_path)
    files.deployments.mkdir()
    (files.deployments / "31337.json").write_text(json.dumps({"assets": [{"address": TOKEN}, {"address": "0x"}]}))
    stack = stubbed.OnStub(lambda text: None, files, detach=False, url="postgresql://nobody")
    stack.rpc = "http://devnet"
    stack._identity()
    ((name, command, *_),) = started
    assert (name, command[-4:]) == ("stub", ["--devnet", "http://devnet", "--token", TOKEN])
    assert stack.rpc == f"http://127.0.0.1:{command[command.index('--port') + 1]}"
    assert stack._environ["PADDOCK_RPC_URL"] == stack.rpc


def test_a_database_in_memory_needs_a_folder_there(monkeypatch, tmp_path):
    monkeypatch.setattr(stubbed, "RAM", tmp_path / "none")
    with (
        pytest.raises(BenchFailed, match="none, which this machine does not have"),
        stubbed.kept_and_not(lambda text: None, None),
    ):
        pass
