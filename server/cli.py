"""`paddock`: the operator's command line."""

import argparse
import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import uvicorn
from alembic import command
from alembic.config import Config

from server import (
    callback_commands,
    case_commands,
    identity_commands,
    kit_commands,
    member_commands,
    merchant_commands,
    statement_command,
    upstream_commands,
    webhook_commands,
    worker,
)
from server.adapters.clock import SystemClock
from server.adapters.database import SqlDatabase
from server.adapters.merchant_rows import put_merchant
from server.application.pause import turn
from server.application.reconcile import reconcile
from server.bootstrap import open_parts, remote_facilitator, wanted_kinds
from server.domain.errors import ConfigurationError, PaddockError
from server.domain.market import Merchant, key_digest
from server.domain.switches import SETTLEMENT_PAUSED
from server.logs import configure
from server.settings import Settings, load
from server.verifying import add_options, say, verify

MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(_arguments: argparse.Namespace) -> int:
    """Bring the database to the newest form, and enter the settings' merchant."""
    settings = load(role="migrate")
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["url"] = settings.database_url
    if settings.database_url.startswith("sqlite:///"):
        Path(settings.database_url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    command.upgrade(config, "head")
    asyncio.run(_enter_merchant(settings))
    say("the database is up to date")
    return 0


def serve(arguments: argparse.Namespace) -> int:
    """Run the server, or the facilitator alone."""
    settings = load(role=arguments.role)
    configure(settings.secrets)
    asyncio.run(_can_start(settings, arguments.role))
    uvicorn.run(
        f"server.asgi:{arguments.role}",
        factory=True,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
    return 0


def work(_arguments: argparse.Namespace) -> int:
    """Run the worker."""
    settings = load(role="worker")
    configure(settings.secrets)
    worker.run(settings)
    return 0


def check_books(arguments: argparse.Namespace) -> int:
    """Compare ledger and chain from where the workers are, or (--full) from the beginning; 1 when they differ."""
    return asyncio.run(_check_books(load(role="reconcile"), full=arguments.full))


def pause(arguments: argparse.Namespace) -> int:
    """Hold all settlement, callbacks and refunds in every process, within two seconds."""
    return asyncio.run(_switch(load(role="switch"), on=True, reason=arguments.reason))


def resume(_arguments: argparse.Namespace) -> int:
    """Let settlement go on where it was held."""
    return asyncio.run(_switch(load(role="switch"), on=False, reason=""))


def status(_arguments: argparse.Namespace) -> int:
    """Say whether settlement is paused; 3 when it is."""
    return asyncio.run(_switch(load(role="switch"), on=None, reason=""))


async def _enter_merchant(settings: Settings) -> None:
    clock = SystemClock()
    db = SqlDatabase(settings.database_url, clock)
    merchant = Merchant(
        settings.merchant_id,
        settings.merchant_name,
        settings.merchant_pay_to,
        key_digest(settings.merchant_key),
    )
    async with db.change() as connection:
        await put_merchant(connection, merchant, clock.now())
    await db.close()


async def _can_start(settings: Settings, role: str) -> None:
    """Fail in a sentence, before the web server wraps the reason in a traceback."""
    async with open_parts(settings) as parts:
        if missing := await parts.db.missing_tables():
            raise ConfigurationError(f"the database has no table {missing[0]!r} yet; run `paddock migrate` first")
        if role == "server" and not settings.embedded_facilitator:
            async with remote_facilitator(settings, wanted_kinds(parts)):
                return


async def _check_books(settings: Settings, *, full: bool) -> int:
    async with open_parts(settings) as parts:
        differences = await reconcile(parts, full=full)
    for difference in differences:
        say(str(difference))
    say(f"{len(differences)} differences between ledger and chain")
    return 1 if differences else 0


async def _switch(settings: Settings, *, on: bool | None, reason: str) -> int:
    """Turn the switch where `on` says so, and say how it stands."""
    clock = SystemClock()
    db = SqlDatabase(settings.database_url, clock)
    try:
        if on is not None:
            await turn(db, clock, on=on, reason=reason, by="command line")
        async with db.read() as view:
            switch = await view.switches.get(SETTLEMENT_PAUSED)
    finally:
        await db.close()
    if switch is None:
        say("settlement runs, and was never paused")
        return 0
    since = f"since {switch.at:%Y-%m-%d %H:%M:%S} UTC, by {switch.by}"
    say(f"settlement is paused {since}: {switch.reason}" if switch.on else f"settlement runs {since}")
    return 3 if switch.on and on is None else 0


def parser() -> argparse.ArgumentParser:
    """Every command, with the function that does it."""
    top = argparse.ArgumentParser("paddock", description="Run and inspect a Paddock marketplace.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, does: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
        one = commands.add_parser(name, help=does.__doc__, description=does.__doc__)
        one.set_defaults(does=does)
        return one

    add("migrate", migrate)
    add("serve", serve).add_argument("role", nargs="?", choices=("server", "facilitator"), default="server")
    add("work", work)
    add("reconcile", check_books).add_argument("--full", action="store_true", help="from the beginning")
    case_commands.add_to(commands)
    statement_command.add_to(commands)
    hooks = commands.add_parser(
        "webhook", help="Manage merchants' webhooks.", description="Manage merchants' webhooks."
    )
    webhook_commands.register(hooks)
    identity_commands.add_to(member_commands.add_to(merchant_commands.add_to(commands)))
    upstream_commands.add_to(commands)
    callback_commands.add_to(commands)
    kit_commands.add_to(commands)
    add("pause", pause).add_argument("--reason", required=True, help="why, for the operators; buyers are not told")
    add("resume", resume)
    add("status", status)
    add_options(add("verify", verify))
    return top


def main() -> None:
    """The entry point: bad settings end it with a sentence and exit status 2."""
    arguments = parser().parse_args()
    try:
        raise SystemExit(arguments.does(arguments))
    except PaddockError as error:
        sys.stderr.write(f"paddock: {error.detail}\n")
        raise SystemExit(2) from error


if __name__ == "__main__":
    main()
