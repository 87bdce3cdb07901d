"""The report of a period against SQL and other formulas over the same files."""

import sqlite3
from itertools import pairwise

import msgspec
import pytest

from server.services import market_report
from server.services.arguments import parse_arguments
from server.services.indicators import deepest_fall
from server.services.market_report import PeriodReport
from server.services.service import ServiceError
from tests.unit import services_oracle_market as oracle
from tests.unit.services_oracle_context import context

PERIODS = [
    ("DEMO-TREND", "2024-01-01", "2025-12-30"),
    ("DEMO-STORM", "2024-10-01", "2025-03-31"),
    ("DEMO-RANGE", "2024-02-28", "2024-03-01"),
    ("DEMO-CYCLE", "2025-06-15", "2025-12-01"),
    ("DEMO-STORM", "2024-04-30", "2024-05-29"),
]


async def ask(query):
    arguments = parse_arguments(market_report.SERVICE, query.encode(), b"", "")
    answer = await market_report.SERVICE.run(arguments, context())
    return msgspec.json.decode(answer.body, type=PeriodReport)


def within(symbol, start, end):
    return [row for row in oracle.table(symbol) if start <= row["date"] <= end]


def by_sql(rows):
    """Highest, lowest, volume, mean of the closes, days up, days down; of equal prices the earliest day."""
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE day (n INTEGER PRIMARY KEY, date TEXT, high REAL, low REAL, close REAL, volume INTEGER)")
    rows = [(row["date"], *(row[name] for name in ("high", "low", "close", "volume"))) for row in rows]
    db.executemany("INSERT INTO day (date, high, low, close, volume) VALUES (?, ?, ?, ?, ?)", rows)
    (found,) = db.execute(
        "SELECT (SELECT date FROM day ORDER BY high DESC, n LIMIT 1), (SELECT date FROM day ORDER BY low, n LIMIT 1),"
        " sum(volume), avg(close), (SELECT count(*) FROM day a JOIN day b ON b.n = a.n + 1 WHERE b.close > a.close),"
        " (SELECT count(*) FROM day a JOIN day b ON b.n = a.n + 1 WHERE b.close < a.close) FROM day"
    ).fetchall()
    db.close()
    return found


@pytest.mark.parametrize(("symbol", "start", "end"), PERIODS)
async def test_every_figure_is_that_of_the_oracle(symbol, start, end):
    figures = (await ask(f"symbol={symbol}&start={start}&end={end}")).figures
    rows = within(symbol, start, end)
    prices = [float(row["close"]) for row in rows]
    high, low, volume, mean, up, down = by_sql(rows)
    assert (str(figures.high.date), str(figures.low.date), figures.volume, figures.up, figures.down) == (
        *(high, low, volume, up, down),
    )
    assert (figures.high.price, figures.low.price) == (
        max((row["high"] for row in rows), key=float),
        min((row["low"] for row in rows), key=float),
    )
    assert figures.average_close == pytest.approx(mean, abs=1e-6)
    assert (str(figures.first), str(figures.last), figures.days) == (start, end, len(rows))
    assert (figures.open, figures.close) == (rows[0]["open"], rows[-1]["close"])
    assert figures.change == pytest.approx(prices[-1] / float(rows[0]["open"]) - 1, abs=1e-6)
    assert figures.volatility == pytest.approx(oracle.volatility(prices, len(prices) - 1), abs=1e-6)
    changes = [
        (after / before - 1, row["date"]) for row, (before, after) in zip(rows[1:], pairwise(prices), strict=True)
    ]
    for move, (change, day) in ((figures.best, max(changes)), (figures.worst, min(changes))):
        assert (str(move.date), move.change) == (day, pytest.approx(change, abs=1e-6))


@pytest.mark.parametrize(("symbol", "start", "end"), PERIODS)
async def test_the_fall_is_the_deepest_of_all_pairs_of_days(symbol, start, end):
    fall = (await ask(f"symbol={symbol}&start={start}&end={end}")).figures.fall
    closes = {row["date"]: row["close"] for row in within(symbol, start, end)}
    worst = oracle.worst_drawdown([float(close) for close in closes.values()])
    if worst == 0:
        assert fall is None
        return
    assert fall.fraction == pytest.approx(worst, abs=1e-6)
    assert (fall.peak.price, fall.trough.price) == (closes[str(fall.peak.date)], closes[str(fall.trough.date)])
    assert 1 - float(fall.trough.price) / float(fall.peak.price) == pytest.approx(worst, abs=1e-6)
    assert fall.days == list(closes).index(str(fall.trough.date)) - list(closes).index(str(fall.peak.date)) > 0


@pytest.mark.parametrize(
    ("closes", "where"),
    [
        ([1, 2, 3], (0, 0)),
        ([100, 50, 200, 150], (0, 1)),
        ([100, 50, 200, 90, 210], (2, 3)),
        ([100, 50, 200, 100], (0, 1)),
        ([100, 100, 50], (1, 2)),
    ],
)
def test_falls_by_hand(closes, where):
    assert deepest_fall(closes) == where


async def test_a_period_without_limits_is_the_whole_series():
    whole = (await ask("symbol=DEMO-TREND")).figures
    assert (str(whole.first), str(whole.last), whole.days) == ("2024-01-01", "2025-12-30", 730)
    assert await ask("symbol=DEMO-TREND&end=2025-12-30") == await ask("symbol=DEMO-TREND&start=2023-05-05")


async def test_the_answer_says_that_the_series_is_synthetic():
    assert "synthetic" in (await ask("symbol=DEMO-TREND")).source


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("", "symbol"),
        ("symbol=DEMO-TREND&start=2024-02-30", "start"),
        ("symbol=DEMO-TREND&start=2024-03-02&end=2024-03-01", "end: it is before start"),
        ("symbol=DEMO-TREND&start=2024-03-01&end=2024-03-02", "2 days of the series .* from 2024-01-01 to 2025-12-30"),
        ("symbol=DEMO-TREND&start=2031-01-01", "0 days of the series"),
    ],
)
async def test_bad_input_is_refused_with_the_field(query, says):
    with pytest.raises(ServiceError, match=says) as refused:
        await ask(query)
    assert refused.value.status == 422
