"""`paddock service`: an operator, on the database itself, sells a provider's endpoint as the provider would."""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from server.adapters.gateway import open_gateway
from server.application import sell_upstream
from server.application.openapi import operations
from server.application.probe import Finding, probe
from server.application.sell_upstream import Described
from server.bootstrap import egress_rules
from server.desk import Desk, open_desk
from server.domain.errors import RequestRefused, UnknownMerchant
from server.domain.listing_errors import BadUpstream, ProbeFailed
from server.domain.upstreams import Upstream, UpstreamState, slug_of
from server.ports import Gateway
from server.settings import load

BY = "the operator's command line"
LONGEST_OVERLAP = 7 * 24
Does = Callable[[Desk, Gateway, argparse.Namespace], Awaitable[None]]


async def add(desk: Desk, _gateway: Gateway, given: argparse.Namespace) -> None:
    """Keep a service as a draft, and print the secret that its requests are signed with this once."""
    made, secret = await sell_upstream.draft(desk, given.merchant, given.name, _described(given.file), BY)
    say(secret)
    note(f"{made.slug} is a draft. The secret of its requests, in hex, is shown this once. {_NEXT.format(given=given)}")


async def bring(desk: Desk, _gateway: Gateway, given: argparse.Namespace) -> None:
    """Keep a draft for each operation of an OpenAPI 3 document (JSON), and print name and secret of each this once."""
    failed = 0
    for one in operations(_document(given.file), given.base, given.price):
        try:
            if one.described is None:
                raise BadUpstream(one.why)
            made, secret = await sell_upstream.draft(desk, given.merchant, one.name, one.described, BY)
            say(f"{made.slug}  {secret}")
        except RequestRefused as error:
            failed += 1
            note(f"left out  {one.at}: {error.detail}")
    note(f"{failed} left out. Next, for each: paddock service list {given.merchant} NAME")


async def change(desk: Desk, gateway: Gateway, given: argparse.Namespace) -> None:
    """Describe a service anew; one that is on sale is probed first."""
    slug, described = slug_of(given.merchant, given.name), _described(given.file)
    changed, findings = await sell_upstream.change(desk, gateway, given.merchant, slug, described, BY)
    show(findings)
    say(told(changed))


async def examine(desk: Desk, gateway: Gateway, given: argparse.Namespace) -> None:
    """Ask the upstream as a buyer's payment would, and say what is wrong with it."""
    found = await sell_upstream.own(desk, given.merchant, slug_of(given.merchant, given.name))
    show(await probe(found, desk.post, gateway, desk.clock))


async def enlist(desk: Desk, gateway: Gateway, given: argparse.Namespace) -> None:
    """Put a service on sale, if the probe finds nothing against it."""
    slug = slug_of(given.merchant, given.name)
    changed, findings = await sell_upstream.enlist(desk, gateway, given.merchant, slug, BY)
    show(findings)
    say(told(changed))


async def pause(desk: Desk, _gateway: Gateway, given: argparse.Namespace) -> None:
    """Sell no more of it for now; what was paid for is still answered."""
    slug = slug_of(given.merchant, given.name)
    say(told(await sell_upstream.rest(desk, given.merchant, slug, UpstreamState.PAUSED, BY)))


async def delist(desk: Desk, _gateway: Gateway, given: argparse.Namespace) -> None:
    """Take it off the market; what was paid for is still answered."""
    slug = slug_of(given.merchant, given.name)
    say(told(await sell_upstream.rest(desk, given.merchant, slug, UpstreamState.DELISTED, BY)))


async def rotate(desk: Desk, _gateway: Gateway, given: argparse.Namespace) -> None:
    """Sign its requests with a new secret, printed this once; the old one signs beside it for a while."""
    slug, overlap = slug_of(given.merchant, given.name), timedelta(hours=given.overlap_hours)
    _, secret = await sell_upstream.rotate(desk, given.merchant, slug, overlap, BY)
    say(secret)


async def everything(desk: Desk, _gateway: Gateway, given: argparse.Namespace) -> None:
    """Print a merchant's own services, a line each."""
    for one in await sell_upstream.owned(desk, given.merchant):
        say(told(one))


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the commands."""
    about = "Sell providers' own endpoints through this marketplace."
    verbs = commands.add_parser("service", help=about, description=about).add_subparsers(required=True, metavar="VERB")

    def verb(name: str, does: Does, *, named: bool = True) -> argparse.ArgumentParser:
        one = verbs.add_parser(name, help=does.__doc__, description=does.__doc__)
        one.add_argument("merchant", help="the merchant's id")
        if named:
            one.add_argument("name", help="the service's name at that merchant")
        one.set_defaults(does=lambda given: asyncio.run(_perform(does, given)))
        return one

    for name, does in (("add", add), ("change", change)):
        verb(name, does).add_argument("file", type=Path, help="JSON, as docs/guides/upstream.md describes it")
    for name, does in (("probe", examine), ("list", enlist), ("pause", pause), ("delist", delist)):
        verb(name, does)
    bringing = verb("import", bring, named=False)
    bringing.add_argument("file", type=Path, help="the document, in JSON")
    bringing.add_argument("--base", required=True, metavar="URL", help="where it is found, for relative servers")
    bringing.add_argument("--price", required=True, help='in dollars, where an operation has no x-price; like "0.01"')
    verb("rotate-secret", rotate).add_argument("--overlap-hours", type=_hours, default=24)
    verb("all", everything, named=False)


async def _perform(does: Does, given: argparse.Namespace) -> int:
    settings = load(role="webhook")
    async with open_desk(settings) as desk, open_gateway(egress_rules(settings)) as gateway:
        if given.merchant not in desk.merchants:
            raise UnknownMerchant(f"there is no merchant {given.merchant!r} here")
        try:
            await does(desk, gateway, given)
        except ProbeFailed as error:
            show([msgspec.convert(one, Finding) for one in error.members["findings"]])
            raise
    return 0


def _described(path: Path) -> Described:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Described)
    except OSError as error:
        raise BadUpstream(f"{path} cannot be read ({type(error).__name__})") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadUpstream(f"{path} does not describe a service: {error}") from error


def _document(path: Path) -> dict[str, Any]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except OSError as error:
        raise BadUpstream(f"{path} cannot be read ({type(error).__name__})") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadUpstream(f"{path} is no OpenAPI document in JSON: {error}") from error


def _hours(text: str) -> int:
    hours = int(text)
    if not 0 <= hours <= LONGEST_OVERLAP:
        raise argparse.ArgumentTypeError(f"0 to {LONGEST_OVERLAP} hours")
    return hours


_NEXT = "Check that signature at the upstream, then: paddock service list {given.merchant} {given.name}"


def told(upstream: Upstream) -> str:
    """A line about a service."""
    return f"{upstream.slug}  {upstream.state}  {upstream.method} {upstream.url}"


def show(findings: list[Finding]) -> None:
    """What a probe found, on standard error."""
    for one in findings:
        word = "ok" if one.passed else "warning" if one.warns else "FAILED"
        note(f"{word:<8}{one.check}: {one.says}" + (f"; {one.mend}" if one.mend else ""))


def say(text: str) -> None:
    sys.stdout.write(text + "\n")


def note(text: str) -> None:
    """What is not part of the output."""
    sys.stderr.write(text + "\n")
