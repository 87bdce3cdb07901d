"""Present: read the payment that came with a request and check all that needs no chain."""

from dataclasses import dataclass

import msgspec

from protocol import actions, payment_identifier, schemes
from protocol.errors import ProtocolError
from protocol.headers import decode
from protocol.intent import Intent
from protocol.networks import from_v1
from protocol.payment import Payment
from protocol.wire import SCHEME_EXACT, PaymentPayload, PaymentRequirements
from protocol.wire_v1 import PaymentPayloadV1
from server.application.choose import chosen_for
from server.application.paddock import Paddock
from server.application.price import asked_at
from server.application.quote import accepts, resource_url
from server.domain.errors import BadArguments, BindingMismatch, MalformedPayment, PaymentRefused
from server.domain.quotes import Quote, binding
from server.services.arguments import parse_arguments
from server.services.choices import chosen
from server.services.service import Service, ServiceError

_MALFORMED = {"invalid_payload", "invalid_x402_version", "invalid_payment_requirements"}


@dataclass(frozen=True, slots=True)
class PaidCall:
    """A request with its headers as they arrived: `v2` PAYMENT-SIGNATURE, `v1` X-PAYMENT, `sign_in` SIGN-IN-WITH-X,
    `keys` X-Buyer-Key.

    `origin` is the one of our origins that was asked; `resource` is what the terms call what is sold, where that is not
    the URL that was asked.
    """

    intent: Intent
    origin: str
    query: bytes
    v2: tuple[bytes, ...] = ()
    v1: tuple[bytes, ...] = ()
    sign_in: tuple[bytes, ...] = ()
    keys: tuple[bytes, ...] = ()
    resource: str = ""

    @property
    def resource_url(self) -> str:
        """What is sold, as the terms call it: the absolute URL that was asked."""
        return self.resource or resource_url(self.origin, self.intent)


@dataclass(frozen=True, slots=True)
class Presented:
    """A payment that was quoted for this request; its signature is still to be checked.

    `refusal` says why no new purchase can be made of it now, such as its age. A payment that was claimed in time is
    answered for all the same. `calldata_signature` came with it, of whatever worth.
    """

    version: int
    quote: Quote
    payload: PaymentPayload
    payment: Payment
    identifier: str | None
    refusal: PaymentRefused | None
    calldata_signature: bytes | None

    @property
    def requirements(self) -> PaymentRequirements:
        return self.payload.accepted


def present(paddock: Paddock, service: Service, call: PaidCall) -> Presented:
    """Raises MalformedPayment (400), or PaymentRefused and its kinds (402). Costs no query and no chain request."""
    if len(call.v2) + len(call.v1) != 1:
        raise MalformedPayment("the request carries more than one payment header")
    now = int(paddock.clock.now().timestamp())
    try:
        if call.v2:
            version, quote, payload = 2, *_read_v2(paddock, service, call, now)
        else:
            version, quote, payload = 1, *_read_v1(paddock, service, call, now)
        payment = schemes.read(payload.accepted, payload.payload)
        identifier = payment_identifier.read(payload.extensions)
        over_calldata = actions.read_signature(payload.extensions)
        payload.resource = payload.extensions = (
            None  # our own 402's words: nobody behind this is to read what was asked
        )
    except ProtocolError as error:
        if error.reason in _MALFORMED:
            raise MalformedPayment(error.detail) from error
        raise PaymentRefused(error.reason, error.detail) from error
    refusal = _refusal(service, quote, payment, payload.accepted, now)
    return Presented(version, quote, payload, payment, identifier, refusal, over_calldata)


def read_arguments(service: Service, call: PaidCall) -> bytes:
    """The arguments as JSON. Raises BadArguments before anything is claimed or charged."""
    intent = call.intent
    try:
        arguments = parse_arguments(service, call.query, intent.body, intent.content_type)
        chosen(service, arguments)
    except ServiceError as error:
        raise BadArguments(error.detail, error.status) from error
    return msgspec.json.encode(arguments)


def _refusal(
    service: Service, quote: Quote, payment: Payment, terms: PaymentRequirements, now: int
) -> PaymentRefused | None:
    if not service.on_sale:
        return PaymentRefused("service_off_sale", f"{service.slug} is not on sale now")
    try:
        quote.require_fresh(now)
        schemes.check_terms(payment, terms, now)
    except PaymentRefused as error:
        return error
    except ProtocolError as error:
        return PaymentRefused(error.reason, error.detail)
    return None


def _read_v2(paddock: Paddock, service: Service, call: PaidCall, now: int) -> tuple[Quote, PaymentPayload]:
    payload = decode(call.v2[0], PaymentPayload)
    if payload.x402_version != 2:
        raise ProtocolError("invalid_x402_version", "PAYMENT-SIGNATURE carries x402Version 2")
    if payload.resource and payload.resource.url != call.resource_url:
        raise BindingMismatch("resource.url is not the resource that was asked for")
    bound_to = binding(service.slug, call.intent.digest(), payload.accepted)
    quote = paddock.quotes.open(payload.accepted.extra.get("quote"), bound_to, now)
    if payload.accepted.extra.get("quoteId") != quote.id:
        raise BindingMismatch("extra.quoteId is not the quote's")
    return quote, payload


def _read_v1(paddock: Paddock, service: Service, call: PaidCall, now: int) -> tuple[Quote, PaymentPayload]:
    """v1 echoes no quote: the price of now is asked, and the claim ties the payment to this request."""
    old = decode(call.v1[0], PaymentPayloadV1)
    if old.x402_version != 1:
        raise ProtocolError("invalid_x402_version", "X-PAYMENT carries x402Version 1")
    issued = paddock.quotes.issue(now, service.quote_seconds)
    priced = asked_at(service, call.intent, paddock.clock.now())
    terms = accepts(paddock, priced, issued, call.origin, chosen_for(service, call.intent))
    spoken = [entry for entry in terms if entry.scheme == old.scheme == SCHEME_EXACT]
    if not spoken:
        raise ProtocolError("unsupported_scheme", f"v1 knows {SCHEME_EXACT}; this service takes {service.scheme}")
    near = [entry for entry in spoken if entry.network == from_v1(old.network)]
    if not near:
        raise ProtocolError("invalid_network", f"this service is paid on {spoken[0].network}")
    return issued, PaymentPayload(x402_version=2, accepted=_meant(near, old.payload), payload=old.payload)


def _meant(entries: list[PaymentRequirements], payload: dict[str, object]) -> PaymentRequirements:
    """v1 names no asset: it is the one whose domain the payer signed for, and the first if there is none."""
    for entry in entries:
        try:
            schemes.check_signature(schemes.read(entry, payload))
            return entry
        except ProtocolError:
            continue
    return entries[0]


def stored_form(payload: PaymentPayload) -> bytes:
    """The payload as an order keeps it, to settle it again after a crash."""
    return msgspec.json.encode(payload)
