"""`make demo`: the whole loop on real parts, told on the terminal, judged by a separate checker."""

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from scripts.accounts import account
from scripts.agent_cli import run_agent
from scripts.children import StartFailed
from scripts.disputing import show_dispute
from scripts.lasting import show_lasting
from scripts.stack import TOP, VAR, Files, Stack, shown
from scripts.story import Place, Told, open_buyer, show_market, steps, tell

LEAST = {"DIRECT": 3, "DELEGATE": 2}


def play(console: Console, place: Place, result: Path) -> bool:
    """Tell the story, let the checker judge it, and write the result; the checker's word."""
    console.rule("[bold]what is on sale")
    buyer, signatures = open_buyer(place)
    try:
        show_market(console, buyer, place)
        console.rule("[bold]the agent goes shopping")
        story = [tell(console, buyer, signatures, place, step) for step in steps(place)]
        evidence = collect(place, story)
    finally:
        buyer.close()
    console.rule("[bold]a separate checker, given only the RPC and the stored receipts")
    checker_ok = judge(console, place, story, evidence)
    console.rule("[bold]proof that lasts: chained, anchored on chain, verified offline")
    ok = checker_ok and show_lasting(console, place, story) and as_told(story)
    console.rule("[bold]a case: the buyer disputes an order, the merchant decides")
    ok = show_dispute(console, place, story) and ok
    result.parent.mkdir(parents=True, exist_ok=True)
    result.write_text(json.dumps({"steps": [record(told) for told in story], "ok": ok}, indent=2) + "\n")
    return ok


def collect(place: Place, story: Sequence[Told]) -> Path:
    """The agent's stored receipts, and what it kept of purchases that have none, as one file."""
    exported = run_agent(place.home, place.rpc, "receipts", "export")
    exported.check_returncode()
    records: list[dict[str, Any]] = json.loads(exported.stdout)
    records += [told.outcome.summary() for told in story if told.outcome.status == "refunded"]
    path = place.home.parent / "evidence.json"
    path.write_text(json.dumps(records, indent=2))
    return path


def judge(console: Console, place: Place, story: Sequence[Told], evidence: Path) -> bool:
    """Run the checker as a process of its own and note its verdicts on the steps."""
    signer = httpx.get(f"{place.server}/.well-known/x402", timeout=20).json()["receiptSigner"]
    command = [sys.executable, "-m", "scripts.checker", str(evidence), "--rpc", place.rpc]
    command += ["--payer", account("buyer").address, "--signer", signer]
    done = subprocess.run(command, capture_output=True, text=True, cwd=TOP, check=False)
    if not done.stdout.startswith("["):
        console.print(f"[red]the checker failed:[/] {done.stderr}")
        return False
    verdicts = {item["purchase"]: item for item in json.loads(done.stdout)}
    for told in story:
        verdict = verdicts.get(told.outcome.purchase_id or "")
        told.verified = bool(verdict and verdict["verified"])
        told.wrong = verdict["wrong"] if verdict else []
        moved = told.outcome.status in ("delivered", "refunded")
        word = "[green]verified[/]" if told.verified else "[red]wrong[/]" if moved else "no money moved"
        console.print(f"  {told.step.name:<8} {told.outcome.status:<10} {word} {'; '.join(told.wrong)}")
    whole = verdicts["all"]
    console.print(f"  wallet   {'[green]nothing else left it[/]' if whole['verified'] else whole['wrong']}")
    return done.returncode == 0


def as_told(story: Sequence[Told]) -> bool:
    """Every step ended as it should, refusals signed nothing, and the modes were all there."""
    ended = all(told.outcome.status == told.step.expected for told in story)
    unsigned = all(told.signed == 0 for told in story if told.step.expected == "refused")
    proven = all(told.verified for told in story if told.step.expected != "refused")
    delivered = [told.mode for told in story if told.outcome.status == "delivered"]
    enough = all(delivered.count(mode) >= least for mode, least in LEAST.items())
    return ended and unsigned and proven and enough and any(told.approved for told in story)


def record(told: Told) -> dict[str, Any]:
    """One step of var/demo.json."""
    outcome = told.outcome
    return {
        "name": told.step.name,
        "service": told.step.service,
        "mode": told.mode,
        "expected": told.step.expected,
        "outcome": outcome.status,
        "order_id": outcome.order_id,
        "transaction": outcome.callback or outcome.refund or outcome.settlement,
        "receipt": outcome.receipt_id,
        "approved_by_person": told.approved,
        "signatures": told.signed,
        "anchor": told.anchor,
        "verified": told.verified,
    }


def local(console: Console, files: Files) -> bool:
    """Start the stack here, play, and stay up until Ctrl-C unless DEMO_EXIT=1."""
    console.rule("[bold]Paddock: software buys from software")
    stack = Stack(lambda text: console.print(f"  {text}"), files, detach=False)
    home, result = files.var / "demo" / "agent", files.var / "demo.json"
    for stale in home.glob("agent.db*"):
        stale.unlink()
    try:
        described = stack.start()
        place = Place(described["server"], described["rpc"], files.deployments / "31337.json", home)
        ok = play(console, place, result)
        console.rule("[bold green]everything did what it should" if ok else "[bold red]something went wrong")
        console.print(f"  told again in {shown(result)}; logs in {shown(files.logs)}/")
        if os.environ.get("DEMO_EXIT") != "1":
            stay(console, described, files)
        return ok
    finally:
        stack.stop()


def stay(console: Console, described: dict[str, Any], files: Files) -> None:
    """Leave the marketplace up until Ctrl-C."""
    console.print(f"\n  marketplace  {described['server']}")
    console_url = described["console"]
    console.print(f"  console      {console_url['url']}/enter?token={console_url['token']}")
    console.print(f"  stack        {shown(files.stack)} (addresses, devnet keys, callable service URLs)")
    console.print("  Ctrl-C ends it.\n")
    over = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: over.set())
    over.wait()


def main() -> None:
    """Without arguments the local demo; with --server the same story against a stack that is up (Compose)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", help="a running marketplace; nothing is started then")
    parser.add_argument("--rpc")
    parser.add_argument("--deployments", type=Path, default=TOP / "deployments" / "31337.json")
    parser.add_argument("--var", type=Path, default=VAR)
    given = parser.parse_args()
    console = Console(highlight=False, soft_wrap=True)
    try:
        if given.server:
            place = Place(given.server, given.rpc, given.deployments, given.var / "demo" / "agent")
            ok = play(console, place, given.var / "demo.json")
        else:
            ok = local(console, Files(given.var.resolve()))
    except StartFailed as error:
        raise SystemExit(f"\npaddock: {error}") from error
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    sys.exit(0 if ok else 1)


if __name__ == "__main__":
    main()
