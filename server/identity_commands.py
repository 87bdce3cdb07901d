"""`paddock merchant identity …`: register a merchant in an ERC-8004 registry, link it, and show what is known of it."""

import argparse
import asyncio
import sys
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from server.adapters.merchant_rows import all_merchants
from server.application.identities import link_identity
from server.application.paddock import Ground
from server.application.read_reputation import summary
from server.application.register_identity import register_identity
from server.bootstrap import Parts, open_parts, signer
from server.domain.errors import ConfigurationError
from server.domain.market import Merchant
from server.domain.reputation import Identity, standing_of
from server.key_sources import KeySource
from server.ports import Clock, Database
from server.settings import load


@dataclass(frozen=True)
class Desk:
    """Implements application.identities.Registrar."""

    parts: Parts
    merchants: Mapping[str, Merchant]

    @property
    def db(self) -> Database:
        return self.parts.db

    @property
    def clock(self) -> Clock:
        return self.parts.clock

    @property
    def grounds(self) -> Mapping[str, Ground]:
        return self.parts.grounds

    @property
    def origins(self) -> tuple[str, ...]:
        return self.parts.settings.origins


Command = Callable[[Desk, argparse.Namespace], Coroutine[Any, Any, str]]


async def register(desk: Desk, arguments: argparse.Namespace) -> str:
    """Register a merchant with its own key, which pays the gas; what is linked already stays."""
    try:
        key = arguments.key_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{arguments.key_file} cannot be read: {type(error).__name__}") from None
    async with signer(desk.parts.settings, KeySource("MERCHANT", key=key)) as own:
        return told(await register_identity(desk, _network(desk, arguments), arguments.merchant, own))


async def link(desk: Desk, arguments: argparse.Namespace) -> str:
    """Say which agent of the registry a merchant is."""
    return told(await link_identity(desk, _network(desk, arguments), arguments.merchant, arguments.agent))


async def show(desk: Desk, arguments: argparse.Namespace) -> str:
    """Show a merchant's agents, its checked reviews, and what the registry makes of those who gave them."""
    async with desk.db.read() as view:
        known = [one for one in await view.reputation.identities() if one.merchant == arguments.merchant]
        standing = standing_of(one for one in await view.reputation.tallies() if one.merchant == arguments.merchant)
    lines = [f"{standing.reviews} checked reviews, rated {standing.rating if standing.reviews else 'not at all'}"]
    for one in known:
        found = await summary(desk, one)
        said = f"{found.feedback} by checked reviewers, on average {found.value}e-{found.decimals}" if found else "none"
        lines += [told(one), f"feedback in its registry: {said}"]
    return "\n".join(lines)


def told(identity: Identity) -> str:
    """An identity in words."""
    agent = f"{identity.merchant} is agent {identity.agent_id} of {identity.network}:{identity.registry}"
    if identity.verified:
        return f"{agent}: verified"
    return (
        f"{agent}: not verified; it is paid at {identity.wallet or 'nowhere'}, its file is {identity.uri or 'nowhere'}"
    )


def add_to(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the commands, below `paddock merchant`."""
    about = "A merchant's identity in an ERC-8004 registry."
    actions = verbs.add_parser("identity", help=about, description=about).add_subparsers(required=True, metavar="VERB")

    def add(name: str, does: Command) -> argparse.ArgumentParser:
        one = actions.add_parser(name, help=does.__doc__, description=does.__doc__)
        one.add_argument("merchant", help="the merchant's id")
        one.add_argument("--network", default="", help="in CAIP-2 form (default: the first)")
        one.set_defaults(does=lambda arguments: asyncio.run(_run(does, arguments)))
        return one

    add("register", register).add_argument("--key-file", type=Path, required=True, help="the merchant's hex key")
    add("link", link).add_argument("agent", type=int, help="the agent's number in the registry")
    add("show", show)


def _network(desk: Desk, arguments: argparse.Namespace) -> str:
    return str(arguments.network) or desk.parts.home.market.network


async def _run(does: Command, arguments: argparse.Namespace) -> int:
    async with open_parts(load(role="support")) as parts:
        async with parts.db.view() as connection:
            merchants = await all_merchants(connection)
        sys.stdout.write(await does(Desk(parts, merchants), arguments) + "\n")
    return 0
