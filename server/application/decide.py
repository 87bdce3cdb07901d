"""Decide: resolve a case by a refund, by delivering again, or by a rejection with its reason."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from server.application.ask_refund import Desk, ask_refund
from server.application.cases import REDELIVER
from server.domain.cases import OPERATOR, Case, CaseKind, Outcome, checked_reason
from server.domain.errors import CaseConflict, OperatorOnly, StaleWrite, UnknownCase
from server.domain.orders import Order
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
from server.ports import UnitOfWork

REDELIVERED_FOR = timedelta(hours=24)
"""How long a stored answer may be fetched again after a case was resolved by redelivery."""


@dataclass(frozen=True, slots=True)
class Decision:
    """`reason` is for the buyer, `note` for staff; `by` is as `OPERATOR` of `domain.cases` says."""

    outcome: Outcome
    reason: str
    by: str = OPERATOR
    note: str = ""


async def decide(desk: Desk, case_id: str, decision: Decision) -> Case:
    """The resolved case, with what follows from it in the same unit of work.

    Where the outcome is not possible the case stays open, its timeline says so, and CaseConflict or RefundRefused is
    raised with the reason. Raises UnknownCase, BadArguments, OperatorOnly.
    """
    reason = checked_reason(decision.reason, decision.note)
    refused: CaseConflict | None = None
    try:
        async with desk.db.begin("case decided") as work:
            case = await work.cases.get(case_id)
            if case is None:
                raise UnknownCase(f"there is no case {case_id!r}")
            case.require_open()
            _require_right(case, decision)
            try:
                await _act(desk, work, case, decision)
            except CaseConflict as error:
                refused = error
                case.note(f"{decision.outcome} not possible", decision.by, error.detail)
            else:
                case.resolve(decision.outcome, reason, decision.by, desk.clock.now(), decision.note)
            await work.cases.save(case)
    except StaleWrite as error:
        raise CaseConflict("somebody else changed it at this moment; look again", case_id=case_id) from error
    if refused:
        raise refused
    return case


async def redelivered(work: UnitOfWork, order_id: str, now: datetime) -> bool:
    """Whether a decision has made the order's stored answer available again at this moment."""
    return any(
        case.outcome is Outcome.REDELIVERY and case.resolved_at and now < case.resolved_at + REDELIVERED_FOR
        for case in await work.cases.of(order_id)
    )


def may_run_again(order: Order) -> bool:
    """Whether its handler may make the answer once more: paid, nothing released, no money on its way back."""
    failed = order.payment is PaymentState.SETTLED and order.fulfilment is FulfilmentState.FAILED
    return failed and order.money_back is MoneyBackState.NONE and not order.terms.mode.calls_contract


def _require_right(case: Case, decision: Decision) -> None:
    """A liability is the operator's: whoever owes the money cannot talk it away."""
    if case.kind is CaseKind.REFUND_BLOCKED and decision.outcome is Outcome.REJECTION and decision.by != OPERATOR:
        raise OperatorOnly("money is due back in this case: a merchant may ask for the refund again, and not reject it")


async def _act(desk: Desk, work: UnitOfWork, case: Case, decision: Decision) -> None:
    """What the outcome does. Raises CaseConflict where it cannot be done, before anything was changed."""
    if decision.outcome is Outcome.REJECTION:
        return
    order = await work.orders.get(case.order_id) if case.order_id else None
    if order is None:
        raise CaseConflict("the case belongs to no order: it can only be rejected, with the explanation")
    if decision.outcome is Outcome.REFUND:
        await ask_refund(desk, work, order, decision.by)
    elif order.fulfilment is FulfilmentState.RELEASED:
        if await work.deliveries.get(order.id) is None:
            raise CaseConflict("the answer is not kept any more and cannot be delivered again")
    elif may_run_again(order):
        await work.outbox.add(REDELIVER, order.id, desk.clock.now())
    else:
        raise CaseConflict(f"there is nothing to deliver: the order is {order.shown}, money back {order.money_back}")
