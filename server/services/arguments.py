"""Arguments of a call, read strictly from its query or its JSON body, and the JSON Schemas that are published."""

import json
import math
import re
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlencode

import msgspec
from eth_utils.address import to_checksum_address
from msgspec import Meta, Struct

from protocol.functions import LONGEST_CALLDATA
from server.services.service import Service, ServiceError

MAX_QUERY = 4_096
"""Bytes of a query string."""
MAX_BODY = 256 * 1024
"""Bytes of a JSON body."""
MAX_DEPTH = 32
"""Objects and arrays inside each other in a JSON body; checked by us, as Python's own limit is anybody's to raise."""

Address = Annotated[
    str,
    Meta(
        pattern="^0x[0-9a-fA-F]{40}$",
        max_length=42,
        description="An EVM address. Mixed case must be a valid EIP-55 checksum; one case is taken as it is.",
        examples=["0x70997970C51812dc3A010C7d01b50e0d17dc79C8"],
    ),
]

Transaction = Annotated[str, Meta(pattern="^0x[0-9a-fA-F]{64}$", description="The hash of a chain transaction.")]

Calldata = Annotated[
    str,
    Meta(
        pattern=f"^0x(?:[0-9a-fA-F]{{2}}){{4,{LONGEST_CALLDATA}}}$",
        description="A contract call in 0x-hex: the selector of a function on the service's list, and its arguments.",
    ),
]

_BROKEN_PERCENT = re.compile(r"%(?![0-9a-fA-F]{2})")
_STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]+|\\.)*"?|[\[\]{}]', re.DOTALL)
_PLACE = re.compile(r" - at `\$\.?(?P<place>[^`]*)`$")


class NoArguments(Struct, forbid_unknown_fields=True):
    """For a service that takes none: a GET without query, a POST with an empty body or `{}`."""


def parse_arguments(service: Service, query: bytes, body: bytes, content_type: str) -> Struct:
    """A call's arguments as the service's Struct.

    A GET takes them from the query (percent-encoded UTF-8, without the "?"), a POST from a JSON object; nothing may
    stand in the other place. Numbers and booleans of a query have one spelling each: 20, not 020 or 2e1; true, not 1.
    Raises ServiceError, whose message names the field and shows the service's example: 400 for what cannot be read,
    413 for too much, 415 for another content type, 422 for unknown, repeated, missing or ill-typed arguments.
    """
    if service.method == "GET":
        if body:
            raise _refusal(service, "A GET takes its arguments from the query, and no body", 400)
        return _from_query(service, query)
    if query:
        raise _refusal(service, "A POST takes its arguments from a JSON body, and no query", 400)
    return _from_body(service, body, content_type)


def checksummed(address: str) -> str:
    """The EIP-55 form of an `Address`. Raises ValueError when its mixed case is a wrong checksum."""
    written = str(to_checksum_address(address))
    digits = address[2:]
    if address != written and digits not in (digits.lower(), digits.upper()):
        raise ValueError(f"address: the capitals of {address} are not its EIP-55 checksum; is a digit mistyped?")
    return written


def published(service: Service) -> dict[str, Any]:
    """How to call a service, for its 402 and for discovery.

    `arguments` is a JSON Schema of the query's parameters or the body, `example` satisfies it; `answer` is a JSON
    Schema, or None when the answer is not JSON.
    """
    return {
        "method": service.method,
        "arguments": json_schema(service.arguments),
        "example": service.example,
        "media_type": service.media_type,
        "answer": None if isinstance(service.answers, str) else json_schema(service.answers),
    }


