"""P10C counts the processor time of everything that works for a side, and only payments that arrived."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from scripts.bench import processes
from scripts.bench.errors import BenchFailed
from scripts.bench.figure import Market, Side

TOKEN = "0x" + "aa" * 20
MARKET = Market("http://127.0.0.1:1", "eip155:31337", TOKEN, "USDC", "2", 5000, TOKEN, TOKEN)
SIDE = Side("paddock", "two servers", 1, (11, 12, 13), MARKET, quotes=True, receipts=True, more=(2,), beside=(21,))


@pytest.fixture
def market(monkeypatch):
    """Each buyer's purchases move their money and take 10 ms of processor time for each."""
    made = SimpleNamespace(held={}, ports=[], moved=0, worked=0.0, each=5000, asked=[])

    async def opened(port):
        made.ports.append(port)
        return SimpleNamespace(close=lambda: None)

    async def buying(_side, _caller, count):
        made.moved += count * made.each
        made.worked += count * 0.010

    def worked(pids):
        made.asked.append(tuple(pids))
        return made.worked

    monkeypatch.setattr(processes.Caller, "open", opened)
    monkeypatch.setattr(processes, "buying", buying)
    monkeypatch.setattr(processes, "worked", worked)
    monkeypatch.setattr(processes, "balance", lambda rpc, asset, address: made.moved)
    monkeypatch.setattr(processes.machine, "require_holder", lambda pid, port: made.held.update({pid: port}))
    return made


async def test_the_value_is_the_time_of_each_payment_after_the_warm_up(market):
    assert await processes.measure(SIDE) == pytest.approx(10.0)
    assert market.asked == [(11, 12, 13, 21)] * 2, "servers, worker and database"
    assert market.held == {11: 1, 12: 2}
    assert market.ports.count(1) == market.ports.count(2) == processes.BUYERS / 2


async def test_payments_whose_money_did_not_move_are_no_figure(market):
    market.each = 4999
    with pytest.raises(BenchFailed, match="answered 224 payments, and 1119776 atomic units moved"):
        await processes.measure(SIDE)


def test_the_time_of_children_counts_after_their_end_too():
    before = processes.worked([os.getpid()])
    spent = subprocess.run(
        [sys.executable, "-c", "import time\nwhile time.process_time() < 0.5: pass\nprint(time.process_time())"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert processes.worked([os.getpid()]) - before >= float(spent.stdout) - 0.05


def test_the_time_of_a_child_that_ends_meanwhile_is_its_parents(monkeypatch):
    class Parent:
        taken = 5.0

        def __init__(self, pid):
            pass

        def children(self, recursive):
            return [SimpleNamespace(cpu_times=self.ends)]

        def ends(self):
            Parent.taken += 2.0
            raise processes.psutil.NoSuchProcess(1)

        def cpu_times(self):
            return (self.taken, 0.0, 0.0, 0.0, 99.0)

    monkeypatch.setattr(processes.psutil, "Process", Parent)
    assert processes.worked([1]) == 7.0
