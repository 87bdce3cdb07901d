"""Encoding and decoding by signature, and words for what the chain returned."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from eth_abi.abi import decode, encode, is_encodable_type
from eth_abi.exceptions import ABITypeError, DecodingError, ParseError
from eth_abi.grammar import parse

from protocol.hashing import keccak

STANDARD = ("Error(string)", "Panic(uint256)")
PERMIT2_ERRORS = (
    "InvalidNonce()", "InvalidSigner()", "InvalidSignature()", "InvalidSignatureLength()",
    "InvalidContractSignature()", "InvalidAmount(uint256)", "SignatureExpired(uint256)",
)  # fmt: skip


def types_of(signature: str) -> list[str]:
    """The argument types of a signature such as `mintTo(address)`. Raises ValueError if it is none."""
    name, bracket, rest = signature.partition("(")
    if not name.isidentifier() or not bracket or not rest.endswith(")"):
        raise ValueError(f"{signature!r} is no function signature such as mintTo(address)")
    if rest == ")":
        return []
    try:
        types = [str(part.to_type_str()) for part in parse(bracket + rest).components]
    except (ParseError, ABITypeError) as error:
        raise ValueError(f"{signature!r} is no function signature such as mintTo(address)") from error
    if unknown := [kind for kind in types if not is_encodable_type(kind)]:
        raise ValueError(f"{signature!r} is no function signature: there is no type {unknown[0]}")
    return types


def selector(signature: str) -> bytes:
    """The four bytes that a function or an error begins with."""
    return keccak(signature.encode())[:4]


def encode_call(signature: str, *arguments: Any) -> bytes:
    """Calldata."""
    return selector(signature) + encode(types_of(signature), arguments)


def signature_of(entry: dict[str, Any]) -> str:
    """The signature of a function, event or error of an ABI."""
    return f"{entry['name']}({','.join(map(type_of, entry['inputs']))})"


def type_of(item: dict[str, Any]) -> str:
    """An argument's type, with structs as tuples."""
    kind: str = item["type"]
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(map(type_of, item['components']))}){kind.removeprefix('tuple')}"


@dataclass(slots=True)
class Vocabulary:
    """Functions and errors by their four bytes, and what addresses are called."""

    entries: dict[bytes, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for signature in (*STANDARD, *PERMIT2_ERRORS):
            self.entries[selector(signature)] = (signature, ())

    def learn(self, abi: Iterable[dict[str, Any]]) -> None:
        """Take in the functions and errors of a contract."""
        for entry in abi:
            if entry["type"] in ("function", "error"):
                signature = signature_of(entry)
                self.entries[selector(signature)] = (signature, tuple(item["name"] for item in entry["inputs"]))

    def name(self, data: bytes) -> str:
        """What the data begins with: a function's or an error's name; empty if nothing is known."""
        entry = self.entries.get(data[:4])
        return entry[0].partition("(")[0] if entry else ""

    def words(self, data: bytes) -> str:
        """The data as a call, or as an error with its arguments."""
        if not data:
            return "no reason (out of gas, or a call to no code)"
        entry = self.entries.get(data[:4])
        if entry is None:
            return f"0x{data[:36].hex()}{'…' if len(data) > 36 else ''}"
        signature, labels = entry
        try:
            values = decode(types_of(signature), data[4:])
        except (DecodingError, OverflowError):
            return f"{signature} with {len(data) - 4} bytes that do not fit"
        return f"{signature.partition('(')[0]}({', '.join(self._arguments(labels, values))})"

    def address(self, address: str | None) -> str:
        """An address by what it is called."""
        return self.names.get((address or "").lower(), address or "nobody")

    def _arguments(self, labels: Sequence[str], values: Sequence[Any]) -> list[str]:
        padded = [*labels, *[""] * len(values)][: len(values)]
        return [
            f"{label}={self._value(value)}" if label else self._value(value)
            for label, value in zip(padded, values, strict=True)
        ]

    def _value(self, value: Any) -> str:
        if isinstance(value, bytes):
            return f"0x{value[:32].hex()}{'…' if len(value) > 32 else ''}"
        if isinstance(value, str) and value.startswith("0x") and len(value) == 42:
            return self.address(value)
        if isinstance(value, tuple | list):
            return f"({', '.join(map(self._value, value))})"
        return str(value)
