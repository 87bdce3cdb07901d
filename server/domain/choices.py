"""Choices: until when a payer may sign the calldata that it chose, and until when the callback may run it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from server.domain.orders import Terms

SIGN_WITHIN = timedelta(minutes=5)
"""After the terms' life: a payment may come in its last second, and its signature separately."""
SIGN_AFTER = timedelta(minutes=9)
"""After the terms were given, at the latest: before an order that waits counts as stuck."""
RUN_WITHIN = timedelta(minutes=15)
"""After the terms' life, for the callback, which refuses a signature that is older: a busy chain has ten minutes."""


def sign_by(terms: Terms) -> datetime:
    """The moment from which a missing signature means that the money goes back."""
    return min(terms.expires_at + SIGN_WITHIN, terms.quoted_at + SIGN_AFTER)


def run_by(expires_at: datetime) -> int:
    """The deadline that the payer signs, in Unix seconds; of the terms' end."""
    return int((expires_at + RUN_WITHIN).timestamp())


@dataclass(frozen=True, slots=True)
class CalldataSignature:
    """A payer's signature over an order's calldata, as it came. With the payment it runs the call: never log it."""

    order_id: str
    signature: bytes = field(repr=False)
    signed_at: datetime