def json_schema(struct: type[Struct]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a Struct, with the Struct itself at the top instead of behind a reference."""
    schema = msgspec.json.schema(struct)
    definitions: dict[str, Any] = schema["$defs"]
    for definition in definitions.values():
        if "description" in definition:
            definition["description"] = " ".join(definition["description"].split())
    top: dict[str, Any] = definitions.pop(schema["$ref"].rpartition("/")[2])
    return {**top, "$defs": definitions} if definitions else top


def shown_example(service: Service) -> str:
    """The service's example as it is sent: a query string or a JSON body."""
    if service.method == "GET":
        return "?" + urlencode(service.example)
    return json.dumps(service.example)


def _from_query(service: Service, query: bytes) -> Struct:
    given: dict[str, str] = {}
    for name, text in _pairs(service, query):
        if name in given:
            raise _refusal(service, f"{_short(name)}: given more than once")
        given[name] = text
    _refuse_unknown(service, given)
    try:
        arguments: Struct = msgspec.convert(given, service.arguments, strict=False)
    except msgspec.ValidationError as error:
        raise _refusal(service, _explained(error)) from None
    struct = service.arguments
    for name, attribute in zip(struct.__struct_encode_fields__, struct.__struct_fields__, strict=True):
        if name in given and not _canonical(getattr(arguments, attribute), given[name]):
            raise _refusal(service, f"{name}: {_short(given[name])} is spelt in another way")
    return arguments


def _pairs(service: Service, query: bytes) -> list[tuple[str, str]]:
    if len(query) > MAX_QUERY:
        raise _refusal(service, f"The query is longer than {MAX_QUERY} bytes", 413)
    if not query:
        return []
    try:
        text = query.decode("ascii")
        if _BROKEN_PERCENT.search(text):
            raise ValueError("a % that begins no percent-encoded byte")
        return parse_qsl(text, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=32)
    except ValueError as error:
        raise _refusal(service, f"The query cannot be read ({_short(str(error), 120)})", 400) from None


def _canonical(value: object, text: str) -> bool:
    """Whether a converted value, written again, is the text that it came from."""
    if isinstance(value, float):
        return math.isfinite(value)
    return value is not None and (not isinstance(value, int) or str(value).lower() == text)


def _from_body(service: Service, body: bytes, content_type: str) -> Struct:
    if len(body) > MAX_BODY:
        raise _refusal(service, f"The body is longer than {MAX_BODY} bytes", 413)
    if body and not _is_json(content_type):
        raise _refusal(service, f"The body must be application/json in UTF-8, not {_short(content_type)}", 415)
    body = body or b"{}"
    try:
        _refuse_unknown(service, _members(service, body))
        arguments: Struct = msgspec.json.decode(body, type=service.arguments)
    except msgspec.ValidationError as error:
        raise _refusal(service, _explained(error)) from None
    except ValueError as error:
        raise _refusal(service, f"The body is not JSON ({_short(str(error), 120)})", 400) from None
    return arguments


def _is_json(content_type: str) -> bool:
    kind, _, parameters = content_type.partition(";")
    charset = parameters.strip().lower().replace('"', "")
    return kind.strip().lower() == "application/json" and charset in ("", "charset=utf-8")


def _members(service: Service, body: bytes) -> dict[str, Any]:
    """The body's members. msgspec keeps the last of repeated names without a word, so they are looked for here."""

    def unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members: dict[str, Any] = {}
        for name, value in pairs:
            if name in members:
                raise _refusal(service, f"{_short(name)}: given more than once")
            members[name] = value
        return members

    _refuse_depth(body)
    members = json.loads(body.decode("utf-8"), object_pairs_hook=unrepeated)
    if not isinstance(members, dict):
        raise _refusal(service, "The body must be a JSON object")
    return members


def _refuse_depth(body: bytes) -> None:
    depth = 0
    for match in _STRING_OR_BRACKET.finditer(body):
        depth += {b"[": 1, b"{": 1, b"]": -1, b"}": -1}.get(match[0], 0)
        if depth > MAX_DEPTH:
            raise ValueError(f"nested more than {MAX_DEPTH} deep")


def _refuse_unknown(service: Service, given: dict[str, Any]) -> None:
    known = service.arguments.__struct_encode_fields__
    for name in given:
        if name not in known:
            taken = ", ".join(known) or "no arguments"
            raise _refusal(service, f"{_short(name)}: unknown; {service.slug} takes {taken}")


def _explained(error: msgspec.ValidationError) -> str:
    """msgspec's message with the field in front, as in "window: Expected `int`, got `str`"."""
    message = str(error)
    place = _PLACE.search(message)
    if place is None:
        return message
    problem = message[: place.start()]
    return f"{place['place']}: {problem}" if place["place"] else problem


def _refusal(service: Service, problem: str, status: int = 422) -> ServiceError:
    example = shown_example(service)
    shown = example if len(example) <= 300 else example[:300] + "…"
    return ServiceError(f"{problem}. Example: {shown}", status)


def _short(text: str, limit: int = 60) -> str:
    """Foreign text fit for a message: quoted, escaped, cut."""
    return ascii(text if len(text) <= limit else text[:limit] + "…")
