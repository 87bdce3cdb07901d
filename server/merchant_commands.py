"""`paddock merchant`: an operator gives a merchant a new API key, on the database itself."""

import argparse
import asyncio
import secrets
import sys
from datetime import timedelta

from server.adapters.clock import SystemClock
from server.adapters.database import SqlDatabase
from server.adapters.merchant_rows import REFRESH, key_digest, rotate_key
from server.settings import load

LONGEST_OVERLAP = 24 * 30


def new_key(arguments: argparse.Namespace) -> int:
    """Change a merchant's API key, and print the new one this once; the old one counts for a while."""
    asyncio.run(_new_key(arguments.merchant, timedelta(hours=arguments.overlap_hours)))
    return 0


def add_to(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> "argparse._SubParsersAction[argparse.ArgumentParser]":
    """Declare the commands; further verbs may be added to what comes back."""
    about = "Manage merchants' API keys and identities."
    verbs = commands.add_parser("merchant", help=about, description=about).add_subparsers(required=True, metavar="VERB")
    rotating = verbs.add_parser("rotate-key", help=new_key.__doc__, description=new_key.__doc__)
    rotating.add_argument("merchant", help="the merchant's id")
    rotating.add_argument(
        "--overlap-hours", type=_hours, default=24, help="how long the old key counts; 0: it ends at once"
    )
    rotating.set_defaults(does=new_key)
    return verbs


def _hours(text: str) -> int:
    hours = int(text)
    if not 0 <= hours <= LONGEST_OVERLAP:
        raise argparse.ArgumentTypeError(f"0 to {LONGEST_OVERLAP} hours")
    return hours


async def _new_key(merchant: str, overlap: timedelta) -> None:
    clock, key = SystemClock(), secrets.token_urlsafe(32)
    db, now = SqlDatabase(load(role="switch").database_url, clock), clock.now()
    try:
        async with db.change() as connection:
            await rotate_key(connection, merchant, key_digest(key), now, overlap)
    finally:
        await db.close()
    ends = f"is good until {now + overlap:%Y-%m-%d %H:%M} UTC" if overlap else "is good no more"
    sys.stdout.write(f"{key}\n")
    sys.stderr.write(f"Every server knows it within {REFRESH:.0f} seconds. The old key {ends}. This is shown once.\n")
