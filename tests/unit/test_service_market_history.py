"""The sold files: what they hold, and that they follow from their published rules."""

import csv
import io
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import get_args

import pytest

from server.services import market_history
from server.services.arguments import parse_arguments
from server.services.data import generate
from server.services.series import Symbol
from server.services.service import ServiceError
from tests.unit import services_oracle_market as oracle
from tests.unit.services_oracle_context import context


async def ask(query):
    arguments = parse_arguments(market_history.SERVICE, query.encode(), b"", "")
    return await market_history.SERVICE.run(arguments, context())


async def rows(symbol):
    answer = await ask(f"symbol={symbol}")
    assert answer.content_type == "text/csv"
    return list(csv.DictReader(io.StringIO(answer.body.decode("ascii"))))


@pytest.mark.parametrize("symbol", oracle.SYMBOLS)
async def test_dates_and_closes_follow_from_the_published_rules(symbol):
    assert [(row["date"], row["close"]) for row in await rows(symbol)] == oracle.regrown(symbol)


@pytest.mark.parametrize("symbol", oracle.SYMBOLS)
async def test_every_day_is_there_and_says_what_it_is(symbol):
    days = await rows(symbol)
    first = date(2024, 1, 1)
    assert [row["date"] for row in days] == [(first + timedelta(days=n)).isoformat() for n in range(730)]
    assert {(row["symbol"], row["source"]) for row in days} == {(symbol, "synthetic")}


@pytest.mark.parametrize("symbol", oracle.SYMBOLS)
async def test_prices_of_a_day_fit_together(symbol):
    days = await rows(symbol)
    for row in days:
        opened, high, low, close = (Decimal(row[name]) for name in ("open", "high", "low", "close"))
        assert 0 < low <= min(opened, close) <= max(opened, close) <= high
        assert int(row["volume"]) > 0
    assert all(after["open"] == before["close"] for before, after in pairwise(days))


@pytest.mark.parametrize("symbol", oracle.SYMBOLS)
async def test_the_file_is_what_the_generator_makes(symbol):
    assert (await ask(f"symbol={symbol}")).body.decode("ascii") == generate.text(symbol)


def test_the_symbols_on_sale_are_the_files_that_are_bundled():
    literal = get_args(Symbol)[0]
    assert set(get_args(literal)) == {path.stem for path in oracle.DATA.glob("*.csv")}


def test_the_folder_says_plainly_that_the_series_are_synthetic():
    assert "Nothing in these files is a real price" in (oracle.DATA / "README.md").read_text()


@pytest.mark.parametrize("query", ["", "symbol=", "symbol=../README", "symbol=DEMO-TREND&symbol=DEMO-TREND"])
async def test_bad_input_is_refused_with_the_field(query):
    with pytest.raises(ServiceError, match="symbol"):
        await ask(query)
