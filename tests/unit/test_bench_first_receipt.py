"""P11 ends with the first receipt in which nothing is wrong, and with everything that the demo started."""

import sqlite3
import subprocess
import sys

import pytest

from scripts.bench import first_receipt
from scripts.bench.errors import BenchFailed


@pytest.fixture
def store(tmp_path, monkeypatch):
    """The agent's store in the copy, still empty."""
    monkeypatch.setattr(first_receipt, "COPY", tmp_path)
    monkeypatch.setattr(first_receipt, "LOG", tmp_path / "demo.log")
    monkeypatch.setattr(first_receipt, "CACHE", tmp_path / "var" / "cache")
    monkeypatch.setattr(first_receipt, "TOP", tmp_path / "top")
    path = tmp_path / "var" / "demo" / "agent" / "agent.db"
    path.parent.mkdir(parents=True)
    return path


def keep(store, settlement, findings):
    connection = sqlite3.connect(store)
    with connection:
        connection.execute("CREATE TABLE IF NOT EXISTS receipts (settlement BLOB, findings BLOB)")
        connection.execute("INSERT INTO receipts VALUES (?, ?)", (settlement, findings))
    connection.close()


def test_a_receipt_counts_when_it_is_of_a_settlement_and_nothing_is_wrong_with_it(store):
    assert first_receipt.receipts() == 0
    keep(store, None, b"[]")
    keep(store, b"{}", b'["the answer is another one"]')
    assert first_receipt.receipts() == 0
    keep(store, b"{}", b"[]")
    assert first_receipt.receipts() == 1


def program(text):
    return lambda: subprocess.Popen([sys.executable, "-c", text], start_new_session=True)


async def test_the_demo_is_ended_at_its_first_receipt_and_the_next_one_starts_without_it(store, monkeypatch):
    keep(store, b"{}", b"[]")
    started = []

    def start():
        started.append(program("import time; time.sleep(600)")())
        return started[0]

    monkeypatch.setattr(first_receipt, "start", start)
    assert await first_receipt.demo() > 0
    assert started[0].poll() is not None
    assert not store.exists()


async def test_a_demo_that_ends_without_a_receipt_is_no_figure(store, monkeypatch):
    monkeypatch.setattr(first_receipt, "start", program("raise SystemExit(3)"))
    with pytest.raises(BenchFailed, match="ended with status 3"):
        await first_receipt.demo()


async def test_cold_is_without_and_warm_with_what_was_built_before(store, monkeypatch):
    built = []

    async def demo():
        built.append((first_receipt.COPY / "var" / "cache").exists())
        (first_receipt.COPY / "var" / "cache").mkdir(parents=True, exist_ok=True)
        return 1.0

    def fresh():
        (first_receipt.COPY / "var" / "cache").rmdir()

    monkeypatch.setattr(first_receipt, "demo", demo)
    monkeypatch.setattr(first_receipt, "fresh", fresh)
    await first_receipt.WARM.measure(None)
    await first_receipt.COLD.measure(None)
    assert built == [False, True, False], "warm: one demo before it; cold: none"


def test_the_copy_has_the_checkouts_files_and_nothing_that_was_made_of_them(store, monkeypatch, tmp_path):
    top = tmp_path / "top"
    for name in ("Makefile", "var/cache/a.json", "scripts/__pycache__/a.pyc", ".venv/bin/python", "node_modules/a.js",
                 "deployments/31337.json", "deployments/README.md"):  # fmt: skip
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).touch()
    monkeypatch.setattr(first_receipt, "TOP", top)
    monkeypatch.setattr(first_receipt, "COPY", tmp_path / "copy")
    first_receipt.fresh()
    files = {path.relative_to(tmp_path / "copy").as_posix() for path in (tmp_path / "copy").rglob("*")}
    assert files == {"Makefile", "scripts", "deployments", "deployments/README.md", ".venv", "node_modules"}
    assert (tmp_path / "copy" / ".venv").resolve() == (top / ".venv").resolve()


async def test_the_demo_that_warms_up_compiles_nothing_that_the_bench_has_compiled(store, monkeypatch):
    compiled = first_receipt.TOP / "var" / "cache"
    compiled.mkdir(parents=True)
    (compiled / "contract.json").touch()
    found = []

    async def demo():
        found.append((first_receipt.CACHE / "contract.json").exists())
        return 1.0

    monkeypatch.setattr(first_receipt, "demo", demo)
    await first_receipt.WARM.measure(None)
    assert found == [True, True]
