"""Arguments from queries and bodies: what is taken, and every way of being refused."""

from typing import Annotated

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct

from server.services.arguments import MAX_BODY, MAX_QUERY, checksummed, json_schema, parse_arguments, published
from server.services.service import Service, ServiceError, json_answer


class Inner(Struct):
    """A part."""

    depth: int


class Trial(Struct):
    """Everything that
    arguments are made of."""

    name: Annotated[str, Meta(max_length=10)]
    days: Annotated[int, Meta(ge=1, le=99)] = 7
    share: float = 0.5
    exact: bool = False
    note: str | None = None
    inner: Inner | None = None

    def __post_init__(self):
        if self.name == "bad":
            raise ValueError("name: not that one")


async def run(arguments, context):
    return json_answer(arguments)


def service(method):
    return Service(
        slug="trial",
        title="Trial",
        summary="A trial.",
        kind="data API",
        unit="query",
        amount=1,
        arguments=Trial,
        answers=Trial,
        example={"name": "x y", "days": 3},
        run=run,
        method=method,
    )


GET, POST = service("GET"), service("POST")


def query(text):
    return parse_arguments(GET, text.encode() if isinstance(text, str) else text, b"", "")


def body(raw, content_type="application/json"):
    encoded = {bytes: bytes, str: str.encode, dict: msgspec.json.encode}[type(raw)](raw)
    return parse_arguments(POST, b"", encoded, content_type)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name=a", Trial("a")),
        ("name=x+y&days=3", Trial("x y", 3)),
        ("days=99&name=%C3%A9%2B%26", Trial("é+&", 99)),
        ("name=a&exact=true&share=1.25", Trial("a", share=1.25, exact=True)),
        ("name=&note=a", Trial("", note="a")),
        ("name=a&note=null", Trial("a", note="null")),
        ("name=a&exact=false", Trial("a")),
    ],
)
def test_a_query_is_read(text, expected):
    assert query(text) == expected


@pytest.mark.parametrize(
    ("text", "status", "says"),
    [
        ("", 422, "`name`"),
        ("days=3", 422, "`name`"),
        ("name=a&name=b", 422, "'name': given more than once"),
        ("name=a&name=a", 422, "'name': given more than once"),
        ("name=a&nme=b", 422, "'nme': unknown; trial takes name, days, share, exact, note, inner"),
        ("name=a&days=three", 422, "days: "),
        ("name=a&days=", 422, "days: "),
        ("name=a&days=03", 422, "days: "),
        ("name=a&days=%2B3", 422, "days: "),
        ("name=a&days=3.0", 422, "days: "),
        ("name=a&days=3e0", 422, "days: "),
        ("name=a&days=100", 422, "days: "),
        ("name=a&exact=1", 422, "exact: "),
        ("name=a&exact=TRUE", 422, "exact: "),
        ("name=a&share=nan", 422, "share: "),
        ("name=a&share=inf", 422, "share: "),
        ("name=a&inner=null", 422, "inner: "),
        ("name=a&inner=1", 422, "inner: "),
        ("name=elevenchars", 422, "name: "),
        ("name=bad", 422, "name: not that one"),
        ("name", 400, "cannot be read"),
        ("name=a&", 400, "cannot be read"),
        ("name=%zz", 400, "cannot be read"),
        ("name=%ff", 400, "cannot be read"),
        (b"name=\xff", 400, "cannot be read"),
        ("name=a" + "&days=3" * 40, 400, "cannot be read"),
    ],
)
def test_a_query_is_refused_with_field_and_example(text, status, says):
    with pytest.raises(ServiceError) as refused:
        query(text)
    assert refused.value.status == status
    assert says in refused.value.detail
    assert refused.value.detail.endswith("Example: ?name=x+y&days=3")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ('{"name": "a"}', Trial("a")),
        ('{"days": 3, "name": "é", "inner": {"depth": 2}}', Trial("é", 3, inner=Inner(2))),
        ('{"name": "a", "note": null, "exact": true}', Trial("a", exact=True)),
    ],
)
@pytest.mark.parametrize(
    "kind", ["application/json", "Application/JSON; charset=utf-8", 'application/json;charset="UTF-8"']
)
def test_a_body_is_read(raw, expected, kind):
    assert body(raw, kind) == expected


