"""Executions: what an order makes its callback do, and how far that is, as anybody may know it."""

from typing import Any

from protocol.functions import function_of
from server.application.paddock import Paddock
from server.application.sign_choice import choice_of
from server.domain.market import Contract
from server.domain.orders import Order
from server.domain.states import FulfilmentState, PaymentState
from server.services.choices import callback_in, chosen_in
from server.services.service import Service

_STATES = {
    FulfilmentState.EXECUTING: "running",
    FulfilmentState.RELEASED: "done",
    FulfilmentState.FAILED: "failed",
}


def execution(paddock: Paddock, order: Order, *, signed: bool) -> dict[str, Any] | None:
    """JSON values, None for an order that calls no contract; `signed`: its payer's signature over calldata is here.

    `error` is why the callback did not run, with the contract's own error by name.
    """
    found = _callback(paddock, order)
    if found is None:
        return None
    service, contract = found
    choice = choice_of(paddock, order)
    calldata = chosen_in(service, order.arguments)
    function = function_of(calldata, service.actions) if calldata else None
    state = _STATES.get(order.fulfilment, "awaits_payment")
    if order.payment is PaymentState.FAILED:
        state = "failed"
    open_ended = order.fulfilment in (FulfilmentState.NONE, FulfilmentState.EXECUTING)
    if choice and not signed and open_ended and order.payment is PaymentState.SETTLED:
        state = "awaits_signature"
    return {
        "state": state,
        "contract": contract.address,
        "atomic": order.atomic,
        "action": function.shown(calldata) if calldata and function else None,
        "calldata": "0x" + calldata.hex() if calldata else None,
        "sign_by": choice.sign_by if choice else None,
        "transaction": order.callback_tx,
        "error": order.failure if state == "failed" else None,
    }


def _callback(paddock: Paddock, order: Order) -> tuple[Service, Contract] | None:
    """None for an order that calls none, or whose service or contract was taken out since."""
    if not order.terms.mode.calls_contract:
        return None
    try:
        service = paddock.service_of(order)
        contract = paddock.on(order.terms.network).market.contracts[callback_in(service, order.arguments) or ""]
    except KeyError:
        return None
    return service, contract
