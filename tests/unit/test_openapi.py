"""OpenAPI documents as services: what can be sold is described, and of everything else it is said why not."""

import copy
from types import SimpleNamespace

import pytest

from server.application.openapi import MOST_OPERATIONS, MOST_REFERENCES, bring, operations
from server.application.post import Post
from server.domain.addresses import EgressRules
from server.domain.listing_errors import BadUpstream
from server.domain.webhooks import WebhookKeys
from tests.fakes.database import FakeDatabase

BASE = "https://api.acme.example/docs/openapi.json"
DOCUMENT = {
    "openapi": "3.1.0",
    "servers": [{"url": "/v2"}],
    "paths": {
        "/weather": {
            "parameters": [{"$ref": "#/components/parameters/City"}],
            "get": {
                "operationId": "getWeather",
                "summary": "Weather in a city",
                "description": "Temperature\nand rain.",
                "x-price": "0.05",
                "parameters": [
                    {"name": "days", "in": "query", "schema": {"type": "integer", "maximum": 9, "format": "int32"}},
                    {"name": "X-Trace", "in": "header", "schema": {"type": "string"}},
                ],
                "responses": {"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/W"}}}}},
            },
            "delete": {"operationId": "gone"},
        },
        "/score": {
            "post": {
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Text"}}}},
                "responses": {"200": {"content": {"application/json": {"schema": {"oneOf": []}}}}},
            }
        },
    },
    "components": {
        "parameters": {
            "City": {
                "name": "city",
                "in": "query",
                "required": True,
                "description": "Its name,\nas on the spot",
                "example": "Wien",
                "schema": {"type": "string"},
            }
        },
        "schemas": {
            "W": {
                "type": "object",
                "properties": {
                    "celsius": {"type": "number", "x-unit": "C"},
                    "place": {"$ref": "#/components/schemas/P"},
                },
                "required": ["celsius"],
            },
            "P": {"type": "object", "properties": {"name": {"type": "string", "pattern": "^a"}}},
            "Text": {
                "type": "object",
                "properties": {"text": {"type": "string", "examples": ["good day"]}},
                "required": ["text"],
            },
        },
    },
}


def changed(*path, to):
    """The document with one member in another way."""
    document = copy.deepcopy(DOCUMENT)
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = to
    return document


def test_each_operation_is_described_with_references_put_in():
    weather, score = operations(DOCUMENT, BASE, "0.01")
    assert (weather.at, weather.name, weather.why) == ("GET /weather", "get-weather", "")
    sold = weather.described
    assert (sold.url, sold.price, sold.title) == ("https://api.acme.example/v2/weather", "0.05", "Weather in a city")
    assert (sold.summary, sold.method) == ("Temperature and rain.", "GET")
    assert sold.arguments == {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "Its name, as on the spot"},
            "days": {"type": "integer", "maximum": 9},
        },
        "required": ["city"],
    }
    assert sold.example == {"city": "Wien"}
    assert sold.answers["properties"]["place"] == {"type": "object", "properties": {"name": {"type": "string"}}}
    assert (score.name, score.described.method, score.described.example) == ("score", "POST", {"text": "good day"})
    assert (score.described.price, score.described.answers) == ("0.01", {})


def scores(number):
    return {f"/p{n}": DOCUMENT["paths"]["/score"] for n in range(number)}


WEATHER, SCORE = ("paths", "/weather", "get"), ("paths", "/score", "post")


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (changed("paths", to={"/a/{id}": DOCUMENT["paths"]["/weather"]}), "stands in the path"),
        (changed("components", "parameters", "City", "in", to="header"), "needs 'city' in header"),
        (changed("components", "parameters", "City", to={"name": "city", "in": "query", "required": True}), "type"),
        (changed("components", "parameters", "City", "example", to=7), "could be probed"),
        (changed("components", "parameters", "City", to={"$ref": "#/components/parameters/City"}), "circles"),
        (changed("components", "parameters", "City", to={"$ref": "https://elsewhere/x"}), "another document"),
        (changed("components", "parameters", "City", "schema", to={"type": "array", "items": {}}), "use POST"),
        (changed(*WEATHER, "responses", to={"200": {"content": {"text/html": {}}}}), "describe it by hand"),
        (changed(*WEATHER, "x-price", to="much"), ""),
    ],
)
def test_of_what_cannot_be_sold_it_is_said_why(document, says):
    first = operations(document, BASE, "0.01")[0]
    if says:
        assert first.described is None
        assert says in first.why
    else:
        assert first.described.price == "much", "the price is judged where it is kept"


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (changed(*SCORE, "requestBody", to={"content": {"text/xml": {}}}), "not application/json"),
        (changed(*SCORE, "parameters", to=[{"name": "a", "in": "query", "schema": {"type": "string"}}]), "body alone"),
        (changed("components", "schemas", "Text", "properties", "text", to={"type": "string"}), "could be probed"),
    ],
)
def test_of_a_post_too(document, says):
    last = operations(document, BASE, "0.01")[-1]
    assert last.described is None
    assert says in last.why


