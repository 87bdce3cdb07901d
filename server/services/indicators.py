"""Technical indicators of a series of closes: moving averages, Wilder's RSI, realised volatility, drawdown."""

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import stdev
from typing import Literal

Direction = Literal["up", "down"]


def crosses(closes: Sequence[int], fast: int, slow: int) -> list[tuple[int, Direction]]:
    """Where the fast simple moving average passes to the other side of the slow one, oldest first.

    Each is the index of the first close on the new side. Touching without passing is no cross. Compared in integers,
    so exact. Needs `fast` < `slow`; empty for fewer than `slow` + 1 closes.
    """
    found: list[tuple[int, Direction]] = []
    side = 0
    for end in range(slow, len(closes) + 1):
        difference = sum(closes[end - fast : end]) * slow - sum(closes[end - slow : end]) * fast
        now = (difference > 0) - (difference < 0)
        if now and side and now != side:
            found.append((end - 1, "up" if now > 0 else "down"))
        side = now or side
    return found


def wilder_rsi(closes: Sequence[float], period: int) -> float:
    """The relative strength index of the last close, 0 to 100.

    Wilder, New Concepts in Technical Trading Systems, 1978: the first average is the plain mean of `period` changes;
    each later one is (previous * (period - 1) + change) / period. 50 when nothing ever changed.
    Needs at least `period` + 1 closes.
    """
    changes = [after - before for before, after in pairwise(closes)]
    gain = sum(max(change, 0) for change in changes[:period]) / period
    loss = sum(max(-change, 0) for change in changes[:period]) / period
    for change in changes[period:]:
        gain = (gain * (period - 1) + max(change, 0)) / period
        loss = (loss * (period - 1) + max(-change, 0)) / period
    return 100 * gain / (gain + loss) if gain + loss else 50.0


def realised_volatility(closes: Sequence[float], window: int, days_a_year: int) -> float:
    """The sample standard deviation of the last `window` daily log returns, times the root of the days in a year."""
    tail = closes[-window - 1 :]
    return stdev(math.log(after / before) for before, after in pairwise(tail)) * math.sqrt(days_a_year)


def deepest_fall(closes: Sequence[int]) -> tuple[int, int]:
    """Where the deepest fall from the highest close so far began and ended; (0, 0) where there is none.

    The indices of the peak and the trough: of equally deep falls the first one, of equally high peaks the last one.
    Compared in integers, so exact.
    """
    peak = top = bottom = 0
    for index, close in enumerate(closes):
        if close >= closes[peak]:
            peak = index
        elif close * closes[top] < closes[bottom] * closes[peak]:
            top, bottom = peak, index
    return top, bottom


def drawdowns(closes: Sequence[int]) -> tuple[float, float]:
    """How far the last close, and the worst close, lie below the highest close before them: fractions from 0 to 1."""
    top, bottom = deepest_fall(closes)
    return 1 - closes[-1] / max(closes), 1 - closes[bottom] / closes[top]
