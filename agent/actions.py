"""Actions: what a DELEGATE purchase makes a contract do, decoded before anything is signed, and what policy says."""

from typing import Any

import msgspec

from agent.decisions import Decision, deny
from agent.merchant_rules import MerchantRules
from agent.terms import Terms
from protocol.actions import Action
from protocol.errors import ProtocolError
from protocol.functions import Function, function_of
from protocol.payment import Method
from protocol.typed_data import order_nonce

LONGEST_WAIT = 3600
"""Seconds after the quote's end for which a signature over calldata may count."""
BASE = "what the contract does by itself, for the payer"


def objection(terms: Terms, merchant: MerchantRules) -> Decision | None:
    """What forbids the call in these terms; None where there is none, or where policy lists exactly this function.

    The policy's own signature decodes it, so no seller's word is believed; a function that it does not list is one
    that nobody here can read.
    """
    if terms.calldata != _wanted(terms):
        return deny("mode.delegate.calldata", "the terms would run another call than the one that was asked for")
    if terms.calldata is None:
        return None
    listed = [name for rule in merchant.actions if rule.contract == terms.callback for name in rule.functions]
    function = function_of(terms.calldata, tuple(listed))
    if function is None:
        told = f", which the seller calls {terms.function}" if terms.function else ""
        unknown = f"function 0x{terms.calldata[:4].hex()} of {terms.callback}{told}"
        return deny("mode.delegate.function", f"{unknown}, is not among the merchant's actions in the policy")
    try:
        shown = function.shown(terms.calldata)
    except ProtocolError as error:
        return deny("mode.delegate.arguments", error.detail)
    if terms.function != function.signature:
        return deny("mode.delegate.function", f"the seller calls {function.signature} something else")
    if terms.atomic:
        return None
    if terms.quote_id is None or terms.calldata_deadline is None or terms.expires_at is None:
        return deny("mode.delegate.deadline", f"the terms do not say which order {shown} is for, and until when")
    if terms.calldata_deadline > terms.expires_at + LONGEST_WAIT:
        return deny("mode.delegate.deadline", f"the signature over {shown} would count for more than an hour")
    return None


def shown(terms: Terms) -> str:
    """For people: the call with its arguments; empty for payments that call nothing. The policy has passed it."""
    if terms.calldata is not None and terms.function is not None:
        return Function(terms.function).shown(terms.calldata)
    return BASE if terms.callback else ""


def action(terms: Terms, payer: str) -> Action:
    """What the payer signs beside a payment to the delegate wallet. The policy has passed it."""
    return Action(
        chain_id=terms.chain_id,
        contract=terms.callback or "",
        token=terms.asset,
        owner=terms.pay_to,
        payer=payer,
        amount=terms.amount,
        order=order_nonce(terms.quote_id or ""),
        deadline=terms.calldata_deadline or 0,
        calldata=terms.calldata or b"",
        by_permit2=terms.method is Method.PERMIT2,
    )


def _wanted(terms: Terms) -> bytes | None:
    """The calldata that the request itself asked for, in its JSON body."""
    try:
        body: Any = msgspec.json.decode(terms.asked.body or b"{}")
        text = body.get("calldata") if isinstance(body, dict) else None
        return bytes.fromhex(text.removeprefix("0x")) if isinstance(text, str) else None
    except (msgspec.DecodeError, ValueError):
        return None
