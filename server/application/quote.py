"""Quote: answer a request that carries no payment with the terms for exactly that request."""

from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from msgspec import structs

from protocol.intent import Intent
from protocol.payment import Method
from protocol.wire import SCHEME_DELEGATE, PaymentRequired, PaymentRequirements, Resource
from server.application.choose import choice_terms, chosen_for
from server.application.extend import extensions
from server.application.offer import route
from server.application.paddock import Ground, Paddock
from server.application.price import asked_at
from server.domain.market import Asset
from server.domain.outages import FacilitatorUnavailable
from server.domain.quotes import Quote, binding
from server.payments import mode_named
from server.services.service import Service

ATOMIC_FLOW = "ATOMIC"
UNPAID = "PAYMENT-SIGNATURE header is required"
PAY_SECONDS = 120
"""`maxTimeoutSeconds`: how long a client should let its authorization be valid."""


async def quote(
    paddock: Paddock, service: Service, intent: Intent, origin: str, error: str | None = None, resource: str = ""
) -> PaymentRequired:
    """The 402 of a request: nothing is stored, and no chain is asked. `error` says why a payment was not taken.

    `resource` names what is sold where that is not the URL that was asked.
    Raises FacilitatorUnavailable for a metered service while nobody is known who settles it.
    """
    moment = paddock.clock.now()
    service, now = asked_at(service, intent, moment), int(moment.timestamp())
    issued = paddock.quotes.issue(now, service.quote_seconds)
    digest = intent.digest()
    terms = accepts(paddock, service, issued, origin, chosen_for(service, intent))
    if service.metered and not terms:
        raise FacilitatorUnavailable("no facilitator that settles scheme upto is there for this service")
    for entry in terms:
        entry.extra["quote"] = paddock.quotes.token(issued, binding(service.slug, digest, entry))
    return PaymentRequired(
        x402_version=2,
        error=error or UNPAID,
        resource=describe(service, resource or resource_url(origin, intent)),
        accepts=terms,
        extensions=await extensions(paddock, service, intent, origin, terms, resource or route(service, origin)),
    )


def accepts(
    paddock: Paddock, service: Service, issued: Quote, origin: str, calldata: bytes | None = None
) -> list[PaymentRequirements]:
    """Every way to pay for a service, without quote tokens: one entry for each network and asset.

    What any x402 client can sign (EIP-3009) stands before what needs an allowance (Permit2); all of them share the
    quote's id, so only one of them can be used. Links name the origin that was asked. `calldata` is the buyer's
    choice.
    """
    entries = [requirements(paddock, service, issued, origin, *place) for place in _places(paddock, service)]
    for entry in entries:
        entry.extra |= choice_terms(service, issued, calldata)
    entries.sort(key=lambda entry: entry.extra.get("assetTransferMethod") == Method.PERMIT2)
    return entries + atomic_entries(paddock, service, entries)


def atomic_entries(
    paddock: Paddock, service: Service, entries: Sequence[PaymentRequirements]
) -> list[PaymentRequirements]:
    """Scheme delegate, for callbacks that take a payment from an executor where the facilitator settles it."""
    if not service.atomic:
        return []
    found, executors = [], paddock.facilitator.executors()
    for entry in entries:
        executor = paddock.on(entry.network).market.executor
        if executor and executors.get(entry.network) == executor:
            extra = {key: value for key, value in entry.extra.items() if key != "calldataDeadline"}
            extra["flow"] = ATOMIC_FLOW
            found.append(structs.replace(entry, scheme=SCHEME_DELEGATE, pay_to=executor, extra=extra))
    return found


def _places(paddock: Paddock, service: Service) -> Iterator[tuple[Ground, Asset]]:
    mode = mode_named(service.mode)
    for ground in paddock.grounds.values():
        if service.metered and ground.market.network not in paddock.facilitator.settlers():
            continue
        for asset in mode.assets(service, ground.market):
            yield ground, asset


def requirements(
    paddock: Paddock, service: Service, issued: Quote, origin: str, ground: Ground, asset: Asset
) -> PaymentRequirements:
    """One `accepts` entry of a service, without its quote token."""
    market = ground.market
    mode = mode_named(service.mode)
    merchant = paddock.merchants[service.merchant]
    extra = {
        "name": asset.name,
        "version": asset.version,
        "mode": mode.facts.name,
        "merchant": service.merchant,
        "quoteId": issued.id,
        "expiresAt": str(issued.expires_at),
        "statusUrl": f"{origin}/api/orders/{issued.id}",
        **mode.extra(service, market),
    }
    if service.metered or asset.method is Method.PERMIT2:
        extra["assetTransferMethod"] = Method.PERMIT2.value
    if service.metered:
        extra["facilitatorAddress"] = paddock.facilitator.settlers()[market.network]
    return PaymentRequirements(
        scheme=service.scheme,
        network=market.network,
        amount=str(asset.amount(service.amount)),
        asset=asset.address,
        pay_to=mode.pay_to(market, merchant),
        max_timeout_seconds=PAY_SECONDS,
        extra=extra,
    )


def describe(service: Service, url: str) -> Resource:
    """What is paid for, in x402's words."""
    return Resource(
        url=url,
        description=service.summary,
        mime_type=service.media_type,
        service_name=service.title,
        tags=[service.kind, *service.tags],
    )


def resource_url(origin: str, intent: Intent) -> str:
    """The absolute URL that was asked, with its raw target, which has the origin's path prefix in it."""
    return origin.removesuffix(urlsplit(origin).path) + intent.target.decode("ascii", "backslashreplace")
