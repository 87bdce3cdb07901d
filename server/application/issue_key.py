"""Issue key: a wallet makes keys for its programs, lists them, and takes them back."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import msgspec

from protocol import requests
from protocol.amounts import parse_amount
from protocol.errors import ProtocolError
from protocol.requests import PayerRequest, SignedRequest
from protocol.signatures import parse_address
from server.application.paddock import Paddock
from server.application.wallet_signatures import accepted_on
from server.domain.access_errors import BuyerKeyRefused, UnknownBuyerKey
from server.domain.buyer_keys import LONGEST, MOST_KEPT, MOST_LIVE, MOST_NAME, MOST_PER_MINUTE, BuyerKey, Cap
from server.domain.errors import BadSignedRequest, DuplicateClaim
from server.domain.market import key_digest

REMEMBERED = timedelta(minutes=1)
"""How much longer than its life a used request is remembered: servers' clocks differ."""


class Limit(msgspec.Struct, forbid_unknown_fields=True):
    """At most so many atomic units (a decimal string) a day; home's network unless another one is named."""

    asset: str
    per_day: str
    network: str | None = None


class Wanted(msgspec.Struct, forbid_unknown_fields=True):
    """The key that a wallet wants."""

    name: str
    per_minute: int = 60
    days: int = 90
    limits: tuple[Limit, ...] = ()


@dataclass(frozen=True, slots=True)
class Issued:
    """A new key, with what its holder sends, which nobody can show again."""

    key: BuyerKey
    secret: str


async def require_wallet(paddock: Paddock, signed: SignedRequest | None, wallet: str) -> PayerRequest:
    """What a wallet signed, on the first network; by its key, or by what its code says. Raises BadSignedRequest."""
    market = paddock.market
    accepts = accepted_on(paddock.chain)
    if signed is None or not await requests.is_signed_by(signed, wallet, market.chain_id, accepts):
        raise BadSignedRequest(f"this is signed by {wallet}, with chain id {market.chain_id}")
    return signed.request


async def issue_key(paddock: Paddock, wallet: str, wanted: Wanted, request: PayerRequest) -> Issued:
    """Make a key for a wallet (checksummed), once for each signed request. Raises BuyerKeyRefused."""
    now, secret = paddock.clock.now(), secrets.token_urlsafe(32)
    key = replace(_read(paddock, wanted, now), wallet=wallet, secret=key_digest(secret))
    used = hashlib.sha256(f"buyer key {wallet} {request.nonce.lower()}".encode()).hexdigest()
    until = datetime.fromtimestamp(request.issued_at + requests.WINDOW, UTC) + REMEMBERED
    try:
        async with paddock.db.begin("buyer key made") as work:
            await work.sign_ins.use(used, until, now)
            if await work.buyer_keys.add(key, now) > MOST_LIVE:
                raise BuyerKeyRefused(f"a wallet has at most {MOST_LIVE} live keys; revoke one first")
    except DuplicateClaim as error:
        raise BuyerKeyRefused("this request made a key already; sign another one") from error
    return Issued(key, secret)


async def keys_of(paddock: Paddock, wallet: str) -> Sequence[BuyerKey]:
    """A wallet's keys, newest first."""
    async with paddock.db.read() as view:
        return await view.buyer_keys.of(wallet, MOST_KEPT)


async def revoke_key(paddock: Paddock, wallet: str, key_id: str) -> None:
    """Let it count no more; what was claimed with it goes on. Raises UnknownBuyerKey."""
    async with paddock.db.begin("buyer key revoked") as work:
        if not await work.buyer_keys.revoke(wallet, key_id, paddock.clock.now()):
            raise UnknownBuyerKey(f"this wallet has no key {key_id[:16]!r}")


def _read(paddock: Paddock, wanted: Wanted, now: datetime) -> BuyerKey:
    """The key without wallet and secret. Raises BuyerKeyRefused with what is wrong."""
    if not 0 < len(wanted.name.strip()) <= len(wanted.name) <= MOST_NAME or not wanted.name.isprintable():
        raise BuyerKeyRefused(f"name: 1 to {MOST_NAME} printable characters")
    if not 1 <= wanted.per_minute <= MOST_PER_MINUTE:
        raise BuyerKeyRefused(f"per_minute: from 1 to {MOST_PER_MINUTE}")
    if not 1 <= wanted.days <= LONGEST.days:
        raise BuyerKeyRefused(f"days: from 1 to {LONGEST.days}")
    caps = tuple(_cap(paddock, limit) for limit in wanted.limits)
    if len({(cap.network, cap.asset) for cap in caps}) < len(caps):
        raise BuyerKeyRefused("limits: one for each asset")
    until = now + timedelta(days=wanted.days)
    return BuyerKey(secrets.token_hex(8), "", wanted.name, b"", wanted.per_minute, now, until, caps=caps)


def _cap(paddock: Paddock, limit: Limit) -> Cap:
    ground = paddock.grounds.get(limit.network or paddock.market.network)
    if ground is None:
        raise BuyerKeyRefused(f"limits: network is one of {', '.join(paddock.grounds)}")
    try:
        asset, per_day = parse_address(limit.asset, "asset"), parse_amount(limit.per_day, "per_day")
    except ProtocolError as error:
        raise BuyerKeyRefused(f"limits: {error.detail}") from error
    if ground.market.asset_at(asset) is None:
        raise BuyerKeyRefused(f"limits: nothing is sold for {asset} on {ground.market.network}")
    return Cap(ground.market.network, asset, per_day)
