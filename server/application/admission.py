"""What one process lets in: handlers per route, and nothing new while what a purchase needs is away or paused."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from server.application.allowlist import AllowlistWatch
from server.application.breaker import Breaker
from server.application.gate import Gate
from server.application.pause import PauseWatch
from server.application.rates import Rates
from server.domain.outages import RouteBusy

VERIFY, SETTLE = "verify", "settle"
"""Names of the breakers around the facilitator: one that verifies well may settle nothing."""


@dataclass
class Admission:
    """`orders_per_payer` holds over all processes (the database counts), the rest in this one.

    `breakers` by name: the facilitator's VERIFY and SETTLE, and each network's chain by the network.
    """

    orders_per_payer: int = 32
    runs_per_route: int = 64
    failures: int = 5
    rest: timedelta = timedelta(seconds=5)
    pause: PauseWatch = field(default_factory=PauseWatch)
    actions: AllowlistWatch = field(default_factory=AllowlistWatch)
    rates: Rates = field(default_factory=Rates)
    running: Counter[str] = field(default_factory=Counter)
    claims: Gate = field(default_factory=Gate)
    breakers: dict[str, Breaker] = field(default_factory=dict)

    def breaker(self, name: str) -> Breaker:
        """The breaker around one thing outside, made when it is first asked for."""
        return self.breakers.setdefault(name, Breaker(name, self.failures, self.rest))

    @contextmanager
    def slot(self, route: str) -> Iterator["Slot"]:
        """A place for a handler, to be taken within the block; free again at its end at the latest."""
        slot = Slot(self, route)
        try:
            yield slot
        finally:
            slot.free()


@dataclass(slots=True)
class Slot:
    """One handler's place on its route."""

    admission: Admission
    route: str
    taken: bool = False

    def take(self) -> None:
        """Raises RouteBusy when the route has as many handlers at work as it may."""
        if self.admission.running[self.route] >= self.admission.runs_per_route:
            raise RouteBusy(f"{self.route} runs {self.admission.runs_per_route} requests at once already")
        self.admission.running[self.route] += 1
        self.taken = True

    def free(self) -> None:
        """Give the place back; harmless when it was never taken."""
        if self.taken:
            self.admission.running[self.route] -= 1
            self.taken = False
