"""Payment identifiers: the declaration of the official SDK, and one spelling only."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import ProtocolError
from protocol.payment_identifier import EXTENSION, declaration, read
from tests.stack import official

sdk = official.extension("payment_identifier")
GOOD = "pay_7d5d747be160e280"


def given_as(value):
    return {EXTENSION: {"info": {"required": False, "id": value}}}


@pytest.mark.parametrize("required", [True, False])
def test_the_declaration_is_the_official_one(required):
    assert EXTENSION == sdk.PAYMENT_IDENTIFIER
    assert declaration(required=required) == sdk.declare_payment_identifier_extension(required)


def test_what_the_official_client_appends_is_read():
    extensions = {EXTENSION: declaration(required=False)}
    assert read(extensions) is None
    sdk.append_payment_identifier_to_extensions(extensions, GOOD)
    assert read(extensions) == GOOD
    sdk.append_payment_identifier_to_extensions(extensions)
    assert read(extensions).startswith("pay_")


@pytest.mark.parametrize("extensions", [None, {}, {"bazaar": 1}])
def test_a_payment_without_the_extension_has_none(extensions):
    assert read(extensions) is None


@given(st.text(st.sampled_from("aZ09_-"), min_size=16, max_size=128))
def test_every_right_spelling_is_read_as_it_is(identifier):
    assert read(given_as(identifier)) == identifier


@given(st.text(min_size=0, max_size=140) | st.text(st.sampled_from("aZ09_-é\n ٣"), min_size=14, max_size=130))
def test_exactly_what_the_official_server_accepts_is_read(identifier):
    accepted = sdk.is_valid_payment_id(identifier) and not identifier.endswith("\n")  # its `$` lets a line break pass
    try:
        found = read(given_as(identifier))
    except ProtocolError:
        found = None
    assert found == (identifier if accepted else None)


@pytest.mark.parametrize(
    "value", [None, 1, 1.5, True, [GOOD], {"id": GOOD}, "a" * 15, "a" * 129, GOOD + "\n", "é" * 16]
)
def test_another_type_or_spelling_is_refused(value):
    with pytest.raises(ProtocolError, match=EXTENSION):
        read(given_as(value))


@pytest.mark.parametrize("extension", [None, [], "x", {}, {"info": None}, {"info": {"required": "yes"}}])
def test_an_extension_of_another_shape_is_refused(extension):
    with pytest.raises(ProtocolError, match=EXTENSION):
        read({EXTENSION: extension})
