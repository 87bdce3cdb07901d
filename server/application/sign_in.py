"""Sign in: give a wallet that paid for this very request the stored answer again, and one that may enter its own."""

from datetime import timedelta

from protocol.errors import ProtocolError
from protocol.sign_in import Proof, check, read, signer
from server.application.enter import enter, free_calls, has_key
from server.application.offer import route
from server.application.paddock import Paddock
from server.application.pay import Sold, released
from server.application.present import PaidCall, read_arguments
from server.application.wallet_signatures import accepted_on
from server.domain import challenges
from server.domain.challenges import Challenge
from server.domain.errors import DuplicateClaim, SignInRefused, UnknownOrder
from server.services.service import Answer, Service

REMEMBERED = timedelta(minutes=1)
"""How much longer than its life a used nonce is remembered: servers' clocks differ."""


async def sign_in(paddock: Paddock, service: Service, call: PaidCall) -> Sold | Answer | None:
    """The answer, once for each challenge; None if nobody signed in, or who did has neither bought this nor may enter.

    A challenge opens only what was claimed before it was given. So one that opened nothing never will and needs no row;
    strangers who sign in write nothing but what their free calls are counted by.
    Raises SignInRefused for what cannot be a sign-in for this request.
    """
    if not call.sign_in:
        return None
    if len(call.sign_in) > 1:
        raise SignInRefused("the request carries more than one SIGN-IN-WITH-X header")
    try:
        proof, given = _answered(paddock, service, call)
        payer = await signer(proof, accepted_on(paddock.on(proof.chain_id).chain))
    except ProtocolError as error:
        raise SignInRefused(error.detail, reason=error.reason) from error
    async with paddock.db.read() as view:
        since = paddock.kept_since(service.slug)
        order_id = await view.sign_ins.bought(payer, call.intent.digest(), given.issued_at, since)
    if order_id:
        return await _open(paddock, order_id, given)
    ground = paddock.on(proof.chain_id)
    holds = bool(service.opened_by) and await has_key(ground, service, payer, proof.resources or ())
    if not holds and not service.free_calls:
        return None
    arguments = read_arguments(service, call)
    if not await _use_up(paddock, given, None if holds else (service, payer)):
        return None
    return await enter(paddock, service, ground, payer, arguments)


def _answered(paddock: Paddock, service: Service, call: PaidCall) -> tuple[Proof, Challenge]:
    """The proof and the challenge that it answers; all but the signature is checked."""
    now = paddock.clock.now()
    proof = read(call.sign_in[0])
    networks = set(paddock.grounds)
    check(proof, domain=call.intent.authority, uri=route(service, call.origin), networks=networks, now=now)
    return proof, challenges.reopen(paddock.quotes, proof.nonce, call.intent.digest(), now)


async def _use_up(paddock: Paddock, given: Challenge, guest: tuple[Service, str] | None) -> bool:
    """Before the handler runs: one visit for each challenge, and a free call of a guest's; False if it has none left.

    A handler that fails has used the free call up as well.
    """
    now = paddock.clock.now()
    try:
        async with paddock.db.begin("entered") as work:
            if guest and not await work.sign_ins.use_one_of(*free_calls(*guest, now)):
                return False
            await work.sign_ins.use(given.nonce, given.expires_at + REMEMBERED, now)
            return True
    except DuplicateClaim as error:
        raise SignInRefused("this challenge was used already") from error


async def _open(paddock: Paddock, order_id: str, given: Challenge) -> Sold:
    """Use the challenge up and read the stored answer, together."""
    try:
        async with paddock.db.begin("signed in") as work:
            await work.sign_ins.use(given.nonce, given.expires_at + REMEMBERED, paddock.clock.now())
            order = await work.orders.get(order_id)
            if order is None:
                raise UnknownOrder(order_id)
            return await released(paddock, work, order, replayed=True)
    except DuplicateClaim as error:
        raise SignInRefused("this challenge was used already") from error
