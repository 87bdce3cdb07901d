"""Join: a stranger becomes a merchant by the signature of the wallet that is to be paid, and moves by two of them."""

import re
import secrets
from dataclasses import dataclass

import msgspec

from protocol.errors import ProtocolError
from protocol.merchants import SKEW, WINDOW, joining_digest, moving_digest
from protocol.signatures import parse_address, parse_hex, recover
from server.application.paddock import Paddock
from server.application.post import post_of
from server.application.wallet_signatures import accepted_on
from server.domain.errors import NotAllowed, StaleWrite, UnknownMerchant
from server.domain.listing_errors import BadRegistration, MerchantConflict
from server.domain.market import Merchant, key_digest

MOST_AT_ONE_ADDRESS = 3
"""Merchants that are paid at one address."""
_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{1,18}[a-z0-9])")
_MOST_NAME = 60


class Joining(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """Who wants to sell here: `signature` is `pay_to`'s over `joining_digest`, `issued_at` in Unix seconds."""

    merchant: str
    name: str
    pay_to: str
    issued_at: int
    signature: str


class Moving(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """Where a merchant wants to be paid from now on: both addresses sign `moving_digest`."""

    pay_to: str
    issued_at: int
    old_signature: str
    new_signature: str


@dataclass(frozen=True, slots=True)
class Joined:
    """A new merchant, with its API key and API secret, which nobody can show again."""

    merchant: Merchant
    key: str
    secret: str


async def join(paddock: Paddock, origin: str, asked: Joining) -> Joined:
    """Take a merchant in. Raises BadRegistration, MerchantKnown, and NotAllowed where an operator does that."""
    if not paddock.open_registration:
        raise NotAllowed("merchants are taken in by the operator here: ask for `paddock merchant add`")
    if not _ID.fullmatch(asked.merchant):
        raise BadRegistration("merchant: 3 to 20 lower-case letters, digits and hyphens")
    if not 0 < len(asked.name.strip()) <= len(asked.name) <= _MOST_NAME or not asked.name.isprintable():
        raise BadRegistration(f"name: 1 to {_MOST_NAME} printable characters")
    pay_to = _address(asked.pay_to)
    _require_fresh(paddock, asked.issued_at)
    chain = paddock.market.chain_id
    digest = joining_digest(chain, origin, asked.merchant, asked.name, pay_to, asked.issued_at)
    await _require_signed(paddock, "signature", digest, asked.signature, pay_to)
    keys, key = post_of(paddock).keys, secrets.token_urlsafe(32)
    secret = keys.new()
    made = Merchant(asked.merchant, asked.name, pay_to, key_digest(key), api_secret=secret)
    async with paddock.db.begin("merchant joined") as work:
        if await work.merchants.paid_at(pay_to) >= MOST_AT_ONE_ADDRESS:
            raise BadRegistration(f"payTo: at most {MOST_AT_ONE_ADDRESS} merchants are paid at one address")
        await work.merchants.add(made, pay_to)
    return Joined(made, key, keys.api_secret(made.id, secret))


async def move(paddock: Paddock, origin: str, merchant: str, asked: Moving, by: str) -> Merchant:
    """Pay a merchant elsewhere, from the next quote on; those that are out pay the old address until they expire.

    Raises BadRegistration, UnknownMerchant, MerchantConflict.
    """
    async with paddock.db.read() as view:
        known = await view.merchants.get(merchant)
    if known is None:
        raise UnknownMerchant(f"there is no merchant {merchant[:64]!r} here")
    new = _address(asked.pay_to)
    if new == known.pay_to:
        raise BadRegistration("payTo: that is where it is paid already")
    _require_fresh(paddock, asked.issued_at)
    digest = moving_digest(paddock.market.chain_id, origin, merchant, known.pay_to, new, asked.issued_at)
    await _require_signed(paddock, "oldSignature", digest, asked.old_signature, known.pay_to)
    await _require_signed(paddock, "newSignature", digest, asked.new_signature, new)
    try:
        async with paddock.db.begin("merchant moved") as work:
            await work.merchants.move(known, new, by)
            moved = await work.merchants.get(merchant)
    except StaleWrite as error:
        raise MerchantConflict("it was moved by somebody else at this moment") from error
    return moved or known


def _address(text: str) -> str:
    try:
        return parse_address(text, "payTo")
    except ProtocolError as error:
        raise BadRegistration(error.detail) from error


def _require_fresh(paddock: Paddock, issued_at: int) -> None:
    now = int(paddock.clock.now().timestamp())
    if not now - WINDOW <= issued_at <= now + SKEW:
        raise BadRegistration(f"issuedAt must be within the last {WINDOW} seconds; sign anew")


async def _require_signed(paddock: Paddock, name: str, digest: bytes, given: str, signer: str) -> None:
    """By its key, or by what a wallet's code says. Raises BadRegistration."""
    try:
        signature = parse_hex(given, name)
        if recover(digest, signature) == signer:
            return
    except ProtocolError:
        signature = b""
    if not signature or not await accepted_on(paddock.chain)(signer, digest, signature):
        raise BadRegistration(f"{name}: it is not {signer}'s over exactly this")
