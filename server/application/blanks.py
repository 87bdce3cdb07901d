"""Blanks: the terms of services as forms, as long as nothing that they were made of changes."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from server.domain.forms import Form

KEPT = 1024
"""Blanks that one process keeps; the oldest go first."""


@dataclass(frozen=True, slots=True)
class Blank:
    """`made_of` is all that it depends on; `bound` is what the quote token of each entry binds."""

    made_of: Sequence[object]
    v2: Form
    v1: Form
    bound: tuple[Form, ...]


@dataclass
class Blanks:
    """The newest blank for each service and origin."""

    kept: OrderedDict[tuple[str, str], Blank] = field(default_factory=OrderedDict)

    def get(self, slug: str, origin: str, made_of: Sequence[object]) -> Blank | None:
        """None where there is none, or it was made of something else."""
        found = self.kept.get((slug, origin))
        return found if found and found.made_of == made_of else None

    def keep(self, slug: str, origin: str, blank: Blank) -> None:
        """In place of an older one."""
        self.kept[slug, origin] = blank
        while len(self.kept) > KEPT:
            self.kept.popitem(last=False)
