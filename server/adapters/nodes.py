"""One node of several, and how well it has answered lately."""

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, Protocol

from prometheus_client import Counter

from server.adapters.ballots import Answer
from server.domain.errors import PaddockError, Reverted
from server.ports import Chain, Clock

log = logging.getLogger(__name__)

FAULTS = Counter("paddock_rpc_faults_total", "Nodes that failed or were outvoted", ["node", "kind"])
MOST_FAULTS = 3
"""So many faults in a row, over at least PATIENCE, and a node is left out for COOL_OFF."""
PATIENCE = timedelta(seconds=2)
COOL_OFF = timedelta(seconds=30)


class NodeChain(Chain, Protocol):
    """A node of its own: the port, and what a process asks when it starts and ends."""

    async def chain_id(self) -> int:
        """Which chain the node serves."""

    async def client_version(self) -> str:
        """Which program the node is."""

    async def close(self) -> None:
        """End its connections."""


class Node:
    """Asks one node and keeps its faults. `name` is its place among the configured ones: its URL may hold a secret."""

    def __init__(self, chain: NodeChain, name: str, clock: Clock) -> None:
        self.chain, self.name, self._clock = chain, name, clock
        self.last_failure = ""
        self._faults = 0
        self._first = self._until = datetime.min.replace(tzinfo=clock.now().tzinfo)

    @property
    def trusted(self) -> bool:
        """Whether it is worth asking now."""
        return self._clock.now() >= self._until

    async def ask(self, question: Callable[[NodeChain], Awaitable[Any]]) -> Answer | None:
        """Its answer; None when it gave none that can be read. Ends within the node's own timeout."""
        try:
            return Answer(await question(self.chain))
        except Reverted as error:
            return Answer.of(error)
        except PaddockError as error:
            self.last_failure = error.detail
        except Exception as error:  # whatever nonsense of one node breaks must not stop the others
            self.last_failure = f"nonsense: {type(error).__name__}"
        return None

    def agreed(self) -> None:
        """It said what the quorum says."""
        self._faults = 0

    def strayed(self, kind: str, what: str) -> None:
        """It failed, or it said something else than the quorum; leaves it out for a while when that goes on."""
        now = self._clock.now()
        FAULTS.labels(self.name, kind).inc()
        self._faults += 1
        if self._faults == 1:
            self._first = now
            log.warning("node %s %s for %s", self.name, kind, what)
        if self._faults >= MOST_FAULTS and now - self._first >= PATIENCE and self.trusted:
            self._until = now + COOL_OFF
            log.error("node %s is left out for %d s: %s for %s", self.name, COOL_OFF.seconds, kind, what)
