"""What each command of `paddock-agent` does; every one returns an exit status."""

import os
import sys
from argparse import Namespace
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec
from rich.console import Console

from agent import approvals, choice, receipts, report
from agent.buyer import Buyer
from agent.chain import Chain
from agent.clock import SystemClock
from agent.decisions import Verdict
from agent.drafting import draft
from agent.errors import AgentError, ApprovalError, PolicyError, SellerUnavailable, SettingsError
from agent.market import Market, Offer
from agent.models import Proof
from agent.outcome import Outcome, outcome_of
from agent.policy import Facts
from agent.policy_file import PolicyFile
from agent.printing import (
    money,
    offers_table,
    outcomes_table,
    plain,
    show_approval,
    show_outcome,
    spending_table,
)
from agent.proofs import Proofs
from agent.settings import Settings, read_stack
from agent.store import Store, purchase
from agent.wallet import account_in, account_of

STATUSES = {"delivered": 0, "failed": 1, "refused": 3, "waiting": 4, "in_doubt": 5, "refunded": 6}
UNPROVEN = 7
APPROVER_KEY = "PADDOCK_APPROVER_KEY"
APPROVER_PASSWORD = "PADDOCK_APPROVER_PASSWORD"


@dataclass(frozen=True, slots=True)
class Shell:
    """What a command works with: bought bytes and tables go to `out`, words about payments to `err`."""

    settings: Settings
    out: Console
    err: Console

    def store(self) -> Store:
        return Store(self.settings.database)

    def client(self) -> httpx.Client:
        return httpx.Client(timeout=self.settings.timeout, follow_redirects=False)

    def chain(self, client: httpx.Client) -> Chain:
        return Chain(client, self.settings.rpc, self.settings.finality)

    def policy(self) -> PolicyFile | None:
        """The policy, for showing amounts; commands that only read do without one."""
        try:
            return self.settings.load_policy()
        except PolicyError:
            return None


def init(shell: Shell, args: Namespace) -> int:
    """Write a policy that allows what the seller offers now, for a person to read and mend."""
    path = shell.settings.policy_path
    if path.exists() and not args.force:
        raise SettingsError(f"{path} exists already", "edit it, or write it anew with --force")
    seller = args.seller or shell.settings.seller
    stack = read_stack(Path(os.environ.get("PADDOCK_AGENT_STACK", "var/stack.json")))
    approver = args.approver or stack.get("accounts", {}).get("approver", {}).get("address", "")
    client = shell.client()
    try:
        offers = Market(client, shell.store(), SystemClock()).discover(seller)
    except SellerUnavailable as error:
        offers = []
        shell.err.print(f"[yellow]{plain(error)}: the policy allows nothing yet[/]")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.write_text(draft(seller, offers, shell.chain(client), approver, stack), encoding="utf-8")
    words = f"wrote {plain(path)}: it allows {len(offers)} offers of {plain(seller)}. Read it before you buy."
    shell.out.print(words, soft_wrap=True)
    return 0


def discover(shell: Shell, args: Namespace) -> int:
    """List what is on sale, cheapest first."""
    seller = args.seller or shell.settings.seller
    offers = Market(shell.client(), shell.store(), SystemClock()).discover(seller, args.query or "")
    if args.json:
        shell.out.out(_json([_offer_json(offer) for offer in offers]), highlight=False)
    else:
        shell.out.print(offers_table(offers, shell.policy()))
    return 0


def fetch(shell: Shell, args: Namespace) -> int:
    """Like curl: the answer on stdout, one line about the payment on stderr."""
    buyer = Buyer.from_settings(shell.settings)
    body = None if args.data is None else _data(args.data)
    method = args.method or ("GET" if body is None else "POST")
    outcome = buyer.buy(args.url, method, json=body, task=args.task, again=args.again)
    return _deliver(shell, buyer, outcome)


def buy(shell: Shell, args: Namespace) -> int:
    """Find what a query describes, compare by price and standing, and buy the best offer that the policy allows."""
    buyer = Buyer.from_settings(shell.settings)
    offers = buyer.market.discover(args.seller or shell.settings.seller, args.query)
    facts = Facts(now=buyer.clock.now(), payer=buyer.signer.address)
    allowed = [one for one in offers if buyer.policy.decide(one.terms, facts).verdict is not Verdict.DENY]
    if not allowed:
        raise AgentError(f"none of {len(offers)} offers for {args.query!r} is allowed", "see: paddock-agent discover")
    shell.err.print(offers_table(allowed, buyer.policy.file))
    best = choice.best(allowed, lambda one: _price(buyer, one))
    given = best.example if args.data is None else _data(args.data)
    if best.method == "GET":
        outcome = buyer.buy(best.url, params=given, task=args.task, again=args.again)
    else:
        outcome = buyer.buy(best.url, best.method, json=given, task=args.task, again=args.again)
    return _deliver(shell, buyer, outcome)


def list_approvals(shell: Shell, args: Namespace) -> int:
    """Questions that wait for a person."""
    with shell.store().begin() as connection:
        found = approvals.pending(connection)
    if args.json:
        rows = [msgspec.to_builtins(one.terms) | {"id": one.id, "reason": one.reason} for one in found]
        shell.out.out(_json(rows), highlight=False)
    else:
        for one in found:
            show_approval(shell.out, one, shell.policy())
        shell.out.print(f"{len(found)} waiting")
    return 0


