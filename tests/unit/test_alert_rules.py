"""Each alert of docs/alerts.yml fires when it should and is quiet when nothing is the matter, by promtool."""

import re

import pytest
import yaml

from tests.conftest import missing
from tests.stack.prometheus import MISSING, found, promtool
from tests.unit.test_documentation import TOP
from tests.unit.test_runbook import MINE, RULES

CASES = TOP / "tests" / "stack" / "alerts_test.yml"
TESTS = yaml.safe_load(CASES.read_text())["tests"]

every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])


@pytest.fixture(scope="module")
def tool():
    path = found("promtool")
    if path is None:
        missing(MISSING.format("promtool"))
    return path


def asked(alert, *, fires):
    """The cases that ask for an alert and expect it, or expect it not to be there."""
    return [
        case
        for case in TESTS
        for question in case["alert_rule_test"]
        if question["alertname"] == alert and bool(question["exp_alerts"]) is fires
    ]


def test_prometheus_takes_the_rules(tool):
    assert f"{len(RULES)} rules found" in promtool(tool, "check", "rules", TOP / "docs" / "alerts.yml")


def test_the_rules_do_what_their_cases_say(tool):
    said = promtool(tool, "test", "rules", CASES)
    assert "SUCCESS" in said
    assert "FAILED" not in said


@every_rule
def test_an_alert_has_a_case_in_which_it_fires(rule):
    assert asked(rule["alert"], fires=True)


@every_rule
def test_an_alert_has_a_case_in_which_all_that_it_asks_for_is_there_and_it_is_quiet(rule):
    cases = asked(rule["alert"], fires=False)
    assert cases
    shown = {series for case in cases for one in case["input_series"] for series in MINE.findall(one["series"])}
    assert set(MINE.findall(rule["expr"])) <= shown


@pytest.mark.parametrize("expression", ["vector(1) == 2", "vector(1)"], ids=["never", "always"])
def test_the_cases_notice_a_rule_that_says_the_same_whatever_happens(tool, tmp_path, expression):
    rules = yaml.safe_load((TOP / "docs" / "alerts.yml").read_text())
    for rule in rules["groups"][0]["rules"]:
        rule["expr"] = expression
    cases = yaml.safe_load(CASES.read_text()) | {"rule_files": ["alerts.yml"]}
    for name, text in (("alerts.yml", rules), ("cases.yml", cases)):
        (tmp_path / name).write_text(yaml.safe_dump(text))
    with pytest.raises(AssertionError) as said:
        promtool(tool, "test", "rules", tmp_path / "cases.yml")
    assert {rule["alert"] for rule in RULES} == set(re.findall(r"alertname: ?(\w+)", str(said.value)))
