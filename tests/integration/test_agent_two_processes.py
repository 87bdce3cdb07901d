"""A12: many purchases over two processes under one cap; the cap holds, and so do the holds after kill -9."""

import json
import subprocess
import sys
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
world = World(home, per_task="0.50")
honest = world.signer.sign_transfer

def sign(domain, transfer):
    if len(world.signer.signed) + 1 == kill_at:
        os.kill(os.getpid(), signal.SIGKILL)
    return honest(domain, transfer)

world.signer.sign_transfer = sign

async def main():
    auth = world.buyer.auth("shared")
    async with httpx.AsyncClient(transport=world.seller.transport, auth=auth) as client:
        print("ready", flush=True)
        sys.stdin.readline()
        calls = (client.get(f"{ORIGIN}/v1/echo?n={name}{n}") for n in range(25))
        await asyncio.gather(*calls)

asyncio.run(main())
print(len(world.signer.signed), flush=True)
"""


def start(home: Path, name: str, kill_at: int = 0) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", CHILD, str(home), name, str(kill_at)]
    child = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


def together(*children: "subprocess.Popen[str]") -> list[str]:
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    return [child.communicate(timeout=120)[0] for child in children]


@pytest.mark.parametrize("attempt", range(3))
def test_a12_fifty_purchases_over_two_processes_under_a_cap_for_ten_make_ten_signatures(
    tmp_path: Path, attempt: int
) -> None:
    printed = together(start(tmp_path, "a"), start(tmp_path, "b"))
    assert sum(json.loads(text) for text in printed) == 10
    world = World(tmp_path, per_task="0.50")
    assert world.buyer.spent(NETWORK, TOKEN, "shared").task == 500_000
    assert world.buyer.buy(f"{ORIGIN}/v1/echo?n=last", task="shared").rule == "limits.per_task"
    assert world.signer.signed == []


def test_a12_a_process_killed_while_reserved_leaves_its_hold(tmp_path: Path) -> None:
    killed, _ = start(tmp_path, "a", kill_at=3), None
    together(killed)
    assert killed.returncode == -9
    world = World(tmp_path, per_task="0.50")
    assert world.buyer.spent(NETWORK, TOKEN, "shared").task == 150_000
    (survivor,) = together(start(tmp_path, "b"))
    assert json.loads(survivor) == 7
