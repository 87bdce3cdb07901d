"""A delivery: the stored answer, kept so that a buyer who lost it gets the same bytes again."""

import hashlib
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """The answer of one order. `digest` is SHA-256 of the body."""

    order_id: str
    body: bytes
    content_type: str
    created_at: datetime

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(self.body).digest()
