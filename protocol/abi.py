"""The ABI's values in bytes that a stranger wrote: bounded work, and one error for all that can be wrong with them."""

from collections.abc import Sequence
from typing import Any

from eth_abi.codec import ABICodec
from eth_abi.decoding import UnsignedIntegerDecoder
from eth_abi.exceptions import DecodingError
from eth_abi.grammar import ABIType, TupleType, parse
from eth_abi.registry import BaseEquals, registry

DEEPEST = 2
"""Arrays of unknown length inside each other. Several of a level may point to the same bytes, so each multiplies the
work: twelve of them keep a core busy for minutes with two kilobytes."""


def nesting(kind: ABIType) -> int:
    """How many arrays of unknown length a type has inside each other."""
    inside = max(map(nesting, kind.components), default=0) if isinstance(kind, TupleType) else 0
    return inside + sum(not size for size in kind.arrlist or ())


def values_in(kinds: Sequence[str], data: bytes) -> tuple[Any, ...]:
    """The values of these types. Raises DecodingError for what is not theirs, and for types that are too deep."""
    if any(nesting(parse(kind)) > DEEPEST for kind in kinds):
        raise DecodingError(f"arrays are more than {DEEPEST} deep")
    try:
        return _codec.decode(kinds, data)
    except (UnicodeDecodeError, OverflowError) as error:
        raise DecodingError(str(error)) from error


def _strict() -> ABICodec:
    """The library's codec as it ships: Ape, once imported, makes it read integers that are not there, in any array."""
    types = registry.copy()  # type: ignore[no-untyped-call]
    types.unregister_decoder("uint")
    every_uint = BaseEquals("uint")  # type: ignore[no-untyped-call]
    types.register_decoder(every_uint, UnsignedIntegerDecoder, label="uint")
    return ABICodec(types)


_codec = _strict()