@pytest.mark.parametrize("document", [{}, {"openapi": "2.0", "paths": {}}, {"openapi": "3.0.0", "paths": []}])
def test_what_is_no_such_document_is_refused(document):
    with pytest.raises(BadUpstream, match="OpenAPI 3"):
        operations(document, BASE, "0.01")


def test_a_document_has_its_most():
    assert len(operations(changed("paths", to=scores(MOST_OPERATIONS)), BASE, "0.01")) == MOST_OPERATIONS
    many = scores(MOST_OPERATIONS + 1)
    with pytest.raises(BadUpstream, match="100 at most"):
        operations(changed("paths", to=many), BASE, "0.01")


def first(document, base=BASE):
    """The first operation, which can be sold."""
    found = operations(document, base, "0.01")[0]
    assert found.why == ""
    return found


def only(**operation):
    """A document with one GET that needs nothing, and what is given."""
    return changed("paths", to={"/plain": {"get": operation}})


def asked(*parameters, **more):
    return only(parameters=[{"in": "query", **one} for one in parameters], **more)


def test_what_is_no_operation_is_passed_over():
    paths = {"/a": [], "/b": {"get": None, "post": "x"}, "/c": {"put": {}}, "/d": {"get": {}}}
    assert [one.at for one in operations(changed("paths", to=paths), BASE, "0.01")] == ["GET /d"]


@pytest.mark.parametrize(
    ("named", "name"),
    [
        ({"operationId": "getHTTPData2Day"}, "get-httpdata2-day"),
        ({"operationId": "--A  b--"}, "a-b"),
        ({"operationId": "x" * 39 + "-y"}, "x" * 39),
        ({"operationId": "!"}, "call"),
        ({}, "plain"),
    ],
)
def test_an_operation_is_named_by_its_id_or_its_path(named, name):
    assert first(only(**named)).name == name


@pytest.mark.parametrize(
    ("told", "title", "summary"),
    [
        ({"summary": "S", "operationId": "o", "description": "D"}, "S", "D"),
        ({"operationId": "o"}, "o", "o"),
        ({}, "/v2/plain", "/v2/plain"),
        ({"summary": "S\0\u2028T", "description": "D\tE"}, "S T", "D E"),
        ({"summary": "t" * 80, "description": "d" * 300}, "t" * 80, "d" * 300),
        ({"summary": "t" * 81, "description": "d" * 301}, "t" * 79 + "…", "d" * 299 + "…"),
    ],
)
def test_title_and_summary_are_lines_of_some_length(told, title, summary):
    sold = first(only(**told)).described
    assert (sold.title, sold.summary) == (title, summary)


@pytest.mark.parametrize(
    ("servers", "url"),
    [
        (None, "https://api.acme.example/docs/plain"),
        ([], "https://api.acme.example/docs/plain"),
        (["x"], "https://api.acme.example/docs/plain"),
        ([{"url": "https://other.example/v3/"}], "https://other.example/v3/plain"),
        ([{"url": "/v2"}, {"url": "/v9"}], "https://api.acme.example/v2/plain"),
    ],
)
def test_the_first_server_counts_and_may_stand_beside_the_document(servers, url):
    document = only() | {"servers": servers}
    assert first(document, "https://api.acme.example/docs/").described.url == url


@pytest.mark.parametrize(
    ("parameter", "example"),
    [
        ({"example": 1, "examples": {"a": {"value": 2}}}, 1),
        ({"examples": {"a": {"value": 2}}, "schema": {"type": "integer", "example": 3}}, 2),
        ({"schema": {"type": "integer", "example": 3, "default": 4}}, 3),
        ({"schema": {"type": "integer", "default": 4, "examples": [5]}}, 4),
        ({"schema": {"type": "string", "examples": ["b", "c"], "enum": ["a", "b"]}}, "b"),
        ({"schema": {"type": "string", "enum": ["a", "b"]}}, "a"),
        ({"examples": {}, "schema": {"type": "string", "examples": [], "enum": ["a"]}}, "a"),
    ],
)
def test_the_example_is_the_first_that_the_document_shows(parameter, example):
    sold = first(asked({"name": "n", "required": True, "schema": {"type": "integer"}} | parameter)).described
    assert (sold.example, sold.arguments["required"]) == ({"n": example}, ["n"])


