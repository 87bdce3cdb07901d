"""Extend: what a 402 says beyond its terms, by the names of the x402 extensions."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from protocol import actions, payment_identifier, receipts, sign_in
from protocol.intent import Intent
from protocol.payment import Method
from protocol.schemes import method_of
from protocol.wire import PaymentRequirements
from server.application.enter import doors
from server.application.offer import offers, route
from server.application.paddock import Paddock
from server.domain import challenges
from server.domain.outages import SignerUnavailable
from server.services.service import Service

STATEMENT = "Show that you paid for this resource, to get its answer again. This costs nothing."
_IDENTIFIER = payment_identifier.declaration(required=False)


async def extensions(
    paddock: Paddock,
    service: Service,
    intent: Intent,
    origin: str,
    accepts: Sequence[PaymentRequirements],
    offered: str,
) -> dict[str, Any]:
    """Signed offers of `offered`, payment identifiers, where to sign chosen calldata, a challenge to sign in; nothing
    is stored.

    While the signer is away there are no offers: nobody needs one to pay.
    """
    signed: dict[str, Any] = {}
    with suppress(SignerUnavailable):
        signed = {receipts.EXTENSION: await offers(paddock, service, offered, accepts)}
    chosen = {}
    if accepts and "calldata" in accepts[0].extra:
        by_permit2 = method_of(accepts[0]) is Method.PERMIT2
        submit_at = f"{accepts[0].extra['statusUrl']}/{actions.EXTENSION}"
        chosen = {actions.EXTENSION: actions.declaration(submit_at, by_permit2=by_permit2)}
    return {
        **signed,
        **chosen,
        **doors(paddock, service),
        payment_identifier.EXTENSION: _IDENTIFIER,
        sign_in.EXTENSION: _challenge(paddock, service, intent, origin, accepts),
    }


def _challenge(
    paddock: Paddock, service: Service, intent: Intent, origin: str, accepts: Sequence[PaymentRequirements]
) -> dict[str, Any]:
    """It names the route; the nonce ties it to the exact request, whose query may be long or personal."""
    given = challenges.issue(paddock.quotes, intent.digest(), paddock.clock.now())
    return sign_in.challenge(
        domain=intent.authority,
        uri=route(service, origin),
        statement=STATEMENT,
        nonce=given.nonce,
        issued_at=given.issued_at,
        expires_at=given.expires_at,
        networks=list(dict.fromkeys(entry.network for entry in accepts)),
    )
