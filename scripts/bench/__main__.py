"""`make bench`: measures the figures that exist, prints them, and writes var/bench.json."""

import argparse
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import groupby
from types import FrameType

from rich.console import Console

from scripts.bench import (
    authorise,
    batch_gas,
    blocks,
    first_receipt,
    full_call,
    ground,
    growth,
    machine,
    memory,
    pages,
    paid_rate,
    pending_terms,
    processes,
    results,
    rounds,
    settled_rate,
    table,
    terms_rate,
    verify_rate,
)
from scripts.bench.errors import BenchFailed
from scripts.bench.figure import Figure, Ground, Side
from scripts.bench.results import Result
from scripts.children import StartFailed
from scripts.stack import VAR, shown

FIGURES = (
    terms_rate.FIGURE,
    paid_rate.FIGURE,
    verify_rate.FIGURE,
    paid_rate.DURABLE,
    settled_rate.FIGURE,
    full_call.FIGURE,
    batch_gas.ONE_PAYEE,
    batch_gas.FIFTY_PAYEES,
    authorise.ON_DISK,
    authorise.IN_MEMORY,
    pending_terms.FIGURE,
    blocks.MEDIAN,
    blocks.TAIL,
    growth.SERVICES,
    growth.TERMS,
    growth.ORDERS,
    processes.FIGURE,
    first_receipt.COLD,
    first_receipt.WARM,
    memory.FIGURE,
    *pages.ALL,
)
"""What can be measured; a new figure is a module and its name here."""
USUAL = tuple(figure for figure in FIGURES if not figure.asked)
ROUNDS, LEAST_ROUNDS, MOST_ROUNDS = 5, 5, 9
MOST_SECONDS = 8100
"""For the whole run; SET_UP and the parts of USUAL come to no more."""
SET_UP = 600
WIDTH = 140
"""Of the tables where there is no terminal."""
BUSY = 1.0


def main() -> None:
    """Ends with a sentence when there is no figure. A goal that is missed is a result, not a failure."""
    parser = argparse.ArgumentParser("make bench", description=__doc__)
    parser.add_argument("--only", type=chosen, default=USUAL, help="some figures, as in P1,P6")
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
    """The figures that `--only` names, in their own order: P8 is that one, P10 all of P10S, P10O and P10C.

    Raises ArgumentTypeError for one that does not exist.
    """
    wanted, known = {name.strip().upper() for name in text.split(",")}, {figure.id for figure in FIGURES}
    families = {name: {one for one in known if one[:-1] == name} or {name} for name in wanted - known}
    wanted = (wanted & known).union(*families.values())
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
    where = f"servers on core {pinned.server}, load on core {pinned.load}" if pinned else "nothing pinned"
    console.print(f"  measuring: {count} rounds where a figure has no number of its own, {where}", highlight=False)
    found: list[Result] = []
    titles: dict[str, str] = {}
    with ground.only_run():
        for opened, together in grounds(figures):
            with opened(lambda text: console.print(f"  {text}", highlight=False), pinned) as sides:
                for figure in together:
                    found.append(rounds.measure(figure, sides, figure.rounds or count, teller(console, figure)))
                    titles |= {f"{figure.id} {side.name}": side.title for side in figure.sides(sides)}
    path = VAR / "bench.json"
    results.write(path, described, count, found)
    console.print(table.figures(found, titles), table.deeds({one.id: one.does for one in figures}, titles))
    console.print(f"  written to {shown(path)}; only ratios from one run count", highlight=False)


def grounds(figures: Sequence[Figure]) -> Iterator[tuple[Ground, Sequence[Figure]]]:
    """What is measured on the same ground, one after the other: first Paddock's stack with the peers that take part."""
    shared = [figure for figure in figures if figure.ground is None]
    if shared:
        yield partial(ground.opened, wanted={name for figure in shared for name in figure.does}), shared
    for own, together in groupby((figure for figure in figures if figure.ground), lambda figure: figure.ground):
        assert own is not None
        yield own, list(together)


def teller(console: Console, figure: Figure) -> Callable[[Side, float], None]:
    """Tells each value as it comes."""

    def tell(side: Side, value: float) -> None:
        console.print(f"    {figure.id}  {side.title:<18} {table.shown(value)} {figure.unit}", highlight=False)

    return tell


def end(number: int, _frame: FrameType | None) -> None:
    """Leave by the way that ends every process, and let nothing interrupt that."""
    for other in (signal.SIGALRM, signal.SIGTERM, signal.SIGINT):
        signal.signal(other, signal.SIG_IGN)
    why = f"the run took more than {MOST_SECONDS} s" if number == signal.SIGALRM else "the run was ended"
    raise SystemExit(f"\npaddock: {why}")


if __name__ == "__main__":
    main()