def test_an_argument_that_need_not_be_given_has_no_example_and_is_described_where_it_is():
    sold = first(asked({"name": "n", "description": " ", "schema": {"type": "string"}})).described
    assert (sold.example, sold.arguments["required"]) == ({}, [])
    assert sold.arguments["properties"] == {"n": {"type": "string"}}
    described = asked({"name": "n", "description": "d" * 501, "schema": {"type": "string"}})
    assert first(described).described.arguments["properties"]["n"]["description"] == "d" * 499 + "…"


def test_a_body_shows_its_example_whole_or_in_parts():
    whole = changed("components", "schemas", "Text", "example", to={"text": "whole"})
    assert operations(whole, BASE, "0.01")[-1].described.example == {"text": "whole"}
    other = changed("components", "schemas", "Text", "example", to="not an object")
    assert operations(other, BASE, "0.01")[-1].described.example == {"text": "good day"}
    parts = DOCUMENT["components"]["schemas"]["Text"]["properties"] | {"more": {"type": "string"}}
    optional = changed("components", "schemas", "Text", "properties", to=parts)
    assert operations(optional, BASE, "0.01")[-1].described.example == {"text": "good day"}


@pytest.mark.parametrize(
    ("responses", "answers"),
    [
        ({"200": {"content": {"application/json": {"schema": {"type": "object"}}}}}, {"type": "object"}),
        ({"default": {"content": {"application/json": {"schema": {"type": "object"}}}}}, {"type": "object"}),
        ({"200": {"content": {"application/json": {"schema": {"type": "string"}}}}}, {}),
        ({"200": {}}, {}),
        ({}, {}),
        ({"200": {"content": {"application/json": {"schema": {"$ref": "https://elsewhere/x"}}}}}, {}),
        (
            {"200": {"content": {"text/html": {}, "application/json": {"schema": {"type": "object"}}}}},
            {"type": "object"},
        ),
    ],
)
def test_the_answer_is_that_of_success_as_far_as_it_is_understood(responses, answers):
    assert first(only(responses=responses)).described.answers == answers


def nested(depth):
    schema = {"type": "string"}
    for _ in range(depth):
        schema = {"type": "array", "items": schema}
    return schema


def body(schema, example):
    media = {"schema": schema, "example": example}
    return changed(*SCORE, "requestBody", to={"content": {"application/json": media}})


def test_a_schema_may_be_so_deep_and_no_deeper():
    def posted(depth):
        schema = {"type": "object", "properties": {"list": nested(depth)}}
        return operations(body(schema, {}), BASE, "0.01")[-1]

    assert "circles" not in posted(MOST_REFERENCES - 1).why
    assert posted(MOST_REFERENCES).why == "its schema goes round in circles"


def test_references_may_follow_each_other_so_often_and_name_what_has_odd_letters():
    def chained(length):
        parts = {str(n): {"$ref": f"#/components/x~1y~0z/{n + 1}"} for n in range(length - 1)}
        parts[str(length - 1)] = {"name": "n", "in": "query", "example": "e", "schema": {"type": "string"}}
        document = only(parameters=[{"$ref": "#/components/x~1y~0z/0"}])
        document["components"]["x/y~z"] = parts
        return operations(document, BASE, "0.01")[0]

    assert chained(MOST_REFERENCES - 1).described.example == {"n": "e"}
    assert chained(MOST_REFERENCES).why == "its references go round in circles"


@pytest.mark.parametrize(
    ("parameter", "why"),
    [
        ({"$ref": "#/components/parameters/None"}, "not an object"),
        ({"$ref": "#/openapi/deeper"}, "not an object"),
        ({"$ref": 7}, "another document"),
        ("text", "not an object"),
    ],
)
def test_a_reference_to_nothing_is_told(parameter, why):
    assert why in operations(only(parameters=[parameter]), BASE, "0.01")[0].why


async def test_what_can_be_sold_is_kept_as_a_draft_and_the_rest_is_told(clock):
    office = SimpleNamespace(
        db=FakeDatabase(clock), clock=clock, post=Post(WebhookKeys(1, {1: b"w" * 32}), EgressRules())
    )
    document = changed(*WEATHER, "x-price", to="much")
    document["paths"]["/{id}"] = document["paths"]["/weather"] | {"get": {"operationId": "of"}}
    drafts, left = await bring(office, "acme", document, BASE, "0.01", "acme")
    assert [(one.slug, one.amount) for one, _ in drafts] == [("acme.score", 10_000)]
    assert [one.operation for one in left] == ["GET /weather", "GET /{id}"]
    assert left[0].why.startswith("price:")
    assert "stands in the path" in left[1].why
