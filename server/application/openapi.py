"""OpenAPI: read a provider's own document, and describe what can be sold of it, or say why it cannot."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import msgspec

from server.application.post import Office
from server.application.sell_upstream import Described, draft
from server.domain.errors import PaddockError, RequestRefused
from server.domain.listing_errors import BadUpstream
from server.domain.plain_text import one_line
from server.domain.upstreams import Upstream
from server.services.schemas import struct_of

PRICE = "x-price"
"""A member of an operation that names its price in dollars, like "0.01"."""
MOST_OPERATIONS, MOST_REFERENCES = 100, 20
_METHODS = ("get", "post")
_KEPT = {
    "type", "properties", "required", "items", "enum", "description",
    "minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Operation:
    """What became of one: a name and a description to sell it by, or why it cannot be sold so."""

    at: str
    name: str
    described: Described | None
    why: str = ""


class _Unfit(Exception):
    """Why an operation cannot be sold."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An operation that is no service, and why."""

    operation: str
    why: str


async def bring(
    office: Office, merchant: str, document: Mapping[str, Any], base: str, price: str, by: str
) -> tuple[Sequence[tuple[Upstream, str]], Sequence[LeftOut]]:
    """A draft for each operation that can be sold, with the secret of its requests in hex. Raises BadUpstream."""
    drafts, left = [], []
    for one in operations(document, base, price):
        try:
            if one.described is None:
                raise BadUpstream(one.why)
            drafts.append(await draft(office, merchant, one.name, one.described, by))
        except RequestRefused as error:
            left.append(LeftOut(one.at, error.detail))
    return drafts, left


def operations(document: Mapping[str, Any], base: str, price: str) -> list[Operation]:
    """Every GET and POST of an OpenAPI 3 document. `base` is where it was found, for relative servers.

    `price` in dollars counts where an operation has no `x-price`. Raises BadUpstream for what is no such document.
    """
    version, paths = str(document.get("openapi", "")), document.get("paths")
    if not version.startswith("3.") or not isinstance(paths, dict):
        raise BadUpstream("document: an OpenAPI 3 document has the members openapi (3.x) and paths")
    found = list(_each(document, paths, _server(document, base), price))
    if len(found) > MOST_OPERATIONS:
        raise BadUpstream(f"document: it has {len(found)} operations, {MOST_OPERATIONS} at most are read")
    return found


def _each(document: Mapping[str, Any], paths: Mapping[str, Any], server: str, price: str) -> Iterator[Operation]:
    for path, item in paths.items():
        for method in _METHODS:
            operation = item.get(method) if isinstance(item, dict) else None
            if not isinstance(operation, dict):
                continue
            name, at = _name(str(operation.get("operationId") or path)), f"{method.upper()} {path}"[:200]
            try:
                shared = item.get("parameters", [])
                yield Operation(at, name, _described(document, server + path, method, operation, shared, price))
            except (_Unfit, PaddockError) as error:
                yield Operation(at, name, None, str(error))


def _described(
    document: Mapping[str, Any], url: str, method: str, operation: Mapping[str, Any], shared: Any, price: str
) -> Described:
    if "{" in url:
        raise _Unfit("an argument stands in the path; take it as a query argument or in the body")
    asked = _from_query(document, [*shared, *operation.get("parameters", [])])
    if method == "post":
        if asked[0]["properties"]:
            raise _Unfit("a POST takes its arguments from the body alone")
        asked = _from_body(document, operation)
    schema, example = asked
    struct = struct_of(schema, "arguments", strict=True, flat=method == "get")
    try:
        msgspec.convert(example, struct)
    except msgspec.ValidationError as error:
        raise _Unfit(f"its examples do not make a call that could be probed: {error}") from error
    title = str(operation.get("summary") or operation.get("operationId") or urlsplit(url).path)
    return Described(
        url=url,
        title=one_line(title, 80),
        summary=one_line(str(operation.get("description") or title), 300),
        price=str(operation.get(PRICE) or price),
        method="GET" if method == "get" else "POST",
        arguments=schema,
        example=example,
        answers=_answers(document, operation),
    )


