"""The command line `paddock-agent`: its grammar, and errors as words with an exit status.

Exit status: 0 done · 1 error or failed · 2 wrong usage · 3 refused by policy · 4 waiting for a person · 5 in doubt ·
6 refunded · 7 delivered, but the proof is false · 130 interrupted.
"""

import argparse
import math
from pathlib import Path

from rich.console import Console

from agent import approval_commands, commands, keys, policy_commands
from agent.allowance import allow_permit2
from agent.cancelling import cancel
from agent.console.commands import console
from agent.disputing import dispute
from agent.errors import AgentError, Refused
from agent.holdings import wallet
from agent.mcp.later import command
from agent.printing import show_error
from agent.reviewing import review
from agent.serving import serve_signer
from agent.settings import Settings
from agent.transferring import transfer
from agent.working import plan, run

INTERRUPTED = 130
DAY_SECONDS = 24 * 3600


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
    except KeyboardInterrupt:
        err.print("interrupted; what waits or is in doubt goes on with: paddock-agent resume", soft_wrap=True)
        return INTERRUPTED
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

    _jobs(verbs)
    _signing(verbs)
    _money(verbs)
    _console(verbs)
    _mcp(verbs)
    _policy(verbs)
    _approvals(verbs)
    _receipts(verbs)

    _opinions(verbs)
    _keys(verbs)

    report = _verb(verbs, "report", commands.spending, "what was spent")
    report.add_argument("--by", choices=("task", "merchant", "day"), default="task")
    form = report.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true")
    form.add_argument("--csv", action="store_true", help="for a spreadsheet: no cell of it is a formula")

    resume = _verb(verbs, "resume", commands.resume, "go on with purchases that have not ended")
    resume.add_argument("id", nargs="?")
    return root


