"""What the lab says of a contract: for people, and as JSON."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scripts.callback_lab.battery import Verdict


@dataclass(frozen=True, slots=True)
class Report:
    """A whole run: the contract, its verdicts, gas of its actions by entry, the gas each action is given, seconds."""

    contract: str
    source: str
    verdicts: Sequence[Verdict]
    gas: Mapping[str, int]
    action_gas: int
    seconds: float

    @property
    def failed(self) -> list[Verdict]:
        """What did not pass."""
        return [verdict for verdict in self.verdicts if verdict.failure]

    def document(self) -> dict[str, Any]:
        """The report as JSON has it."""
        return {
            "contract": self.contract,
            "source": self.source,
            "passed": not self.failed,
            "action_gas": self.action_gas,
            "gas": dict(self.gas),
            "seconds": round(self.seconds, 1),
            "checks": [_row(verdict) for verdict in self.verdicts],
        }

    def lines(self) -> Iterator[str]:
        """The report as people read it."""
        for verdict in self.verdicts:
            state, check = "FAILED" if verdict.failure else "passed", verdict.check
            yield f"{state}  {check.threat:<4} {check.name:<24} {check.title}"
            if verdict.failure:
                yield from _explain(verdict)
        for entry, used in self.gas.items():
            yield f"gas     {used:>9,} of {self.action_gas:,} for the action of {entry}"
        total = f"{len(self.verdicts) - len(self.failed)} of {len(self.verdicts)} checks passed"
        yield f"{self.contract}: {total} in {self.seconds:.1f} s"


def _row(verdict: Verdict) -> dict[str, Any]:
    check = verdict.check
    row: dict[str, Any] = {
        "name": check.name,
        "threat": check.threat,
        "tries": check.title,
        "passed": not verdict.failure,
    }
    if verdict.failure:
        row |= {"failure": verdict.failure, "mend": check.mend, "trace": list(verdict.trace)}
    return row


def _explain(verdict: Verdict) -> Iterator[str]:
    yield from textwrap.wrap(verdict.failure, 116, initial_indent="        ", subsequent_indent="          ")
    for line in verdict.trace:
        yield f"        | {line if len(line) <= 230 else line[:229] + '…'}"
    yield from textwrap.wrap(
        f"to mend: {verdict.check.mend}", 116, initial_indent="        ", subsequent_indent="          "
    )
