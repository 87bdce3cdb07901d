"""Sheet: the terms of a service as bytes, made whole once a minute, with what belongs to one request filled in."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from protocol import receipts, sign_in
from protocol.headers import encode_json, to_json
from protocol.intent import Intent
from protocol.wire import PaymentRequired
from protocol.wire_v1 import required_v1
from server.application.blanks import Blank
from server.application.choose import chosen_for
from server.application.offer import MINUTE
from server.application.paddock import Paddock
from server.application.quote import UNPAID, quote, resource_url
from server.domain import challenges
from server.domain.forms import Form, hole
from server.domain.quotes import binding_text, digest_of
from server.services.service import Service


@dataclass(frozen=True, slots=True)
class Sheet:
    """Terms as they are sent: `header` is v2's, in base64, and `body` v1's JSON."""

    header: str
    body: bytes


async def sheet(paddock: Paddock, service: Service, intent: Intent, origin: str, error: str | None = None) -> Sheet:
    """What `quote` says, as bytes. What the request's arguments decide on is written anew.

    Raises FacilitatorUnavailable, as `quote` does, and BadArguments for chosen calldata that will not do.
    """
    if service.tariff or chosen_for(service, intent) is not None:
        required = await quote(paddock, service, intent, origin, error)
        return Sheet(encode_json(to_json(required)), to_json(required_v1(required)))
    made_of = _made_of(paddock, service)
    blank = paddock.blanks.get(service.slug, origin, made_of)
    if blank is None:
        required = await quote(paddock, service, intent, origin, error)
        whole = receipts.EXTENSION in (required.extensions or {})
        blank = _blank(service, required, made_of)
        if whole:  # without offers it is for this once: the signer may be back in a moment
            paddock.blanks.keep(service.slug, origin, blank)
    return _filled(paddock, blank, service, intent, origin, error)


def _made_of(paddock: Paddock, service: Service) -> Sequence[object]:
    """What terms depend on beside the request and what a process never changes; offers are signed once a minute."""
    facilitator = paddock.facilitator
    return (
        service,
        paddock.merchants[service.merchant],
        int(paddock.clock.now().timestamp()) // MINUTE,
        facilitator.settlers() if service.metered else None,
        facilitator.executors() if service.atomic else None,
    )


def _blank(service: Service, required: PaymentRequired, made_of: Sequence[object]) -> Blank:
    """Terms with holes where they say what is this request's alone."""
    required.error, required.resource.url = hole("error"), hole("url")
    bound = []
    for place, entry in enumerate(required.accepts):
        issued = entry.extra["quoteId"]
        status = entry.extra["statusUrl"].replace(issued, hole("id"))
        entry.extra |= {"quoteId": hole("id"), "expiresAt": hole("expires"), "statusUrl": status}
        bound.append(Form(binding_text(service.slug, hole("intent"), entry).encode()))
        entry.extra["quote"] = hole(f"quote{place}")
    if required.extensions:
        given = {"nonce": hole("nonce"), "issuedAt": hole("issued"), "expirationTime": hole("ends")}
        required.extensions[sign_in.EXTENSION]["info"] |= given
    return Blank(made_of, Form(to_json(required)), Form(to_json(required_v1(required))), tuple(bound))


def _filled(paddock: Paddock, blank: Blank, service: Service, intent: Intent, origin: str, error: str | None) -> Sheet:
    moment, digest = paddock.clock.now(), intent.digest()
    issued = paddock.quotes.issue(int(moment.timestamp()), service.quote_seconds)
    given = challenges.issue(paddock.quotes, digest, moment)
    values = {
        "error": _inside(error or UNPAID),
        "url": _inside(resource_url(origin, intent)),
        "intent": digest.hex().encode(),
        "id": issued.id.encode(),
        "expires": str(issued.expires_at).encode(),
        "nonce": given.nonce.encode(),
        "issued": sign_in.written(given.issued_at).encode(),
        "ends": sign_in.written(given.expires_at).encode(),
    }
    for place, bound in enumerate(blank.bound):
        values[f"quote{place}"] = paddock.quotes.token(issued, digest_of(bound.filled(values))).encode()
    return Sheet(encode_json(blank.v2.filled(values)), blank.v1.filled(values))


def _inside(text: str) -> bytes:
    """A text as it stands between the quotation marks of JSON."""
    return msgspec.json.encode(text)[1:-1]
