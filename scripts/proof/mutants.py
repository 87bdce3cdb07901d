"""Each guard of the contracts taken out in turn, to see it noticed: `python -m scripts.proof.mutants [CONTRACT…]`."""

import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from scripts.proof.guards import Survey, find_guards
from scripts.proof.judges import Judges, open_judges
from scripts.proof.notices import NOTICED, Doubled, Suites
from scripts.proof.switches import Mutant, every_mutant, switched
from scripts.solc.foundry import forge

COMPILERS = 2
"""Contracts that are compiled at once, ahead of the judges."""
HEADING = f"{'contract':<20} {'mutants':>7} {'noticed':>8} {'doubled':>8} {'survived':>9} {'seconds':>8}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said against a mutant (empty: it survived), and how long that took, with the wait for the compiler."""

    mutant: Mutant
    said: str
    seconds: float


def unnamed(survey: Survey) -> list[str]:
    """The guards for which nobody is said to notice."""
    return [guard.name for guard in survey.guards if guard.name not in NOTICED]


def judged(judges: Judges, survey: Survey, mutants: Sequence[Mutant]) -> Iterator[Verdict]:
    """On each mutant that anybody can notice, in their order."""
    asked = [mutant for mutant in mutants if not isinstance(mutant.notice, Doubled)]
    with ThreadPoolExecutor(COMPILERS) as pool:
        every, units = every_mutant(survey), dict.fromkeys(mutant.shown_by for mutant in asked)
        made = {unit: pool.submit(switched, unit, every, survey.modifiers) for unit in units}
        for mutant in asked:
            started = time.monotonic()
            said = judges.verdict(made[mutant.shown_by].result(), mutant.number, mutant.notice)
            yield Verdict(mutant, said, time.monotonic() - started)


def table(mutants: Sequence[Mutant], verdicts: Sequence[Verdict]) -> Iterator[str]:
    """What came of each source's mutants."""
    yield HEADING
    for unit in dict.fromkeys(mutant.unit for mutant in mutants):
        tried, own = sum(one.unit == unit for one in mutants), [one for one in verdicts if one.mutant.unit == unit]
        noticed, seconds = sum(bool(one.said) for one in own), sum(one.seconds for one in own)
        figures = f"{tried:>7} {noticed:>8} {tried - len(own):>8} {len(own) - noticed:>9} {seconds:>8.1f}"
        yield f"{Path(unit).stem:<20} {figures}"


def main(names: Sequence[str]) -> int:
    """0 when every guard is named with who notices, and every mutant (by default of all contracts) was noticed."""
    survey = find_guards()
    if missing := unnamed(survey):
        print(*(f"scripts/proof/notices.py names nobody who notices: {name}" for name in missing), sep="\n")
        return 1
    every = every_mutant(survey)
    if unknown := set(names) - {Path(one.unit).stem for one in every}:
        hint = "contracts are named as their file, and who notices what is in scripts/proof/notices.py"
        print(f"nothing is known of {', '.join(sorted(unknown))}: {hint}", file=sys.stderr)
        return 2
    mutants = [one for one in every if not names or Path(one.unit).stem in names]
    if any(isinstance(one.notice, Suites) for one in mutants):
        forge("build")
    verdicts = []
    with open_judges() as judges:
        for verdict in judged(judges, survey, mutants):
            verdicts.append(verdict)
            print(f"{verdict.said or 'SURVIVED':<60.60} {verdict.mutant.name}", flush=True)
    print(*table(mutants, verdicts), sep="\n")
    return 0 if all(verdict.said for verdict in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
