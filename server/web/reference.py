"""The HTTP reference: the OpenAPI document with every paid route and its price, and JSON Schemas as table rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from litestar import Request
from litestar.openapi.plugins import JsonRenderPlugin

from protocol import headers, sign_in
from server.application.paddock import Paddock
from server.services.arguments import published
from server.services.service import Service
from server.web.price import price_of

PAID = "paid routes"
DEEPEST = 3
"""Levels of nested objects that a table shows."""
_ABOUT = (
    "Routes that software pays for by the call. Ask a paid route, get 402 with terms in PAYMENT-REQUIRED (x402), "
    "sign, ask again with PAYMENT-SIGNATURE. `x-price` is the standing price of one call; of one that is charged by "
    "use (scheme `upto`), or by what it asks for, the most that it costs."
)
_HEADERS = {
    headers.PAYMENT_SIGNATURE: "The signed payment (x402 v2): base64 of JSON. Without it the answer is 402 with terms.",
    sign_in.HEADER: "A wallet's signed answer to the 402's challenge: gets again, without paying, what it paid for.",
    headers.BUYER_KEY: "A key that the paying wallet made: bounds what is asked and spent with it.",
}
_PROBLEM = {
    "type": "object",
    "description": "What was wrong, and what to do about it.",
    "required": ["type", "title", "status", "detail", "action"],
    "properties": {name: {"type": "string"} for name in ("type", "title", "detail", "action")}
    | {"status": {"type": "integer"}},
}
_ERRORS = {
    "400": "The request, its payment or its sign-in cannot be read or is for something else; nothing was charged.",
    "401": "The buyer key does not count: nobody made it, or it has expired or was revoked; nothing was charged.",
    "403": "The buyer key is another wallet's, or may not spend that today; nothing was charged.",
    "409": "The payment, its quote or its identifier is in use for another purchase.",
    "422": "The arguments do not fit; nothing was charged.",
    "429": "Too much at once, or too many requests by this buyer key in a minute; nothing was charged.",
    "502": "The service or its contract call failed: nothing was charged, or the money is on its way back.",
    "503": "Not now: send the same request with the same payment again after Retry-After seconds.",
}


@dataclass(frozen=True, slots=True)
class Field:
    """One property of a JSON Schema, in words; `depth` counts the objects around it."""

    depth: int
    name: str
    kind: str
    required: bool
    default: str
    description: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path, as the reference page shows it. `price` is there on paid routes."""

    method: str
    path: str
    summary: str
    description: str
    parameters: tuple[dict[str, Any], ...]
    price: dict[str, str] | None

    @property
    def anchor(self) -> str:
        return f"{self.method}{self.path}".lower().translate({ord(sign): "-" for sign in "/{}."}).strip("-")


class PricedJson(JsonRenderPlugin):
    """/openapi.json: what Litestar knows of the free routes, and what the catalogue says of the paid ones."""

    def __init__(self) -> None:
        super().__init__(path=["/", "/openapi.json"])

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        return self.render_json(request, document(openapi_schema, request.app.state.paddock))


def document(base: dict[str, Any], paddock: Paddock) -> dict[str, Any]:
    """The whole OpenAPI document; `base`, which is left as it is, describes the free routes."""
    schemas: dict[str, Any] = {"Problem": _PROBLEM, **base.get("components", {}).get("schemas", {})}
    paid = {
        f"/v1/{service.slug}": {service.method.lower(): _operation(paddock, service, schemas)}
        for service in paddock.services.values()
    }
    return {
        **base,
        "info": {**base["info"], "description": _ABOUT},
        "servers": [{"url": origin} for origin in paddock.origins],
        "paths": {**paid, **base["paths"]},
        "components": {**base.get("components", {}), "schemas": schemas},
    }


def price(paddock: Paddock, service: Service) -> dict[str, str]:
    """The extension `x-price`; `amount` in atomic units, all values strings."""
    asset = paddock.market.asset
    shown = price_of(service, asset)
    return {
        "amount": str(asset.amount(service.amount)),
        "decimals": str(asset.decimals),
        "display": shown.amount,
        "lead": shown.lead,
        "basis": shown.basis,
        "symbol": asset.symbol,
        "asset": asset.address,
        "network": paddock.market.network,
        "unit": service.unit,
        "mode": service.mode,
        "scheme": service.scheme,
    }


def sections(full: dict[str, Any]) -> dict[str, list[Operation]]:
    """The document's operations by their first tag, paid routes first."""
    found: dict[str, list[Operation]] = {PAID: []}
    for path, methods in full["paths"].items():
        for method, given in methods.items():
            operation = Operation(
                method.upper(),
                path,
                given.get("summary", ""),
                given.get("description", ""),
                tuple(one for one in given.get("parameters", ()) if one["in"] != "header"),
                given.get("x-price"),
            )
            found.setdefault((given.get("tags") or ["other"])[0], []).append(operation)
    return found


def fields(schema: dict[str, Any]) -> list[Field]:
    """The rows of an object's schema as `json_schema` makes it; nested objects follow the property that holds them."""
    return list(_rows(schema, schema.get("$defs", {}), 0))


