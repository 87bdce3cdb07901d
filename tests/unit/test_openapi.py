"""OpenAPI documents as services: what can be sold is described, and of everything else it is said why not."""

import copy

import pytest

from server.application.openapi import operations
from server.domain.listing_errors import BadUpstream

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
    assert sold.summary == "Temperature and rain."
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
    many = {f"/p{n}": DOCUMENT["paths"]["/score"] for n in range(101)}
    with pytest.raises(BadUpstream, match="100 at most"):
        operations(changed("paths", to=many), BASE, "0.01")
