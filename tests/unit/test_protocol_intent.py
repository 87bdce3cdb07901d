"""S1, S2: the intent differs for every request that is not the same, and only for those."""

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from protocol.intent import Intent

BASE = Intent("POST", "127.0.0.1:8402", b"/v1/echo?text=hello", "application/json", b'{"text":"hello"}', "paddock")
texts = st.text(st.characters(codec="utf-8"), max_size=30)
intents = st.builds(Intent, texts, texts, st.binary(max_size=30), texts, st.binary(max_size=30), texts)


def same(one: Intent, two: Intent) -> bool:
    """What counts as the same request: letters of host and content type may differ in case, nothing else."""

    def key(intent):
        content_type = intent.content_type.strip().lower()
        return intent.method, intent.authority.lower(), intent.target, content_type, intent.body, intent.tenant

    return key(one) == key(two)


@given(intents, intents)
def test_s2_two_requests_share_a_digest_only_if_they_are_the_same(one, two):
    assert (one.digest() == two.digest()) == same(one, two)


@pytest.mark.parametrize("field", ["target", "body"])
@given(raw=st.binary(min_size=1, max_size=60), at=st.integers(0, 10**6), byte=st.integers(0, 255))
def test_s2_one_changed_byte_changes_the_digest(field, raw, at, byte):
    index = at % len(raw)
    assume(raw[index] != byte)
    changed = raw[:index] + bytes([byte]) + raw[index + 1 :]
    assert replace(BASE, **{field: raw}).digest() != replace(BASE, **{field: changed}).digest()


@pytest.mark.parametrize("field", ["target", "body"])
@given(raw=st.binary(max_size=60), at=st.integers(0, 10**6), byte=st.integers(0, 255))
def test_s2_one_byte_more_changes_the_digest(field, raw, at, byte):
    index = at % (len(raw) + 1)
    longer = raw[:index] + bytes([byte]) + raw[index:]
    assert replace(BASE, **{field: raw}).digest() != replace(BASE, **{field: longer}).digest()


@pytest.mark.parametrize("field", ["method", "authority", "content_type", "tenant"])
@given(text=st.text(st.characters(codec="ascii", min_codepoint=33), min_size=1), at=st.integers(0, 10**6))
def test_s2_one_changed_character_changes_the_digest(field, text, at):
    index = at % len(text)
    other = "a" if text[index].lower() != "a" else "b"
    changed = text[:index] + other + text[index + 1 :]
    assert replace(BASE, **{field: text}).digest() != replace(BASE, **{field: changed}).digest()


@given(intents, st.integers(1, 30))
def test_s2_bytes_that_move_from_one_field_to_the_next_change_the_digest(intent, count):
    moved = intent.target[-count:]
    assume(moved)
    shifted = replace(intent, target=intent.target[:-count], body=moved + intent.body)
    assert intent.digest() != shifted.digest()
    as_text = replace(intent, method=intent.method + "X", authority=intent.authority)
    to_authority = replace(intent, method=intent.method, authority="X" + intent.authority)
    assert as_text.digest() != to_authority.digest()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("method", "GET"),
        ("method", "post"),
        ("authority", "localhost:8402"),
        ("authority", "127.0.0.1:8403"),
        ("authority", "127.0.0.1"),
        ("target", b"/v1/echo?text=hello&"),
        ("target", b"/v1/echo?text=hell%6f"),
        ("target", b"/v1/Echo?text=hello"),
        ("target", b"/v1//echo?text=hello"),
        ("target", b"/v1/echo/?text=hello"),
        ("target", b"/v1/echo?text=Hello"),
        ("target", b"/v1/echo?text=hello&text=hello"),
        ("content_type", "application/json; charset=utf-8"),
        ("content_type", ""),
        ("body", b'{"text": "hello"}'),
        ("body", b'{"text":"hello"}\n'),
        ("body", b""),
        ("tenant", "paddock2"),
        ("tenant", ""),
    ],
)
def test_s1_a_quote_for_one_request_is_not_for_a_similar_one(field, value):
    assert replace(BASE, **{field: value}).digest() != BASE.digest()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("authority", "127.0.0.1:8402".upper()),
        ("content_type", "Application/JSON"),
        ("content_type", "  application/json\t"),
    ],
)
def test_s2_what_a_proxy_may_spell_differently_does_not_matter(field, value):
    assert replace(BASE, **{field: value}).digest() == BASE.digest()


def test_a_digest_stays_what_it_is():
    """A golden vector: quotes that are out there keep their meaning across versions."""
    expected = "ffdc9e174606b4d0af60f9b1fc71e1c9380e6a6ff5fe39e6e8a1691d31fa9c4f"
    assert BASE.digest().hex() == expected
