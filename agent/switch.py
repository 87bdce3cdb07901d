"""The kill switch: while it is off, nothing is signed by any process that shares the agent's home."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from agent.errors import Refused
from agent.models import stops
from agent.prepared import Prepared

_STOPPED = Prepared(select(stops.c.stopped_at, stops.c.reason).where(stops.c.ended_at.is_(None)))


@dataclass(frozen=True, slots=True)
class Stop:
    """Since when nothing is signed (UTC), and why, in the words of whoever stopped it."""

    since: datetime
    reason: str


def stop(connection: Connection, reason: str, now: datetime) -> Stop:
    """From the commit of this transaction on no purchase is signed and no question asked. The first reason stays."""
    found = stopped(connection)
    if found is None:
        connection.execute(insert(stops).values(reason=reason, stopped_at=now))
    return found or Stop(now, reason)


def start(connection: Connection, now: datetime) -> Stop | None:
    """Go on; returns what had stopped it."""
    found = stopped(connection)
    connection.execute(update(stops).where(stops.c.ended_at.is_(None)).values(ended_at=now))
    return found


def stopped(connection: Connection) -> Stop | None:
    """What stops the agent now; None while it may sign."""
    row = _STOPPED.row(connection)
    return None if row is None else Stop(row["stopped_at"], row["reason"])


def require_started(connection: Connection) -> None:
    """Raises Refused while it is stopped: in the transaction that would set the money aside."""
    found = stopped(connection)
    if found is not None:
        said = f": {found.reason}" if found.reason else ""
        raise Refused("switch.stopped", f"stopped since {found.since:%Y-%m-%d %H:%M:%S} UTC{said}; paddock-agent start")
