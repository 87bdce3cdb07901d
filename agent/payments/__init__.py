"""How the agent pays: MODES, one file each. A new mode is one file and one line here."""

from agent.payments.delegate import Delegate
from agent.payments.direct import Direct
from agent.payments.mode import Mode
from protocol.wire import PaymentRequirements

MODES: tuple[Mode, ...] = (
    Direct(),
    Delegate(),
)


def mode_of(entry: PaymentRequirements) -> Mode | None:
    """The mode an entry of `accepts` is of; None for schemes and modes this agent does not speak."""
    return next((mode for mode in MODES if mode.offered_in(entry)), None)


def mode_named(name: str) -> Mode:
    """The mode of stored terms."""
    return next(mode for mode in MODES if mode.name == name)
