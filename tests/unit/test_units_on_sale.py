"""What docs/services.md says is on sale is, by that kind and unit; and each kind is sold by all of its units."""

import re
from pathlib import Path

from server.services import CATALOGUE

PAGE = Path(__file__).resolve().parents[2] / "docs" / "services.md"
UNITS = {
    "AI inference": {"prompt", "token"},
    "data API": {"record", "query", "report", "refresh"},
    "browser automation": {"render", "scrape"},
    "research database": {"document", "search", "answer"},
    "security API": {"scan", "score", "verification"},
    "on-chain data": {"wallet", "contract", "transaction"},
    "digital content": {"article", "file", "dataset", "media asset"},
    "workflow automation": {"completed task"},
}
"""What each kind is sold by at the least; MCP sells each of them by the tool invocation."""


def rows():
    """Kind, unit and slug of each service that the page names."""
    for kind, unit, said in re.findall(r"^\| (?!kind|---)(.+?) \| (.+?) \| (.+) \|$", PAGE.read_text(), re.MULTILINE):
        yield from ((kind, unit, slug) for slug in re.findall(r"`([a-z][a-z0-9-]+)`", said))


def unit_of(service):
    """What is counted: of a price that follows from use or from what is asked for, the meter's or the tiers' word."""
    if service.meter:
        return f"{service.meter.unit}, up to a ceiling"
    return service.tariff.unit if service.tariff else service.unit


def test_what_the_page_lists_is_on_sale_by_that_kind_and_unit():
    sold = {(service.kind, unit_of(service), service.slug) for service in CATALOGUE}
    assert set(rows()) - sold == set()
    assert len(set(rows())) >= sum(map(len, UNITS.values()))


def test_every_kind_is_sold_by_each_of_its_units():
    sold = {(service.kind, unit_of(service).removesuffix(", up to a ceiling")) for service in CATALOGUE}
    assert {(kind, unit) for kind, units in UNITS.items() for unit in units} - sold == set()
