"""Status: what anyone who knows a quote's or an order's id may learn of it, before payment and after."""

from collections.abc import Sequence
from typing import Any

from protocol.amounts import display
from server.application.executions import execution
from server.application.paddock import Paddock
from server.domain.cases import Case, shown_to_buyer
from server.domain.errors import UnknownOrder
from server.domain.orders import Order
from server.domain.quotes import Quote
from server.domain.refunds import awaits_merchant


async def status(paddock: Paddock, order_id: str) -> dict[str, Any]:
    """JSON values. An id is 72 random bits and a tag, so knowing one is being told it. Raises UnknownOrder."""
    quote = paddock.quotes.read(order_id)
    if quote is None:
        raise UnknownOrder("no quote of this marketplace has that id")
    async with paddock.db.read() as view:
        order = await view.orders.get(order_id)
        cases = await view.cases.of(order_id)
        signed = await view.calldata.get(order_id)
    if order is None:
        return _quote_status(paddock, quote)
    ran = execution(paddock, order, signed=signed is not None)
    return order_status(paddock, order, cases) | ({"execution": ran} if ran else {})


def order_status(paddock: Paddock, order: Order, cases: Sequence[Case] = ()) -> dict[str, Any]:
    """The public view of an order, with its price in words and what was decided about it."""
    asset = paddock.shown_asset(order)
    price = f"{display(order.price, asset.decimals)} {asset.symbol}"
    return public_view(order) | {"price": price, "case": shown_to_buyer(cases)}


def public_view(order: Order) -> dict[str, Any]:
    """What anybody may know of an order: no payer, no arguments, no answer, no signed payment."""
    terms = order.terms
    transfers = {"received": str(order.received), "returned": str(order.returned)} if order.by_transfer else {}
    return transfers | {
        "id": order.id,
        "status": order.shown,
        "payment": order.payment,
        "fulfilment": order.fulfilment,
        "money_back": order.money_back,
        "refund_awaits": "merchant" if awaits_merchant(order) else None,
        "failure": order.failure,
        "service": terms.service,
        "mode": terms.mode.name,
        "network": terms.network,
        "asset": terms.asset,
        "amount": str(terms.amount),
        "charged": str(order.price),
        "pay_to": terms.pay_to,
        "expires_at": terms.expires_at,
        "created_at": order.created_at,
        "paid_at": order.paid_at,
        "released_at": order.released_at,
        "final_at": order.final_at,
        "transactions": {
            "settlement": order.settlement_tx,
            "callback": order.callback_tx,
            "refund": order.refund_tx,
        },
    }


def _quote_status(paddock: Paddock, quote: Quote) -> dict[str, Any]:
    expired = paddock.clock.now().timestamp() >= quote.expires_at
    return {
        "id": quote.id,
        "status": "expired" if expired else "quoted",
        "payment": None,
        "fulfilment": None,
        "money_back": None,
        "case": None,
        "quoted_at": quote.issued_at,
        "expires_at": quote.expires_at,
        "transactions": {"settlement": None, "callback": None, "refund": None},
    }