def _from_query(document: Mapping[str, Any], parameters: list[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The schema of the query's arguments, and an example of them."""
    properties: dict[str, Any] = {}
    required, example = [], {}
    for given in parameters:
        parameter = _resolved(document, given)
        name, where = str(parameter.get("name", "")), parameter.get("in")
        if where != "query":
            if parameter.get("required"):
                raise _Unfit(f"it needs {name!r} in {where}; only query arguments are forwarded")
            continue
        schema = _resolved(document, parameter.get("schema", {}))
        properties[name] = _reduced(document, schema) | _about(parameter)
        if parameter.get("required"):
            required.append(name)
        shown = _first(parameter, schema)
        if shown is not None:
            example[name] = shown
    return {"type": "object", "properties": properties, "required": required}, example


def _from_body(document: Mapping[str, Any], operation: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    body = _resolved(document, operation.get("requestBody", {}))
    media = body.get("content", {}).get("application/json")
    if not isinstance(media, dict):
        raise _Unfit("its body is not application/json")
    schema = _reduced(document, _resolved(document, media.get("schema", {})))
    shown = _first(media, _resolved(document, media.get("schema", {})))
    parts = _resolved(document, media.get("schema", {})).get("properties", {})
    if not isinstance(shown, dict):
        told = {name: _first({}, _resolved(document, part)) for name, part in parts.items()}
        shown = {name: value for name, value in told.items() if value is not None}
    return schema, shown


def _answers(document: Mapping[str, Any], operation: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a 200 in JSON; none where it is more than is understood here. Raises _Unfit for another type."""
    answers = operation.get("responses", {})
    answer = _resolved(document, answers.get("200") or answers.get("default") or {})
    media = answer.get("content", {})
    if media and "application/json" not in media:
        raise _Unfit(f"it answers with {', '.join(media)[:80]}; describe it by hand")
    try:
        schema = _reduced(document, _resolved(document, media.get("application/json", {}).get("schema", {})))
        struct_of(schema, "answers", strict=False)
    except (_Unfit, PaddockError):
        return {}
    return schema


def _reduced(document: Mapping[str, Any], schema: Any, depth: int = 0) -> dict[str, Any]:
    """A schema with its references put in, and without what checks more than is checked here."""
    found = _resolved(document, schema)
    if depth > MOST_REFERENCES:
        raise _Unfit("its schema goes round in circles")
    kept = {key: value for key, value in found.items() if key in _KEPT}
    if "properties" in kept:
        kept["properties"] = {
            name: _reduced(document, part, depth + 1) for name, part in dict(kept["properties"]).items()
        }
    if "items" in kept:
        kept["items"] = _reduced(document, kept["items"], depth + 1)
    return kept


def _resolved(document: Mapping[str, Any], given: Any) -> dict[str, Any]:
    """What a local reference stands for; anything else is itself."""
    for _ in range(MOST_REFERENCES):
        if not isinstance(given, dict):
            raise _Unfit("a part of it is not an object")
        reference = given.get("$ref")
        if reference is None:
            return given
        if not isinstance(reference, str) or not reference.startswith("#/"):
            raise _Unfit("it refers to another document")
        given = document
        for step in reference[2:].split("/"):
            given = given.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(given, dict) else None
    raise _Unfit("its references go round in circles")


def _first(*places: Mapping[str, Any]) -> Any:
    """The first example, default or choice that one of these shows."""
    for place in places:
        for key in ("example", "default"):
            if key in place:
                return place[key]
        examples, choices = place.get("examples"), place.get("enum")
        if isinstance(examples, dict) and examples:
            return next(iter(examples.values())).get("value")
        for listed in (examples, choices):
            if isinstance(listed, list) and listed:
                return listed[0]
    return None


def _about(parameter: Mapping[str, Any]) -> dict[str, str]:
    about = parameter.get("description")
    return {"description": one_line(about, 500)} if isinstance(about, str) and about.strip() else {}


def _server(document: Mapping[str, Any], base: str) -> str:
    servers = document.get("servers")
    first = servers[0].get("url", "") if isinstance(servers, list) and servers and isinstance(servers[0], dict) else ""
    return urljoin(base, str(first)).rstrip("/")


def _name(text: str) -> str:
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1-\2", text).lower()
    return re.sub(r"[^a-z0-9]+", "-", words).strip("-")[:40].strip("-") or "call"
