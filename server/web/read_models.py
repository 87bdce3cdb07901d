"""What the console shows of orders, as plain values: rows, and the way of one order from quote to proof."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from protocol.amounts import display
from server.application.executions import execution
from server.application.paddock import Paddock
from server.application.tracing import id_in
from server.domain.cases import Case
from server.domain.choices import CalldataSignature
from server.domain.errors import UnknownOrder
from server.domain.ledger import Entry
from server.domain.order_status import status_of
from server.domain.orders import Order
from server.domain.quotes import Quote
from server.domain.webhooks import WebhookDelivery
from server.ports import Event
from server.web.stages import Call, Fact, Stage, stages_of

MOST = 100
"""Orders on a page."""


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
    cases: Sequence[Case] = ()
    told: Sequence[WebhookDelivery] = ()


def row_of(paddock: Paddock, order: Order) -> Row:
    """The order as a list shows it."""
    terms = order.terms
    service = paddock.services.get(terms.service)
    return Row(
        id=order.id,
        slug=terms.service,
        title=service.title if service else terms.service,
        mode=terms.mode.name,
        amount=display(order.price, paddock.shown_asset(order).decimals),
        payer=order.authorization.payer,
        word=status_of(order),
        at=order.created_at,
    )


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
        signed = await view.calldata.get(order_id)
        cases = await view.cases.of(order_id)
        told = await view.webhooks.deliveries_of(order_id, order.terms.merchant)
        trace = (await view.traces.of([order_id])).get(order_id)
    return Story(
        id=order_id,
        word=status_of(order),
        stages=tuple(stages_of(order, events, _call(paddock, order, signed), proven=proof is not None)),
        sequence=sequence,
        order=order,
        row=row_of(paddock, order),
        events=events,
        ledger=[_entry(paddock, order, entry) for entry in entries],
        receipt=msgspec.to_builtins(receipts[0]) if receipts else None,
        standard=msgspec.json.decode(receipts[1]) if receipts else None,
        signer=receipts[0].signer() if receipts else "",
        proof=msgspec.json.decode(proof) if proof else None,
        facts=_binding(order) + ((Fact("trace", id_in(trace)),) if trace else ()),
        cases=cases,
        told=told,
    )


def _call(paddock: Paddock, order: Order, signed: CalldataSignature | None) -> Call | None:
    """The calldata that its payer chose, None where nothing was chosen."""
    ran = execution(paddock, order, signed=signed is not None)
    if ran is None or ran["calldata"] is None:
        return None
    return Call(ran["calldata"], ran["action"], ran["sign_by"], signed.signed_at if signed else None)


def _quoted(paddock: Paddock, quote: Quote, sequence: int) -> Story:
    issued, expires = (datetime.fromtimestamp(at, UTC) for at in (quote.issued_at, quote.expires_at))
    expired = paddock.clock.now() >= expires
    waits = "nobody paid it in time" if expired else f"waits for a payment until {expires:%H:%M:%S} UTC"
    stages = (Stage("Quoted", "done", issued), Stage("Claimed", "failed" if expired else "now", None, waits))
    return Story(quote.id, "expired" if expired else "quoted", stages, sequence)


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
