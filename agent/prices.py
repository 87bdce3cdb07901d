"""Price memory: what each route was advertised for, and what it was bought for."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, insert, select, update

from agent.models import Purchase, prices
from agent.prepared import Prepared
from agent.store import asked_in
from agent.terms import Terms
from protocol.wire import SCHEME_DELEGATE

ADVERT_LIFE = timedelta(hours=24)


class Route(NamedTuple):
    """What a price is remembered by; the query does not count."""

    origin: str
    method: str
    path: str
    mode: str
    network: str
    asset: str


_KNOWN = Prepared(select(prices).where(*(prices.c[name] == bindparam(name) for name in Route._fields)))


def known(connection: Connection, terms: Terms, now: datetime) -> dict[str, Any]:
    """The facts that policy compares terms with: amounts in atomic units; an old advertisement says nothing.

    An executor is pinned by the policy, and never by what was advertised or paid before.
    """
    asked = terms.asked
    row = _row(connection, Route(asked.origin, asked.method, asked.path, terms.mode, terms.network, terms.asset))
    if row is None:
        return {}
    facts = {"lowest_paid": row["lowest_paid"], "known_pay_to": None if terms.atomic else row["paid_to"]}
    if row["advertised_at"] is not None and row["advertised_at"] > now - ADVERT_LIFE:
        facts["advertised"] = row["advertised"]
        facts["advertised_pay_to"] = None if terms.atomic else row["advertised_pay_to"]
    return facts


def advertised(connection: Connection, route: Route, amount: int, pay_to: str, now: datetime) -> None:
    """Remember an advertised price."""
    _remember(connection, route, {"advertised": amount, "advertised_pay_to": pay_to, "advertised_at": now})


def paid(connection: Connection, bought: Purchase) -> None:
    """Remember a price that was paid and delivered for: the lowest is what later ones are measured by."""
    assert bought.amount is not None
    route = Route(
        bought.origin,
        bought.method,
        asked_in(bought).path,
        bought.mode or "",
        bought.network or "",
        bought.asset or "",
    )
    row = _row(connection, route)
    lowest = None if row is None else row["lowest_paid"]
    cheapest = bought.amount if lowest is None else min(lowest, bought.amount)
    recipient = {} if bought.scheme == SCHEME_DELEGATE else {"paid_to": bought.pay_to}
    _remember(connection, route, {"lowest_paid": cheapest} | recipient)


def _row(connection: Connection, route: Route) -> dict[str, Any] | None:
    return _KNOWN.row(connection, **route._asdict())


def _remember(connection: Connection, route: Route, values: dict[str, Any]) -> None:
    if _row(connection, route) is None:
        connection.execute(insert(prices).values(route._asdict() | values))
    else:
        connection.execute(update(prices).filter_by(**route._asdict()).values(values))
