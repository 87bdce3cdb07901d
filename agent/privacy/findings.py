"""What a scan finds: where personal data stands in a text, and of which kind it is."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Label(StrEnum):
    """Kinds of personal data, and of secrets. ADDRESS is a postal one; a wallet's is public and none of these."""

    KEY = "KEY"
    ID = "ID"
    CARD = "CARD"
    EMAIL = "EMAIL"
    PHONE = "PHONE"
    ADDRESS = "ADDRESS"
    NAME = "NAME"


_RANK = {label: rank for rank, label in enumerate(Label)}


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """Code points `start` to `end` (exclusive) of the text that was scanned."""

    start: int
    end: int
    label: Label

    def overlaps(self, other: "Finding") -> bool:
        return self.start < other.end and other.start < self.end


def settled(found: Iterable[Finding]) -> list[Finding]:
    """In order of the text, without overlaps: the graver kind wins, of one kind the longer one."""
    kept: list[Finding] = []
    for one in sorted(set(found), key=lambda one: (_RANK[one.label], one.start - one.end, one.start)):
        if not any(one.overlaps(other) for other in kept):
            kept.append(one)
    return sorted(kept)
