"""Price: what one request costs, where that follows from its arguments."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from protocol.intent import Intent
from server.services.arguments import parse_arguments
from server.services.service import Service, ServiceError


def at_price(service: Service, arguments: Any, now: datetime) -> Service:
    """The service at the price of a call with these arguments. Raises ValueError for one that it may not ask."""
    if service.tariff is None:
        return service
    price = service.tariff.price(arguments, now)
    if not 0 < price <= service.amount:
        raise ValueError(f"{service.slug} asks {price} millionths, and may ask 1 to {service.amount}")
    return replace(service, amount=price, tariff=None)


def asked_at(service: Service, intent: Intent, now: datetime) -> Service:
    """The same for a request; one whose arguments will not do is told the most that a call costs."""
    if service.tariff is None:
        return service
    query = intent.target.partition(b"?")[2]
    try:
        return at_price(service, parse_arguments(service, query, intent.body, intent.content_type), now)
    except ServiceError:
        return service
