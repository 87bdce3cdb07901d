"""On sale: a trading signal and the indicators behind it, computed from a bundled daily series."""

from datetime import date
from functools import cache
from typing import Annotated, Literal

from msgspec import Meta, Struct

from server.services.indicators import Direction, crosses, drawdowns, realised_volatility, wilder_rsi
from server.services.series import DAYS_A_YEAR, ORIGIN, Symbol, daily
from server.services.service import Answer, Context, Service, json_answer

SLOW = 4
"""The slow average is this many windows long."""
RSI_PERIOD = 14
OVERBOUGHT, OVERSOLD = 70, 30
DIGITS = 6
"""Decimals of figures that are no prices."""

Signal = Literal["buy", "sell", "hold"]

RULE = (
    f"buy when the fast average is above the slow one and the RSI below {OVERBOUGHT}; "
    f"sell when it is below and the RSI above {OVERSOLD}; otherwise hold"
)


class SignalArguments(Struct, forbid_unknown_fields=True):
    """`window` is the fast average's length and volatility's; the slow average is four windows long."""

    symbol: Symbol
    window: Annotated[int, Meta(ge=2, le=180, description="Days.")] = 20


class Cross(Struct):
    """The last time the fast average passed the slow one."""

    date: date
    direction: Direction


class SignalReport(Struct):
    """The signal on the series' last day, and what it follows from by `rule`.

    Averages and close are in the series' unit, RSI from 0 to 100 over 14 days, volatility is a year's as a fraction,
    drawdowns are fractions below the highest close so far. `source` says where the series is from.
    """

    symbol: str
    as_of: date
    days: int
    window: int
    close: float
    fast_average: float
    slow_average: float
    last_cross: Cross | None
    rsi: float
    volatility: float
    drawdown: float
    max_drawdown: float
    signal: Signal
    rule: str
    source: str


async def run(arguments: SignalArguments, context: Context) -> Answer:
    """Reads nothing but the series."""
    return json_answer(report(arguments.symbol, arguments.window))


@cache
def report(symbol: str, window: int) -> SignalReport:
    """The report on a symbol's whole series, which is the same for as long as the process runs."""
    days = daily(symbol)
    closes = [day.close for day in days]
    fast = sum(closes[-window:]) / window
    slow = sum(closes[-SLOW * window :]) / (SLOW * window)
    rsi = wilder_rsi(closes, RSI_PERIOD)
    passed = crosses(closes, window, SLOW * window)
    now, worst = drawdowns(closes)
    return SignalReport(
        symbol=symbol,
        as_of=days[-1].date,
        days=len(days),
        window=window,
        close=closes[-1] / 100,
        fast_average=round(fast / 100, DIGITS),
        slow_average=round(slow / 100, DIGITS),
        last_cross=Cross(days[passed[-1][0]].date, passed[-1][1]) if passed else None,
        rsi=round(rsi, DIGITS),
        volatility=round(realised_volatility(closes, window, DAYS_A_YEAR), DIGITS),
        drawdown=round(now, DIGITS),
        max_drawdown=round(worst, DIGITS),
        signal=decide(fast, slow, rsi),
        rule=RULE,
        source=ORIGIN,
    )


def decide(fast: float, slow: float, rsi: float) -> Signal:
    """The signal by `RULE`."""
    if fast > slow and rsi < OVERBOUGHT:
        return "buy"
    if fast < slow and rsi > OVERSOLD:
        return "sell"
    return "hold"


SERVICE = Service(
    slug="market-signal",
    title="Market signal (synthetic series)",
    summary="Moving averages, RSI, volatility, drawdown and a signal by a stated rule, on a demonstration series.",
    kind="data API",
    unit="query",
    amount=5_000,
    arguments=SignalArguments,
    answers=SignalReport,
    example={"symbol": "DEMO-TREND", "window": 20},
    run=run,
    tags=("market", "signal", "synthetic"),
)
