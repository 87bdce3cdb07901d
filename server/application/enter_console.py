"""Enter the console: the operator by its token, a merchant's wallet by an EIP-4361 message that it signs."""

import hashlib
import secrets
from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec

from protocol import sign_in
from protocol.errors import ProtocolError
from protocol.sign_in import SIGNATURE_TYPE, Message, Proof, written
from protocol.signatures import parse_address
from server.application.membership import consoles_of, role_in
from server.application.paddock import Paddock
from server.application.sign_in import REMEMBERED
from server.application.wallet_signatures import accepted_on
from server.domain import challenges
from server.domain.access_errors import BadSignIn, WalletRefused
from server.domain.challenges import Challenge
from server.domain.errors import DuplicateClaim, SignInRefused, UnknownMerchant
from server.domain.members import SESSION_LIFE, Session
from server.domain.roles import Role

STATEMENT = "Open the console of this marketplace for 12 hours. This moves no money and allows no payment."
MOST_TEXT = 2000
"""Characters of a message that is read."""


@dataclass(frozen=True, slots=True)
class Entered:
    """Somebody who was let in; `secret` opens the console, is given once, and is stored as its digest alone."""

    secret: str
    session: Session
    role: Role


def challenge(paddock: Paddock, origin: str, wallet: str) -> Message:
    """What that wallet signs to enter at that origin; nothing is stored, and nothing is told of the wallet.

    Raises BadSignIn for what is no address.
    """
    try:
        address = parse_address(wallet, "wallet")
    except ProtocolError as error:
        raise BadSignIn(error.detail) from error
    given = challenges.issue(paddock.quotes, _intent(origin), paddock.clock.now())
    return _message(paddock, origin, address, given)


async def enter_by_wallet(paddock: Paddock, origin: str, text: str, signature: str) -> Entered:
    """Let a merchant's member in, once for each challenge. Raises WalletRefused, ChainUnavailable.

    Whether a wallet is anybody's here is looked up after it signed, so nobody learns that of a wallet but its owner.
    """
    message, given = _answered(paddock, origin, text)
    proof = Proof(**msgspec.structs.asdict(message), type=SIGNATURE_TYPE, signature=signature)
    try:
        wallet = await sign_in.signer(proof, accepted_on(paddock.chain))
    except ProtocolError as error:
        raise WalletRefused(error.detail) from error
    now, secret = paddock.clock.now(), secrets.token_urlsafe(32)
    try:
        async with paddock.db.begin("console entered") as work:
            await work.sign_ins.use(given.nonce, given.expires_at + REMEMBERED, now)
            found = await consoles_of(paddock, work, wallet)
            if not found:
                raise WalletRefused("this wallet is no merchant's here, nor was it made a member by one")
            merchant, role = next(iter(found.items()))
            session = Session(_digest(secret), now + SESSION_LIFE, wallet, merchant)
            await work.sessions.open(session, now)
    except DuplicateClaim as error:
        raise WalletRefused("this challenge was used already") from error
    return Entered(secret, session, role)


async def enter_by_token(paddock: Paddock, mark: bytes) -> Entered:
    """Let the operator in, whose token was checked: the browser gets a secret of its own, never the token.

    `mark` is what the session remembers of the token, and ends with.
    """
    now, secret = paddock.clock.now(), secrets.token_urlsafe(32)
    session = Session(_digest(secret), now + SESSION_LIFE, token=mark)
    async with paddock.db.begin("operator entered") as work:
        await work.sessions.open(session, now)
    return Entered(secret, session, Role.MARKETPLACE)


async def show_merchant(paddock: Paddock, session: bytes, wallet: str, merchant: str) -> None:
    """Let a member's session show another one of its merchants. Raises UnknownMerchant for one that is not."""
    async with paddock.db.begin("console shown") as work:
        if await role_in(paddock, work, merchant, wallet) is Role.STRANGER:
            raise UnknownMerchant("this wallet is no member of such a merchant")
        await work.sessions.show(session, merchant)


async def leave(paddock: Paddock, session: bytes) -> None:
    """End a session, wherever its secret went."""
    async with paddock.db.begin("console left") as work:
        await work.sessions.end(session)


def _answered(paddock: Paddock, origin: str, text: str) -> tuple[Message, Challenge]:
    """The message and the challenge that it answers: exactly what was given out, letter by letter."""
    if len(text) > MOST_TEXT:
        raise WalletRefused("this is not the message that was given: it is too long")
    now, home = paddock.clock.now(), paddock.market.network
    try:
        message = sign_in.parse(text)
        domain = urlsplit(origin).netloc
        sign_in.check(message, domain=domain, uri=_uri(origin), networks={home}, now=now)
        given = challenges.reopen(paddock.quotes, message.nonce, _intent(origin), now)
    except (ProtocolError, SignInRefused) as error:
        raise WalletRefused(error.detail) from error
    if message != _message(paddock, origin, message.address, given):
        raise WalletRefused("this is not the message that was given: sign it as it is")
    return message, given


def _message(paddock: Paddock, origin: str, address: str, given: Challenge) -> Message:
    return Message(
        domain=urlsplit(origin).netloc,
        address=address,
        uri=_uri(origin),
        version="1",
        chain_id=paddock.market.network,
        nonce=given.nonce,
        issued_at=written(given.issued_at),
        statement=STATEMENT,
        expiration_time=written(given.expires_at),
    )


def _uri(origin: str) -> str:
    return f"{origin}/console"


def _intent(origin: str) -> bytes:
    """What a nonce is tied to, so that one for an answer opens no console, nor one of another origin."""
    return hashlib.sha256(b"paddock console " + origin.encode()).digest()


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
