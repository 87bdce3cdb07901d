"""`paddock merchant member …` and `paddock merchant sign-in`: who may enter a console, and how without a browser."""

import argparse
import asyncio
import sys
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from protocol import sign_in
from protocol.errors import ProtocolError
from server.adapters.clock import SystemClock
from server.adapters.signers import LocalSigner
from server.application.membership import add_member, remove_member
from server.desk import Desk, Does, at_desk
from server.domain.access_errors import WalletRefused
from server.domain.errors import ConfigurationError, UnknownMerchant
from server.domain.outages import Unavailable
from server.domain.roles import GIVEN

BY = "the operator's command line"
SECONDS = 30
MOST_LINES = 100


async def add(desk: Desk, given: argparse.Namespace) -> None:
    """Let a wallet into a merchant's console, or change its role there."""
    await add_member(desk, given.merchant, given.wallet, given.role, BY)
    say(f"{given.wallet} is {given.role} of {given.merchant}")


async def remove(desk: Desk, given: argparse.Namespace) -> None:
    """Let a wallet in no more; what it has open ends with that."""
    await remove_member(desk, given.merchant, given.wallet, BY)
    say(f"{given.wallet} is no member of {given.merchant} any more")


async def everything(desk: Desk, given: argparse.Namespace) -> None:
    """Print a merchant's members, and who changed what, newest first."""
    known = desk.merchants.get(given.merchant)
    if known is None:
        raise UnknownMerchant(f"there is no merchant {given.merchant!r} here")
    async with desk.db.read() as view:
        members = await view.members.of(given.merchant)
        changes = await view.members.changes(given.merchant, MOST_LINES)
    say(f"{known.pay_to}  owner  while {known.id} is paid there")
    for one in members:
        say(f"{one.wallet}  {one.role}  since {one.at:%Y-%m-%d %H:%M} UTC")
    for line in changes:
        say(f"# {line.at:%Y-%m-%d %H:%M} {line.wallet}: {line.old or 'none'} -> {line.new or 'none'}, by {line.by}")


def enter(given: argparse.Namespace) -> int:
    """Sign in to a console with a wallet's key, and print the token of 12 hours that programs send as Bearer."""
    try:
        own = LocalSigner(given.key_file.read_text(encoding="utf-8").strip())
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{given.key_file} holds no key in hex: {type(error).__name__}") from None
    say(asyncio.run(sign_in_at(given.url.rstrip("/"), own)))
    return 0


def add_to(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> "argparse._SubParsersAction[argparse.ArgumentParser]":
    """Declare the commands, below `paddock merchant`."""
    about = "Who may enter a merchant's console, as what."
    actions = verbs.add_parser("member", help=about, description=about).add_subparsers(required=True, metavar="VERB")

    def verb(name: str, does: Does) -> argparse.ArgumentParser:
        one = actions.add_parser(name, help=does.__doc__, description=does.__doc__)
        one.add_argument("merchant", help="the merchant's id")
        one.set_defaults(does=lambda given: asyncio.run(at_desk(does, given)))
        return one

    for name, does in (("add", add), ("remove", remove)):
        verb(name, does).add_argument("wallet", help="its address")
    actions.choices["add"].add_argument("--role", choices=[str(one) for one in GIVEN], required=True)
    verb("all", everything)
    entering = verbs.add_parser("sign-in", help=enter.__doc__, description=enter.__doc__)
    entering.add_argument("url", help="the marketplace's origin, as in http://127.0.0.1:8402")
    entering.add_argument("--key-file", type=Path, required=True, help="the wallet's hex key")
    entering.set_defaults(does=enter)
    return verbs


async def sign_in_at(url: str, own: LocalSigner) -> str:
    """The token. Signs nothing but a message for this marketplace and this wallet."""
    async with httpx.AsyncClient(base_url=url, timeout=SECONDS, trust_env=False) as client:
        text = await _told(client, "/console/challenge", {"wallet": own.address}, "message")
        try:
            message = sign_in.parse(text)
            networks = {message.chain_id}
            domain = urlsplit(url).netloc
            sign_in.check(message, domain=domain, uri=f"{url}/console", networks=networks, now=SystemClock().now())
        except ProtocolError as error:
            raise WalletRefused(f"what is to be signed is not for {url}: {error.detail}") from error
        if message.address != own.address:
            raise WalletRefused("what is to be signed is for another wallet")
        signature = "0x" + (await own.sign_digest(message.digest())).hex()
        body = {"message": text, "signature": signature, "bearer": True}
        return await _told(client, "/console/sign-in", body, "token")


async def _told(client: httpx.AsyncClient, path: str, body: dict[str, object], wanted: str) -> str:
    """A member of the JSON that is answered. Raises WalletRefused with the marketplace's words, or Unavailable."""
    try:
        answer = await client.post(path, json=body)
        told = answer.json()
        if answer.status_code == httpx.codes.OK:
            return str(told[wanted])
        detail = str(told["detail"])
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        raise Unavailable(f"{client.base_url} does not answer as a marketplace ({type(error).__name__})") from error
    raise WalletRefused(detail)


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
