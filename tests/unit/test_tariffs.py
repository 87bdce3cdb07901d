"""Tariffs against a count of every single unit."""

import csv
import json
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.intent import Intent
from server.application.price import asked_at
from server.services.market_records import SERVICE, TARIFF, RecordsArguments, run
from server.services.series import csv_bytes
from server.services.service import ServiceError
from server.services.tariffs import Tier, Tiers

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@given(
    asked=st.integers(0, 300),
    ends=st.lists(st.integers(1, 250), max_size=4, unique=True).map(sorted),
    prices=st.lists(st.integers(0, 10**6), min_size=5, max_size=5),
)
def test_each_unit_costs_what_its_tier_says(asked, ends, prices):
    tiers = (*(Tier(price, last) for price, last in zip(prices, ends, strict=False)), Tier(prices[len(ends)]))
    by_unit = [prices[sum(end < unit for end in ends)] for unit in range(1, asked + 1)]
    assert Tiers("record", lambda count: count, tiers).price(asked, NOW) == sum(by_unit)


@pytest.mark.parametrize(("asked", "price"), [(1, 200), (100, 20_000), (101, 20_100), (730, 83_000)])
def test_records_cost_less_beyond_the_hundredth(asked, price):
    assert TARIFF.of(asked) == price


@pytest.mark.parametrize(
    ("query", "price"),
    [
        (b"?symbol=DEMO-TREND&start=2024-03-01&count=7", 1_400),
        (b"?symbol=DEMO-TREND&start=2024-03-01&count=0", SERVICE.amount),
        (b"?symbol=DEMO-TREND", SERVICE.amount),
        (b"", SERVICE.amount),
    ],
)
def test_a_request_whose_arguments_will_not_do_is_told_the_most(query, price):
    intent = Intent("GET", "paddock.test", b"/v1/market-records" + query, "", b"", "paddock")
    assert asked_at(SERVICE, intent, NOW).amount == price


async def test_records_are_those_of_the_file():
    async def records(symbol, start, count):
        return json.loads((await run(RecordsArguments(symbol, start, count), None)).body)["records"]

    rows = list(csv.DictReader(csv_bytes("DEMO-STORM").decode().splitlines()))
    got = await records("DEMO-STORM", date(2024, 12, 30), 3)
    wanted = [row for row in rows if row["date"] in ("2024-12-30", "2024-12-31", "2025-01-01")]
    assert got == [{name: row[name] for name in got[0]} | {"volume": int(row["volume"])} for row in wanted]
    assert len(await records("DEMO-STORM", date(1, 1, 1), 730)) == 730
    with pytest.raises(ServiceError, match="has 2 records from 2025-12-29 to 2025-12-30"):
        await records("DEMO-STORM", date(2025, 12, 29), 3)
