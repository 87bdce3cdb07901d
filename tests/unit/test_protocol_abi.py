"""The ABI's values in bytes that a stranger wrote: one kind of error, and work that their length bounds."""

import importlib.util
from copy import copy

import pytest
from eth_abi.abi import decode, encode
from eth_abi.decoding import UnsignedIntegerDecoder
from eth_abi.exceptions import DecodingError
from eth_abi.registry import BaseEquals, registry


def test_values_are_those_of_the_abi(values_in):
    kinds = ["uint8", "string", "(bool,bytes)[][]"]
    values = (7, "é", (((True, b"ab"),), ()))
    assert values_in(kinds, encode(kinds, values)) == values
    assert values_in([], b"") == ()


ABSURD = (32).to_bytes(32, "big") + (2**255).to_bytes(32, "big")


class Padding(UnsignedIntegerDecoder):
    """What Ape puts in the place of the library's: it reads integers beyond the end of the data."""

    def read_data_from_stream(self, stream):
        return stream.read(self.data_byte_size).ljust(self.data_byte_size, b"\0")


@pytest.fixture(params=["as it ships", "loosened by Ape"])
def values_in(request):
    """The reader, in a process whose library is one or the other."""
    usual = registry._decoders
    registry._decoders = copy(usual)
    if request.param != "as it ships":
        registry.unregister_decoder("uint")
        registry.register_decoder(BaseEquals("uint"), Padding, label="uint")
        assert decode(["uint256"], b"") == (0,)
    spec = importlib.util.find_spec("protocol.abi")
    fresh = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fresh)
    yield fresh.values_in
    registry._decoders = usual
    registry.get_decoder.cache_clear()


@pytest.mark.parametrize(
    ("kinds", "data"),
    [
        (["uint256"], bytes(31)),
        (["uint256", "uint256"], bytes(63)),
        (["bool"], bytes(31) + b"\2"),
        (["string"], encode(["bytes"], [b"\xff"])),
        (["string"], ABSURD),
        (["bytes"], ABSURD),
        (["uint256[]"], ABSURD),
        (["string"], (2**255).to_bytes(32, "big")),
        (["uint256[][][]"], encode(["uint256[][][]"], [[[[1]]]])),
    ],
)
def test_everything_that_is_wrong_is_one_error(values_in, kinds, data):
    with pytest.raises(DecodingError):
        values_in(kinds, data)


def test_c8_arrays_that_share_their_bytes_are_refused_before_they_are_read(values_in):
    """Twelve levels of four pointers to the same bytes: sixteen million values in two kilobytes, minutes of work."""
    data = (32).to_bytes(32, "big")
    for _ in range(11):
        data += (4).to_bytes(32, "big") + (128).to_bytes(32, "big") * 4
    with pytest.raises(DecodingError, match="2 deep"):
        values_in(["uint256" + "[]" * 12], data + (4).to_bytes(32, "big") + bytes(128))
