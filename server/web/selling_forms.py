"""How a provider's service is described in a browser: from the fields of a form to a description, and back."""

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from protocol.amounts import display
from server.application.sell_upstream import Described
from server.domain.listing_errors import BadUpstream
from server.domain.market import PRICE_DECIMALS
from server.domain.upstreams import Upstream

BLANK: Mapping[str, str] = {
    "merchant": "",
    "name": "",
    "url": "",
    "method": "GET",
    "title": "",
    "summary": "",
    "price": "",
    "kind": "data API",
    "unit": "call",
    "arguments": '{\n  "type": "object"\n}',
    "example": "{}",
    "answers": "{}",
    "tags": "",
    "fulfilment": "after_verification",
    "timeout_seconds": "10",
    "quote_seconds": "120",
    "document": "",
    "base": "",
}
"""Every field of the forms, as it stands before anybody has written in it."""
_WORDS = ("url", "method", "title", "summary", "price", "kind", "unit", "fulfilment")
_NUMBERS = ("timeout_seconds", "quote_seconds")


def typed(form: Mapping[str, Any]) -> dict[str, str]:
    """What somebody wrote, so that nothing of it is lost where it will not do."""
    return {name: str(form.get(name, blank)).strip() for name, blank in BLANK.items()}


def described_of(fields: Mapping[str, str]) -> Described:
    """Raises BadUpstream."""
    told: dict[str, Any] = {name: fields[name] for name in _WORDS}
    for name in _NUMBERS:
        if not fields[name].isdecimal():
            raise BadUpstream(f"{name}: a whole number of seconds")
        told[name] = int(fields[name])
    for name in ("arguments", "example"):
        told[name] = json_object(name, fields[name])
    answers = fields["answers"]
    told["answers"] = json_object("answers", answers) if answers.startswith("{") else answers
    told["tags"] = [tag.strip() for tag in fields["tags"].split(",") if tag.strip()]
    try:
        return msgspec.convert(told, Described)
    except msgspec.ValidationError as error:
        raise BadUpstream(str(error)) from error


def fields_of(upstream: Upstream) -> dict[str, str]:
    """The same of what is kept."""
    return {
        **BLANK,
        **{name: str(getattr(upstream, name)) for name in ("url", "method", "title", "summary", "kind", "unit")},
        "merchant": upstream.merchant,
        "price": display(upstream.amount, PRICE_DECIMALS),
        "arguments": _pretty(upstream.arguments),
        "example": _pretty(upstream.example),
        "answers": _pretty(upstream.answers or b"{}")
        if upstream.media_type == "application/json"
        else upstream.media_type,
        "tags": ", ".join(upstream.tags),
        "fulfilment": "after_settlement" if upstream.settles_first else "after_verification",
        "timeout_seconds": str(upstream.seconds),
        "quote_seconds": str(upstream.quote_seconds),
    }


def json_object(name: str, text: str) -> dict[str, Any]:
    """A field that holds JSON. Raises BadUpstream, which says where it breaks off."""
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError) as error:
        raise BadUpstream(f"{name}: that is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise BadUpstream(f"{name}: a JSON object is wanted, in braces")
    return value


def _pretty(told: bytes) -> str:
    return msgspec.json.format(told, indent=2).decode()
