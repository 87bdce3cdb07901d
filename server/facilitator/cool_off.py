"""Cool-off: who keeps making settlements fail is not served for a while, so that nobody burns our gas at leisure."""

from dataclasses import dataclass
from datetime import timedelta

from protocol.errors import ProtocolError
from server.ports import Clock, Database

REASON = "payer_cooling_off"


@dataclass(frozen=True, slots=True)
class CoolOff:
    """A payer with so many `failures` is refused until the last of them is as old as `lasts`."""

    failures: int = 3
    lasts: timedelta = timedelta(minutes=10)

    async def require_none(self, db: Database, clock: Clock, payer: str) -> None:
        """Raises ProtocolError(`payer_cooling_off`). Ask only for a payer whose signature was checked."""
        async with db.read() as view:
            failed = await view.settlements.failures_of(payer, clock.now() - self.lasts)
        if failed >= self.failures:
            minutes = self.lasts.total_seconds() / 60
            raise ProtocolError(
                REASON, f"{failed} settlements of this payer failed; it may pay again in {minutes:g} min"
            )


USUAL = CoolOff()
