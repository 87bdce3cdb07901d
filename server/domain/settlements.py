"""A settlement: the facilitator's view of one payment, from admission to the chain's word."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from protocol.payment import Payment
from server.domain.errors import IllegalTransition


class SettlementState(StrEnum):
    QUEUED = "queued"
    SENT = "sent"
    SETTLED = "settled"
    FAILED = "failed"


S = SettlementState
MOVES: Mapping[SettlementState, frozenset[SettlementState]] = {
    S.QUEUED: frozenset({S.SENT, S.SETTLED, S.FAILED}),
    # Back to queued: something else used the nonce of the chain transaction that carried it.
    S.SENT: frozenset({S.SETTLED, S.FAILED, S.QUEUED}),
    # A payment that failed may be asked for again: the chain, not this row, says whether it can still settle.
    S.FAILED: frozenset({S.QUEUED}),
    # A reorganisation took its chain transaction away; the same bytes go out again.
    S.SETTLED: frozenset({S.SENT, S.QUEUED}),
}


@dataclass(slots=True)
class Settlement:
    """`sent_in` names our chain transaction that carries it, `transaction` the mined one that paid; `reason` is an x402
    error code.

    `request` is the x402 facilitator request (JSON) that `payment` was read from; `amount` what is to move, in atomic
    units: less than was authorized where the scheme is upto.
    """

    id: str
    payment: Payment
    amount: int
    request: bytes = field(repr=False)
    lease_until: datetime
    since_block: int
    state: SettlementState = SettlementState.QUEUED
    sent_in: str | None = None
    transaction: str | None = None
    reason: str | None = None
    version: int = 0

    def move(self, state: SettlementState, transaction: str | None = None, reason: str | None = None) -> None:
        """Raises IllegalTransition where the table does not allow it."""
        if state not in MOVES[self.state]:
            raise IllegalTransition(f"a settlement cannot move from {self.state} to {state}")
        self.state, self.transaction, self.reason = state, transaction, reason

    @property
    def ended(self) -> bool:
        return self.state in (SettlementState.SETTLED, SettlementState.FAILED)


def settlement_id(payment: Payment) -> str:
    """One id for one authorization: hex SHA-256 of (network, token or Permit2, payer, nonce)."""
    named = f"{payment.network}|{payment.authority}|{payment.payer}|{payment.nonce.hex()}"
    return hashlib.sha256(named.encode()).hexdigest()