def _jobs(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    planning = _verb(verbs, "plan", plan, "have a model propose a job for a goal, and buy nothing")
    planning.add_argument("goal")
    planning.add_argument("--budget", required=True, metavar="AMOUNT", help='in units, like "0.50"')
    planning.add_argument("--task", default="default", help="whose budget it would be on")

    job = _verb(verbs, "run", run, "do a job of several purchases under one budget")
    job.add_argument("job", type=Path, metavar="JOB", help="a TOML file")
    job.add_argument("--plan", action="store_true", help="say what would be bought, and buy nothing")
    _waits(job)


def _signing(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    holding = _verb(verbs, "wallet", wallet, "what it holds, what Permit2 may move, and what the budgets leave")
    holding.add_argument("--task", default="default", help="whose budgets")
    holding.add_argument("--json", action="store_true")

    stopping = _verb(verbs, "stop", policy_commands.stop, "the kill switch: nothing more is signed")
    stopping.add_argument("reason", nargs="?", default="")
    _verb(verbs, "start", policy_commands.start, "sign again")
    signer = _verb(verbs, "signer", serve_signer, "hold the key in a process of its own, under its own policy")
    signer.add_argument("--host", default="127.0.0.1")
    signer.add_argument("--port", type=int, default=8499)


def _money(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    sending = _verb(verbs, "transfer", transfer, "send so much of a token to an address that the policy names")
    sending.add_argument("asset", metavar="TOKEN", help="its address")
    sending.add_argument("to", metavar="TO", help="an address of the policy's transfers")
    sending.add_argument("amount", help='in units, like "2.50"')
    sending.add_argument("--task", default="default", help="whose budget it is on")

    taking_back = _verb(verbs, "cancel", cancel, "take back a signed payment that nobody has settled")
    taking_back.add_argument("id", metavar="PURCHASE")
    for verb in (sending, taking_back):
        verb.add_argument("--dry-run", action="store_true", help="say what would happen, and sign nothing")


def _console(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    serving = _verb(verbs, "console", console, "pages for the person: budgets, approvals, receipts, the switch")
    serving.add_argument("--host", default="127.0.0.1")
    serving.add_argument("--port", type=int, default=8498)
    serving.add_argument("--key-file", type=Path, metavar="FILE", help="the approver's key, to approve on the pages")


def _mcp(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    tool = _verb(verbs, "tool", command("call"), "call a tool of an MCP server, and pay if policy allows")
    tool.add_argument("server", help="mcp://NAME of the policy, or the URL of its endpoint")
    tool.add_argument("tool", nargs="?", metavar="TOOL", help="none lists them")
    _purchase(tool)

    serve = _verb(verbs, "mcp", command("serve"), "be an MCP server on standard input and output, for an assistant")
    serve.add_argument("--task", default="default", help="whose budget it is on: the assistant cannot choose")
    serve.add_argument("--show-config", action="store_true", help="print the line that tells an assistant of it")
    serve.add_argument("--approver-key-file", type=Path, metavar="FILE", help="ask you there, and sign by your yes")


def _policy(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    group = verbs.add_parser("policy", help="what it says, to what is asked, on sale, or was bought")
    actions = group.add_subparsers(required=True, metavar="ACTION")
    explaining = _verb(actions, "explain", policy_commands.explain, "each rule's word on paying for a URL")
    explaining.add_argument("url")
    explaining.add_argument("-X", dest="method", metavar="METHOD")
    explaining.add_argument("-d", dest="data", metavar="JSON", help="the input")
    explaining.add_argument("--task", default="default", help="whose budget it would be on")
    testing = _verb(actions, "test", policy_commands.test, "a dry run over all that a seller offers")
    testing.add_argument("--seller", metavar="ORIGIN")
    replaying = _verb(actions, "replay", policy_commands.replay_purchases, "would past purchases pass? 3 if not all")
    for verb in (explaining, testing, replaying):
        verb.add_argument("--policy", type=Path, metavar="FILE", help="another policy than the one in use")


def _opinions(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    reviewing = _verb(verbs, "review", review, "say how good a purchase was")
    reviewing.add_argument("id")
    reviewing.add_argument("--score", type=int, required=True, metavar="N", help="from 0 to 100")
    reviewing.add_argument("--signed", action="store_true", help="for the marketplace alone, not in the registry")

    disputing = _verb(verbs, "dispute", dispute, "tell the seller what is wrong with a purchase")
    disputing.add_argument("id")
    disputing.add_argument("--reason", required=True, metavar="TEXT", help="sent without what is personal in it")


def _keys(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    group = verbs.add_parser("keys", help="keys of the wallet's that bound what a program asks and spends at a seller")
    actions = group.add_subparsers(required=True, metavar="ACTION")
    making = _verb(actions, "add", keys.add, "make one, and print it this once")
    making.add_argument("name", help="whom or what it is for")
    making.add_argument("--per-minute", type=int, default=60, metavar="N", help="requests without a payment; 60")
    making.add_argument("--days", type=int, default=90, metavar="N", help="how long it counts; 90")
    words = "atomic units of a token (of [NETWORK:]ADDRESS) that it may spend in a day; may be given again"
    making.add_argument("--limit", action="append", default=[], metavar="TOKEN=UNITS", help=words)
    listing = _verb(actions, "list", keys.show, "all of them, newest first")
    revoking = _verb(actions, "revoke", keys.revoke, "end one")
    revoking.add_argument("id")
    for verb in (making, listing, revoking):
        verb.add_argument("--seller", metavar="ORIGIN")


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
    always = _verb(actions, "always", approval_commands.always, "sign for one purchase, and for those like it")
    always.add_argument("id")
    always.add_argument("--days", type=int, metavar="N", help="how long; as long as the policy lets it without")
    always.add_argument("--key-file", type=Path, help="the approver's hex key or keystore")
    standing = _verb(actions, "standing", approval_commands.list_standing, "standing approvals that are in force")
    standing.add_argument("--json", action="store_true")
    _verb(actions, "revoke", approval_commands.revoke, "take a standing approval back").add_argument("id")


def _receipts(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    group = verbs.add_parser("receipts", help="what was delivered, and its proof")
    actions = group.add_subparsers(required=True, metavar="ACTION")
    _verb(actions, "list", commands.list_receipts, "all of them")
    _verb(actions, "show", commands.show_receipt, "one, with its evidence").add_argument("id")
    _verb(actions, "verify", commands.verify_receipt, "check one again").add_argument("id")
    export = _verb(actions, "export", commands.export_receipts, "all of them as JSON")
    export.add_argument("--csv", action="store_true", help="for a spreadsheet: no cell of it is a formula")


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
    _waits(verb)


def _waits(verb: argparse.ArgumentParser) -> None:
    words = "wait for the person who is asked: so long, or until the question lapses"
    verb.add_argument("--wait", nargs="?", type=_seconds, const=math.inf, metavar="SECONDS", help=words)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= DAY_SECONDS:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds up to a day; a bare --wait goes last")
    return seconds


if __name__ == "__main__":
    raise SystemExit(main())
