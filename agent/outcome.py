"""What a caller gets: how a purchase stands, why it was allowed or not, and where its proof is."""

from dataclasses import dataclass, field
from typing import Any

import httpx
from sqlalchemy import Connection

from agent import receipts
from agent.errors import UnknownPurchase
from agent.models import Proof, Purchase, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`status` is delivered, refused, waiting, refunded, in_doubt or failed; `amount` in atomic units of `asset`.

    `charged` is what a metered call cost of that. `contract` is the callback of a DELEGATE payment, `action` what it
    was to do there.
    `rule` names what decided, `detail` says it in words. `proof` is proven, no_receipt, unchecked, mismatch or none.
    Transaction hashes are 0x-hex. `removed` is the personal data that was taken out of the request. `body` is what was
    delivered.
    """

    status: str
    rule: str
    detail: str
    proof: str = Proof.NONE
    purchase_id: str | None = None
    order_id: str | None = None
    receipt_id: str | None = None
    mode: str | None = None
    network: str | None = None
    asset: str | None = None
    amount: int = 0
    charged: int | None = None
    pay_to: str | None = None
    contract: str | None = None
    action: str | None = None
    settlement: str | None = None
    callback: str | None = None
    refund: str | None = None
    removed: str | None = None
    http_status: int | None = None
    content_type: str = ""
    body: bytes = field(default=b"", repr=False)

    def summary(self) -> dict[str, Any]:
        """All but the body, for JSON: amounts as decimal strings."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "body"}
        return values | {"amount": str(self.amount), "charged": None if self.charged is None else str(self.charged)}


def outcome_of(connection: Connection, bought: Purchase) -> Outcome:
    """The outcome of a stored purchase. What is reserved or sent and has no answer is in doubt."""
    try:
        kept = receipts.kept(connection, bought.id)
    except UnknownPurchase:
        kept = None
    open_states = (State.RESERVED, State.SENT)
    return Outcome(
        status=State.IN_DOUBT if bought.state in open_states else bought.state,
        rule=bought.rule,
        detail=bought.detail,
        proof=bought.proof,
        purchase_id=bought.id,
        order_id=bought.order_id,
        receipt_id=None if kept is None else kept.id,
        mode=bought.mode,
        network=bought.network,
        asset=bought.asset,
        amount=bought.amount or 0,
        charged=bought.charged,
        pay_to=bought.pay_to,
        contract=bought.contract,
        action=bought.action,
        settlement=bought.settlement,
        callback=bought.callback,
        refund=bought.refund,
        removed=bought.removed,
        http_status=bought.http_status,
        content_type="" if kept is None else kept.body_type,
        body=b"" if kept is None else kept.body,
    )


def unpaid(response: httpx.Response) -> Outcome:
    """The outcome of a request that nothing had to be paid for: the answer itself, or an error that cost nothing."""
    return Outcome(
        status=State.DELIVERED if response.is_success else State.FAILED,
        rule="free",
        detail="nothing was asked for it" if response.is_success else f"HTTP {response.status_code}, nothing was paid",
        http_status=response.status_code,
        content_type=response.headers.get("content-type", ""),
        body=response.content,
    )
