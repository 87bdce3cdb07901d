"""Screen: ask whether the parties to a payment may be dealt with, before money moves either way."""

import logging

from server.application.paddock import Paddock
from server.domain.errors import PaddockError, Screened
from server.domain.orders import Order
from server.domain.outages import ScreeningUnavailable
from server.ports import Party, Purpose, Verdict

log = logging.getLogger(__name__)


async def screen_purchase(paddock: Paddock, payer: str, payee: str) -> None:
    """Raises Screened if one of the two is refused, ScreeningUnavailable if nobody can tell: then nothing is sold."""
    for address, party in ((payer, Party.PAYER), (payee, Party.PAYEE)):
        verdict = await _check(paddock, address, party, Purpose.PURCHASE)
        if not verdict.allowed:
            log.warning("a purchase was refused: its %s is on %s", party, verdict.listed)
            raise Screened("screening refuses a party to this payment")


async def refused_refund(paddock: Paddock, order: Order) -> str | None:
    """The list that forbids the refund to the order's payer, for staff; None if it may be sent."""
    verdict = await _check(paddock, order.authorization.payer, Party.PAYER, Purpose.REFUND)
    return None if verdict.allowed else verdict.listed


async def _check(paddock: Paddock, address: str, party: Party, purpose: Purpose) -> Verdict:
    """Whatever goes wrong in a screening means that nobody can tell."""
    try:
        return await paddock.screening.check(address, party, purpose)
    except PaddockError:
        raise
    except Exception as error:
        log.error("screening failed: %s", type(error).__name__)
        raise ScreeningUnavailable("screening does not answer") from error
