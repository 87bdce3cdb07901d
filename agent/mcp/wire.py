"""x402 over MCP, as its transport specification has it: results of tools as HTTP answers, and payments as metadata.

So a tool is bought like any other resource, by the same policy, checkout, delivery and receipts.
"""

from typing import Any

import httpx
import msgspec

from agent.tracing import HEADER
from protocol.errors import ProtocolError
from protocol.headers import (
    MAX_HEADER,
    MCP_PAYMENT,
    MCP_RESPONSE,
    PAYMENT_REQUIRED,
    PAYMENT_RESPONSE,
    PAYMENT_SIGNATURE,
    X_PAYMENT,
    X_PAYMENT_RESPONSE,
    decode,
    decode_json,
    encode,
)

_TOLD = frozenset({202, *range(400, 600)}) - {402}
FAILED = 422
"""The tool said that it failed. No 5xx: sending the same call again would be the caller's choice."""


def payment_in(request: httpx.Request) -> dict[str, Any]:
    """The `_meta` of a call: the payment that the request carries, and the trace that it names, if any."""
    raw = dict(request.headers.raw)
    paid = raw.get(PAYMENT_SIGNATURE.encode()) or raw.get(X_PAYMENT.encode())
    traced = {HEADER: request.headers[HEADER]} if HEADER in request.headers else {}
    return traced if paid is None else traced | {MCP_PAYMENT: decode(paid, dict)}


def answer(result: dict[str, Any], request: httpx.Request) -> httpx.Response:
    """A tool's result (as JSON values) as an HTTP answer: 402 with terms, what `_failed` says, else 200.

    The body is the result's content. What the server says of the payment goes where HTTP has it in that version of
    x402, unread.
    """
    terms = required(result)
    headers = {"content-type": "application/json"}
    settled = _settled(result)
    if settled is not None:
        legacy = X_PAYMENT.encode() in dict(request.headers.raw)
        headers[X_PAYMENT_RESPONSE if legacy else PAYMENT_RESPONSE] = encode(settled)
    if terms is not None and terms["x402Version"] == 1:
        return httpx.Response(402, headers=headers, content=msgspec.json.encode(terms), request=request)
    if terms is not None:
        headers[PAYMENT_REQUIRED] = encode(terms)
    body: dict[str, Any] = {name: result[name] for name in ("content", "structuredContent") if name in result}
    status = 200 if terms is None else 402
    if terms is None and result.get("isError"):
        status, body = _failed(body)
    return httpx.Response(status, headers=headers, content=msgspec.json.encode(body), request=request)


def _failed(body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """A failure's status and body: those of a problem (RFC 9457) where it is one, with 202, 4xx or 5xx; else FAILED."""
    told = body.get("structuredContent")
    status = told.get("status") if isinstance(told, dict) else None
    if isinstance(told, dict) and type(status) is int and status in _TOLD:
        return status, told
    return FAILED, body


def required(result: dict[str, Any]) -> dict[str, Any] | None:
    """The terms in a result that asks for a payment, in either of their two places; None for all others."""
    if not result.get("isError"):
        return None
    found = (result.get("structuredContent"), _first_text(result.get("content")))
    return next((one for one in found if isinstance(one, dict) and "x402Version" in one and "accepts" in one), None)


def _first_text(content: Any) -> Any:
    """The JSON value in the first text of a result; None where there is none, or one too large for terms."""
    first = content[0] if isinstance(content, list) and content else None
    text = first.get("text") if isinstance(first, dict) else None
    if not isinstance(text, str) or len(text) > MAX_HEADER:
        return None
    try:
        return decode_json(text.encode(), dict)
    except ProtocolError:
        return None


def _settled(result: dict[str, Any]) -> Any:
    """What the server says became of the payment: beside the result, or in it where the settlement failed."""
    for place in (result.get("_meta"), result.get("structuredContent") if result.get("isError") else None):
        if isinstance(place, dict) and MCP_RESPONSE in place:
            return place[MCP_RESPONSE]
    return None
