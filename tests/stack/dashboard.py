"""The dashboard of docs/observability/: its panels, and what they ask Prometheus."""

import json
import re
from typing import Any

from tests.stack.processes import ROOT

DASHBOARD: dict[str, Any] = json.loads((ROOT / "docs" / "observability" / "dashboard.json").read_text())
PANELS: list[dict[str, Any]] = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = {
    f"{panel['title']} {target['refId']}": target["expr"] for panel in PANELS for target in panel.get("targets", ())
}
"""Every query by its panel's title and its letter."""
METRIC = re.compile(r"\bpaddock_\w+")
_LABELS = (r"by \(([^)]*)\)", r"(\w+)(?:=~?|!=|!~)\"")
_MARKS = re.compile(r"\{\{(\w+)\}\}")


def filled_in(expression: str, window: str) -> str:
    """With Grafana's variables replaced by a window such as `1m`."""
    return expression.replace("$__rate_interval", window).replace("$__range", window)


def labels_of(expression: str) -> set[str]:
    """The labels that it groups and chooses by; `le` is a histogram's own."""
    named = {one for pattern in _LABELS for part in re.findall(pattern, expression) for one in part.split(", ")}
    return named - {"le"}


def marks_of(legend: str) -> set[str]:
    """The labels that a legend shows."""
    return set(_MARKS.findall(legend))
