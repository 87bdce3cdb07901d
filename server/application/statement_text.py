"""Statements as text: CSV that a spreadsheet runs nothing of, or JSON; both piece by piece."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec

from protocol.amounts import display
from server.application.paddock import Ground
from server.application.statement import Moved, Opening, Record, Total, asset_at
from server.domain.csv_text import csv_line
from server.domain.statements import Period, Place

COLUMNS = (
    "record", "time", "order", "service", "kind", "state", "transaction", "network", "asset", "symbol",
    "amount", "change", "balance", "display",
)  # fmt: skip
TOTALS = ("received", "returned", "fees", "owed", "closing")
_GROUPS = ((Opening, "opening"), (Moved, "entries"), (Total, "totals"))
"""The records' classes in the order in which they come."""
Grounds = Mapping[str, Ground]


async def as_csv(grounds: Grounds, records: AsyncIterator[Record]) -> AsyncIterator[str]:
    """A line for each record; a total is one line for each of its sums, `closing` the last."""
    yield csv_line(COLUMNS)
    async for one in records:
        for row in _rows(grounds, one):
            yield csv_line([row.get(name, "") for name in COLUMNS])


async def as_json(
    grounds: Grounds, merchant: str, period: Period, records: AsyncIterator[Record]
) -> AsyncIterator[str]:
    """One object: `opening`, `entries`, `totals`, amounts as decimal strings."""
    head = {"merchant": merchant, "from": _time(period.start), "to": _time(period.end)}
    yield _json(head)[:-1] + f',"{_GROUPS[0][1]}":['
    group, comma = 0, ""
    async for one in records:
        while not isinstance(one, _GROUPS[group][0]):
            group, comma = group + 1, ""
            yield f'],"{_GROUPS[group][1]}":['
        yield comma + _json(_object(grounds, one))
        comma = ","
    yield "".join(f'],"{name}":[' for _, name in _GROUPS[group + 1 :]) + "]}"


def _rows(grounds: Grounds, one: Record) -> list[dict[str, str]]:
    if isinstance(one, Opening):
        return [_about(grounds, one.place, one.balance) | {"record": "opening", "balance": str(one.balance)}]
    if isinstance(one, Moved):
        return [_object(grounds, one) | {"record": "entry"}]
    sums = {name: getattr(one, name) for name in TOTALS}
    return [
        _about(grounds, one.place, value) | {"record": name, ("balance" if name == "closing" else "amount"): str(value)}
        for name, value in sums.items()
    ]


def _object(grounds: Grounds, one: Record) -> dict[str, str]:
    if isinstance(one, Opening):
        return _about(grounds, one.place, one.balance) | {"balance": str(one.balance)}
    if isinstance(one, Total):
        sums = {name: str(getattr(one, name)) for name in ("opening", *TOTALS)}
        return _about(grounds, one.place, one.closing) | sums
    line = one.line
    return {
        "time": _time(line.at),
        "order": line.order_id,
        "service": line.service,
        "kind": line.kind,
        "state": line.state,
        "transaction": line.transaction,
        **_about(grounds, line.place, line.change),
        "amount": str(line.amount),
        "change": str(line.change),
        "balance": str(one.balance),
    }


def _about(grounds: Grounds, place: Place, shown: int) -> dict[str, str]:
    asset = asset_at(grounds, place)
    named = {"network": place.network, "asset": place.asset, "symbol": asset.symbol}
    return named | {"display": display(shown, asset.decimals)}


def _time(moment: Any) -> str:
    return str(moment.isoformat().replace("+00:00", "Z"))


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
