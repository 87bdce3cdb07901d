"""The tables that a run prints: what was measured, and what each side does for it."""

from collections.abc import Mapping, Sequence

from rich.table import Table

from scripts.bench.results import Result, Spread

VERDICTS = {True: "[green]met[/]", False: "[red]missed[/]", None: "[yellow]open[/]"}
"""A goal is open while a peer that it names is not measured."""


def figures(results: Sequence[Result], titles: Mapping[str, str]) -> Table:
    """One row for each side of each figure; `titles` are the sides' names for people, by figure and name."""
    table = Table(title="medians of interleaved rounds", title_justify="left")
    for heading in ("figure", "side"):
        table.add_column(heading)
    for heading in ("rounds", "median", "min - max", "ratio"):
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in ("goal", ""):
        table.add_column(heading)
    for result in results:
        for number, (name, spread) in enumerate(result.spreads.items()):
            ratio = result.ratios.get(name)
            first = number == 0
            table.add_row(
                f"[bold]{result.id}[/] {result.title}, {result.unit}" if first else "",
                titles[f"{result.id} {name}"],
                str(len(result.values[name])),
                shown(spread.median),
                between(spread),
                "" if ratio is None else f"{ratio:.2f}",
                result.goal.text if first else "",
                VERDICTS[result.met] if first else "",
                end_section=number == len(result.values) - 1,
            )
    return table


def deeds(does: Mapping[str, Mapping[str, str]], titles: Mapping[str, str]) -> Table:
    """What each side does, and doesn't, in each figure: a comparison without that is none."""
    table = Table(title="what each side does and doesn't do", title_justify="left", show_lines=True)
    for heading in ("figure", "side", "does"):
        table.add_column(heading)
    for figure, sides in does.items():
        for name, text in sides.items():
            table.add_row(figure, titles[f"{figure} {name}"], text)
    return table


def between(spread: Spread) -> str:
    """The ends of a spread."""
    return f"{shown(spread.min)} - {shown(spread.max)}"


def shown(value: float) -> str:
    """A number with as many digits as its size deserves."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
