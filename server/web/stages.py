"""The stations of an order between quote and proof, as the console shows them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, NamedTuple

from server.domain.orders import Order
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
from server.ports import Event

_UNPAID = (PaymentState.FAILED, PaymentState.EXPIRED, PaymentState.CANCELLED)
State = Literal["done", "now", "ahead", "failed"]


class Call(NamedTuple):
    """Calldata (0x-hex) that a payer chose, in words where a list names it; `sign_by` None: the payment signs it."""

    calldata: str
    action: str | None
    sign_by: datetime | None
    signed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Fact:
    """A labelled value; hashes and addresses are shortened and can be copied."""

    label: str
    value: str
    is_hash: bool = True


@dataclass(frozen=True, slots=True)
class Stage:
    """One station between quote and proof."""

    name: str
    state: State
    at: datetime | None = None
    note: str = ""
    facts: tuple[Fact, ...] = ()


def stages_of(order: Order, events: Sequence[Event], call: Call | None, *, proven: bool) -> list[Stage]:
    """The stations of this order, up to the first that ended it without money; the first open one is `now`."""
    terms = order.terms
    found = [
        Stage("Quoted", "done", terms.quoted_at, f"valid until {terms.expires_at:%H:%M:%S} UTC"),
        Stage("Claimed", "done", order.created_at, "signature verified; quote and authorization belong to this order"),
    ]
    if not terms.mode.calls_contract:
        found.append(_made(order, events))
    found.append(_settled(order))
    if order.payment not in _UNPAID:
        if call:
            found.append(_chosen(order, call))
        if terms.mode.calls_contract:
            found.append(_executed(order, events))
        found += _after(order, events, proven)
    return _with_present(found)


def _with_present(stages: list[Stage]) -> list[Stage]:
    """The first open stage is where the order stands now."""
    present = next((index for index, stage in enumerate(stages) if stage.state == "ahead"), len(stages))
    return [replace(stage, state="now") if index == present else stage for index, stage in enumerate(stages)]


def _made(order: Order, events: Sequence[Event]) -> Stage:
    ready = _moved(events, "fulfilment", FulfilmentState.READY)
    failed = _moved(events, "fulfilment", FulfilmentState.FAILED)
    if order.fulfilment is FulfilmentState.FAILED and failed and not ready:
        return Stage("Answer made", "failed", failed.at, f"{failed.note}; nothing was charged")
    if ready is None:
        return Stage("Answer made", "ahead")
    return Stage("Answer made", "done", ready.at, f"{ready.note}, held back until the money is there")


def _settled(order: Order) -> Stage:
    if order.payment in _UNPAID:
        return Stage("Settled", "failed", None, f"{order.failure or order.payment.value}; nothing was charged")
    if order.waived and order.payment is PaymentState.SETTLED:
        return Stage("Settled", "done", order.paid_at, "nothing was used: no money moved, and none will")
    if order.settlement_tx is None:
        in_doubt = order.payment is PaymentState.IN_DOUBT
        return Stage("Settled", "ahead", None, "in doubt: the chain will tell" if in_doubt else "")
    facts = (Fact("transaction", order.settlement_tx), Fact("block", str(order.settlement_block), is_hash=False))
    return Stage("Settled", "done", order.paid_at, "the Transfer on chain pays exactly this order", facts)


def _chosen(order: Order, call: Call) -> Stage:
    """Payer and calldata: signed apart from the payment, with it, or not in time."""
    facts = (Fact("calldata", call.calldata),)
    what = call.action or f"the function {call.calldata[:10]}"
    if call.sign_by is None:
        return Stage("Calldata signed", "done", order.created_at, f"{what}, by the payment's own nonce", facts)
    if call.signed_at:
        return Stage("Calldata signed", "done", call.signed_at, f"{what}, by the payer", facts)
    if order.fulfilment is FulfilmentState.FAILED:
        return Stage("Calldata signed", "failed", None, f"{what}: nobody signed it in time", facts)
    waits = f"{what}: waits for the payer's signature until {call.sign_by:%H:%M:%S} UTC"
    return Stage("Calldata signed", "ahead", None, waits, facts)


def _executed(order: Order, events: Sequence[Event]) -> Stage:
    facts = (Fact("transaction", order.callback_tx),) if order.callback_tx else ()
    failed = _moved(events, "fulfilment", FulfilmentState.FAILED)
    if order.fulfilment is FulfilmentState.RELEASED:
        return Stage("Contract called", "done", order.released_at, "the callback took the payment and acted", facts)
    if order.fulfilment is FulfilmentState.FAILED:
        return Stage("Contract called", "failed", failed.at if failed else None, order.failure or "", facts)
    return Stage("Contract called", "ahead", None, "", facts)


def _after(order: Order, events: Sequence[Event], proven: bool) -> list[Stage]:
    """What follows the money: the answer with its receipt or the refund, then finality and proof."""
    if order.money_back is not MoneyBackState.NONE:
        found = [_refunded(order, events)]
    elif order.released_at:
        found = [
            Stage("Released", "done", order.released_at, "the same bytes may be fetched again for 24 h"),
            Stage("Receipt", "done", order.released_at, "signed by the marketplace's receipt key"),
        ]
    else:
        found = [Stage("Released", "ahead"), Stage("Receipt", "ahead")]
    found.append(_final(events))
    found.append(Stage("Proof", "done", None, "everything below, stored") if proven else Stage("Proof", "ahead"))
    return found


def _final(events: Sequence[Event]) -> Stage:
    final = next((event for event in events if event.what == "final"), None)
    if final is None:
        return Stage("Final", "ahead")
    return Stage("Final", "done", final.at, f"everything up to {final.new} is final")


def _refunded(order: Order, events: Sequence[Event]) -> Stage:
    facts = (Fact("transaction", order.refund_tx),) if order.refund_tx else ()
    moved = _moved(events, "money back", order.money_back)
    at = moved.at if moved else None
    if order.money_back is MoneyBackState.REFUNDED:
        return Stage("Refunded", "done", at, "the whole price went back to the payer on chain", facts)
    if order.money_back is MoneyBackState.BLOCKED:
        return Stage("Refunded", "failed", at, moved.note if moved else "", facts)
    return Stage("Refunded", "ahead", None, f"money back: {order.money_back.value}", facts)


def _moved(events: Sequence[Event], what: str, new: str) -> Event | None:
    """The last time that a column moved to a state."""
    return next((event for event in reversed(events) if (event.what, event.new) == (what, new)), None)
