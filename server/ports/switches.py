"""The operator's switches."""

from typing import Protocol

from server.domain.switches import Switch


class Switches(Protocol):
    """One row for each switch that was ever turned."""

    async def put(self, switch: Switch) -> None:
        """Turn it; the last one wins."""

    async def get(self, name: str) -> Switch | None:
        """How it stands; None if it was never turned."""
