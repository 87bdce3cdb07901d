"""`paddock cases …` and `paddock refund`: what the operator does about cases on the command line."""

import argparse
import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from server.adapters.merchant_rows import all_merchants
from server.application.cases import MOST
from server.application.decide import Decision, decide
from server.application.evidence_pack import case_document, evidence_pack
from server.application.merchant_refund import Signed, refund_signed, to_sign
from server.application.recover import recover
from server.application.refund_by_hand import refund_by_hand
from server.bootstrap import Parts, open_parts
from server.domain.cases import OPERATOR, Case, CaseState, Outcome
from server.domain.errors import BadArguments, UnknownCase
from server.settings import load

Command = Callable[[Parts, argparse.Namespace], Coroutine[Any, Any, str]]


async def list_cases(parts: Parts, arguments: argparse.Namespace) -> str:
    """List the open cases, or all of them, newest first."""
    async with parts.db.read() as view:
        found = await view.cases.listed(MOST, state=None if arguments.all else CaseState.OPEN)
    nothing = "there has been no case yet" if arguments.all else "no case is open"
    return "\n".join(map(_line, found)) or nothing


async def show_case(parts: Parts, arguments: argparse.Namespace) -> str:
    """Show one case with its timeline and evidence, as JSON."""
    async with parts.db.read() as view:
        case = await view.cases.get(arguments.case)
        if case is None:
            raise UnknownCase(f"there is no case {arguments.case!r}")
        order = await view.orders.get(case.order_id) if case.order_id else None
        document = case_document(case, await view.cases.timeline(case.id))
    evidence = await evidence_pack(parts, order, for_staff=True) if order else None
    return msgspec.json.format(msgspec.json.encode(document | {"evidence": evidence}), indent=2).decode()


async def resolve_case(parts: Parts, arguments: argparse.Namespace) -> str:
    """Decide a case, with a reason that the buyer reads."""
    decision = Decision(Outcome(arguments.outcome), arguments.reason, note=arguments.note)
    case = await decide(parts, arguments.case, decision)
    return f"{case.id} is resolved by {case.outcome}"


async def refund(parts: Parts, arguments: argparse.Namespace) -> str:
    """Send a failed order's money back, also one whose refund was blocked (--retry)."""
    await refund_by_hand(parts, arguments.order, retry=arguments.retry)
    return f"the refund of {arguments.order} is asked for; the worker sends it"


async def recover_orders(parts: Parts, arguments: argparse.Namespace) -> str:
    """After a restore: open a case for each payment to a merchant that the database does not know."""
    async with parts.db.view() as connection:
        merchants = await all_merchants(connection)
    found = await recover(parts, merchants, arguments.from_block)
    return "\n".join(map(_line, found)) or "every payment to a merchant is known"


async def merchant_refund(parts: Parts, arguments: argparse.Namespace) -> str:
    """Show what the merchant signs to refund an order from its own wallet; with --signature, hand that in."""
    if arguments.signature is None:
        shown = await to_sign(parts, arguments.order, arguments.value)
        return msgspec.json.format(msgspec.json.encode(shown), indent=2).decode()
    if arguments.value is None or arguments.valid_before is None:
        raise BadArguments("with --signature, repeat --value and --valid-before as the document has them")
    signed = Signed(arguments.value, arguments.valid_before, arguments.signature)
    await refund_signed(parts, arguments.order, signed, OPERATOR)
    return f"the merchant's refund of {arguments.order} is recorded; the worker sends it"


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the commands."""
    about = "Look at cases and decide them."
    actions = commands.add_parser("cases", help=about, description=about).add_subparsers(
        required=True, metavar="ACTION"
    )
    _add(actions, "list", list_cases).add_argument("--all", action="store_true", help="resolved ones too")
    _add(actions, "show", show_case).add_argument("case", help="the case's id")
    resolving = _add(actions, "resolve", resolve_case)
    resolving.add_argument("case", help="the case's id")
    resolving.add_argument("--outcome", required=True, choices=[outcome.value for outcome in Outcome])
    resolving.add_argument("--reason", required=True, help="what the buyer is told")
    resolving.add_argument("--note", default="", help="for staff")
    recovering = _add(commands, "recover", recover_orders)
    recovering.add_argument("--from-block", type=int, help="look from there; else from the newest order that is known")
    refunding = _add(commands, "refund", refund)
    refunding.add_argument("order", help="the order's id")
    refunding.add_argument("--retry", action="store_true", help="also if it was blocked before")
    signing = _add(commands, "merchant-refund", merchant_refund)
    signing.add_argument("order", help="the order's id")
    signing.add_argument("--value", type=int, help="atomic units; by default all that was received")
    signing.add_argument("--valid-before", type=int, help="as the document has it (Unix seconds)")
    signing.add_argument("--signature", type=_hexadecimal, help="the merchant's, in 0x-hex")


def _add(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, command: Command
) -> argparse.ArgumentParser:
    def does(arguments: argparse.Namespace) -> int:
        sys.stdout.write(_calm(asyncio.run(_run(command, arguments))) + "\n")
        return 0

    one = commands.add_parser(name, help=command.__doc__, description=command.__doc__)
    one.set_defaults(does=does)
    return one


async def _run(command: Command, arguments: argparse.Namespace) -> str:
    async with open_parts(load(role="support")) as parts:
        return await command(parts, arguments)


def _hexadecimal(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def _line(case: Case) -> str:
    about = case.order_id or case.subject
    return f"{case.id}  {case.outcome or case.state:10}  {case.kind:18}  {about}  {_calm(case.detail, keep='')}"


def _calm(text: str, keep: str = "\n") -> str:
    """Text that strangers wrote part of, without what a terminal would act on."""
    return "".join(sign if sign.isprintable() or sign in keep else "?" for sign in text)
