"""JSON Schemas that providers give, as msgspec Structs: a small part of the language, and a clear no to the rest."""

import keyword
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from server.domain.listing_errors import BadUpstream

MOST_MEMBERS, MOST_DEPTH, MOST_TEXT = 64, 6, 500
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_TELLING = {"title", "description", "default", "examples", "$schema", "format", "example"}
"""Keywords that check nothing; `default` is applied by the upstream, and only shown here."""
_OWN: dict[str, dict[str, str]] = {
    "string": {"minLength": "min_length", "maxLength": "max_length"},
    "integer": {"minimum": "ge", "maximum": "le", "exclusiveMinimum": "gt", "exclusiveMaximum": "lt"},
    "number": {"minimum": "ge", "maximum": "le", "exclusiveMinimum": "gt", "exclusiveMaximum": "lt"},
    "array": {"minItems": "min_length", "maxItems": "max_length"},
    "boolean": {},
}
"""Keywords that check a type, by msgspec's names for them."""
_SCALARS: dict[str, type] = {"string": str, "integer": int, "number": float, "boolean": bool}


def struct_of(schema: object, name: str, *, strict: bool, flat: bool = False) -> type[Struct]:
    """The Struct of a schema whose type is object; with `strict` a member that it does not name is an error.

    `flat` takes scalars only, as a query can carry them. Raises BadUpstream that names the place and the mend.
    """
    found = _object(_mapping(schema, name), name, 1, strict=strict, flat=flat)
    try:
        msgspec.json.schema(found)
    except (TypeError, ValueError) as error:
        raise BadUpstream(f"{name}: {error}") from error
    return found


def _object(schema: Mapping[str, Any], at: str, depth: int, *, strict: bool, flat: bool) -> type[Struct]:
    if schema.get("type") != "object":
        raise BadUpstream(f'{at}: the type must be "object"')
    _refuse_others(schema, {"type", "properties", "required", "additionalProperties"}, at)
    properties, required = _mapping(schema.get("properties", {}), f"{at}.properties"), schema.get("required", [])
    if len(properties) > MOST_MEMBERS or depth > MOST_DEPTH:
        raise BadUpstream(f"{at}: at most {MOST_MEMBERS} members, {MOST_DEPTH} objects inside each other")
    if not isinstance(required, list) or not set(map(str, required)) <= set(properties):
        raise BadUpstream(f"{at}.required: a list of names that stand in properties")
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    for name, member in properties.items():
        if not _NAME.fullmatch(name) or keyword.iskeyword(name):
            raise BadUpstream(f"{at}.{name[:64]}: a member's name is letters, digits and _, and no word of Python")
        kind = _kind(_mapping(member, f"{at}.{name}"), f"{at}.{name}", depth, strict=strict, flat=flat)
        fields.append((name, kind) if name in required else (name, kind | UnsetType, UNSET))
    title = re.sub(r"\W", "_", at)
    return msgspec.defstruct(title, fields, kw_only=True, frozen=True, forbid_unknown_fields=strict)


def _kind(schema: Mapping[str, Any], at: str, depth: int, *, strict: bool, flat: bool) -> Any:
    if "enum" in schema:
        return _choice(schema, at)
    kind = schema.get("type")
    if kind in ("object", "array") and flat:
        raise BadUpstream(f"{at}: a query carries text, numbers and booleans alone; use POST for a nested argument")
    if kind == "object":
        return _object(schema, at, depth + 1, strict=strict, flat=flat)
    if not isinstance(kind, str) or kind not in _OWN:
        known = ", ".join(("object", *_OWN))
        raise BadUpstream(f"{at}.type: one of {known}")
    _refuse_others(schema, {"type", *_OWN[kind], *(("items",) if kind == "array" else ())}, at)
    if kind == "array":
        item = _kind(_mapping(schema.get("items"), f"{at}.items"), f"{at}.items", depth + 1, strict=strict, flat=flat)
        return _bounded(list.__class_getitem__(item), schema, at, "array")
    return _bounded(_SCALARS[kind], schema, at, kind)


def _bounded(base: Any, schema: Mapping[str, Any], at: str, kind: str) -> Any:
    bounds: dict[str, Any] = {own: schema[given] for given, own in _OWN[kind].items() if given in schema}
    about = schema.get("description")
    if about is not None:
        if not isinstance(about, str) or len(about) > MOST_TEXT:
            raise BadUpstream(f"{at}.description: a text of at most {MOST_TEXT} characters")
        bounds["description"] = about
    try:
        return Annotated[base, Meta(**bounds)] if bounds else base
    except (TypeError, ValueError) as error:
        raise BadUpstream(f"{at}: {error}") from error


def _choice(schema: Mapping[str, Any], at: str) -> Any:
    _refuse_others(schema, {"type", "enum"}, at)
    given = schema["enum"]
    texts = isinstance(given, list) and 0 < len(given) <= MOST_MEMBERS and all(isinstance(one, str) for one in given)
    if not texts or schema.get("type", "string") != "string":
        raise BadUpstream(f"{at}.enum: 1 to {MOST_MEMBERS} texts")
    about = schema.get("description")
    choice: Any = Literal.__getitem__(tuple(given))
    return Annotated[choice, Meta(description=about[:MOST_TEXT])] if isinstance(about, str) and about else choice


def _refuse_others(schema: Mapping[str, Any], known: set[str], at: str) -> None:
    if others := sorted(set(schema) - known - _TELLING):
        mend = "leave it out, and let the upstream check it"
        raise BadUpstream(f"{at}.{others[0][:64]}: this keyword is not understood here; {mend}")


def _mapping(value: object, at: str) -> Mapping[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        raise BadUpstream(f"{at}: a JSON Schema is an object")
    return value
