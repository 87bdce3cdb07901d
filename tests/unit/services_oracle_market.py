"""Indicators worked out another way, from the text of the bundled files; and the generator's rules told again."""

import csv
import math
from datetime import date, timedelta
from decimal import ROUND_DOWN, Decimal
from fractions import Fraction
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

DATA = Path(__file__).parents[2] / "server" / "services" / "data"
SYMBOLS = ("DEMO-TREND", "DEMO-RANGE", "DEMO-STORM", "DEMO-CYCLE")


def table(symbol):
    with (DATA / f"{symbol}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def closes(symbol):
    return [Fraction(row["close"]) for row in table(symbol)]


def average(prices, last, length):
    return sum(prices[last - length + 1 : last + 1], Fraction()) / length


def last_cross(prices, fast, slow):
    """Walks back from the end to the last change of side. None if there is none."""
    sides = [
        (index, average(prices, index, fast) > average(prices, index, slow))
        for index in range(slow - 1, len(prices))
        if average(prices, index, fast) != average(prices, index, slow)
    ]
    for (_, before), (index, after) in reversed(list(pairwise(sides))):
        if before != after:
            return index, "up" if after else "down"
    return None


def rsi(prices, period):
    """Wilder's smoothing unrolled: the first mean and every later change, each with the weight it has in the end."""
    changes = [float(b - a) for a, b in pairwise(prices)]
    kept = 1 - 1 / period

    def smoothed(part):
        first = math.fsum(part[:period]) / period * kept ** (len(part) - period)
        return first + math.fsum(value / period * kept**age for age, value in enumerate(reversed(part[period:])))

    up = smoothed([max(change, 0.0) for change in changes])
    down = smoothed([max(-change, 0.0) for change in changes])
    return 100 - 100 / (1 + up / down)


def volatility(prices, window):
    """From sums and sums of squares of the differences of logarithms."""
    logs = [math.log(price) for price in prices[-window - 1 :]]
    steps = [b - a for a, b in pairwise(logs)]
    variance = (math.fsum(s * s for s in steps) - math.fsum(steps) ** 2 / window) / (window - 1)
    return math.sqrt(variance * 365)


def worst_drawdown(prices):
    """Over every pair of an earlier and a later day."""
    return max(1 - later / earlier for i, earlier in enumerate(prices) for later in prices[i:])


def drawdown(prices):
    return 1 - prices[-1] / max(prices)


DRIFT = {
    "DEMO-TREND": lambda day, price: 900,
    "DEMO-RANGE": lambda day, price: (500_000 - price) * 80_000 // price,
    "DEMO-STORM": lambda day, price: -4_000 if day in range(300, 420) else 700,
    "DEMO-CYCLE": lambda day, price: 7_000 - 28_000 * (day % 180 if day % 180 <= 90 else 180 - day % 180) // 180,
}
NOISE = {
    "DEMO-TREND": lambda day: 14_000,
    "DEMO-RANGE": lambda day: 17_000,
    "DEMO-STORM": lambda day: 48_000 if day in range(300, 420) else 12_000,
    "DEMO-CYCLE": lambda day: 20_000,
}
FIRST_OPEN = {"DEMO-TREND": 1_000_000, "DEMO-RANGE": 500_000, "DEMO-STORM": 2_400_000, "DEMO-CYCLE": 200_000}


def regrown(symbol):
    """Date and close of every day by the rules in data/README.md; closes as text."""
    price, days = FIRST_OPEN[symbol], []
    for day in range(730):
        total = 0
        for number in range(12):
            name = "|".join(["paddock-demo-series-v1", symbol, str(day), str(number)])
            total += int(sha256(name.encode()).hexdigest()[:4], 16)
        change = DRIFT[symbol](day, price) + math.floor(Fraction(NOISE[symbol](day) * (total - 393_210), 2**16))
        price = math.floor(Fraction(price * (10**6 + change), 10**6))
        cents = Decimal(price).scaleb(-4).quantize(Decimal("0.01"), ROUND_DOWN)
        days.append(((date(2024, 1, 1) + timedelta(day)).isoformat(), str(cents)))
    return days
