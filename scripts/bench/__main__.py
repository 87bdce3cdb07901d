"""`make bench`: measures the figures that exist, prints them, and writes var/bench.json."""

import argparse
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from rich.console import Console

from scripts.bench import (
    authorise,
    batch_gas,
    full_call,
    ground,
    machine,
    results,
    rounds,
    settled_rate,
    table,
    terms_rate,
    verify_rate,
)
from scripts.bench.errors import BenchFailed
from scripts.bench.figure import Figure, Side
from scripts.children import StartFailed
from scripts.stack import VAR, shown

FIGURES = (
    terms_rate.FIGURE,
    verify_rate.FIGURE,
    settled_rate.FIGURE,
    full_call.FIGURE,
    batch_gas.ONE_PAYEE,
    batch_gas.FIFTY_PAYEES,
    authorise.ON_DISK,
    authorise.IN_MEMORY,
)
"""What can be measured; a new figure is a module and its name here."""
ROUNDS, LEAST_ROUNDS, MOST_ROUNDS = 5, 5, 9
MOST_SECONDS = 900
"""For the whole run."""
WIDTH = 140
"""Of the tables where there is no terminal."""
BUSY = 1.0


def main() -> None:
    """Ends with a sentence when there is no figure. A goal that is missed is a result, not a failure."""
    parser = argparse.ArgumentParser("make bench", description=__doc__)
    parser.add_argument("--only", type=chosen, default=FIGURES, help="some figures, as in P1,P6")
    parser.add_argument("--rounds", type=int, default=ROUNDS, choices=range(LEAST_ROUNDS, MOST_ROUNDS + 1))
    given = parser.parse_args()
    for number in (signal.SIGALRM, signal.SIGTERM):
        signal.signal(number, end)
    signal.alarm(MOST_SECONDS)
    try:
        run(Console(width=None if sys.stdout.isatty() else WIDTH), given.only, given.rounds)
    except (BenchFailed, StartFailed) as error:
        raise SystemExit(f"\npaddock: {error}") from error
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def chosen(text: str) -> tuple[Figure, ...]:
    """The figures that `--only` names, in their own order. Raises ArgumentTypeError for one that does not exist."""
    wanted, known = {name.strip().upper() for name in text.split(",")}, {figure.id for figure in FIGURES}
    if not wanted <= known:
        raise argparse.ArgumentTypeError(
            f"there is {', '.join(sorted(known))}, and no {', '.join(sorted(wanted - known))}"
        )
    return tuple(figure for figure in FIGURES if figure.id in wanted)


def run(console: Console, figures: Sequence[Figure], count: int) -> None:
    """Start everything, measure, end everything, and show."""
    pinned = machine.cores()
    described = machine.describe(pinned)
    if described["load_before"] > BUSY:
        console.print(f"  [yellow]this machine is busy (load {described['load_before']}): figures will scatter[/]")
    with ground.opened(lambda text: console.print(f"  {text}", highlight=False), pinned) as sides:
        where = f"servers on core {pinned.server}, load on core {pinned.load}" if pinned else "nothing pinned"
        console.print(f"  measuring: {count} rounds, {where}", highlight=False)
        found = []
        for figure in figures:

            def tell(side: Side, value: float, figure: Figure = figure) -> None:
                console.print(f"    {figure.id}  {side.title:<18} {table.shown(value)} {figure.unit}", highlight=False)

            found.append(rounds.measure(figure, sides, count, tell))
        titles = {side.name: side.title for figure in figures for side in figure.sides(sides)}
    path = VAR / "bench.json"
    results.write(path, described, count, found)
    console.print(table.figures(found, titles, count), table.deeds({one.id: one.does for one in figures}, titles))
    console.print(f"  written to {shown(path)}; only ratios from one run count", highlight=False)


def end(number: int, _frame: FrameType | None) -> None:
    """Leave by the way that ends every process, and let nothing interrupt that."""
    for other in (signal.SIGALRM, signal.SIGTERM, signal.SIGINT):
        signal.signal(other, signal.SIG_IGN)
    why = f"the run took more than {MOST_SECONDS} s" if number == signal.SIGALRM else "the run was ended"
    raise SystemExit(f"\npaddock: {why}")


if __name__ == "__main__":
    main()
