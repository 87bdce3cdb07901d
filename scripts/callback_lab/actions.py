"""Which action the payer chooses: what the user says, else what sources and list agree on, with sample arguments."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from eth_abi.abi import encode

from protocol.hashing import keccak
from scripts.accounts import account
from scripts.callback_lab.abi import selector, signature_of, types_of
from scripts.callback_lab.errors import LabError
from scripts.callback_lab.subject import as_type
from scripts.compile import Artifact

MADE_UP = "noSuchAction()"
"""What is asked for where a contract has no chosen action: its dispatch must refuse it."""
_LITERAL = re.compile(r'"(\w+\([\w\[\],()]*\))"')


def choose_action(
    artifact: Artifact, text: str, listed: Sequence[bytes], calldata: Sequence[str], names: Mapping[str, str]
) -> bytes:
    """Calldata of the action that the battery has the payer choose. Raises LabError."""
    if calldata:
        return _given(calldata[0], {name: address for address, name in names.items()})
    if not listed:
        return selector(MADE_UP)
    known = {selector(signature): signature for signature in _signatures(artifact, text)}
    for one in listed:
        if one in known:
            types = types_of(known[one])
            return one + encode(types, [sample(kind) for kind in types])
    raise LabError(
        f"{artifact.name} lists an action 0x{listed[0].hex()} whose signature is nowhere in its source: "
        "give it, as --calldata 'mintTo(address)'"
    )


def _given(text: str, names: Mapping[str, str]) -> bytes:
    """`mint(address)`, with sample arguments, or with those that follow it: `mint(address) stranger`."""
    signature, _, rest = text.strip().partition(" ")
    try:
        types = types_of(signature)
    except ValueError as error:
        raise LabError(f"--calldata: {error}") from error
    if not rest.strip():
        return selector(signature) + encode(types, [sample(kind) for kind in types])
    values = [_json(part) for part in rest.split()]
    if len(values) != len(types):
        raise LabError(f"--calldata: {signature} takes {len(types)} arguments, not {len(values)}")
    typed = [as_type(f"argument of {signature}", kind, value, names) for kind, value in zip(types, values, strict=True)]
    return selector(signature) + encode(types, typed)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _signatures(artifact: Artifact, text: str) -> Iterable[str]:
    """Every signature that the source spells or the contract has."""
    yield from _LITERAL.findall(text)
    yield from (signature_of(entry) for entry in artifact.abi if entry["type"] == "function")


def sample(kind: str) -> Any:
    """Some value of a type."""
    if kind.endswith("]"):
        inner, size = kind[: kind.rindex("[")], kind[kind.rindex("[") + 1 : -1]
        return [sample(inner)] * (int(size) if size else 1)
    if kind.startswith("("):
        return tuple(sample(part) for part in types_of(f"tuple{kind}"))
    if kind == "address":
        return account("stranger").address
    if kind == "bool":
        return True
    if kind == "string":
        return "paddock"
    if kind.startswith("bytes"):
        return keccak(b"paddock")[: int(kind.removeprefix("bytes") or 32)]
    return 1