def approve(shell: Shell, args: Namespace) -> int:
    """Sign for one purchase, as the person: the only command that wants the approver's key."""
    given = os.environ.get(APPROVER_KEY)
    if args.key_file is None and given is None:
        raise ApprovalError("approving takes the approver's key", f"give --key-file, or set {APPROVER_KEY}")
    account = (
        account_of(given or "")
        if args.key_file is None
        else account_in(args.key_file, os.environ.get(APPROVER_PASSWORD))
    )
    with shell.store().begin() as connection:
        asked = approvals.approve(connection, args.id, account, SystemClock().now())
    terms = asked.terms
    price = money(int(terms.amount), terms.network, terms.asset, shell.policy())
    shell.out.print(f"approved: {price} for {plain(terms.method)} {plain(terms.url)}, once", soft_wrap=True)
    shell.out.print(f"go on with: paddock-agent resume {asked.id}", soft_wrap=True)
    return 0


def deny(shell: Shell, args: Namespace) -> int:
    """Say no; it takes no key."""
    with shell.store().begin() as connection:
        asked = approvals.refuse(connection, args.id, SystemClock().now())
    shell.out.print(f"denied: {plain(asked.terms.method)} {plain(asked.terms.url)}", soft_wrap=True)
    return 0


def list_receipts(shell: Shell, args: Namespace) -> int:
    """Everything that was delivered, and how well it is proven."""
    with shell.store().begin() as connection:
        found = [outcome_of(connection, purchase(connection, one.purchase_id)) for one in receipts.kept_all(connection)]
    shell.out.print(outcomes_table(found, shell.policy()))
    return 0


def show_receipt(shell: Shell, args: Namespace) -> int:
    """One receipt with its evidence, as JSON."""
    with shell.store().begin() as connection:
        kept = receipts.kept(connection, args.id)
        outcome = outcome_of(connection, purchase(connection, kept.purchase_id))
    shell.out.out(_json(_receipt_json(kept, outcome)), highlight=False)
    return 0


def export_receipts(shell: Shell, args: Namespace) -> int:
    """All receipts as JSON: what was bought, why it was allowed, what proves it."""
    with shell.store().begin() as connection:
        found = [
            _receipt_json(kept, outcome_of(connection, purchase(connection, kept.purchase_id)))
            for kept in receipts.kept_all(connection)
        ]
    shell.out.out(_json(found), highlight=False)
    return 0


def verify_receipt(shell: Shell, args: Namespace) -> int:
    """Check one receipt again: signer, every field, and the Transfer on chain."""
    store, client, clock = shell.store(), shell.client(), SystemClock()
    with store.begin() as connection:
        bought = purchase(connection, receipts.kept(connection, args.id).purchase_id)
    bought = Proofs(store, client, shell.chain(client), clock).check(bought)
    with store.begin() as connection:
        show_outcome(shell.out, outcome_of(connection, bought), shell.policy())
    return 0 if bought.proof in (Proof.PROVEN, Proof.NO_RECEIPT) else UNPROVEN


def spending(shell: Shell, args: Namespace) -> int:
    """Spending by task, merchant or day."""
    with shell.store().begin() as connection:
        lines = report.spending(connection, args.by)
    if args.json:
        shell.out.out(_json([asdict(line) for line in lines]), highlight=False)
    else:
        shell.out.print(spending_table(args.by, lines, shell.policy()))
    return 0


def resume(shell: Shell, args: Namespace) -> int:
    """Go on with what has not ended; the answer of a single purchase is printed."""
    buyer = Buyer.from_settings(shell.settings)
    outcomes = buyer.resume(args.id)
    if args.id is not None:
        return _deliver(shell, buyer, outcomes[0])
    for outcome in outcomes:
        show_outcome(shell.out, outcome, buyer.policy.file)
    shell.out.print(f"looked at {len(outcomes)}")
    return 0


def _deliver(shell: Shell, buyer: Buyer, outcome: Outcome) -> int:
    if outcome.body:
        sys.stdout.buffer.write(outcome.body + (b"" if outcome.body.endswith(b"\n") else b"\n"))
        sys.stdout.buffer.flush()
    show_outcome(shell.err, outcome, buyer.policy.file)
    return UNPROVEN if outcome.proof == Proof.MISMATCH else STATUSES[outcome.status]


def _price(buyer: Buyer, offer: Offer) -> int:
    """Comparable between assets of different decimals; every asset of the policy is taken for the same currency."""
    asset = buyer.policy.asset(offer.terms.network, offer.terms.asset)
    return offer.terms.amount * int(10 ** (36 - (asset.decimals if asset else 0)))


def _data(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise AgentError(f"the data is not JSON: {error}", "quote it for your shell, like -d '{\"n\": 1}'") from error


def _offer_json(offer: Offer) -> dict[str, Any]:
    terms = offer.terms
    return {
        "url": offer.url,
        "method": offer.method,
        "title": offer.title,
        "unit": offer.unit,
        "mode": terms.mode,
        "network": terms.network,
        "asset": terms.asset,
        "amount": str(terms.amount),
        "payTo": terms.pay_to,
        "standing": offer.standing._asdict(),
        "example": offer.example,
        "returns": offer.returns,
    }


def _receipt_json(kept: receipts.Kept, outcome: Outcome) -> dict[str, Any]:
    return outcome.summary() | {
        "body_hash": kept.body_hash,
        "body_size": kept.body_size,
        "body_type": kept.body_type,
        "kept_at": kept.created_at.isoformat(),
        "checked_at": None if kept.checked_at is None else kept.checked_at.isoformat(),
        "findings": kept.evidence(),
        "payment_response": None if kept.settlement is None else msgspec.json.decode(kept.settlement),
    }


def _json(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
