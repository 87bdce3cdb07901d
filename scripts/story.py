"""The story of the demo: an agent buys, is refused, asks a person, and gets its money back."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from agent import Buyer, Outcome, Settings
from protocol.amounts import display
from scripts.accounts import account
from scripts.agent_cli import run_agent

POLICY = """
networks = ["{network}"]

[limits]
per_call = "5.00"
per_task = "15.00"
per_day = "50.00"

[approval]
above = "2.00"
approver = "{approver}"

[[assets]]
network = "{network}"
address = "{asset[address]}"
name = "{asset[name]}"
version = "{asset[version]}"
decimals = {asset[decimals]}
symbol = "{asset[symbol]}"

[[merchants]]
origin = "{server}"
inside = true
routes = ["/v1/*"]
modes = ["DIRECT", "DELEGATE"]
pay_to = ["{merchant}", "{delegate}"]
callbacks = [{callbacks}]
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the story plays. `home` is the agent's folder; the approver's key lies beside it, not in it."""

    server: str
    rpc: str
    deployments: Path
    home: Path

    def deployed(self) -> dict[str, Any]:
        """The deployments file."""
        content: dict[str, Any] = json.loads(self.deployments.read_text())
        return content


@dataclass(frozen=True, slots=True)
class Step:
    """One purchase, and how it should end: `expected` is delivered, refused or refunded."""

    name: str
    service: str
    expected: str
    told: str
    method: str = "GET"
    params: Mapping[str, str] | None = None
    json: Mapping[str, str] | None = None
    again: bool = False


@dataclass(slots=True)
class Told:
    """A step and what came of it. `approved` when a person's command was needed; `signed` counts signatures."""

    step: Step
    outcome: Outcome
    approved: bool = False
    signed: int = 0
    mode: str = ""
    verified: bool = False
    wrong: list[str] = field(default_factory=list)
    anchor: str | None = None


def steps(place: Place) -> tuple[Step, ...]:
    """What the agent does, in order."""
    contracts = place.deployed()["contracts"]
    risky = {"address": contracts["AccessPass"]["address"]}
    return (
        Step("signal", "market-signal", "delivered", "a market signal, from a series that the marketplace holds",
             params={"symbol": "DEMO-TREND", "window": "20"}),
        Step("search", "doc-search", "delivered", "a search in the marketplace's own documentation",
             params={"q": "refund callback"}),
        Step("wallet", "wallet-report", "delivered", "a report on the agent's own wallet, read from the chain",
             params={"address": account("buyer").address}),
        Step("scan", "contract-risk", "delivered", "a risk scan of the contract that it is about to pay through",
             method="POST", json=risky),
        Step("pass", "access-pass", "delivered", "an access pass: the payment itself calls the contract that mints it",
             method="POST", json={}),
        Step("dear", "market-history", "refused", "a data set that costs more than one call may cost",
             params={"symbol": "DEMO-TREND"}),
        Step("launch", "launch-pass", "delivered", "the only launch pass: dear enough that a person must agree",
             method="POST", json={}),
        Step("late", "launch-pass", "refunded", "a second launch pass: paid, but the contract is sold out",
             method="POST", json={}, again=True),
    )  # fmt: skip


class Signatures:
    """The agent's signer, counted: a refusal must leave the count where it was."""

    def __init__(self, inner: Any) -> None:
        self._inner, self.count = inner, 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not callable(found) or not name.startswith("sign"):
            return found

        def counted(*values: Any, **named: Any) -> Any:
            self.count += 1
            return found(*values, **named)

        return counted


def open_buyer(place: Place) -> tuple[Buyer, Signatures]:
    """The bundled agent with a policy for this place, and its counted signer."""
    deployed = place.deployed()
    contracts = deployed["contracts"]
    policy = POLICY.format(
        network=f"eip155:{deployed['chain_id']}",
        asset=deployed["assets"][0],
        server=place.server,
        approver=account("approver").address,
        merchant=account("merchant").address,
        delegate=account("delegate").address,
        callbacks=", ".join(f'"{contracts[name]["address"]}"' for name in ("AccessPass", "LaunchPass")),
    )
    place.home.mkdir(parents=True, exist_ok=True)
    (place.home / "policy.toml").write_text(policy.lstrip())
    settings = Settings(
        home=place.home, rpc=place.rpc, seller=place.server, finality="latest", key="0x" + account("buyer").key.hex()
    )
    plain = Buyer(settings)
    signatures = Signatures(plain.signer)
    plain.close()
    return Buyer(settings, signer=signatures), signatures


