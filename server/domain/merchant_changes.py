"""The audit of merchants: who was taken in, and who is paid elsewhere since when."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class MerchantChange:
    """One line: where it was paid before (empty: it is new) and from then on; `by` tells who asked."""

    merchant: str
    old: str
    new: str
    at: datetime
    by: str
