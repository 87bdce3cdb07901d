"""`paddock merchant`: an operator takes in merchants and gives them new credentials, on the database itself."""

import argparse
import asyncio
import re
import secrets
import sys
from datetime import timedelta

from protocol.amounts import atomic
from protocol.errors import ProtocolError
from protocol.signatures import parse_address
from server.adapters.merchant_rows import REFRESH, add_merchant, rotate_key, rotate_secret
from server.desk import Desk, Does, at_desk
from server.domain import fees
from server.domain.errors import OrderRefused, UnknownMerchant
from server.domain.fees import FeeEntry, FeeKind
from server.domain.market import PRICE_DECIMALS, Merchant, key_digest

LONGEST_OVERLAP = 24 * 30


async def add(desk: Desk, given: argparse.Namespace) -> None:
    """Take a merchant in, and print its API key and secret this once."""
    key, name = secrets.token_urlsafe(32), desk.post.keys.new()
    merchant = Merchant(
        id=given.merchant,
        name=given.name or given.merchant,
        pay_to=given.pay_to,
        key_digest=key_digest(key),
        api_secret=name,
        callback=given.callback,
        logo=given.logo,
    )
    async with desk.db.change() as connection:
        await add_merchant(connection, merchant, desk.clock.now())
    say(f"{key}\n{desk.post.keys.api_secret(merchant.id, name)}")
    note(f"API key and API secret. {_KNOWN} This is shown once.")


async def new_key(desk: Desk, given: argparse.Namespace) -> None:
    """Change a merchant's API key, and print the new one this once; the old one counts for a while."""
    key, now, overlap = secrets.token_urlsafe(32), desk.clock.now(), timedelta(hours=given.overlap_hours)
    async with desk.db.change() as connection:
        await rotate_key(connection, given.merchant, key_digest(key), now, overlap)
    say(key)
    note(f"{_KNOWN} The old key {_ends(desk, overlap)}. This is shown once.")


async def new_secret(desk: Desk, given: argparse.Namespace) -> None:
    """Change the secret that a merchant's back end signs with, and print it this once; the old one counts on."""
    name, now, overlap = desk.post.keys.new(), desk.clock.now(), timedelta(hours=given.overlap_hours)
    async with desk.db.change() as connection:
        await rotate_secret(connection, given.merchant, name, now, overlap)
    say(desk.post.keys.api_secret(given.merchant, name))
    note(f"{_KNOWN} The old secret {_ends(desk, overlap)}. This is shown once.")


async def deposit(desk: Desk, given: argparse.Namespace) -> None:
    """Write down what a merchant has paid in for fees, in dollars."""
    await _book(desk, fees.deposit(given.merchant, given.dollars))


async def withdraw(desk: Desk, given: argparse.Namespace) -> None:
    """Write down what a merchant got back of it."""
    await _book(desk, fees.withdrawal(given.merchant, given.dollars))


async def balance(desk: Desk, given: argparse.Namespace) -> None:
    """Print what is left of it."""
    async with desk.db.read() as view:
        say(fees.dollars(await view.fee_book.balance(given.merchant)))


def add_to(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> "argparse._SubParsersAction[argparse.ArgumentParser]":
    """Declare the commands; further verbs may be added to what comes back."""
    about = "Take merchants in, and manage their credentials."
    verbs = commands.add_parser("merchant", help=about, description=about).add_subparsers(required=True, metavar="VERB")

    def verb(name: str, does: Does) -> argparse.ArgumentParser:
        one = verbs.add_parser(name, help=does.__doc__, description=does.__doc__)
        one.add_argument("merchant", type=_id, help="the merchant's id")
        one.set_defaults(does=lambda given: asyncio.run(at_desk(does, given)))
        return one

    adding = verb("add", add)
    adding.add_argument("--pay-to", type=_address, required=True, help="where its money goes")
    adding.add_argument("--name", default="", help="as pages show it; the id if left out")
    adding.add_argument("--logo", default="", help="URL of its logo")
    adding.add_argument("--callback", help="the deployed contract that its orders' money is handed to")
    for name, does in (("deposit", deposit), ("withdraw", withdraw)):
        verb(name, does).add_argument("dollars", type=_dollars, help="such as 25 or 0.5")
    verb("balance", balance)
    for one in (verb("rotate-key", new_key), verb("rotate-secret", new_secret)):
        one.add_argument(
            "--overlap-hours", type=_hours, default=24, help="how long the old one counts; 0: it ends at once"
        )
    return verbs


async def _book(desk: Desk, entry: FeeEntry) -> None:
    if entry.merchant not in desk.merchants:
        raise UnknownMerchant(f"there is no merchant {entry.merchant!r} here")
    async with desk.db.begin("fees booked") as work:
        left = await work.fee_book.balance(entry.merchant)
        if entry.kind is FeeKind.WITHDRAWAL and left < entry.amount:
            raise OrderRefused(f"insufficient fee balance: available={fees.dollars(left)}")
        await work.fee_book.add(entry)
        say(fees.dollars(await work.fee_book.balance(entry.merchant)))


_KNOWN = f"Every server knows it within {REFRESH:.0f} seconds."


def _ends(desk: Desk, overlap: timedelta) -> str:
    return f"is good until {desk.clock.now() + overlap:%Y-%m-%d %H:%M} UTC" if overlap else "is good no more"


def _hours(text: str) -> int:
    hours = int(text)
    if not 0 <= hours <= LONGEST_OVERLAP:
        raise argparse.ArgumentTypeError(f"0 to {LONGEST_OVERLAP} hours")
    return hours


def _id(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", text):
        raise argparse.ArgumentTypeError("1 to 64 lower-case letters, digits, '_' and '-'")
    return text


def _dollars(text: str) -> int:
    try:
        amount = atomic(text, PRICE_DECIMALS)
    except ProtocolError as error:
        raise argparse.ArgumentTypeError(error.detail) from error
    if not amount:
        raise argparse.ArgumentTypeError("above zero")
    return amount


def _address(text: str) -> str:
    try:
        return parse_address(text, "address")
    except ProtocolError as error:
        raise argparse.ArgumentTypeError(error.detail) from error


def say(text: str) -> None:
    sys.stdout.write(text + "\n")


def note(text: str) -> None:
    """What is not part of the output."""
    sys.stderr.write(text + "\n")
