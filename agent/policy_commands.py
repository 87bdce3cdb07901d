"""The commands about the policy itself, and the switch that stops everything."""

from argparse import Namespace
from collections import Counter
from dataclasses import replace

from rich.console import Console

from agent import switch
from agent.buyer import Buyer
from agent.clock import SystemClock
from agent.commands import STATUSES, Shell, body_of
from agent.decisions import Decision, Verdict
from agent.explaining import Explained
from agent.policy import Policy
from agent.printing import plain, table
from agent.replay import replay
from agent.settings import Settings

_WORDS = {Verdict.ALLOW: "would pass", Verdict.ASK: "would wait for a person", Verdict.DENY: "would be stopped"}
_COLOURS = {Verdict.ALLOW: "green", Verdict.ASK: "yellow", Verdict.DENY: "red"}


def explain(shell: Shell, args: Namespace) -> int:
    """What each rule says to each way in which a URL could be paid; nothing is signed."""
    buyer = Buyer.from_settings(_settings(shell, args))
    body = body_of(args)
    found = buyer.explain(args.url, args.method or ("GET" if body is None else "POST"), json=body, task=args.task)
    if not found:
        shell.out.print("it asks for no payment")
    for number, one in enumerate(found, 1):
        _show(shell.out, number, one, buyer.policy)
    verdicts = {one.decision.verdict for one in found}
    return STATUSES["refused"] if verdicts == {Verdict.DENY} else 0


def test(shell: Shell, args: Namespace) -> int:
    """A dry run: what the policy says now to everything that the seller offers."""
    buyer = Buyer.from_settings(_settings(shell, args))
    seller = args.seller or shell.settings.seller
    rows = table("decision", "price", "rule", "offer")
    for offer in buyer.market.discover(seller):
        decision = buyer.consider(offer.terms)
        price = buyer.policy.price(offer.terms)
        rows.add_row(_verdict(decision), plain(price), plain(decision.rule), plain(f"{offer.method} {offer.url}", 90))
    shell.out.print(rows)
    return 0


def replay_purchases(shell: Shell, args: Namespace) -> int:
    """What the policy would have said to everything that was signed; 3 when it would have stopped any of it."""
    policy = Policy(_settings(shell, args).load_policy())
    found = replay(shell.store(), policy)
    rows = table("decision", "price", "rule", "purchase", "request")
    for one in found:
        if one.decision.verdict is not Verdict.ALLOW:
            bought = one.bought
            price = policy.show(bought.signed.amount, one.terms)
            request = plain(f"{bought.method} {bought.url}", 90)
            rows.add_row(_verdict(one.decision), plain(price), plain(one.decision.rule), bought.id, request)
    shell.out.print(rows)
    counted = Counter(one.decision.verdict for one in found)
    words = ", ".join(f"{counted[verdict]} {word}" for verdict, word in _WORDS.items())
    shell.out.print(f"{len(found)} purchases: {words}")
    return STATUSES["refused"] if counted[Verdict.DENY] else 0


def stop(shell: Shell, args: Namespace) -> int:
    """The kill switch: nothing more is signed, by any process of this home."""
    with shell.store().begin() as connection:
        found = switch.stop(connection, args.reason, SystemClock().now())
    shell.out.print(f"stopped since {_stopped(found)}; go on with: paddock-agent start", soft_wrap=True)
    return 0


def start(shell: Shell, args: Namespace) -> int:
    """Sign again."""
    with shell.store().begin() as connection:
        found = switch.start(connection, SystemClock().now())
    words = "it was not stopped" if found is None else f"started again; it was stopped since {_stopped(found)}"
    shell.out.print(words, soft_wrap=True)
    return 0


def _stopped(found: switch.Stop) -> str:
    return f"{found.since:%Y-%m-%d %H:%M:%S} UTC" + (f" ({plain(found.reason)})" if found.reason else "")


def _settings(shell: Shell, args: Namespace) -> Settings:
    """With the policy that was named in the place of the usual one."""
    return replace(shell.settings, policy=args.policy, policy_text=None) if args.policy else shell.settings


def _show(out: Console, number: int, one: Explained, policy: Policy) -> None:
    """An entry of the 402, and the rules under it."""
    entry = one.entry
    price = f"{plain(entry.amount)} atomic units" if one.terms is None else plain(policy.price(one.terms))
    where = f"{plain(entry.scheme)} on {plain(entry.network)}, to {plain(entry.pay_to)}"
    out.print(f"[bold]{number}. {price}[/] by {where}", soft_wrap=True)
    for rule, minded in one.findings:
        said = "[dim]–[/]" if minded is None else f"{_verdict(minded)} {plain(minded.rule)}: {plain(minded.detail)}"
        out.print(f"   {rule:<12} {said}", soft_wrap=True, highlight=False)


def _verdict(decision: Decision) -> str:
    return f"[{_COLOURS[decision.verdict]}]{decision.verdict}[/]"
