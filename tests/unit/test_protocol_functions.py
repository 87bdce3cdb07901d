"""Functions by their canonical signature: one spelling of each, and calldata that the ABI writes exactly so."""

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from protocol.errors import ProtocolError
from protocol.functions import Function, function_of

ADDRESS = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
MINT = Function("mintTo(address)")


@pytest.mark.parametrize(
    ("signature", "kinds"),
    [
        ("mintTo(address)", ("address",)),
        ("stop()", ()),
        ("f((address,uint256)[],bytes,bool[3])", ("(address,uint256)[]", "bytes", "bool[3]")),
        ("f((uint8[],uint8[],uint8[2][][])[2])", ("(uint8[],uint8[],uint8[2][][])[2]",)),
        ("f(" + "(" * 16 + "uint8" + ")" * 16 + ")", ("(" * 16 + "uint8" + ")" * 16,)),
    ],
)
def test_a_function_has_the_selector_and_the_types_of_its_signature(signature, kinds):
    function = Function(signature)
    assert (function.selector, function.kinds) == (keccak(signature.encode())[:4], kinds)


@pytest.mark.parametrize(
    "signature",
    [
        "mintTo",
        "(address)",
        "mintTo(address )",
        "mintTo( address)",
        "mintTo(address) ",
        "mint To(address)",
        "mintTo(addr)",
        "mintTo(uint)",
        "mintTo(uint7)",
        "mintTo(address)(uint256)",
        "mintTo(address)[]",
        "mintTo(address",
        "",
        "1(address)",
        "f(uint8[][][])",
        "f((uint8,(uint8[2][][],bool))[])",
        "f(" + "(" * 17 + "uint8" + ")" * 17 + ")",
        "f(" + "(" * 4000 + "uint8" + ")" * 4000 + ")",
    ],
)
def test_c2_a_function_in_any_other_spelling_is_refused(signature):
    with pytest.raises(ProtocolError):
        Function(signature)


def test_calldata_is_read_and_shown_by_its_types():
    function = Function("f(address,uint256,bytes,bool,string)")
    values = [ADDRESS, 2**256 - 1, b"\xab", True, "a\x1b[31m"]
    calldata = function.selector + encode(function.kinds, values)
    assert function.read(calldata)[1:4] == (2**256 - 1, b"\xab", True)
    assert function.shown(calldata) == f"f({ADDRESS}, {2**256 - 1}, 0xab, True, 'a\\x1b[31m')"
    assert function_of(calldata, ("mintTo(address)", function.signature)) == function
    assert function_of(calldata, ("mintTo(address)",)) is None


WORD = encode(["address"], [ADDRESS])


@pytest.mark.parametrize(
    "calldata",
    [
        b"",
        MINT.selector,
        MINT.selector[:3],
        MINT.selector + WORD[:-1],
        MINT.selector + WORD + b"\0",
        MINT.selector + WORD + WORD,
        MINT.selector + b"\1" + WORD[1:],
        b"\0\0\0\0" + WORD,
    ],
)
def test_c2_calldata_that_the_abi_would_not_write_so_is_refused(calldata):
    with pytest.raises(ProtocolError):
        MINT.read(calldata)


def test_c2_dynamic_arguments_have_one_spelling():
    function = Function("f(bytes)")
    plain = encode(["bytes"], [b"ab"])
    assert function.read(function.selector + plain) == (b"ab",)
    dirty = plain[:-1] + b"\1"
    moved = (64).to_bytes(32, "big") + bytes(32) + plain[32:]
    for calldata in (dirty, moved, plain + bytes(32)):
        with pytest.raises(ProtocolError):
            function.read(function.selector + calldata)


@pytest.mark.parametrize(
    "data", [encode(["bytes"], [b"\xff"]), (32).to_bytes(32, "big") + (2**255).to_bytes(32, "big")]
)
def test_c2_text_that_is_none_is_refused(data):
    function = Function("f(string)")
    with pytest.raises(ProtocolError):
        function.read(function.selector + data)
