"""How things are paid: one file for each mode, and the tuple of all of them."""

from server.payments.delegate import Delegate
from server.payments.direct import Direct
from server.payments.mode import PaymentMode

MODES: tuple[PaymentMode, ...] = (
    Direct(),
    Delegate(),
)


def mode_named(name: str) -> PaymentMode:
    """The mode of that name; raises KeyError."""
    return {mode.name.value: mode for mode in MODES}[name]
