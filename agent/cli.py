"""The command line `paddock-agent`: its grammar, and errors as words with an exit status.

Exit status: 0 done · 1 error or failed · 2 wrong usage · 3 refused by policy · 4 waiting for a person · 5 in doubt ·
6 refunded · 7 delivered, but the proof is false.
"""

import argparse
from pathlib import Path

from rich.console import Console

from agent import commands
from agent.allowance import allow_permit2
from agent.errors import AgentError, Refused
from agent.printing import show_error
from agent.reviewing import review
from agent.settings import Settings


def main(arguments: list[str] | None = None) -> int:
    """Run one command."""
    args = parser().parse_args(arguments)
    err = Console(stderr=True)
    try:
        shell = commands.Shell(Settings.from_env(), Console(), err)
        status: int = args.run(shell, args)
    except AgentError as error:
        show_error(err, error)
        return commands.STATUSES["refused"] if isinstance(error, Refused) else 1
    return status


def parser() -> argparse.ArgumentParser:
    """The whole grammar."""
    root = argparse.ArgumentParser(prog="paddock-agent", description="Buys from x402 sellers, within a policy.")
    verbs = root.add_subparsers(required=True, metavar="COMMAND")

    init = _verb(verbs, "init", commands.init, "write a policy for what a seller offers")
    init.add_argument("--seller", metavar="ORIGIN")
    init.add_argument("--approver", metavar="ADDRESS", help="whose signature allows dear purchases")
    init.add_argument("--force", action="store_true", help="replace an existing policy")

    discover = _verb(verbs, "discover", commands.discover, "list what is on sale, cheapest first")
    discover.add_argument("query", nargs="?")
    discover.add_argument("--seller", metavar="ORIGIN")
    discover.add_argument("--json", action="store_true")

    fetch = _verb(verbs, "fetch", commands.fetch, "request a URL, and pay if policy allows")
    fetch.add_argument("url")
    fetch.add_argument("-X", dest="method", metavar="METHOD")
    _purchase(fetch)

    buy = _verb(verbs, "buy", commands.buy, "buy the best offer for a query")
    buy.add_argument("query")
    buy.add_argument("--seller", metavar="ORIGIN")
    _purchase(buy)

    allow = _verb(verbs, "allow", allow_permit2, "let Permit2 move so much of a token, for metered calls")
    allow.add_argument("asset", metavar="TOKEN", help="its address")
    allow.add_argument("amount", help='in units, like "2.50"; 0 takes it back')

    _approvals(verbs)
    _receipts(verbs)

    reviewing = _verb(verbs, "review", review, "say how good a purchase was")
    reviewing.add_argument("id")
    reviewing.add_argument("--score", type=int, required=True, metavar="N", help="from 0 to 100")
    reviewing.add_argument("--signed", action="store_true", help="for the marketplace alone, not in the registry")

    report = _verb(verbs, "report", commands.spending, "what was spent")
    report.add_argument("--by", choices=("task", "merchant", "day"), default="task")
    report.add_argument("--json", action="store_true")

    resume = _verb(verbs, "resume", commands.resume, "go on with purchases that have not ended")
    resume.add_argument("id", nargs="?")
    return root


def _approvals(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    group = verbs.add_parser("approvals", help="for the person: what waits, and yes or no")
    actions = group.add_subparsers(required=True, metavar="ACTION")
    listing = _verb(actions, "list", commands.list_approvals, "what waits for a person")
    listing.add_argument("--json", action="store_true")
    approve = _verb(actions, "approve", commands.approve, "sign for one purchase")
    approve.add_argument("id")
    approve.add_argument("--key-file", type=Path, help="the approver's hex key or keystore")
    deny = _verb(actions, "deny", commands.deny, "say no")
    deny.add_argument("id")


def _receipts(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    group = verbs.add_parser("receipts", help="what was delivered, and its proof")
    actions = group.add_subparsers(required=True, metavar="ACTION")
    _verb(actions, "list", commands.list_receipts, "all of them")
    _verb(actions, "show", commands.show_receipt, "one, with its evidence").add_argument("id")
    _verb(actions, "verify", commands.verify_receipt, "check one again").add_argument("id")
    _verb(actions, "export", commands.export_receipts, "all of them as JSON")


def _verb(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, run: object, text: str
) -> argparse.ArgumentParser:
    verb = verbs.add_parser(name, help=text, description=text)
    verb.set_defaults(run=run)
    return verb


def _purchase(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("-d", dest="data", metavar="JSON", help="the input")
    verb.add_argument("--task", default="default", help="whose budget this is on")
    verb.add_argument("--again", action="store_true", help="although the last one is in doubt or its proof false")


if __name__ == "__main__":
    raise SystemExit(main())
