"""`make tour`: one of everything on sale is bought, by the commands that anybody may type, and accounted for."""

import argparse
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from scripts.accounts import account
from scripts.agent_cli import run_agent
from scripts.checker import Chain, check_nothing_else
from scripts.children import StartFailed
from scripts.stack import VAR, Files, Stack, shown

MODELS = {
    "market-signal": "API call",
    "language-detection": "answer",
    "contract-risk": "compute task",
    "page-render": "browser session",
    "market-history": "premium document",
    "chain-watch": "workflow step",
}
"""What sells by each revenue model; an agent's tool call is bought over MCP, below."""
TOOL, TOOL_MODEL = "market-signal", "agent tool call"
LIMITS = {'per_call = "1.00"': 'per_call = "15.00"', 'per_task = "5.00"': 'per_task = "50.00"',
          'per_day = "20.00"': 'per_day = "50.00"', 'above = "0.50"': 'above = "15.00"'}  # fmt: skip
"""What `init` writes → what is enough for one of everything, without a person."""
TOOLS = """
[[merchants]]
origin = "mcp+{server}"
routes = ["/mcp/*"]
pay_to = ["{merchant}"]
"""
_DELIVERED = re.compile(r"delivered ([0-9.]+ \w+)\b.*\bproof proven\b")


@dataclass(frozen=True, slots=True)
class Stop:
    """One purchase: what is bought, and the arguments of `paddock-agent` that buy it."""

    service: dict[str, Any]
    model: str
    command: Sequence[str]


@dataclass(frozen=True, slots=True)
class Agent:
    """`paddock-agent` with a home of its own."""

    home: Path
    rpc: str
    server: str

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
        """A command, with the devnet's buyer as its wallet."""
        key = {"PADDOCK_AGENT_KEY": "0x" + account("buyer").key.hex(), "PADDOCK_AGENT_FINALITY": "latest"}
        return run_agent(self.home, self.rpc, *arguments, PADDOCK_AGENT_SELLER=self.server, **key)

    def prepare(self) -> None:
        """A policy as `init` writes it, with limits for everything. Raises StartFailed."""
        shutil.rmtree(self.home, ignore_errors=True)
        written = self.run("init")
        if written.returncode:
            raise StartFailed(written.stderr.decode())
        path = self.home / "policy.toml"
        text = path.read_text()
        for usual, enough in LIMITS.items():
            if usual not in text:
                raise StartFailed(f"`paddock-agent init` no longer writes {usual!r}: mend LIMITS in scripts/tour.py")
            text = text.replace(usual, enough)
        path.write_text(text + TOOLS.format(server=self.server, merchant=account("merchant").address))


def stops(server: str) -> list[Stop]:
    """One of everything that is listed, and one of them once more as a tool."""
    listed = httpx.get(f"{server}/api/services", timeout=20).json()
    found = []
    for one in listed:
        body = [] if one["body"] is None else ["-d", json.dumps(one["body"])]
        found.append(Stop(one, MODELS.get(one["slug"], ""), ["fetch", one["url"], *body]))
    (tool,) = (one for one in listed if one["slug"] == TOOL)
    call = ["tool", f"{server}/mcp", TOOL, "-d", json.dumps(tool["example"])]
    return [*found, Stop(tool | {"kind": "MCP server", "unit": "tool invocation"}, TOOL_MODEL, call)]


def play(console: Console, agent: Agent, result: Path) -> bool:
    """Buy, tell, and compare what was kept with what left the wallet; whether all of it is as it should be."""
    agent.prepare()
    table = Table("kind", "unit", "service", "model", "paid", "answer", box=None, pad_edge=False, header_style="bold")
    ok, all_stops = True, stops(agent.server)
    for stop in all_stops:
        console.print(f"  $ paddock-agent {shlex.join(stop.command)}", style="dim")
        bought = agent.run(*stop.command)
        told = _DELIVERED.search(bought.stderr.decode())
        if bought.returncode or told is None:
            console.print(bought.stderr.decode(), style="red", markup=False)
            ok = False
        paid, size = told[1] if told else "[red]failed[/]", f"{len(bought.stdout)} bytes"
        table.add_row(*(stop.service[name] for name in ("kind", "unit", "slug")), stop.model, paid, size)
    console.print(table)
    if absent := MODELS.keys() - {stop.service["slug"] for stop in all_stops}:
        console.print(f"\n  [yellow]not on sale on this machine: {', '.join(absent)}[/]; the server's log says why")
    return account_for(console, agent, result) and ok


def account_for(console: Console, agent: Agent, result: Path) -> bool:
    """What the agent kept, beside every Transfer that ever left its wallet."""
    records = json.loads(agent.run("receipts", "export").stdout)
    result.write_text(json.dumps(records, indent=2) + "\n")
    whole = check_nothing_else(Chain(agent.rpc), account("buyer").address, records)
    word = f"[red]{'; '.join(whole.wrong)}[/]" if whole.wrong else "and nothing else left the wallet"
    console.print(f"\n  {len(records)} receipts, {word}; they are in {shown(result)}")
    return not whole.wrong


def main() -> None:
    """Start the stack, buy, end it; status 0 if everything was delivered and proven."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--var", type=Path, default=VAR, help="keep everything there instead of in var/")
    files = Files(parser.parse_args().var.resolve())
    console = Console(highlight=False, soft_wrap=True, width=120)
    console.rule("[bold]one of everything")
    stack = Stack(lambda text: console.print(f"  {text}"), files, detach=False)
    try:
        described = stack.start()
        agent = Agent(files.var / "tour" / "agent", described["rpc"], described["server"])
        ok = play(console, agent, files.var / "tour.json")
    except StartFailed as error:
        raise SystemExit(f"\npaddock: {error}") from error
    finally:
        stack.stop()
    console.rule("[bold green]everything was delivered and proven" if ok else "[bold red]something went wrong")
    sys.exit(0 if ok else 1)


if __name__ == "__main__":
    main()
