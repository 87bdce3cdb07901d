"""Rounds: every side in turn, the order changing, each with the others standing still."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence

from scripts.bench.errors import BenchFailed
from scripts.bench.figure import Figure, Side
from scripts.bench.machine import standing_still
from scripts.bench.results import Result


def order(sides: Sequence[Side], rounds: int) -> Iterator[Side]:
    """Who is measured when: everyone once a round, and each round begins with another one."""
    for number in range(rounds):
        first = number % len(sides)
        yield from (*sides[first:], *sides[:first])


def measure(figure: Figure, running: Sequence[Side], rounds: int, tell: Callable[[Side, float], None]) -> Result:
    """A figure of one run, with all that runs. Raises BenchFailed when a side fails or takes too long."""
    sides, pids = figure.sides(running), {pid for side in running for pid in side.pids}
    values: dict[str, list[float]] = {side.name: [] for side in sides}
    until = time.monotonic() + figure.part
    with asyncio.Runner() as runner:
        for side in order(sides, rounds):
            with standing_still(pids - set(side.pids)):
                value = runner.run(_bounded(figure, side, until - time.monotonic()))
            values[side.name].append(value)
            tell(side, value)
    return Result(figure.id, figure.title, figure.unit, figure.goal, values)


async def _bounded(figure: Figure, side: Side, left: float) -> float:
    """A round's value, within the round's time and what is left of the figure's."""
    seconds = max(0.0, min(figure.seconds, left))
    try:
        async with asyncio.timeout(seconds):
            return await figure.measure(side)
    except TimeoutError as error:
        raise BenchFailed(
            f"{figure.id}: {side.title} took more than {seconds:.0f} s for one round, of the {figure.part:.0f} s that "
            "the figure has"
        ) from error
