"""`paddock statement`: a merchant's statement on standard output."""

import argparse
import asyncio
import sys

from server.adapters.merchant_rows import all_merchants
from server.application.statement import read_period, require_merchant, statement
from server.application.statement_text import as_csv, as_json
from server.bootstrap import open_parts
from server.settings import load


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    one = commands.add_parser("statement", help=print_statement.__doc__, description=print_statement.__doc__)
    one.add_argument("--merchant", required=True, help="the merchant's id")
    one.add_argument("--from", dest="start", required=True, metavar="WHEN", help="a date, or a time with its zone")
    one.add_argument("--to", dest="end", required=True, metavar="WHEN", help="the same; not in the period any more")
    form = one.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="as CSV, which it is without --json too")
    form.add_argument("--json", action="store_true", help="as JSON")
    one.set_defaults(does=print_statement)


def print_statement(arguments: argparse.Namespace) -> int:
    """Print what a merchant was paid in a period, what went back, and what is owed."""
    asyncio.run(_print(arguments))
    return 0


async def _print(arguments: argparse.Namespace) -> None:
    period = read_period(arguments.start, arguments.end)
    async with open_parts(load(role="support")) as parts:
        async with parts.db.view() as connection:
            require_merchant(await all_merchants(connection), arguments.merchant)
        records = statement(parts, arguments.merchant, period)
        if arguments.json:
            text = as_json(parts.grounds, arguments.merchant, period, records)
        else:
            text = as_csv(parts.grounds, records)
        async for piece in text:
            sys.stdout.write(piece)
