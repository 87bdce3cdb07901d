"""JSON Schemas of providers as Structs: what is understood is checked, and the rest is refused by its place."""

import json

import msgspec
import pytest

from server.domain.listing_errors import BadUpstream
from server.services.schemas import struct_of


def schema(required=(), **properties):
    return {"type": "object", "properties": properties, "required": list(required)}


@pytest.mark.parametrize(
    ("member", "good", "bad"),
    [
        ({"type": "string", "minLength": 2, "maxLength": 3}, "abc", "a"),
        ({"type": "string", "maxLength": 3}, "abc", "abcd"),
        ({"type": "integer", "minimum": 1, "maximum": 9}, 9, 10),
        ({"type": "integer", "exclusiveMinimum": 1}, 2, 1),
        ({"type": "number", "exclusiveMaximum": 1.5}, 1.4, 1.5),
        ({"type": "boolean"}, True, 1),
        ({"enum": ["c", "f"]}, "c", "k"),
        ({"type": "array", "items": {"type": "integer"}, "maxItems": 2}, [1, 2], [1, 2, 3]),
        ({"type": "array", "items": {"enum": ["a"]}, "minItems": 1}, ["a"], []),
        (schema(["x"], x={"type": "number"}), {"x": 1.0}, {}),
    ],
)
def test_a_bound_is_checked_and_published(member, good, bad):
    struct = struct_of(schema(["a"], a=member), "arguments", strict=True)
    assert msgspec.to_builtins(msgspec.json.decode(json.dumps({"a": good}), type=struct)) == {"a": good}
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(json.dumps({"a": bad}), type=struct)
    told = json.dumps(msgspec.json.schema(struct))
    assert all(json.dumps(value) in told for key, value in member.items() if key not in ("type", "items", "properties"))


def test_what_is_optional_may_be_missing_and_is_not_sent():
    struct = struct_of(schema([], a={"type": "integer"}), "arguments", strict=True)
    assert msgspec.json.encode(msgspec.json.decode(b"{}", type=struct)) == b"{}"
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"a": null}', type=struct)


def test_a_member_that_nobody_named_is_an_error_of_arguments_and_allowed_in_answers():
    asked, answered = (struct_of(schema([], a={"type": "integer"}), "x", strict=strict) for strict in (True, False))
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"b": 1}', type=asked)
    msgspec.json.decode(b'{"b": 1}', type=answered)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ([], "arguments: a JSON Schema is an object"),
        ({"type": "string"}, 'arguments: the type must be "object"'),
        (schema([], a={"type": "string", "pattern": "(a+)+$"}), "arguments.a.pattern: this keyword"),
        (schema([], a={"$ref": "#/x"}), "arguments.a.type: one of"),
        (schema([], a={"type": ["string", "null"]}), "arguments.a.type: one of"),
        (schema([], a={"type": "array"}), "arguments.a.items: a JSON Schema is an object"),
        (schema([], a={"type": "string", "maxLength": -1}), "arguments.a"),
        (schema([], a={"type": "integer", "minimum": "1"}), "arguments.a"),
        (schema([], a={"enum": [1]}), "arguments.a.enum"),
        (schema([], a={"enum": []}), "arguments.a.enum"),
        (schema([], a={"type": "string", "description": "x" * 501}), "arguments.a.description"),
        (schema(["b"], a={"type": "string"}), "arguments.required"),
        (schema([], **{"a b": {"type": "string"}}), "arguments.a b"),
        (schema([], **{"__init__": {"type": "string"}}), "__init__"),
        (schema([], **{"import": {"type": "string"}}), "import"),
        (schema([], **{f"a{n}": {"type": "string"} for n in range(65)}), "at most 64 members"),
        ({"type": "object", "oneOf": []}, "arguments.oneOf"),
    ],
)
def test_what_is_not_understood_is_refused_by_its_place(given, says):
    with pytest.raises(BadUpstream) as refused:
        struct_of(given, "arguments", strict=True)
    assert says in refused.value.detail


def test_objects_inside_each_other_have_an_end():
    deep = {"type": "string"}
    for _ in range(7):
        deep = schema([], a=deep)
    with pytest.raises(BadUpstream, match="inside each other"):
        struct_of(deep, "answers", strict=False)


@pytest.mark.parametrize("member", [schema(), {"type": "array", "items": {"type": "string"}}])
def test_a_query_takes_no_nested_argument(member):
    with pytest.raises(BadUpstream, match="use POST"):
        struct_of(schema([], a=member), "arguments", strict=True, flat=True)
