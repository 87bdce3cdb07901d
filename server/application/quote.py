"""Quote: answer a request that carries no payment with the terms for exactly that request."""

from urllib.parse import urlsplit

from protocol.intent import Intent
from protocol.wire import SCHEME_EXACT, PaymentRequired, PaymentRequirements, Resource
from server.application.paddock import Paddock
from server.domain.quotes import Quote, binding
from server.payments import mode_named
from server.services.service import Service

PAY_SECONDS = 120
"""`maxTimeoutSeconds`: how long a client should let its authorization be valid."""


def quote(paddock: Paddock, service: Service, intent: Intent, origin: str, error: str | None = None) -> PaymentRequired:
    """The 402 of a request: nothing is stored, and no chain is asked. `error` says why a payment was not taken."""
    now = int(paddock.clock.now().timestamp())
    issued = paddock.quotes.issue(now, service.quote_seconds)
    terms = requirements(paddock, service, issued, origin)
    terms.extra["quote"] = paddock.quotes.token(issued, binding(service.slug, intent.digest(), terms))
    return PaymentRequired(
        x402_version=2,
        error=error or "PAYMENT-SIGNATURE header is required",
        resource=describe(service, resource_url(origin, intent)),
        accepts=[terms],
    )


def requirements(paddock: Paddock, service: Service, issued: Quote, origin: str) -> PaymentRequirements:
    """The standard `accepts` entry of a service, without its quote token; links name the origin that was asked."""
    market = paddock.market
    mode = mode_named(service.mode)
    merchant = paddock.merchants[service.merchant]
    return PaymentRequirements(
        scheme=SCHEME_EXACT,
        network=market.network,
        amount=str(service.amount),
        asset=market.asset.address,
        pay_to=mode.pay_to(service, market, merchant),
        max_timeout_seconds=PAY_SECONDS,
        extra={
            "name": market.asset.name,
            "version": market.asset.version,
            "mode": mode.name.value,
            "merchant": service.merchant,
            "quoteId": issued.id,
            "expiresAt": str(issued.expires_at),
            "statusUrl": f"{origin}/api/orders/{issued.id}",
            **mode.extra(service, market),
        },
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
