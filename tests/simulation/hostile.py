"""What hostile clients send: numbers in other spellings, JSON of any shape, messages edited, bytes damaged."""

import base64
import copy
import json
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from tests.stack import buyer

Place = tuple[Any, Any]

NUMBERS = [
    "",
    "0",
    "-1",
    "+1",
    "00",
    "010000",
    "1e4",
    "1E4",
    "10000.0",
    "10000 ",
    " 10000",
    "10000\n",
    "0x2710",
    "1_0000",
]
NUMBERS += ["10,000", "１００００", "٣", "9999", "10001", "20000", str(2**63), str(2**64), str(2**255), str(2**256 - 1)]
NUMBERS += [str(2**256), "9" * 78, "9" * 79, "9" * 5_000, "NaN", "Infinity", "null", "true", "\x00", "1\x00"]
NETWORKS = [
    "eip155:1",
    "eip155:031337",
    "eip155:31337 ",
    "EIP155:31337",
    "solana:x",
    "base",
    "paddock-devnet",
    "eip155:",
]
NAMES = ["exact", "upto", "Exact", "deferred", "eip3009", "permit2", "transfer", "DIRECT", "DELEGATE", "1", "2"]
ZERO = "0x" + "00" * 20
HEXES = ["0x", "0X00", "0x0", "0xzz", ZERO, "0x" + "ff" * 20, "0x" + "00" * 32, "0x" + "ff" * 65, "0x" + "6492" * 16]

anywhere = st.integers(0, 10**6)
"""A place in something that is not as long each time; modulo its length."""
numbers = st.sampled_from(NUMBERS) | st.integers(0, 2**256).map(str)
words = st.sampled_from(NETWORKS + NAMES) | st.text(max_size=12)
hexes = st.sampled_from(HEXES) | st.binary(max_size=80).map(lambda raw: "0x" + raw.hex())
scalars = st.none() | st.booleans() | st.integers() | st.floats() | numbers | words | hexes
trees = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3), max_leaves=6
)
nested = st.integers(1, 4_000).map(lambda depth: b"[" * depth + b"]" * depth)


def places(message: Any) -> Iterator[Place]:
    """Every (container, key) of a JSON value, outermost first."""
    inner = list(message.items()) if isinstance(message, dict) else list(enumerate(message))
    for key, value in inner:
        yield message, key
        if isinstance(value, dict | list):
            yield from places(value)


@st.composite
def edited(draw: st.DrawFn, message: dict[str, Any]) -> dict[str, Any]:
    """A copy with one to three places changed."""
    made = copy.deepcopy(message)
    for _ in range(draw(st.integers(1, 3))):
        every = list(places(made))
        if every:
            _edit(draw, every, every[draw(anywhere) % len(every)])
    return made


def _edit(draw: st.DrawFn, every: list[Place], place: Place) -> None:
    inside, key = place
    value = inside[key]
    edits = ["replace", "number", "remove", "wrap", "spell", "swap", "add"]
    match draw(st.sampled_from(edits)):
        case "replace":
            inside[key] = draw(trees)
        case "number":
            inside[key] = draw(numbers | hexes)
        case "remove":
            del inside[key]
        case "wrap":
            inside[key] = draw(st.sampled_from([[value], {"value": value}, str(value), [value, value]]))
        case "spell" if isinstance(value, str):
            inside[key] = draw(
                st.sampled_from([value.upper(), value.swapcase(), value[:-1], value + "0", buyer.other(value)])
            )
        case "swap":
            other, name = every[draw(anywhere) % len(every)]
            inside[key] = copy.deepcopy(other[name]) if name in other or isinstance(other, list) else None
        case _ if isinstance(inside, dict):
            inside[draw(words)] = draw(trees)


@st.composite
def damaged(draw: st.DrawFn, raw: bytes) -> bytes:
    """The bytes with a bit flipped, a piece cut, doubled or put in; or in another alphabet."""
    at = draw(anywhere) % len(raw)
    piece = draw(st.binary(min_size=1, max_size=8))
    return draw(
        st.sampled_from(
            [
                raw[:at] + bytes([raw[at] ^ 1 << piece[0] % 8]) + raw[at + 1 :],
                raw[:at],
                raw[at:],
                raw[:at] + piece + raw[at:],
                raw[:at] + raw[at + len(piece) :],
                raw + raw[at:],
                raw.replace(b"+", b"-").replace(b"/", b"_"),
                raw.rstrip(b"="),
                raw + b"=",
                b" " + raw,
                raw + b"\t",
                raw + b", " + raw,
                b'"' + raw + b'"',
            ]
        )
    )


def as_header(text: bytes) -> bytes:
    """Text in padded base64."""
    return base64.b64encode(text)


def as_json(message: Any) -> bytes:
    """JSON text of any value, also of numbers that JSON does not have."""
    return json.dumps(message).encode()


junk = st.one_of(
    st.binary(max_size=200),
    st.binary(max_size=200).map(as_header),
    trees.map(lambda tree: as_header(as_json(tree))),
    nested.map(as_header),
    nested.map(lambda text: as_header(b'{"x402Version":2,"payload":' + text + b"}")),
    st.integers(1, 3).map(lambda times: b"QUJD" * 4_096 * times),
)
"""Header values that were never a payment."""