@pytest.mark.parametrize(
    ("raw", "status", "says"),
    [
        ("", 422, "`name`"),
        ("{}", 422, "`name`"),
        ('{"name": "a", "name": "a"}', 422, "'name': given more than once"),
        ('{"name": "a", "inner": {"depth": 1, "depth": 1}}', 422, "'depth': given more than once"),
        ('{"name": "a", "nme": 1}', 422, "'nme': unknown"),
        ('{"name": 1}', 422, "name: "),
        ('{"name": "a", "days": "3"}', 422, "days: "),
        ('{"name": "a", "days": 3.5}', 422, "days: "),
        ('{"name": "a", "days": 0}', 422, "days: "),
        ('{"name": "a", "exact": 1}', 422, "exact: "),
        ('{"name": "a", "inner": {"depth": "x"}}', 422, "inner.depth: "),
        ('{"name": "bad"}', 422, "name: not that one"),
        ("[]", 422, "must be a JSON object"),
        ("null", 422, "must be a JSON object"),
        ('{"name": "a"', 400, "not JSON"),
        ('{"name": "a"} x', 400, "not JSON"),
        ('{"name": "a", "share": NaN}', 400, "not JSON"),
        ('{"name": "\\ud800"}', 400, "not JSON"),
        (b'{"name": "\xff"}', 400, "not JSON"),
        ('{"name": "a"}'.encode("utf-16"), 400, "not JSON"),
    ],
)
def test_a_body_is_refused_with_field_and_example(raw, status, says):
    with pytest.raises(ServiceError) as refused:
        body(raw)
    assert refused.value.status == status
    assert says in refused.value.detail
    assert refused.value.detail.endswith('Example: {"name": "x y", "days": 3}')


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1"]
)
def test_a_body_of_another_type_is_refused(kind):
    with pytest.raises(ServiceError) as refused:
        body('{"name": "a"}', kind)
    assert refused.value.status == 415


def test_arguments_stand_in_one_place_only():
    for place in ((GET, b"name=a", b"{}"), (POST, b"name=a", b'{"name": "a"}')):
        with pytest.raises(ServiceError) as refused:
            parse_arguments(*place, "application/json")
        assert refused.value.status == 400


def test_what_is_too_long_is_refused_before_it_is_read():
    for read, raw in ((query, "name=" + "a" * MAX_QUERY), (body, b"{" * (MAX_BODY + 1))):
        with pytest.raises(ServiceError) as refused:
            read(raw)
        assert refused.value.status == 413


def test_nesting_and_numbers_without_end_are_refused():
    nested = '{"name": ' + "[" * 32 + "]" * 32 + "}"
    for raw, says in (
        (nested, "nested more than 32 deep"),
        ("[" * 200_000, "nested more than 32 deep"),
        ('"' + '\\"' * 100_000, "not JSON"),
        ('{"name": "a", "days": ' + "9" * 5_000 + "}", "not JSON"),
    ):
        with pytest.raises(ServiceError, match=says) as refused:
            body(raw)
        assert refused.value.status == 400
    with pytest.raises(ServiceError, match="name: Expected"):
        body(nested.replace("[]", ""))


def test_brackets_inside_text_are_not_nesting():
    assert body({"name": "a", "note": "[" * 99 + '"\\"' + "{" * 99}).note.endswith("{")


def test_a_body_of_very_many_members_is_refused_quickly():
    with pytest.raises(ServiceError, match="unknown"):
        body("{" + ",".join(f'"{number:x}": 0' for number in range(20_000)) + "}")


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(raw):
    for attempt in (query, body):
        try:
            taken = attempt(raw)
        except ServiceError as error:
            taken = error if error.detail and 400 <= error.status < 500 else None
        assert isinstance(taken, Trial | ServiceError)


@given(st.text(max_size=10).filter(lambda text: text != "bad" and text.isprintable()), st.integers(1, 99))
def test_what_is_written_by_either_encoding_is_read_back(name, days):
    from_body = body(msgspec.json.encode({"name": name, "days": days}))
    assert from_body == Trial(name, days)


def test_foreign_text_in_a_message_is_quoted_and_cut():
    with pytest.raises(ServiceError) as refused:
        query("name=a&" + "%1b" * 100 + "=1")
    assert "\x1b" not in refused.value.detail
    assert len(refused.value.detail) < 600


def test_the_published_form_says_how_to_call_and_what_comes_back():
    form = published(GET)
    assert (form["method"], form["media_type"], form["example"]) == (
        "GET",
        "application/json",
        {"name": "x y", "days": 3},
    )
    assert form["arguments"]["type"] == "object"
    assert form["arguments"]["required"] == ["name"]
    assert form["arguments"]["properties"]["days"] == {"type": "integer", "minimum": 1, "maximum": 99, "default": 7}
    assert form["arguments"]["description"] == "Everything that arguments are made of."
    assert form["arguments"]["$defs"]["Inner"]["properties"] == {"depth": {"type": "integer"}}
    assert "$defs" not in json_schema(Inner)


@pytest.mark.parametrize(
    "address",
    # the examples of EIP-55
    [
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
        "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    ],
)
def test_addresses_are_checksummed_as_in_eip_55(address):
    assert checksummed(address) == address
    assert checksummed(address.lower()) == address
    assert checksummed("0x" + address[2:].upper()) == address
    with pytest.raises(ValueError, match="EIP-55"):
        checksummed("0x" + address[2:].swapcase())
