"""Buyer keys: made, listed and revoked at a Paddock marketplace by the wallet."""

import hashlib
from argparse import Namespace
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from agent.clock import SystemClock
from agent.commands import Shell
from agent.errors import AgentError, SellerUnavailable
from agent.reviewing import answered
from agent.settings import PREFIX
from agent.wallet import sign_digest
from protocol.errors import ProtocolError
from protocol.headers import decode_json
from protocol.networks import chain_id
from protocol.requests import LIST_KEYS, MAKE_KEY, REVOKE_KEY, SignedRequest, new_request

T = TypeVar("T")


class _Place(msgspec.Struct):
    """Where a marketplace is at home: the first of its networks."""

    network: str


class _Marketplace(msgspec.Struct):
    """What is read of `/.well-known/x402`."""

    networks: list[_Place]


class _Limit(msgspec.Struct):
    """So many atomic units a day."""

    network: str
    asset: str
    per_day: str


class _Key(msgspec.Struct):
    """What is told of a key; `key` is what its holder sends, told once."""

    id: str
    name: str
    live: bool
    per_minute: int
    expires_at: str
    limits: list[_Limit]
    key: str = ""


class _Keys(msgspec.Struct):
    keys: list[_Key]


def add(shell: Shell, args: Namespace) -> int:
    """Make one; the key alone is on stdout, and nobody can show it again."""
    limits = [_limit(text) for text in args.limit]
    wanted = {"name": args.name, "per_minute": args.per_minute, "days": args.days, "limits": limits}
    made = _asked(shell, MAKE_KEY, "POST", args, content=msgspec.json.encode(wanted), kind=_Key)
    shell.err.print(f"{_words(made)}; set {PREFIX}BUYER_KEY to", soft_wrap=True, highlight=False)
    shell.out.out(made.key, highlight=False)
    return 0


def show(shell: Shell, args: Namespace) -> int:
    """List the wallet's keys, newest first."""
    for one in _asked(shell, LIST_KEYS, "GET", args, kind=_Keys).keys:
        shell.out.out(_words(one), highlight=False)
    return 0


def revoke(shell: Shell, args: Namespace) -> int:
    """End one."""
    _asked(shell, REVOKE_KEY, "DELETE", args, f"/{quote(args.id, safe='')}", kind=dict[str, Any])
    shell.out.out(f"{args.id} is revoked", highlight=False)
    return 0


def _asked(
    shell: Shell, action: str, method: str, args: Namespace, more: str = "", content: bytes = b"", *, kind: type[T]
) -> T:
    """What the marketplace answers to one action of the wallet on its keys."""
    account = shell.settings.payer()
    origin = (args.seller or shell.settings.seller).rstrip("/")
    url = f"{origin}/api/wallets/{account.address}/keys{more}"
    reason = "0x" + hashlib.sha256(content).hexdigest() if content else ""
    with shell.client() as client:
        home = _read(answered(client, "GET", f"{origin}/.well-known/x402"), _Marketplace)
        if not home.networks:
            raise SellerUnavailable(f"{origin} is paid on no network")
        request = new_request(action, url, int(SystemClock().now().timestamp()), reason)
        signature = "0x" + sign_digest(account, request.digest(chain_id(home.networks[0].network))).hex()
        headers = {"Authorization": SignedRequest(request, signature).header()}
        return _read(answered(client, method, url, headers=headers, content=content or None), kind)


def _read(answer: httpx.Response, kind: type[T]) -> T:
    try:
        return decode_json(answer.content, kind)
    except ProtocolError as error:
        raise SellerUnavailable(f"{answer.url} does not answer as a marketplace: {error.detail}") from error


def _limit(text: str) -> dict[str, str]:
    """`[NETWORK:]TOKEN=UNITS`."""
    place, sign, units = text.rpartition("=")
    network, _, asset = place.rpartition(":")
    if not sign or not units.isdecimal():
        raise AgentError(f"{text!r} is no limit", "write it as TOKEN=UNITS, in atomic units a day")
    return {"asset": asset, "per_day": units} | ({"network": network} if network else {})


def _words(one: _Key) -> str:
    spends = ", ".join(f"{cap.per_day} a day of {cap.network}:{cap.asset}" for cap in one.limits) or "no spend limit"
    state = "live until" if one.live else "over; it had until"
    return f"{one.id} {one.name!r}: {state} {one.expires_at}, {one.per_minute} a minute unpaid, {spends}"
