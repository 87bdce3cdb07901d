"""What a scan remembers: short texts without anything personal, so many and no more; and what a payment repeats."""

import pytest

from agent.disclosure import echoed
from agent.privacy import Label, scan, scanning
from protocol.wire import Resource

CLEAN = "Moving averages and a signal by a stated rule."
PERSONAL = "for Maria Gonzalez, maria.gonzalez@example.com"


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that were looked through from now on, with nothing remembered."""
    texts: list[str] = []
    through = scanning._scan
    monkeypatch.setattr(scanning, "_CLEAN", {})
    monkeypatch.setattr(scanning, "_scan", lambda text, depth: texts.append(text) or through(text, depth))
    return texts


def test_a_text_without_anything_personal_is_looked_through_once(looked: list[str]) -> None:
    assert scan(CLEAN) == scan(CLEAN) == []
    assert looked.count(CLEAN) == 1


def test_what_is_personal_is_found_each_time_and_not_kept(looked: list[str]) -> None:
    first = scan(PERSONAL)
    assert [one.label for one in first] == [Label.NAME, Label.EMAIL]
    assert scan(PERSONAL) == first
    assert PERSONAL not in scanning._CLEAN


def test_what_is_remembered_of_one_text_is_not_said_of_another(looked: list[str]) -> None:
    assert scan(CLEAN) == []
    assert scan(f"{CLEAN} {PERSONAL}") != []
    assert scan(CLEAN.replace("rule", "rule, jane@example.com")) != []


def test_few_texts_are_remembered_the_last_ones_and_none_that_is_long(looked: list[str]) -> None:
    texts = [f"reading {number}" for number in range(scanning._MOST + 1)]
    for text in texts:
        scan(text)
    assert list(scanning._CLEAN) == texts[1:]
    long = "a signal " * 300
    assert scan(long) == scan(long) == []
    assert looked.count(long) == 2


@pytest.mark.parametrize(
    ("url", "description"),
    [
        ("https://jane.doe@shop.example:8443/v1/report?year=2025", CLEAN),
        ("https://shop.example/v1/maria.gonzalez@example.com/report", CLEAN),
        ("https://shop.example/v1/report?mail=maria.gonzalez@example.com", CLEAN),
        ("https://shop.example/v1/report#mail=maria.gonzalez@example.com", CLEAN),
        ("https://shop.example?mail=maria.gonzalez@example.com", CLEAN),
        ("shop.example?mail=maria.gonzalez@example.com", CLEAN),
        ("maria.gonzalez@example.com", None),
        ("https://shop.example/v1/report", PERSONAL),
    ],
)
def test_a_payment_repeats_no_resource_with_anything_personal_in_any_part_of_it(
    url: str, description: str | None
) -> None:
    assert echoed(Resource(url=url, description=description)) is None


@pytest.mark.parametrize(
    "url", ["https://shop.example/v1/report?year=2025", "https://shop.example", "mcp://tool/report"]
)
def test_other_resources_are_repeated_whole(url: str) -> None:
    resource = Resource(url=url, description=CLEAN)
    assert echoed(resource) is resource


def test_the_path_is_looked_at_as_the_gate_looked_at_it(looked: list[str]) -> None:
    scan("/v1/report?year=2025")
    echoed(Resource(url="https://shop.example/v1/report?year=2025", description=CLEAN))
    assert looked.count("/v1/report?year=2025") == 1