def _rows(schema: dict[str, Any], definitions: dict[str, Any], depth: int) -> Iterator[Field]:
    for name, given in schema.get("properties", {}).items():
        inner = _objects_in(given, definitions)
        default = given.get("default")
        yield Field(
            depth,
            name,
            _kind(given),
            name in schema.get("required", ()),
            "" if default is None else str(default),
            given.get("description") or next((one["description"] for one in inner if "description" in one), ""),
        )
        for one in inner if depth + 1 < DEEPEST else ():
            yield from _rows(one, definitions, depth + 1)


def _objects_in(given: dict[str, Any], definitions: dict[str, Any]) -> list[dict[str, Any]]:
    """The objects that a property may hold, in a list or not, null or not; none where it holds no object."""
    if "$ref" in given:
        found: dict[str, Any] = definitions[given["$ref"].rpartition("/")[2]]
        return [found] if "properties" in found else []
    inside = [given["items"]] if isinstance(given.get("items"), dict) else given.get("anyOf", [])
    return [found for one in inside for found in _objects_in(one, definitions)]


def _kind(given: dict[str, Any]) -> str:
    """A type in words, with its limits."""
    if "anyOf" in given:
        return " or ".join(_kind(one) for one in given["anyOf"])
    if "enum" in given:
        return "one of " + ", ".join(str(value) for value in given["enum"])
    if "$ref" in given:
        return "object"
    if given.get("type") == "array":
        inside = _kind(given.get("items") or {})
        return f"list of {inside}s" if inside.isalpha() else f"list of {inside}"
    return given.get("format") or " ".join((given.get("type", "any"), *_limits(given)))


def _limits(given: dict[str, Any]) -> Iterator[str]:
    low, high = given.get("minimum"), given.get("maximum")
    if low is not None:
        yield f"from {low}"
    if high is not None and high < 2**53 - 1:
        yield f"to {high}"
    if "maxLength" in given and not str(given.get("pattern", "")).endswith("{40}$"):
        yield f"up to {given['maxLength']} characters"


def _operation(paddock: Paddock, service: Service, schemas: dict[str, Any]) -> dict[str, Any]:
    """A paid route as an OpenAPI operation; the schemas that it needs are put into `schemas`."""
    arguments = _hoisted(published(service)["arguments"], service.slug, schemas)
    operation: dict[str, Any] = {
        "tags": [PAID],
        "summary": service.title,
        "description": service.summary,
        "operationId": f"buy-{service.slug}",
        "x-price": price(paddock, service),
        "parameters": [_header_parameter(name, description) for name, description in _HEADERS.items()],
        "responses": _responses(service, schemas),
    }
    if service.method == "POST":
        operation["requestBody"] = {
            "required": bool(arguments.get("required")),
            "content": {"application/json": {"schema": arguments, "example": service.example}},
        }
        return operation
    for name, given in arguments["properties"].items():
        shown = {"example": service.example[name]} if name in service.example else {}
        needed = name in arguments.get("required", ())
        operation["parameters"].append({"name": name, "in": "query", "required": needed, "schema": given, **shown})
    return operation


def _header_parameter(name: str, description: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": False,
        "schema": {"type": "string"} if name == headers.BUYER_KEY else {"type": "string", "contentEncoding": "base64"},
        "description": description,
    }


def _responses(service: Service, schemas: dict[str, Any]) -> dict[str, Any]:
    answer = published(service)["answer"]
    schema = {"type": "string"} if answer is None else _hoisted(answer, service.slug, schemas)
    found = {
        "200": {
            "description": "The answer, once the payment has settled; settlement and signed receipt in the header.",
            "headers": {headers.PAYMENT_RESPONSE: {"schema": {"type": "string", "contentEncoding": "base64"}}},
            "content": {service.media_type: {"schema": schema}},
        },
        "402": {
            "description": "The price and everything needed to pay it; after a refused payment, why it was refused.",
            "headers": {headers.PAYMENT_REQUIRED: {"schema": {"type": "string", "contentEncoding": "base64"}}},
            "content": {"application/json": {"schema": {"type": "object"}}},
        },
    }
    if service.callback:
        found["202"] = {"description": "Paid; the contract call is still running: follow Location."}
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return found | {status: {"description": words, "content": problem} for status, words in _ERRORS.items()}


def _hoisted(schema: dict[str, Any], prefix: str, schemas: dict[str, Any]) -> dict[str, Any]:
    """A schema whose own definitions stand under #/components/schemas, where references in a document must point."""
    for name, definition in schema.get("$defs", {}).items():
        schemas[f"{prefix}.{name}"] = _repointed(definition, prefix)
    top: dict[str, Any] = _repointed({key: value for key, value in schema.items() if key != "$defs"}, prefix)
    return top


def _repointed(value: Any, prefix: str) -> Any:
    if isinstance(value, list):
        return [_repointed(one, prefix) for one in value]
    if isinstance(value, str) and value.startswith("#/$defs/"):  # a reference, or one of a discriminator's mapping
        return f"#/components/schemas/{prefix}.{value.rpartition('/')[2]}"
    if not isinstance(value, dict):
        return value
    return {key: _repointed(one, prefix) for key, one in value.items()}
