"""What docs/services.md says is on sale is, by that kind and unit, and all of it is there."""

import re
from pathlib import Path

from server.services import on_sale

BY = {
    "prompt-routing": ("AI inference", "prompt"),
    "text-summary": ("AI inference", "task"),
    "keyphrases": ("AI inference", "output"),
    "language-detection": ("AI inference", "token"),
    "market-records": ("data API", "record"),
    "market-signal": ("data API", "query"),
    "market-report": ("data API", "report"),
    "transfer-feed": ("data API", "refresh"),
    "page-render": ("browser automation", "render"),
    "page-scrape": ("browser automation", "scrape"),
    "page-actions": ("browser automation", "bundle of actions"),
    "page-session": ("browser automation", "session"),
    "doc-read": ("research database", "document"),
    "doc-search": ("research database", "search"),
    "doc-answer": ("research database", "answer"),
    "contract-risk": ("security API", "scan"),
    "contract-score": ("security API", "score"),
    "code-verification": ("security API", "verification"),
    "wallet-report": ("on-chain data", "wallet"),
    "contract-report": ("on-chain data", "contract"),
    "transaction-report": ("on-chain data", "transaction"),
    "transfer-alert": ("on-chain data", "alert"),
    "market-article": ("digital content", "article"),
    "market-archive": ("digital content", "file"),
    "market-history": ("digital content", "dataset"),
    "market-chart": ("digital content", "media asset"),
    "chain-watch": ("workflow automation", "completed task"),
    "checked-value": ("workflow automation", "successful result"),
}
"""What sells each kind by each of its units; MCP sells all of them by the tool invocation."""
PAGE = Path(__file__).resolve().parents[2] / "docs" / "services.md"


def rows():
    """Kind, unit and slug of each service that the page names."""
    for kind, unit, said in re.findall(r"^\| (?!kind|---)(.+?) \| (.+?) \| (.+) \|$", PAGE.read_text(), re.MULTILINE):
        yield from ((kind, unit, slug) for slug in re.findall(r"`([a-z][a-z0-9-]+)`", said))


def unit_of(service):
    """What is sold: the meter's word, and of the most that can be asked for, as "730 records", the tiers' word."""
    if service.meter:
        return f"{service.meter.unit}, up to a ceiling"
    return service.tariff.unit if service.unit[0].isdigit() else service.unit


def test_every_kind_is_sold_by_each_of_its_units():
    sold = {one.slug: (one.kind, unit_of(one).removesuffix(", up to a ceiling")) for one in on_sale(samples=True)}
    assert {slug: sold.get(slug) for slug in BY} == BY


def test_what_the_page_lists_is_on_sale_by_that_kind_and_unit():
    assert set(rows()) <= {(service.kind, unit_of(service), service.slug) for service in on_sale(samples=True)}
    assert {slug for _, _, slug in rows()} >= BY.keys()
