"""Every line of the launch checklist is shown by a test that there is."""

import re
from pathlib import Path

from tests import threats

PAGE = Path(__file__).resolve().parents[2] / "docs" / "launch-checklist.md"
LINES = {
    "What a 402 says": 9,
    "What a buyer asks before it signs": 18,
    "What a provider has": 13,
    "Proof that both sides keep": 7,
    "Failures, answered": 12,
    "Before launch": 20,
}
"""How many lines each part has: none may be lost."""


def parts():
    """Each part's rows: the line, and the tests that its other cell names."""
    for part in PAGE.read_text().split("\n## ")[1:]:
        title, _, text = part.partition("\n")
        rows = re.findall(r"^\| (?!line|---)(.+?) \| (.*) \|$", text, re.MULTILINE)
        yield title, [(line, re.findall(r"`([^`]+)`", shown)) for line, shown in rows]


def test_no_line_is_missing():
    assert {title: len({line for line, _ in rows}) for title, rows in parts()} == LINES


def test_every_line_is_shown_by_a_test_that_there_is():
    written = set(threats.written())
    assert [line for _, rows in parts() for line, tests in rows if not tests or not written.issuperset(tests)] == []
