"""Functions of contracts by their canonical signature: selectors, and calldata read strictly."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from eth_abi.abi import encode
from eth_abi.exceptions import DecodingError, EncodingError, ParseError
from eth_abi.grammar import TupleType, parse
from eth_abi.registry import registry
from eth_utils.address import to_checksum_address

from protocol.abi import DEEPEST, nesting, values_in
from protocol.errors import ProtocolError
from protocol.hashing import keccak

MOST_TUPLES = 16
LONGEST_CALLDATA = 1024
"""Bytes: terms repeat the calldata, and a payment echoes the terms, all of it in HTTP headers."""


@dataclass(frozen=True)
class Function:
    """A function by its canonical signature, such as `mintTo(address)`. Raises ProtocolError for any other spelling."""

    signature: str

    def __post_init__(self) -> None:
        name = self.signature.partition("(")[0]
        if not name.isidentifier() or f"{name}({','.join(self.kinds)})" != self.signature:
            raise ProtocolError("invalid_function", f"{self.signature!r} is not written like mintTo(address)")

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """The types of its arguments."""
        _, bracket, rest = self.signature.partition("(")
        if rest == ")":
            return ()
        if rest.count("(") > MOST_TUPLES:  # the parser goes as deep as they do
            raise self._malformed()
        try:
            whole = parse(bracket + rest)
            whole.validate()
        except (ValueError, ParseError) as error:
            raise self._malformed() from error
        if not isinstance(whole, TupleType) or whole.arrlist or nesting(whole) > DEEPEST:
            raise self._malformed()
        kinds = tuple(component.to_type_str() for component in whole.components)
        if not all(map(registry.has_encoder, kinds)):
            raise self._malformed()
        return kinds

    def _malformed(self) -> ProtocolError:
        detail = f"{self.signature!r} does not list types of the ABI, with arrays of any length {DEEPEST} deep at most"
        return ProtocolError("invalid_function", detail)

    @cached_property
    def selector(self) -> bytes:
        """The first four bytes of a call."""
        return keccak(self.signature.encode())[:4]

    def read(self, calldata: bytes) -> tuple[Any, ...]:
        """The arguments in a call. Raises ProtocolError unless the ABI writes exactly these bytes for them."""
        if calldata[:4] != self.selector:
            raise ProtocolError("invalid_calldata", f"the call is not one of {self.signature}")
        try:
            values = values_in(self.kinds, calldata[4:])
            exact = encode(self.kinds, values) == calldata[4:]
        except (DecodingError, EncodingError) as error:
            raise ProtocolError("invalid_calldata", f"the arguments are not those of {self.signature}") from error
        if not exact:
            raise ProtocolError("invalid_calldata", f"the arguments of {self.signature} are spelt in a second way")
        return values

    def shown(self, calldata: bytes) -> str:
        """A call for people: `mintTo(0x7099…79C8)`. Raises ProtocolError as `read` does."""
        values = zip(self.read(calldata), self.kinds, strict=True)
        return f"{self.signature.partition('(')[0]}({', '.join(_shown(value, kind) for value, kind in values)})"


def function_of(calldata: bytes, signatures: tuple[str, ...]) -> Function | None:
    """The function among these that a call begins with the selector of, or None."""
    return next((one for one in map(Function, signatures) if one.selector == calldata[:4]), None)


def _shown(value: Any, kind: str) -> str:
    if kind == "address":
        return str(to_checksum_address(value))
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return ascii(value)
