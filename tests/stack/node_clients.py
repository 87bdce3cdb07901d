"""The official JavaScript clients, unmodified: each purchase is a process of its own."""

import asyncio
import filecmp
import json
from dataclasses import dataclass
from typing import Any

from eth_account.signers.local import LocalAccount

from tests.stack.processes import ROOT

FOLDER = ROOT / "tests" / "e2e" / "clients"
V2, V1, V1_AXIOS = "buy_v2.mjs", "buy_v1.mjs", "buy_v1_axios.mjs"


@dataclass(frozen=True)
class Bought:
    """What a client made of a purchase: an answer with its settlement as the client decoded it, or why it gave up."""

    status: int = 0
    sha256: str = ""
    text: str = ""
    settlement: dict[str, Any] | None = None
    refused: str | None = None


def installed() -> bool:
    """Whether `make setup` has put the pinned clients there."""
    mark = FOLDER / "node_modules" / ".installed"
    return mark.exists() and filecmp.cmp(FOLDER / "package-lock.json", mark, shallow=False)


async def buy(script: str, account: LocalAccount, url: str, **wish: Any) -> Bought:
    """Buy with a client. Raises AssertionError when the client itself breaks down.

    `wish` may hold `method`, `body` and `rpc`; for v2 also `allowedAssets`, and `entry`: the `scheme`, `asset` and
    `transferMethod` (eip3009 or permit2) of the `accepts` entry to pay.
    """
    process = await asyncio.create_subprocess_exec(
        "node",
        script,
        cwd=FOLDER,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    asked = json.dumps({"url": url, "key": "0x" + account.key.hex().removeprefix("0x"), **wish})
    told, complaint = await asyncio.wait_for(process.communicate(asked.encode()), 90)
    assert process.returncode == 0, f"{script} ended with {process.returncode}:\n{complaint.decode()[-3000:]}"
    return Bought(**json.loads(told))
