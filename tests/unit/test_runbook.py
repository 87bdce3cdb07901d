"""The runbook has a heading for each kind of case and each alert, and alerts ask for what is shown and documented."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY, Counter

from server.adapters import nodes
from server.application import keep_books, measures, wallets
from server.domain.cases import CaseKind
from server.domain.errors import PaddockError
from server.tasks import USE_CASES
from server.web import metrics, outcomes
from tests.unit.test_documentation import TOP, anchors, first_cells, section

PAGE, CASES = TOP / "docs" / "observability.md", TOP / "docs" / "operations.md"
RULES = [
    rule for group in yaml.safe_load((TOP / "docs" / "alerts.yml").read_text())["groups"] for rule in group["rules"]
]
SHOWN_BY = (metrics, outcomes, measures, wallets, keep_books, nodes)
"""Modules whose metrics a process shows by being there."""
COUNTED = {"sold", "returned", "refused", "callback_failed"}
"""Outcomes of a purchase beside the errors' names."""
MINE = re.compile(r"\bpaddock_\w+")

every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])


def runbook(page: Path, heading: str) -> dict[str, str]:
    """What is below a heading of a page, by its subheadings."""
    parts = re.split(r"^### (.+)$", section(page, heading), flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def errors(kind: type[PaddockError] = PaddockError) -> Iterator[str]:
    yield kind.slug
    for below in kind.__subclasses__():
        yield from errors(below)


def test_the_runbook_says_what_to_do_in_each_kind_of_case():
    assert list(runbook(CASES, "## Cases")) == [kind.value for kind in CaseKind]


def test_the_runbook_says_what_to_do_at_each_alert():
    assert list(runbook(PAGE, "## Alerts")) == [rule["alert"] for rule in RULES]


@pytest.mark.parametrize(("page", "heading"), [(PAGE, "## Alerts"), (CASES, "## Cases")])
def test_no_heading_of_the_runbook_is_empty(page, heading):
    assert [name for name, text in runbook(page, heading).items() if len(text.split()) < 12] == []


@every_rule
def test_an_alert_leads_to_its_own_heading_and_says_what_is_the_matter(rule):
    page, _, anchor = rule["annotations"]["runbook"].partition("#")
    assert (TOP / page, anchor) == (PAGE, rule["alert"].lower())
    assert anchor in anchors(PAGE)
    assert rule["annotations"]["summary"]
    assert rule["labels"]["severity"] in ("page", "ticket")


@every_rule
def test_an_alert_asks_for_metrics_and_labels_that_are_shown(rule):
    labels = {name: set(labels) for name, labels in shown().items()}
    named = set(MINE.findall(rule["expr"]))
    assert named
    assert named <= set(labels)
    asked = re.findall(r"by \(([^)]*)\)", rule["expr"])
    asked += re.findall(r"(\w+)(?:=~?|!=|!~)\"", rule["expr"])
    asked += re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"])
    assert {one for part in asked for one in part.split(", ")} <= set().union(*(labels[name] for name in named))


@every_rule
def test_an_alert_about_purchases_names_outcomes_that_there_are(rule):
    named = {one for part in re.findall(r'outcome=~?"([^"]*)"', rule["expr"]) for one in part.split("|")}
    deliveries = {state.value for state in metrics.DeliveryState}
    assert named <= {*errors(), *COUNTED, *deliveries}


def test_the_table_of_metrics_has_each_of_them_and_no_other():
    named = {one for cell in first_cells(section(PAGE, "## Metrics")) for one in MINE.findall(cell)}
    assert named == {collector._name + "_total" * isinstance(collector, Counter) for collector in ours()}


def test_the_topics_that_the_runbook_names_are_topics():
    text = runbook(PAGE, "## Alerts")["PaddockJobsFailing"]
    named = set(re.findall(r"`(\w+)`", text))
    assert len(named) > 5
    assert named <= set(USE_CASES)


def ours() -> Iterator[Any]:
    """Every metric of this project that a process may show."""
    assert SHOWN_BY
    yield from (one for one in REGISTRY._collector_to_names if getattr(one, "_name", "").startswith("paddock_"))


def shown() -> dict[str, tuple[str, ...]]:
    """Labels by the name under which Prometheus gets a metric."""
    return {name: metric._labelnames for metric in ours() for name in REGISTRY._collector_to_names[metric]}
