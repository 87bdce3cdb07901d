"""Keeping what a seller answered to a payment; of all answers only a delivery ends a purchase."""

from datetime import datetime
from typing import Any

import httpx

from agent import prices, receipts
from agent.answers import Answer, Kind, read_answer
from agent.models import Proof, Purchase, State
from agent.store import Store, asked_in, change_purchase
from protocol.receipts import ZERO_HASH

_OPEN = (State.SENT, State.IN_DOUBT)


def record(store: Store, bought: Purchase, response: httpx.Response, now: datetime) -> Answer:
    """Keep one answer, atomically. A seller's "it failed" leaves the purchase in doubt: only the chain can say so."""
    answer = read_answer(response, asked_in(bought))
    changes: dict[str, Any] = {"state": State.IN_DOUBT, "answer": answer.kind, "http_status": answer.status}
    changes["detail"] = _words(answer)
    settle, problem = answer.settle, answer.problem
    if settle is not None and settle.success and settle.transaction:
        changes["settlement"] = settle.transaction
    if problem.order_id and bought.order_id is None:
        changes["order_id"] = problem.order_id
    if problem.refund is not None and problem.refund.transaction:
        changes["refund"] = problem.refund.transaction
    with store.begin() as connection:
        if answer.kind is Kind.DELIVERED:
            findings = receipts.keep(connection, bought, answer, now)
            proof = Proof.MISMATCH if findings else Proof.UNCHECKED
            changes |= {"state": State.DELIVERED, "proof": proof, "detail": "; ".join(findings)}
            changes |= _said(receipts.kept(connection, bought.id))
            changes["charged"] = receipts.charged_in(bought, answer.settle)
            prices.paid(connection, bought)
        change_purchase(connection, bought.id, now, only_from=_OPEN, **changes)
    return answer


def _said(kept: receipts.Kept) -> dict[str, str]:
    """What the receipt adds to the purchase."""
    signed = kept.signed()
    if signed is None:
        return {}
    added = {"order_id": signed.receipt.order_id}
    if signed.receipt.callback_transaction != ZERO_HASH:
        added["callback"] = signed.receipt.callback_transaction
    return added


def _words(answer: Answer) -> str:
    """One line for people."""
    if answer.kind is Kind.ELSEWHERE:
        return f"the seller redirected after payment (HTTP {answer.status}); it was not followed"
    settle = answer.settle
    reason = None if settle is None or settle.success else settle.error_reason or "no reason given"
    said = reason or answer.problem.detail or answer.problem.title
    return f"the seller answered HTTP {answer.status}" + (f": {said:.300}" if said else "")
