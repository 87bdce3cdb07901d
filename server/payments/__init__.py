"""How things are paid: one file for each mode, and the tuple of all of them."""

from server.domain.market import Merchant
from server.payments.delegate import Delegate
from server.payments.direct import Direct
from server.payments.mode import PaymentMode

MODES: tuple[PaymentMode, ...] = (
    Direct(),
    Delegate(),
)


def mode_named(name: str) -> PaymentMode:
    """The mode of that name; raises KeyError."""
    for mode in MODES:
        if mode.facts.name == name:
            return mode
    raise KeyError(name)


def mode_of_orders(merchant: Merchant) -> PaymentMode:
    """The mode that what a merchant's own back end sells is paid in."""
    return next(mode for mode in MODES if mode.takes_orders_of(merchant))
