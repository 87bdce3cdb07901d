"""What a seller's discovery says of a service's standing: two numbers, never its words."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeGuard

from sqlalchemy import Connection, bindparam, delete, insert, select

from agent.models import standings
from agent.prepared import Prepared
from agent.terms import Terms

LIFE = timedelta(hours=24)
MOST_REVIEWS = 10**9
_KNOWN = Prepared(
    select(standings).where(*(standings.c[name] == bindparam(name) for name in ("origin", "method", "path")))
)


class Standing(NamedTuple):
    """How many checked reviews there are, and their rating from 0 to 100."""

    reviews: int = 0
    rating: int = 0


UNKNOWN = Standing()
"""Nobody whose payment was checked has said anything."""


def read_standing(extension: object) -> Standing:
    """The extension `paddock-reputation`; whatever is no such thing is no standing at all."""
    found = extension if isinstance(extension, dict) else {}
    reviews, rating = found.get("reviews"), found.get("rating")
    if _is_number(reviews, 1, MOST_REVIEWS) and _is_number(rating, 0, 100):
        return Standing(reviews, rating)
    return UNKNOWN


def remember(connection: Connection, terms: Terms, standing: Standing, now: datetime) -> None:
    """For when the seller asks for its price."""
    place = {"origin": terms.asked.origin, "method": terms.asked.method, "path": terms.asked.path}
    connection.execute(delete(standings).filter_by(**place))
    connection.execute(insert(standings).values(place | standing._asdict() | {"told_at": now}))


def known(connection: Connection, terms: Terms, now: datetime) -> dict[str, Any]:
    """The fact that policy looks at; what was told long ago says nothing."""
    place = {"origin": terms.asked.origin, "method": terms.asked.method, "path": terms.asked.path}
    row = _KNOWN.row(connection, **place)
    fresh = row is not None and row["told_at"] > now - LIFE
    return {"standing": Standing(row["reviews"], row["rating"])} if row and fresh else {}


def _is_number(value: object, least: int, most: int) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
