"""`paddock callbacks …`: which actions of callback contracts buyers may choose, and every change to that."""

import argparse
import asyncio
import getpass
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from server.application.allowlist import Wish, change_action
from server.bootstrap import Parts, open_parts
from server.domain.allowlists import ListedAction
from server.domain.errors import BadArguments
from server.domain.market import Contract
from server.settings import load

Command = Callable[[Parts, argparse.Namespace], Coroutine[Any, Any, str]]
MOST_CHANGES = 100


async def list_actions(parts: Parts, arguments: argparse.Namespace) -> str:
    """List what buyers may choose, by the code and by changes."""
    async with parts.db.read() as view:
        rows = await view.allowlists.all()
    changed = [f"{one.contract}  {one.function}  {one.state}  {one.minimum} to {one.maximum}" for one in rows]
    code = [f"{service.callback}  {name}  in the code" for service in parts.sold for name in service.actions]
    return "\n".join([*code, *changed])


async def add_action(parts: Parts, arguments: argparse.Namespace) -> str:
    """Offer a function to buyers, from the moment that the chain shows it; prints the owner's transaction."""
    return await _change(parts, arguments, (arguments.minimum, arguments.maximum))


async def remove_action(parts: Parts, arguments: argparse.Namespace) -> str:
    """Strike a function off: buyers are refused at once, before the chain is told; prints the owner's transaction."""
    return await _change(parts, arguments, None)


async def show_log(parts: Parts, _arguments: argparse.Namespace) -> str:
    """Show who changed what, and when, newest first."""
    async with parts.db.read() as view:
        found = await view.allowlists.changes(MOST_CHANGES)
    lines = [
        f"{one.at:%Y-%m-%d %H:%M:%S}  {one.by}  {one.contract}  {one.function}  {one.old} → {one.new}  {one.note}"
        for one in found
    ]
    return "\n".join(lines) or "nothing was ever changed"


async def _change(parts: Parts, arguments: argparse.Namespace, bounds: tuple[int, int] | None) -> str:
    contract = _contract(parts, arguments.contract)
    wish = Wish(parts.home.market.network, contract, arguments.function, bounds, f"command line, {getpass.getuser()}")
    action = await change_action(parts.db, parts.clock, wish)
    return _told(action)


def _contract(parts: Parts, name: str) -> Contract:
    found = parts.home.market.contracts.get(name)
    if found is None:
        raise BadArguments(f"{name} is not among the deployments; they are {', '.join(parts.home.market.contracts)}")
    return found


def _told(action: ListedAction) -> str:
    return (
        f"{action.function} of {action.contract} is {action.state}. The worker sends this where the delegate wallet\n"
        f"owns the contract; else its owner does:\n  to    {action.contract}\n  data  0x{action.call().hex()}"
    )


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the commands."""
    about = "Manage the actions of callback contracts that buyers may choose."
    verbs = commands.add_parser("callbacks", help=about, description=about).add_subparsers(
        required=True, metavar="ACTION"
    )
    _add(verbs, "list", list_actions)
    _add(verbs, "log", show_log)
    adding, removing = _add(verbs, "add", add_action), _add(verbs, "remove", remove_action)
    for one in (adding, removing):
        one.add_argument("contract", help="its name among the deployments, such as AccessPass")
        one.add_argument("function", help="its canonical signature, such as mintTo(address)")
    adding.add_argument("--minimum", type=int, required=True, help="the least that it costs, in atomic units")
    adding.add_argument("--maximum", type=int, required=True, help="the most that is taken for it")


def _add(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, command: Command
) -> argparse.ArgumentParser:
    def does(arguments: argparse.Namespace) -> int:
        sys.stdout.write(asyncio.run(_run(command, arguments)) + "\n")
        return 0

    one = verbs.add_parser(name, help=command.__doc__, description=command.__doc__)
    one.set_defaults(does=does)
    return one


async def _run(command: Command, arguments: argparse.Namespace) -> str:
    async with open_parts(load(role="support")) as parts:
        return await command(parts, arguments)