def show_market(console: Console, buyer: Buyer, place: Place) -> None:
    """What the agent finds before it asks any price."""
    asset = place.deployed()["assets"][0]
    table = Table("service", "kind", "mode", "price", "for one", box=None, header_style="bold", pad_edge=False)
    for offer in buyer.market.discover(place.server, ""):
        price = f"{display(offer.terms.amount, asset['decimals'])} {asset['symbol']}"
        table.add_row(offer.title, offer.kind, offer.terms.mode, price, offer.unit)
    console.print(table)


def tell(console: Console, buyer: Buyer, signatures: Signatures, place: Place, step: Step) -> Told:
    """Make one purchase and tell it stage by stage."""
    url = f"{place.server}/v1/{step.service}"
    console.print(f"\n[bold]{step.name}[/]  {step.told}")
    terms = buyer_sees(console, url, step, place)
    before = signatures.count
    outcome = buyer.buy(
        url, step.method, params=step.params, json=step.json, task="demo", again=step.again
    )  # fmt: skip
    approved = outcome.status == "waiting"
    if approved and outcome.purchase_id:
        console.print(f"  3 policy    [yellow]ask a person[/]: {outcome.detail or outcome.rule}")
        approve(console, place, outcome.purchase_id)
        outcome = buyer.resume(outcome.purchase_id)[0]
    told = Told(step, outcome, approved, signatures.count - before, terms["extra"]["mode"])
    show_outcome(console, told, place)
    return told


def buyer_sees(console: Console, url: str, step: Step, place: Place) -> dict[str, Any]:
    """The terms of an unpaid request, shown as stage 2; the agent asks again by itself."""
    asked = httpx.request(step.method, url, params=step.params, json=step.json, timeout=20)
    terms: dict[str, Any] = json.loads(base64.b64decode(asked.headers["payment-required"]))["accepts"][0]
    asset = place.deployed()["assets"][0]
    price = f"{display(int(terms['amount']), asset['decimals'])} {asset['symbol']}"
    console.print(f"  1 request   {step.method} /v1/{step.service}")
    console.print(
        f"  2 terms     402: {price} on {terms['network']} to {short(terms['payTo'])}, {terms['extra']['mode']}, "
        f"quote {terms['extra']['quoteId'][:8]}…"
    )
    return terms


def approve(console: Console, place: Place, purchase: str) -> None:
    """A person's command, in a process of its own: only there is the approver's key."""
    key = place.home.parent / "approver.key"
    key.write_text("0x" + account("approver").key.hex())
    key.chmod(0o600)
    console.print(f"  a person    $ paddock-agent approvals approve {purchase} --key-file {key.name}")
    approving = run_agent(place.home, place.rpc, "approvals", "approve", purchase, "--key-file", str(key))
    approving.check_returncode()


def show_outcome(console: Console, told: Told, place: Place) -> None:
    """Stages 3 to 6, as far as the purchase came."""
    outcome = told.outcome
    if outcome.status == "refused":
        console.print(f"  3 policy    [red]refused[/] by rule {outcome.rule}: {outcome.detail}")
        console.print(f"  4 sign      nothing was signed ({told.signed} signatures)")
        return
    console.print(f"  3 policy    [green]allowed[/] by rule {outcome.rule}")
    console.print(f"  4 sign      EIP-3009 authorization, {told.signed} signature, bounded to this amount and payee")
    console.print(f"  5 pay       settled in {short(outcome.settlement)}")
    if outcome.callback:
        console.print(f"    callback  the payment called the contract in {short(outcome.callback)}")
    if outcome.status == "refunded":
        console.print(f"  6 refund    [yellow]the callback failed; the money came back in {short(outcome.refund)}[/]")
        return
    colour = "green" if outcome.status == "delivered" else "red"
    console.print(f"  6 receive   [{colour}]{outcome.status}[/]: {len(outcome.body)} bytes, proof {outcome.proof}")
    console.print(f"    answer    {excerpt(outcome.body)}", style="dim", highlight=False)


def short(value: str | None) -> str:
    """A hash or address, shortened in the middle."""
    return f"{value[:10]}…{value[-6:]}" if value else "–"


def excerpt(body: bytes, width: int = 96) -> str:
    """The beginning of an answer, on one line."""
    text = " ".join(body.decode("utf-8", "replace").split())
    return text if len(text) <= width else text[: width - 1] + "…"
