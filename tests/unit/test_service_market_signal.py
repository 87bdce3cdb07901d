"""The signal against other formulas on the same files, published figures, and series worked out by hand."""

import msgspec
import pytest

from server.services import market_signal
from server.services.arguments import parse_arguments
from server.services.indicators import crosses, drawdowns, realised_volatility, wilder_rsi
from server.services.market_signal import SignalReport, decide
from server.services.service import ServiceError
from tests.unit import services_oracle_market as oracle
from tests.unit.services_oracle_context import context

CASES = [("DEMO-TREND", 20), ("DEMO-STORM", 7), ("DEMO-RANGE", 50), ("DEMO-CYCLE", 180), ("DEMO-CYCLE", 2)]


async def ask(query):
    arguments = parse_arguments(market_signal.SERVICE, query.encode(), b"", "")
    answer = await market_signal.SERVICE.run(arguments, context())
    return msgspec.json.decode(answer.body, type=SignalReport)


@pytest.mark.parametrize(("symbol", "window"), CASES)
async def test_every_figure_is_that_of_the_oracle(symbol, window):
    report = await ask(f"symbol={symbol}&window={window}")
    prices = oracle.closes(symbol)
    last = len(prices) - 1
    near = {"abs": 1e-6}
    assert report.fast_average == pytest.approx(float(oracle.average(prices, last, window)), **near)
    assert report.slow_average == pytest.approx(float(oracle.average(prices, last, 4 * window)), **near)
    assert report.rsi == pytest.approx(oracle.rsi(prices, 14), **near)
    assert report.volatility == pytest.approx(oracle.volatility(prices, window), **near)
    assert report.drawdown == pytest.approx(float(oracle.drawdown(prices)), **near)
    assert report.max_drawdown == pytest.approx(float(oracle.worst_drawdown(prices)), **near)
    assert report.close == float(prices[-1])
    cross = oracle.last_cross(prices, window, 4 * window)
    rows = oracle.table(symbol)
    assert report.as_of.isoformat() == rows[-1]["date"]
    given = report.last_cross and (report.last_cross.date.isoformat(), report.last_cross.direction)
    assert given == (cross and (rows[cross[0]]["date"], cross[1]))


async def test_the_window_is_twenty_days_unless_given():
    assert await ask("symbol=DEMO-TREND") == await ask("symbol=DEMO-TREND&window=20")


async def test_the_answer_says_that_the_series_is_synthetic():
    assert "synthetic" in (await ask("symbol=DEMO-TREND")).source


QQQQ = [
    *(44.3389, 44.0902, 44.1497, 43.6124, 44.3278, 44.8264, 45.0955, 45.4245, 45.8433, 46.0826, 45.8931),
    *(46.0328, 45.6140, 46.2820, 46.2820, 46.0028, 46.0328, 46.4116, 46.2222, 45.6439, 46.2122, 46.2521),
    *(45.7137, 46.4515, 45.7835, 45.3548, 44.0288, 44.1783, 44.2181, 44.5672, 43.4205, 42.6628, 43.1314),
]
"""Closes of the worked RSI example in StockCharts' ChartSchool."""


@pytest.mark.parametrize(("days", "published"), [(15, 70.53), (16, 66.32), (17, 66.55), (20, 57.97), (33, 37.77)])
def test_the_rsi_is_that_of_the_published_worked_example(days, published):
    assert wilder_rsi(QQQQ[:days], 14) == pytest.approx(published, abs=0.006)


def test_the_rsi_of_one_way_and_no_way():
    assert wilder_rsi([1, 2, 3, 4], 3) == 100
    assert wilder_rsi([4, 3, 2, 1], 3) == 0
    assert wilder_rsi([5, 5, 5, 5], 3) == 50


def test_crosses_by_hand():
    # averages of 1 and 2 days: 10|10, 12|11 up, 12|12 touch, 14|13, 10|12 down
    assert crosses([10, 10, 12, 12, 14, 10], 1, 2) == [(5, "down")]
    assert crosses([10, 8, 12, 12, 6], 1, 2) == [(2, "up"), (4, "down")]
    assert crosses([1, 2], 1, 2) == []


def test_drawdowns_by_hand():
    assert drawdowns([100, 50, 200, 150]) == (0.25, 0.5)
    assert drawdowns([1, 2, 3]) == (0, 0)


def test_volatility_of_a_constant_rate_is_zero_and_of_an_alternation_by_hand():
    assert realised_volatility([1, 2, 4, 8], 3, 365) == pytest.approx(0)
    # returns +ln 2, -ln 2: sample standard deviation ln 2 * sqrt 2
    assert realised_volatility([9, 1, 2, 1], 2, 1) == pytest.approx(0.980258, abs=1e-6)


@pytest.mark.parametrize(
    ("fast", "slow", "rsi", "signal"),
    [
        (2, 1, 69.9, "buy"),
        (2, 1, 70, "hold"),
        (1, 2, 30.1, "sell"),
        (1, 2, 30, "hold"),
        (1, 1, 50, "hold"),
    ],
)
def test_the_rule(fast, slow, rsi, signal):
    assert decide(fast, slow, rsi) == signal


@pytest.mark.parametrize("query", ["symbol=DEMO-TREND", "symbol=DEMO-STORM&window=7", "symbol=DEMO-CYCLE&window=2"])
async def test_the_signal_follows_from_the_reports_own_figures(query):
    report = await ask(query)
    rising, falling = report.fast_average > report.slow_average, report.fast_average < report.slow_average
    assert report.signal == ("buy" if rising and report.rsi < 70 else "sell" if falling and report.rsi > 30 else "hold")


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("", "symbol"),
        ("symbol=BTC", "symbol: "),
        ("symbol=demo-trend", "symbol: "),
        ("symbol=DEMO-TREND&window=1", "window: "),
        ("symbol=DEMO-TREND&window=181", "window: "),
        ("symbol=DEMO-TREND&window=twenty", "window: "),
    ],
)
async def test_bad_input_is_refused_with_the_field(query, says):
    with pytest.raises(ServiceError, match=says) as refused:
        await ask(query)
    assert refused.value.status == 422
