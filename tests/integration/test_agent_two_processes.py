"""A12: many purchases over two processes under one cap; the cap holds, and so do the holds after kill -9."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fakes.seller import NETWORK, ORIGIN, TOKEN, World

ROOT = Path(__file__).resolve().parents[2]
CHILD = """
import asyncio, os, signal, sys
from pathlib import Path
import httpx
from tests.fakes.seller import ORIGIN, World

home, name, kill_at = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
world = World(home, per_task="0.50", per_day="1000")
honest = world.signer.sign_transfer

def sign(domain, transfer):
    if len(world.signer.signed) + 1 == kill_at:
        os.kill(os.getpid(), signal.SIGKILL)
    return honest(domain, transfer)

world.signer.sign_transfer = sign

async def buy(task):
    async with httpx.AsyncClient(transport=world.seller.transport, auth=world.buyer.auth(task)) as client:
        calls = (client.get(f"{ORIGIN}/v1/echo?n={name}{n}&task={task}") for n in range(25))
        await asyncio.gather(*calls)

print("ready", flush=True)
for line in sys.stdin:
    world.signer.signed.clear()
    asyncio.run(buy(line.strip()))
    print(len(world.signer.signed), flush=True)
"""
ROUNDS = 100


@contextmanager
def started(home: Path, name: str, kill_at: int = 0) -> "Iterator[subprocess.Popen[str]]":
    """A process that buys 25 times at once for each task that it is told."""
    command = [sys.executable, "-c", CHILD, str(home), name, str(kill_at)]
    child = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        yield child
    finally:
        child.kill()
        child.communicate()


def together(task: str, *children: "subprocess.Popen[str]") -> list[int]:
    """How many signatures each made for a task that all buy for at the same time; none from one that died."""
    for child in children:
        assert child.stdin is not None
        child.stdin.write(f"{task}\n")
        child.stdin.flush()
    told = [child.stdout.readline() for child in children if child.stdout is not None]
    return [int(line) for line in told if line]


@pytest.mark.timeout(600)
def test_a12_fifty_purchases_over_two_processes_under_a_cap_for_ten_make_ten_signatures(tmp_path: Path) -> None:
    with started(tmp_path, "a") as first, started(tmp_path, "b") as second:
        shares = [together(f"round-{number}", first, second) for number in range(ROUNDS)]
    assert [sum(share) for share in shares] == [10] * ROUNDS
    assert {share[0] for share in shares} - {0, 10}, "both processes were at it"
    world = World(tmp_path, per_task="0.50", per_day="1000")
    for number in range(ROUNDS):
        assert world.buyer.budgets(NETWORK, TOKEN, f"round-{number}")["limits.per_task"].spent == 500_000
    assert world.buyer.buy(f"{ORIGIN}/v1/echo?n=last", task="round-0").rule == "limits.per_task"
    assert world.signer.signed == []


def test_a12_a_process_killed_while_reserved_leaves_its_hold(tmp_path: Path) -> None:
    with started(tmp_path, "a", kill_at=3) as killed:
        assert together("shared", killed) == []
        assert killed.wait(30) == -9
    world = World(tmp_path, per_task="0.50", per_day="1000")
    assert world.buyer.budgets(NETWORK, TOKEN, "shared")["limits.per_task"].spent == 150_000
    with started(tmp_path, "b") as survivor:
        assert together("shared", survivor) == [7]
