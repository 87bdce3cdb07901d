"""What each command of `paddock-agent` does; every one returns an exit status."""

import math
import os
import sys
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec
from eth_account.signers.local import LocalAccount
from rich.console import Console

from agent import approvals, receipts, report, shopping, transfer_terms, transfers
from agent.buyer import Buyer
from agent.chain import Chain
from agent.clock import SystemClock
from agent.disclosure import MODE as DISCLOSURE
from agent.drafting import draft
from agent.errors import AgentError, ApprovalError, PolicyError, SellerUnavailable, SettingsError
from agent.exporting import exported, receipt_json
from agent.market import Market, Offer
from agent.models import Proof
from agent.outcome import Outcome, outcome_of
from agent.policy_file import PolicyFile
from agent.printing import (
    money,
    offers_table,
    outcomes_table,
    plain,
    show_approval,
    show_outcome,
    show_transfer,
    spending_table,
)
from agent.proofs import Proofs
from agent.settings import Settings, read_stack
from agent.sheets import receipts_sheet, spending_rows, spending_sheet
from agent.store import Store, purchase
from agent.waiting import Patience
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
        shell.out.print(offers_table(offers, seller, shell.policy()))
    return 0


def fetch(shell: Shell, args: Namespace) -> int:
    """Like curl: the answer on stdout, one line about the payment on stderr."""
    buyer = Buyer.from_settings(shell.settings, patience(shell, args))
    body = body_of(args)
    method = args.method or ("GET" if body is None else "POST")
    outcome = buyer.buy(args.url, method, json=body, task=args.task, again=args.again)
    return deliver(shell, buyer, outcome)


def buy(shell: Shell, args: Namespace) -> int:
    """Find what a query describes, compare by price and standing, and buy the best offer that the policy allows."""
    buyer = Buyer.from_settings(shell.settings, patience(shell, args))
    found = shopping.discovered(buyer, [args.seller or shell.settings.seller], args.query)
    offers = shopping.allowed(buyer, found, args.task)
    if not offers:
        raise AgentError(f"no offer for {args.query!r} is allowed", "see: paddock-agent policy test")
    shell.err.print(offers_table(offers, args.seller or shell.settings.seller, buyer.policy.file))
    given = offers[0].example if args.data is None else body_of(args)
    outcome = shopping.take(buyer, offers[0], given, args.task, again=args.again)
    return deliver(shell, buyer, outcome)


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


def approver_account(key_file: Path | None) -> LocalAccount:
    """The person's key, from that person's file or shell. Raises ApprovalError where none is given, and WalletError."""
    given = os.environ.get(APPROVER_KEY)
    if key_file is not None:
        return account_in(key_file, os.environ.get(APPROVER_PASSWORD))
    if given is None:
        raise ApprovalError("approving takes the approver's key", f"give --key-file, or set {APPROVER_KEY}")
    return account_of(given)


def approve(shell: Shell, args: Namespace) -> int:
    """Sign for one purchase, as the person."""
    account = approver_account(args.key_file)
    with shell.store().begin() as connection:
        asked = approvals.approve(connection, args.id, account, SystemClock().now())
    terms = asked.terms
    price = money(int(terms.amount), terms.network, terms.asset, shell.policy())
    shell.out.print(f"approved: {price} for {plain(terms.method)} {plain(terms.url)}, once", soft_wrap=True)
    then = (
        "repeat the call"
        if terms.mode in (DISCLOSURE, transfer_terms.MODE)
        else f"go on with: paddock-agent resume {asked.id}"
    )
    shell.out.print(then, soft_wrap=True)
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
    shell.out.out(_json(receipt_json(kept, outcome)), highlight=False)
    return 0


def export_receipts(shell: Shell, args: Namespace) -> int:
    """All receipts, for others to read: without what is personal in the words of buyer and seller."""
    with shell.store().begin() as connection:
        found = exported(connection)
    text = receipts_sheet(found, shell.policy()) if args.csv else _json(found) + "\n"
    shell.out.out(text, highlight=False, end="")
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
    if args.csv:
        shell.out.out(spending_sheet(lines, shell.policy()), highlight=False, end="")
    elif args.json:
        shell.out.out(_json(spending_rows(lines, shell.policy())), highlight=False)
    else:
        shell.out.print(spending_table(args.by, lines, shell.policy()))
    return 0


def resume(shell: Shell, args: Namespace) -> int:
    """Go on with what has not ended; the answer of a single purchase is printed."""
    buyer = Buyer.from_settings(shell.settings)
    outcomes = buyer.resume(args.id)
    if args.id is not None:
        return deliver(shell, buyer, outcomes[0])
    for outcome in outcomes:
        show_outcome(shell.out, outcome, buyer.policy.file)
    moved = transfers.follow_all(buyer.store, buyer.chain)
    for one in moved:
        show_transfer(shell.out, one, buyer.policy.file)
    shell.out.print(f"looked at {len(outcomes) + len(moved)}")
    return 0


def deliver(shell: Shell, buyer: Buyer, outcome: Outcome) -> int:
    """The answer on stdout, one line about the payment on stderr, and its exit status."""
    if outcome.body:
        sys.stdout.buffer.write(outcome.body + (b"" if outcome.body.endswith(b"\n") else b"\n"))
        sys.stdout.buffer.flush()
    show_outcome(shell.err, outcome, buyer.policy.file)
    return UNPROVEN if outcome.proof == Proof.MISMATCH else STATUSES[outcome.status]


def patience(shell: Shell, args: Namespace) -> Patience | None:
    """What `--wait` says; None without it."""
    if args.wait is None:
        return None
    policy = shell.policy()
    seconds = None if math.isinf(args.wait) else args.wait
    return Patience(seconds, lambda outcome: show_outcome(shell.err, outcome, policy))


def body_of(args: Namespace) -> Any:
    """The input that was given with -d; None without one. Raises AgentError where it is not JSON."""
    if args.data is None:
        return None
    try:
        return msgspec.json.decode(args.data)
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


def _json(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
