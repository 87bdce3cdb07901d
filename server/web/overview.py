"""The console's overview: figures of a span with change and line, what money keys hold, what is still to set up."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from litestar.di import NamedDependency, Provide
from litestar.params import QueryParameter, SkipValidation

from protocol.amounts import display
from server.application.holdings import Holding
from server.application.paddock import Paddock, Settling
from server.application.statement import asset_at
from server.domain.statements import Place
from server.domain.states import MoneyBackState, PaymentState
from server.domain.trends import Figures, Span, Trend, read_span
from server.ports import UnitOfWork
from server.web.money_keys import money_keys
from server.web.setting_up import Step, still_to_do

WORDS = {Span.HOUR: "hour", Span.DAY: "24 hours", Span.WEEK: "7 days", Span.MONTH: "30 days"}
"""After "last" and before "before"."""
_STEPS = {Span.HOUR: "5 minutes", Span.DAY: "an hour", Span.WEEK: "6 hours", Span.MONTH: "a day"}
WIDTH, HEIGHT, MARGIN = 240, 40, 3
"""Of a line's drawing, in its own units; the page scales it."""


GivenSpan = NamedDependency[SkipValidation[Span]]


async def given_span(wanted: Annotated[str, QueryParameter(name="range")] = Span.DAY) -> Span:
    """What `?range=` says. Raises BadArguments."""
    return read_span(wanted)


SPANS = {"span": Provide(given_span)}


@dataclass(frozen=True, slots=True)
class Tile:
    """A figure in words: `line` are the points of an SVG polyline, `story` says the same to whoever does not see it."""

    name: str
    label: str
    value: str
    unit: str = ""
    change: str = ""
    note: str = ""
    line: str = ""
    story: str = ""


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything above the list of orders."""

    span: Span
    words: str
    tiles: Sequence[Tile]
    holdings: Sequence[Holding]
    to_do: Sequence[Step]


async def overview(paddock: Paddock, settling: Settling | None, view: UnitOfWork, span: Span) -> Overview:
    """Balances are the chain's where it answers."""
    trend = await paddock.trends.read(paddock.db, paddock.clock, span)
    waiting, owed = await view.orders.waiting(), await view.orders.owed()
    chains = {network: ground.chain for network, ground in paddock.grounds.items()}
    holdings = await paddock.holdings.read(chains, paddock.clock, money_keys(paddock, settling))
    tiles = (
        *(_revenue(paddock, trend, place) for place in _places(paddock, trend)),
        _orders(trend),
        _success(trend),
        _refunds(paddock, trend, owed),
        _pending(paddock, waiting),
    )
    return Overview(span, WORDS[span], tiles, holdings, await still_to_do(paddock, view))


def _places(paddock: Paddock, trend: Trend) -> list[Place]:
    """Assets in which something came in; the first one of all where nothing did."""
    here = [Place(network, asset.address) for network, one in paddock.grounds.items() for asset in one.market.assets]
    found = {place for figures in (trend.before, *trend.steps) for place, amount in figures.revenue.items() if amount}
    return [place for place in here if place in found] + sorted(found - set(here)) or here[:1]


def _revenue(paddock: Paddock, trend: Trend, place: Place) -> Tile:
    asset = asset_at(paddock.grounds, place)
    places = f" on {place.network}" if len(paddock.grounds) > 1 else ""

    def amount(figures: Figures) -> int:
        return figures.revenue.get(place, 0)

    def shown(value: int) -> str:
        return display(value, asset.decimals)

    unit, label = asset.symbol or place.asset, f"Revenue{places}"
    name = "revenue" if place == Place(paddock.market.network, paddock.market.asset.address) else ""
    line, story = _line(label, trend, amount, shown)
    change = changed(amount(trend.total), amount(trend.before))
    return Tile(name, label, shown(amount(trend.total)), unit, change, "refunds are not taken off", line, story)


def _orders(trend: Trend) -> Tile:
    def count(figures: Figures) -> int:
        return figures.orders

    line, story = _line("Orders", trend, count, str)
    total = trend.total
    note = f"{total.delivered:,} delivered"
    return Tile(
        "orders", "Orders", f"{total.orders:,}", "", changed(total.orders, trend.before.orders), note, line, story
    )


def _success(trend: Trend) -> Tile:
    def rate(figures: Figures) -> int | None:
        return figures.success

    def shown(value: int) -> str:
        return f"{display(value, 1)} %"

    line, story = _line("Success", trend, rate, shown)
    now, before = trend.total.success, trend.before.success
    change = ""
    if now is not None and before is not None:
        points = display(now - before, 1)
        change = f"{'+' if now > before else ''}{points} points on" if now != before else "as in"
    value = "–" if now is None else shown(now)
    return Tile("success", "Success", value, "", change, "delivered, of all that ended", line, story)


def _refunds(paddock: Paddock, trend: Trend, owed: Mapping[MoneyBackState, int]) -> Tile:
    def count(figures: Figures) -> int:
        return figures.refunds

    line, story = _line("Refunds", trend, count, str)
    total, opened = trend.total, sum(owed.values())
    sums = [(asset_at(paddock.grounds, place), amount) for place, amount in total.refunded.items() if amount]
    words = [f"{display(amount, asset.decimals)} {asset.symbol or asset.address}" for asset, amount in sums]
    note = ", ".join([*words, *([f"{opened} open"] if opened else [])])
    return Tile(
        "refunds", "Refunds", f"{total.refunds:,}", "", changed(total.refunds, trend.before.refunds), note, line, story
    )


def _pending(paddock: Paddock, waiting: Mapping[PaymentState, tuple[int, datetime]]) -> Tile:
    """As it is now, whatever the span."""
    count = sum(how_many for how_many, _ in waiting.values())
    if not count:
        return Tile("pending", "Pending now", "0", note="nothing waits")
    seconds = int((paddock.clock.now() - min(since for _, since in waiting.values())).total_seconds())
    return Tile("pending", "Pending now", f"{count:,}", note=f"the oldest for {_age(max(0, seconds))}")


def _age(seconds: int) -> str:
    """Coarse, so that a page that shows it changes seldom."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return "less than a minute"


def changed(now: int, before: int) -> str:
    """How much more or less than before, in whole percent, or in words where percent say nothing; a span follows it."""
    if now == before:
        return "as in"
    if before <= 0:
        return "none in"
    percent = (now - before) * 100 // before if now > before else -((before - now) * 100 // before)
    return f"{percent:+,} % on" if percent else f"slightly {'more' if now > before else 'less'} than in"


def _line(
    label: str, trend: Trend, value: Callable[[Figures], int | None], shown: Callable[[int], str]
) -> tuple[str, str]:
    """The points of a line from zero up, and its story; both empty for less than two known values."""
    values = [value(one) for one in trend.steps]
    known = [(index, one) for index, one in enumerate(values) if one is not None]
    if len(known) < 2:
        return "", ""
    low, high = min(0, *(one for _, one in known)), max(1, *(one for _, one in known))
    room = HEIGHT - 2 * MARGIN
    points = (
        f"{index * WIDTH // (len(values) - 1)},{HEIGHT - MARGIN - (one - low) * room // (high - low)}"
        for index, one in known
    )
    numbers = [one for _, one in known]
    story = f"{label} of the last {WORDS[trend.span]} in steps of {_STEPS[trend.span]}"
    said = f"lowest {shown(min(numbers))}, highest {shown(max(numbers))}, at the end {shown(numbers[-1])}"
    return " ".join(points), f"{story}: {said}."
