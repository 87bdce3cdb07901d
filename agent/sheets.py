"""Reports for a spreadsheet: CSV whose cells are never formulas, with amounts in units and in atomic units."""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from io import StringIO
from typing import Any

from agent.policy_file import AssetRules, PolicyFile
from agent.report import Line
from protocol.amounts import display

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""How a cell begins that spreadsheets run; some read the wide signs too."""
_SPENDING = ("key", "network", "asset", "symbol", "purchases", "paid", "paid_atomic", "open", "open_atomic")
_RECEIPTS = (
    *("kept_at", "receipt_id", "purchase_id", "order_id", "status", "proof", "mode", "network", "asset", "symbol"),
    *("amount", "amount_atomic", "charged", "charged_atomic", "pay_to", "contract", "action"),
    *("settlement", "callback", "refund", "body_hash", "body_size", "body_type", "detail"),
)


def spending_rows(lines: Iterable[Line], policy: PolicyFile | None) -> list[dict[str, Any]]:
    """Lines of a report as JSON values: `settled` and `open` in atomic units, and beside them decimal strings in units
    (None for an asset that the policy does not know)."""
    return [
        asdict(line)
        | {
            "paid_units": _units(line.settled, _asset(line.network, line.asset, policy)),
            "open_units": _units(line.open, _asset(line.network, line.asset, policy)),
        }
        for line in lines
    ]


def spending_sheet(lines: Iterable[Line], policy: PolicyFile | None) -> str:
    """The same as CSV."""
    rows = []
    for row in spending_rows(lines, policy):
        told = {"symbol": _symbol(row, policy), "paid": row["paid_units"], "paid_atomic": row["settled"]}
        rows.append(row | told | {"open": row["open_units"], "open_atomic": row["open"]})
    return sheet(_SPENDING, rows)


def receipts_sheet(receipts: Iterable[Mapping[str, Any]], policy: PolicyFile | None) -> str:
    """Exported receipts as CSV."""
    rows = []
    for one in receipts:
        asset = _asset(one["network"], one["asset"], policy)
        atomic = {name: None if one[name] is None else int(one[name]) for name in ("amount", "charged")}
        units = {name: _units(amount, asset) for name, amount in atomic.items()}
        rows.append(
            dict(one)
            | units
            | {"symbol": _symbol(one, policy), **{f"{name}_atomic": amount for name, amount in atomic.items()}}
        )
    return sheet(_RECEIPTS, rows)


def sheet(columns: tuple[str, ...], rows: Iterable[Mapping[str, Any]]) -> str:
    """CSV with a header. A cell that a spreadsheet would run as a formula gets a quote before it."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_harmless(row[name]) for name in columns] for row in rows)
    return out.getvalue()


def _harmless(value: object) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _asset(network: str | None, address: str | None, policy: PolicyFile | None) -> AssetRules | None:
    known = policy.assets if policy else ()
    return next((one for one in known if (one.network, one.address) == (network, address)), None)


def _symbol(row: Mapping[str, Any], policy: PolicyFile | None) -> str:
    asset = _asset(row["network"], row["asset"], policy)
    return "" if asset is None else asset.symbol


def _units(amount: int | None, asset: AssetRules | None) -> str | None:
    return None if amount is None or asset is None else display(amount, asset.decimals)
