"""A provider's upstream: answers signed requests, and counts them."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from server.domain.upstreams import ORDER, SIGNATURE, TIMESTAMP, signature
from server.ports import Forwarded, Reached

URL = "https://api.acme.example/v1/weather"
DESCRIBED: dict[str, Any] = {
    "url": URL,
    "title": "Weather at a place",
    "summary": "Temperature and rain for a city, for up to nine days.",
    "price": "0.02",
    "unit": "report",
    "arguments": {
        "type": "object",
        "properties": {
            "city": {"type": "string", "minLength": 1, "maxLength": 50},
            "days": {"type": "integer", "minimum": 1, "maximum": 9},
        },
        "required": ["city"],
    },
    "example": {"city": "Wien", "days": 2},
    "answers": {"type": "object", "properties": {"celsius": {"type": "number"}}, "required": ["celsius"]},
}


@dataclass
class Provider:
    """`secret` is what it checks signatures with; without one it answers everybody. `says` may be replaced."""

    secret: bytes = b""
    asked: list[Forwarded] = field(default_factory=list)
    says: Callable[[Forwarded], Reached] | None = None

    def __call__(self, request: Forwarded) -> Reached:
        if self.secret and not self.knows(request):
            return Reached(401, b"who are you?", "text/plain")
        self.asked.append(request)
        if self.says:
            return self.says(request)
        return Reached(200, json.dumps({"celsius": 21.5, "asked": len(self.asked)}).encode(), "application/json")

    def knows(self, request: Forwarded) -> bool:
        """Whether one of the signatures is over this very request."""
        parts, told = urlsplit(request.url), request.headers
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        right = signature(self.secret, int(told[TIMESTAMP]), told[ORDER], request.method, target, request.body)
        return right in told[SIGNATURE].split(", ")
