"""What the console shows of orders, as plain values: rows, counts, and the way of one order from quote to proof."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from protocol.amounts import display
from server.application.paddock import Paddock
from server.domain.errors import UnknownOrder
from server.domain.ledger import Entry
from server.domain.market import PRICE_DECIMALS
from server.domain.orders import Mode, Order, Shown
from server.domain.quotes import Quote
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
from server.ports import Event, UnitOfWork

WINDOW = 200
"""How many of the newest orders are listed and counted."""
_MONEY_BACK = {
    MoneyBackState.DUE: "refunding",
    MoneyBackState.SENDING: "refunding",
    MoneyBackState.IN_DOUBT: "refunding",
    MoneyBackState.REFUNDED: "refunded",
    MoneyBackState.BLOCKED: "blocked",
}
_UNPAID = (PaymentState.FAILED, PaymentState.EXPIRED, PaymentState.CANCELLED)
State = Literal["done", "now", "ahead", "failed"]


@dataclass(frozen=True, slots=True)
class Row:
    """An order in a list; `amount` for people."""

    id: str
    slug: str
    title: str
    mode: str
    amount: str
    payer: str
    word: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Overview:
    """The newest orders and what they add up to; `partial` when there are more than were counted."""

    rows: tuple[Row, ...]
    totals: dict[str, str]
    partial: bool


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


@dataclass(frozen=True, slots=True)
class Story:
    """Everything known of one order. Before payment there is a quote only, and `order` is None."""

    id: str
    word: str
    stages: tuple[Stage, ...]
    sequence: int
    order: Order | None = None
    row: Row | None = None
    events: Sequence[Event] = ()
    ledger: Sequence[dict[str, str]] = ()
    receipt: dict[str, Any] | None = None
    standard: Any = None
    signer: str = ""
    proof: Any = None
    facts: tuple[Fact, ...] = ()


def word(order: Order) -> str:
    """Where an order stands, in one word."""
    back = _MONEY_BACK.get(order.money_back)
    return back or ("delivered" if order.shown is Shown.COMPLETED else order.shown.value)


def row_of(paddock: Paddock, order: Order) -> Row:
    """The order as a list shows it."""
    terms = order.terms
    service = paddock.services.get(terms.service)
    return Row(
        id=order.id,
        slug=terms.service,
        title=service.title if service else terms.service,
        mode=terms.mode.value,
        amount=display(order.price, paddock.shown_asset(order).decimals),
        payer=order.authorization.payer,
        word=word(order),
        at=order.created_at,
    )


async def overview(paddock: Paddock, view: UnitOfWork) -> Overview:
    """Counts over the newest `WINDOW` orders.

    Volume is all that was settled in assets of known decimals, refunded money included.
    """
    orders = await view.orders.recent(WINDOW)
    words = [word(order) for order in orders]
    paid = [order for order in orders if order.payment is PaymentState.SETTLED]
    assets = ((paddock.shown_asset(order), order.price) for order in paid)
    settled = sum(asset.price(price) for asset, price in assets if asset.name)
    totals = {
        "orders": str(len(orders)),
        "delivered": str(words.count("delivered")),
        "pending": str(words.count("pending") + words.count("refunding")),
        "refunded": str(words.count("refunded")),
        "volume": display(settled, PRICE_DECIMALS),
    }
    return Overview(tuple(row_of(paddock, order) for order in orders), totals, len(orders) == WINDOW)


async def story(paddock: Paddock, order_id: str) -> Story:
    """Raises UnknownOrder."""
    quote = paddock.quotes.read(order_id)
    async with paddock.db.read() as view:
        sequence = await view.orders.last_event()
        order = await view.orders.get(order_id)
        if order is None:
            if quote is None:
                raise UnknownOrder("no quote of this marketplace has that id")
            return _quoted(paddock, quote, sequence)
        events = await view.orders.timeline(order_id)
        entries = await view.ledger.of(order_id)
        receipts = await view.receipts.get(order_id)
        proof = await view.proofs.get(order_id)
    return Story(
        id=order_id,
        word=word(order),
        stages=tuple(_stages(order, events, proven=proof is not None)),
        sequence=sequence,
        order=order,
        row=row_of(paddock, order),
        events=events,
        ledger=[_entry(paddock, order, entry) for entry in entries],
        receipt=msgspec.to_builtins(receipts[0]) if receipts else None,
        standard=msgspec.json.decode(receipts[1]) if receipts else None,
        signer=receipts[0].signer() if receipts else "",
        proof=msgspec.json.decode(proof) if proof else None,
        facts=_binding(order),
    )


def _quoted(paddock: Paddock, quote: Quote, sequence: int) -> Story:
    issued, expires = (datetime.fromtimestamp(at, UTC) for at in (quote.issued_at, quote.expires_at))
    expired = paddock.clock.now() >= expires
    waits = "nobody paid it in time" if expired else f"waits for a payment until {expires:%H:%M:%S} UTC"
    stages = (Stage("Quoted", "done", issued), Stage("Claimed", "failed" if expired else "now", None, waits))
    return Story(quote.id, "expired" if expired else "quoted", stages, sequence)


def _stages(order: Order, events: Sequence[Event], *, proven: bool) -> list[Stage]:
    """The stations of this order, up to the first that ended it without money; the first open one is `now`."""
    terms = order.terms
    found = [
        Stage("Quoted", "done", terms.quoted_at, f"valid until {terms.expires_at:%H:%M:%S} UTC"),
        Stage("Claimed", "done", order.created_at, "signature verified; quote and authorization belong to this order"),
    ]
    if terms.mode is Mode.DIRECT:
        found.append(_made(order, events))
    found.append(_settled(order))
    if order.payment not in _UNPAID:
        if terms.mode is Mode.DELEGATE:
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


def _binding(order: Order) -> tuple[Fact, ...]:
    """What ties the payment to this one request. The signed payload itself can move money and is never shown."""
    terms, authorization = order.terms, order.authorization
    return (
        Fact("quote and order", order.id),
        Fact("resource", terms.resource_url, is_hash=False),
        Fact("intent hash", "0x" + terms.intent.hex()),
        Fact("payment hash", "0x" + authorization.digest.hex()),
        Fact("nonce", "0x" + authorization.nonce.hex()),
        Fact("payer", authorization.payer),
        Fact("payTo", terms.pay_to),
        Fact("amount", _amount(order), is_hash=False),
        Fact("asset", terms.asset),
        Fact("network", f"{terms.network}, x402 v{authorization.x402_version}", is_hash=False),
    )


def _amount(order: Order) -> str:
    most = "" if order.charged is None else f", of at most {order.terms.amount}"
    return f"{order.price} atomic units{most}"


def _entry(paddock: Paddock, order: Order, entry: Entry) -> dict[str, str]:
    return {
        "kind": f"{entry.kind} reversed" if entry.reversal else entry.kind,
        "from": entry.credit,
        "to": entry.debit,
        "amount": display(entry.amount, paddock.shown_asset(order).decimals),
        "transaction": entry.transaction,
        "log": str(entry.log_index),
    }


def _moved(events: Sequence[Event], what: str, new: str) -> Event | None:
    """The last time that a column moved to a state."""
    return next((event for event in reversed(events) if (event.what, event.new) == (what, new)), None)
