"""`paddock webhook`: an operator manages a merchant's endpoints, on the database itself."""

import argparse
import asyncio
import sys
from datetime import timedelta

from server.application import endpoints
from server.desk import Desk, Does, open_desk
from server.domain.errors import BadWebhook
from server.settings import load


async def add(desk: Desk, given: argparse.Namespace) -> None:
    """Register an endpoint, and print its secret this once."""
    endpoint, secret = await endpoints.add(desk, given.merchant, given.url, given.description)
    say(f"{endpoint.id} {secret}")


async def listed(desk: Desk, given: argparse.Namespace) -> None:
    """Print a merchant's endpoints."""
    for one in await endpoints.of(desk, given.merchant):
        state = "enabled" if one.enabled else f"disabled: {one.note}"
        quiet = f", no answer {one.failures} times" if one.failures else ""
        say(f"{one.id} {one.url} {state}{quiet}")


async def rotate(desk: Desk, given: argparse.Namespace) -> None:
    """Change the secret, and print the new one this once; both sign for a while."""
    overlap = timedelta(hours=max(-1, min(given.overlap_hours, 10_000)))
    endpoint, secret = await endpoints.rotate(desk, given.merchant, given.endpoint, overlap)
    say(f"{endpoint.id} {secret}")


async def remove(desk: Desk, given: argparse.Namespace) -> None:
    """Remove an endpoint; what still waits is not sent."""
    await endpoints.remove(desk, given.merchant, given.endpoint)
    say(f"{given.endpoint} is removed")


async def resend(desk: Desk, given: argparse.Namespace) -> None:
    """Send a message again, under its old id."""
    delivery = await endpoints.resend(desk, given.merchant, given.delivery)
    say(f"{delivery.id} ({delivery.kind}, order {delivery.order_id}) is on its way")


def register(parser: argparse.ArgumentParser) -> None:
    """Add the verbs to the command `webhook`."""
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    def verb(name: str, does: Does) -> argparse.ArgumentParser:
        one = verbs.add_parser(name, help=does.__doc__, description=does.__doc__)
        one.add_argument("--merchant", help="the merchant's id; PADDOCK_MERCHANT_ID if left out")
        one.set_defaults(does=lambda given: asyncio.run(_perform(does, given)))
        return one

    adding = verb("add", add)
    adding.add_argument("url", help="https://…, reachable from the workers")
    adding.add_argument("--description", default="", help="words for people")
    verb("list", listed)
    rotating = verb("rotate", rotate)
    rotating.add_argument("endpoint", help="we_…")
    rotating.add_argument(
        "--overlap-hours", type=int, default=24, help="how long both secrets sign; 0: the old one ends"
    )
    verb("remove", remove).add_argument("endpoint", help="we_…")
    verb("resend", resend).add_argument("delivery", help="msg_…, the webhook-id")


async def _perform(does: Does, given: argparse.Namespace) -> int:
    settings = load(role="webhook")
    given.merchant = given.merchant or settings.merchant_id
    async with open_desk(settings) as desk:
        if given.merchant not in desk.merchants:
            raise BadWebhook(f"there is no merchant {given.merchant!r}; `paddock migrate` enters the settings' one")
        await does(desk, given)
    return 0


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
