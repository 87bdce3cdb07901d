"""How a service is described to programs: in our own words, and as a Bazaar item."""

from typing import Any
from urllib.parse import urlencode

import msgspec

from protocol.wire import PaymentRequirements
from server.application.paddock import Paddock
from server.application.quote import accepts, describe
from server.application.ranks import Ranked
from server.application.standings import Shown
from server.domain.market import Market
from server.domain.quotes import Quote
from server.services.arguments import published
from server.services.service import Service
from server.web.price import meter_facts, price_of, tariff_facts
from server.web.standing import record_json, reputation_json

_NO_QUOTE = Quote("", 0, 0)
_QUOTE_FIELDS = ("quoteId", "expiresAt", "statusUrl")


def listing(service: Service, market: Market, origin: str, shown: Shown, ranked: Ranked) -> dict[str, Any]:
    """One service as JSON values; `url` is callable as it stands, with the example's arguments."""
    schemas = published(service)
    return {
        "slug": service.slug,
        "title": service.title,
        "summary": service.summary,
        "kind": service.kind,
        "unit": service.unit,
        "mode": service.mode,
        "fulfilment": service.fulfilment,
        "method": service.method,
        "url": example_url(service, origin),
        "body": service.example if service.method == "POST" else None,
        "amount": str(market.asset.amount(service.amount)),
        "price": price_of(service, market.asset).sum,
        "metered": meter_facts(service),
        "tariff": tariff_facts(service),
        "free_calls": service.free_calls,
        "network": market.network,
        "test": market.test,
        "asset": market.asset.address,
        "merchant": service.merchant,
        "reputation": reputation_json(shown, service.merchant, service.slug),
        "record": record_json(ranked, service),
        "quote_seconds": service.quote_seconds,
        "arguments": schemas["arguments"],
        "answers": schemas["answer"],
        "example": service.example,
        "tags": list(service.tags),
    }


def example_url(service: Service, origin: str) -> str:
    """The paid route with the example's arguments."""
    query = "?" + urlencode(service.example) if service.method == "GET" and service.example else ""
    return f"{origin}/v1/{service.slug}{query}"


def bazaar_item(paddock: Paddock, service: Service, origin: str, shown: Shown, ranked: Ranked) -> dict[str, Any]:
    """The service as `GET /discovery/resources` lists it (x402 Bazaar)."""
    return {
        "resource": f"{origin}/v1/{service.slug}",
        "type": "http",
        "x402Version": 2,
        "accepts": [msgspec.to_builtins(entry) for entry in standing_offers(paddock, service, origin)],
        "lastUpdated": paddock.opened_at,
        "description": service.summary,
        "mimeType": service.media_type,
        "serviceName": service.title,
        "tags": describe(service, "").tags,
        "extensions": {
            "bazaar": bazaar(service),
            "paddock-service": _facts(service),
            "paddock-reputation": reputation_json(shown, service.merchant, service.slug),
            "paddock-record": record_json(ranked, service),
        },
    }


def standing_offers(paddock: Paddock, service: Service, origin: str) -> list[PaymentRequirements]:
    """The price as it stands, without a quote: a quote is given for one exact request only."""
    offers = accepts(paddock, service, _NO_QUOTE, origin)
    for name in _QUOTE_FIELDS:
        for entry in offers:
            del entry.extra[name]
    return offers


def bazaar(service: Service) -> dict[str, Any]:
    """The `bazaar` extension: how to call, by example and by schema."""
    arguments = published(service)["arguments"]
    if service.method == "GET":
        given: dict[str, Any] = {"type": "http", "method": "GET", "queryParams": service.example}
        schema = {"queryParams": arguments}
    else:
        given = {"type": "http", "method": "POST", "bodyType": "json", "body": service.example}
        schema = {"body": arguments}
    return {
        "info": {"input": given, "output": {"type": "json" if isinstance(service.answers, type) else "text"}},
        "schema": {"type": "object", "properties": {"input": {"type": "object", "properties": schema}}},
    }


def _facts(service: Service) -> dict[str, Any]:
    return {
        "slug": service.slug,
        "title": service.title,
        "unit": service.unit,
        "metered": meter_facts(service),
        "tariff": tariff_facts(service),
        "kind": service.kind,
        "mode": service.mode,
        "fulfilment": service.fulfilment,
        "returns": published(service)["answer"],
    }
