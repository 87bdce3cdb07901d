"""What a seller's discovery says that a service can do: its tags, by which a policy may allow routes."""

from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Connection, bindparam, delete, insert, select

from agent.prepared import Prepared
from agent.tables import capabilities
from agent.terms import Asked

LIFE = timedelta(hours=24)
MOST, LONGEST = 32, 64
"""Tags of a service that are read, and characters of each."""
_KNOWN = Prepared(
    select(capabilities).where(*(capabilities.c[name] == bindparam(name) for name in ("origin", "method", "path")))
)


def read_tags(told: object) -> tuple[str, ...]:
    """The tags of a listed service; whatever is no such list is none."""
    found = told if isinstance(told, list) else []
    return tuple(one for one in found[:MOST] if isinstance(one, str) and 0 < len(one) <= LONGEST)


def remember(connection: Connection, asked: Asked, tags: tuple[str, ...], now: datetime) -> None:
    """For when the route is asked for; what was told before of it is forgotten."""
    place = {"origin": asked.origin, "method": asked.method, "path": asked.path}
    connection.execute(delete(capabilities).filter_by(**place))
    connection.execute(insert(capabilities).values(place | {"tags": msgspec.json.encode(tags), "told_at": now}))


def known(connection: Connection, asked: Asked, now: datetime) -> tuple[str, ...]:
    """The tags that discovery gave the route lately; what was told long ago says nothing."""
    place = {"origin": asked.origin, "method": asked.method, "path": asked.path}
    row = _KNOWN.row(connection, **place)
    if row is None or row["told_at"] <= now - LIFE:
        return ()
    return tuple(msgspec.json.decode(row["tags"], type=list[str]))
