"""What routes and tools, the two ways in to a service, have in common: the service as it is now, and its terms."""

from protocol.wire import PaymentRequired, SettleResponse
from server.application.paddock import Paddock
from server.application.present import PaidCall, read_arguments
from server.application.quote import quote
from server.application.sheet import Sheet, sheet
from server.domain.errors import PaymentRefused, UnknownService
from server.domain.listing_errors import OffSale
from server.domain.redaction import scrub
from server.services.service import Service
from server.web.outcomes import OUTCOMES

PAUSED = "settlement is paused: these terms are good, and a payment now is answered with 503 until it goes on"


async def offered(paddock: Paddock, slug: str) -> Service:
    """The service with the actions that count now, also one that is off sale: it is still answered to who paid.

    Raises UnknownService.
    """
    service = paddock.services.get(slug) or paddock.off_sale.get(slug)
    if service is None:
        raise UnknownService(f"{slug[:80]!r} is not on sale here")
    return await paddock.admission.actions.apply(paddock.db, paddock.clock, service, paddock.market.contracts)


def require_askable(service: Service, call: PaidCall, given: bool) -> None:
    """Raises OffSale, for no terms are given for what cannot be bought, and BadArguments; a bare request, with nothing
    `given`, learns the price."""
    if not service.on_sale:
        raise OffSale(f"{service.slug} is not on sale now")
    if given:
        read_arguments(service, call)


async def terms(
    paddock: Paddock, service: Service, call: PaidCall, refused: PaymentRefused | None = None
) -> PaymentRequired:
    """The terms, and with them why a payment was refused. Raises OffSale."""
    error = await _error(paddock, service, call, refused)
    required = await quote(paddock, service, call.intent, call.origin, error, call.resource)
    OUTCOMES.labels(service.slug, "quoted").inc()
    return required


async def terms_sheet(
    paddock: Paddock, service: Service, call: PaidCall, refused: PaymentRefused | None = None
) -> Sheet:
    """The same of a route, as the bytes that are sent."""
    error = await _error(paddock, service, call, refused)
    found = await sheet(paddock, service, call.intent, call.origin, error)
    OUTCOMES.labels(service.slug, "quoted").inc()
    return found


async def _error(paddock: Paddock, service: Service, call: PaidCall, refused: PaymentRefused | None) -> str | None:
    """What terms say was wrong, beside that nothing was paid. Raises OffSale."""
    if refused:
        require_askable(service, call, given=False)
        return scrub(f"{refused.reason}: {refused.detail}")
    return PAUSED if await paddock.admission.pause.hint(paddock.db, paddock.clock) else None


def failure(paddock: Paddock, refused: PaymentRefused) -> SettleResponse:
    """A refused payment's outcome: nothing was settled."""
    return SettleResponse(
        success=False,
        error_reason=scrub(refused.reason),
        error_message=scrub(refused.detail),
        transaction="",
        network=paddock.market.network,
    )
