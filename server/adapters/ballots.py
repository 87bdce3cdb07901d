"""What several nodes' answers come to: pure decisions, by votes, by order or by the middle one."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median_high, median_low
from typing import Any

from server.domain.errors import Reverted
from server.ports import Fees


@dataclass(frozen=True, slots=True)
class Answer:
    """What a node said: a value, or that the call reverts; then `value` is the revert data."""

    value: Any
    reverted: Reverted | None = field(default=None, compare=False)
    kind: str = "value"

    @classmethod
    def of(cls, error: Reverted) -> "Answer":
        """A revert: two of them are equal when their data are, whatever words a node puts beside it."""
        return cls(error.data, error, "revert")


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer that counts. `supporters` gave it and `dissenters` another; where there is no vote, neither."""

    answer: Answer
    supporters: frozenset[str] = frozenset()
    dissenters: frozenset[str] = frozenset()


Ballot = Mapping[str, Answer]
"""Answers by the node's name."""
Decide = Callable[[Ballot, int], Decision | None]
"""What a ballot comes to with a quorum of that size; None while it comes to nothing."""


def vote(ballot: Ballot, quorum: int) -> Decision | None:
    """The one answer that at least `quorum` nodes gave."""
    for answer in ballot.values():
        supporters = frozenset(name for name, given in ballot.items() if given == answer)
        if len(supporters) >= quorum:
            return Decision(answer, supporters, frozenset(ballot) - supporters)
    return None


def reached(ballot: Ballot, quorum: int) -> Decision | None:
    """The number that at least `quorum` nodes have reached: one node far ahead or far behind decides nothing."""
    numbers = sorted(_values(ballot), reverse=True)
    return Decision(Answer(numbers[quorum - 1])) if len(numbers) >= quorum else None


def enough_gas(ballot: Ballot, quorum: int) -> Decision | None:
    """The middle estimate of a quorum, the upper of two; that a call reverts is put to the vote."""
    estimates = _values(ballot)
    if len(estimates) >= quorum:
        return Decision(Answer(median_high(estimates)))
    return vote({name: answer for name, answer in ballot.items() if answer.reverted}, quorum)


def fair_fees(ballot: Ballot, quorum: int) -> Decision | None:
    """The middle offer of a quorum, the lower of two, so that no single node makes us overpay."""
    offers: list[Fees] = _values(ballot)
    if len(offers) < quorum:
        return None
    return Decision(Answer(Fees(median_low(one.max_fee for one in offers), median_low(one.priority for one in offers))))


def common_logs(ballot: Ballot, quorum: int) -> Decision | None:
    """The logs that a quorum shows alike, up to the highest block for which there is one.

    A value is (height, logs): a node vouches for every block up to its height and for none above it. So each height in
    turn, from the highest, is put to the vote among the nodes that have reached it, with the logs cut off there.
    """
    for height in sorted({value[0] for value in _values(ballot)}, reverse=True):
        cut = {
            name: Answer([log for log in answer.value[1] if log.block <= height])
            for name, answer in ballot.items()
            if answer.reverted is None and answer.value[0] >= height
        }
        decision = vote(cut, quorum)
        if decision:
            return decision
    return None


def anyone(ballot: Ballot, _quorum: int) -> Decision | None:
    """Whatever one node answered."""
    return next((Decision(answer) for answer in ballot.values()), None)


def describe(answers: Iterable[Answer]) -> str:
    """How many nodes said the same, without what they said: `1 and 2 say the same`."""
    groups: list[list[Answer]] = []
    for answer in answers:
        alike = next((group for group in groups if group[0] == answer), None)
        alike.append(answer) if alike else groups.append([answer])
    return f"{' and '.join(str(len(group)) for group in groups)} say the same" if groups else "no answer"


def _values(ballot: Ballot) -> list[Any]:
    return [answer.value for answer in ballot.values() if answer.reverted is None]
