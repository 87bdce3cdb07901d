"""Precision, recall and F1 of findings against labelled spans, and how long a purchase's texts take."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from agent.privacy import Finding, Label, scan

UNSEEN = Path(__file__).with_name("unseen.jsonl")
SEALED = Path(__file__).with_name("sealed.jsonl")
DEVELOPMENT = Path(__file__).with_name("development.jsonl")
LEAST_OVERLAP = 0.5
"""A finding counts for a span of its label when they share at least half of what they cover together."""


class Span(msgspec.Struct, frozen=True):
    start: int
    end: int
    label: Label


class Sample(msgspec.Struct, frozen=True):
    """A text, and all that is personal in it."""

    text: str
    kind: str
    spans: list[Span]


@dataclass
class Score:
    """Counts by label: spans found, spans there are, and findings made; `exact` are those with the very same bounds."""

    right: Counter[str] = field(default_factory=Counter)
    exact: Counter[str] = field(default_factory=Counter)
    wanted: Counter[str] = field(default_factory=Counter)
    made: Counter[str] = field(default_factory=Counter)

    def precision(self, *labels: str) -> float:
        return _share(self.right, self.made, labels)

    def recall(self, *labels: str) -> float:
        return _share(self.right, self.wanted, labels)

    def f1(self, *labels: str, exact: bool = False) -> float:
        """Of some labels, or of all of them together."""
        right = self.exact if exact else self.right
        precision, recall = _share(right, self.made, labels), _share(right, self.wanted, labels)
        return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _share(part: Counter[str], whole: Counter[str], labels: tuple[str, ...]) -> float:
    chosen = labels or tuple(Label)
    total = sum(whole[label] for label in chosen)
    return sum(part[label] for label in chosen) / total if total else 1.0


def score(samples: Iterable[Sample]) -> Score:
    """The filter's score: each span is found by one finding at most."""
    result = Score()
    for sample in samples:
        found = scan(sample.text)
        result.made.update(one.label for one in found)
        result.wanted.update(span.label for span in sample.spans)
        left = list(sample.spans)
        for one in found:
            hit = max(
                (span for span in left if span.label == one.label), key=lambda span: _overlap(one, span), default=None
            )
            if hit is not None and _overlap(one, hit) >= LEAST_OVERLAP:
                left.remove(hit)
                result.right[one.label] += 1
                result.exact[one.label] += (one.start, one.end) == (hit.start, hit.end)
    return result


def _overlap(one: Finding, span: Span) -> float:
    shared = min(one.end, span.end) - max(one.start, span.start)
    return max(shared, 0) / (max(one.end, span.end) - min(one.start, span.start))


def unseen() -> list[Sample]:
    """The texts that nobody who works on the filter reads: see README.md beside them."""
    return [msgspec.json.decode(line, type=Sample) for line in UNSEEN.read_bytes().splitlines()]


def sealed() -> list[Sample]:
    """Texts that were written when the rules were done, and that nobody who works on the filter reads either."""
    return [msgspec.json.decode(line, type=Sample) for line in SEALED.read_bytes().splitlines()]


def development() -> list[Sample]:
    """The texts that the rules for names were made with."""
    return [msgspec.json.decode(line, type=Sample) for line in DEVELOPMENT.read_bytes().splitlines()]


def slowest(samples: Sequence[Sample], share: float = 0.99, clock: Callable[[], int] = time.thread_time_ns) -> float:
    """Milliseconds that a purchase of one URL, one description, one body and one reason takes, at this quantile.

    Of the processor: what else a machine does is not the filter's.
    """
    kinds = [[one.text for one in samples if one.kind == kind] for kind in ("url", "description", "body", "reason")]
    purchases = list(zip(*kinds, strict=False))
    scan("Jane Roe")
    taken = []
    for texts in purchases * max(1, 1000 // len(purchases)):
        start = clock()
        for text in texts:
            scan(text)
        taken.append(clock() - start)
    return sorted(taken)[int(len(taken) * share)] / 1e6


def table(result: Score) -> list[tuple[Any, ...]]:
    """Rows of label, spans, precision, recall, F1, and F1 with exact bounds."""
    rows = [
        (
            label,
            result.wanted[label],
            result.precision(label),
            result.recall(label),
            result.f1(label),
            result.f1(label, exact=True),
        )
        for label in Label
    ]
    total = (result.precision(), result.recall(), result.f1(), result.f1(exact=True))
    return [*rows, ("all", sum(result.wanted.values()), *total)]
