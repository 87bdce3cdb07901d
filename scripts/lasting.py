"""The demo's last act: each receipt's anchor is awaited, and `paddock verify` checks the receipt offline."""

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from scripts.stack import TOP, shown
from scripts.story import Place, Told, short

PATIENCE = 90.0
"""Seconds for finality, the chain's turn and the anchor of all receipts."""
MERCHANT = {"Authorization": "Bearer devnet-merchant"}


def show_lasting(console: Console, place: Place, story: Sequence[Told]) -> bool:
    """Whether each delivered step's receipt is chained, anchored and good; the first in the verifier's own words."""
    published = httpx.get(f"{place.server}/.well-known/x402", timeout=20).json()
    deadline = time.monotonic() + PATIENCE
    delivered = [told for told in story if told.outcome.status == "delivered"]
    for told in delivered:
        path = place.home.parent / "receipts" / f"{told.step.name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(await_anchor(place, told, deadline), indent=1))
        done = verify(path, published)
        good = done.returncode == 0 and told.anchor is not None
        told.verified = told.verified and good
        if told is delivered[0]:
            console.print(f"  $ paddock verify {shown(path)} --signer … --contract … --publisher …")
            for line in done.stdout.splitlines():
                console.print(f"    {line}", style="dim")
        word = "[green]good[/]" if good else f"[red]{(done.stdout + done.stderr).strip()}[/]"
        console.print(f"  {told.step.name:<8} anchored in {short(told.anchor)}  {word}")
    return all(told.verified for told in delivered)


def await_anchor(place: Place, told: Told, deadline: float) -> dict[str, Any]:
    """The receipt's bundle as soon as its anchor is final; as it is when the patience is at its end."""
    url = f"{place.server}/api/orders/{told.outcome.order_id}/receipt"
    while True:
        bundle: dict[str, Any] = httpx.get(url, headers=MERCHANT, timeout=20).raise_for_status().json()
        if bundle["anchor"] or time.monotonic() > deadline:
            told.anchor = (bundle["anchor"] or {}).get("transaction")
            return bundle
        time.sleep(0.5)


def verify(path: Path, published: Mapping[str, Any]) -> "subprocess.CompletedProcess[str]":
    """`paddock verify` on a file, given nothing but what the marketplace publishes, and no network."""
    anchor = published["anchor"]
    command = [sys.executable, "-m", "server.cli", "verify", str(path), "--signer", published["receiptSigner"]]
    command += ["--contract", anchor["contract"], "--publisher", anchor["publisher"]]
    return subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=False)
