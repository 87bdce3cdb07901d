"""Which contract is under test: found in its file, compiled, and its constructor's arguments."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_abi.abi import encode
from eth_abi.exceptions import EncodingError
from eth_utils.address import is_address

from scripts.callback_lab.abi import selector, type_of, types_of
from scripts.callback_lab.errors import LabError
from scripts.callback_lab.request import ENTRIES
from scripts.compile import Artifact, compile_contracts, sources_of

HOSTILE = (
    "FalseReturningToken", "FeeTakingToken", "LookAlikeToken", "ReentrantToken",
    "GasBurningWallet", "LongWindedWallet", "ReturnBombWallet", "MisbehavingCallback",
)  # fmt: skip
PROPS = ("contracts/mocks/TestUSD.sol", *(f"contracts/mocks/hostile/{name}.sol" for name in HOSTILE))
"""What the lab itself deploys; the misbehaving callback has the same base as the contract under test."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A compiled callback, its sources' text, and what the lab deploys beside it."""

    artifact: Artifact
    text: str
    props: Mapping[str, Artifact]


def find_subject(target: str, remappings: Iterable[str] = ()) -> Subject:
    """The callback in a file, `path.sol` or `path.sol:Name`. Raises LabError, CompileError and CompilerMissing."""
    name, _, wanted = target.partition(".sol:")
    path = Path(f"{name}.sol" if wanted else name).resolve()
    if path.suffix != ".sol" or not path.is_file():
        raise LabError(
            f"{target} is no Solidity file: give the path of a contract, as contracts/callbacks/AccessPass.sol"
        )
    root = _root(path)
    unit = path.relative_to(root).as_posix()
    artifacts = compile_contracts(root=root, sources=(unit, *PROPS), remappings=tuple(remappings))
    callbacks = {name: one for name, one in artifacts.items() if one.source == unit and is_callback(one)}
    artifact = _choose(unit, callbacks, wanted)
    return Subject(artifact, "\n".join(sources_of(root, unit, tuple(remappings)).values()), artifacts)


def is_callback(artifact: Artifact) -> bool:
    """Whether it has the entries and the frame of X402Callback."""
    names = {entry["name"] for entry in artifact.abi if entry["type"] == "function"}
    return {entry.partition("(")[0] for entry in ENTRIES} | {"performAction", "isConsumed", "ACTION_GAS"} <= names


def _root(path: Path) -> Path:
    """The checkout that a contract belongs to."""
    for folder in path.parents:
        if (folder / "foundry.toml").is_file() and (folder / "contracts" / "X402Callback.sol").is_file():
            return folder
    raise LabError(f"{path} is in no checkout of Paddock: put it into contracts/callbacks/")


def _choose(unit: str, callbacks: Mapping[str, Artifact], wanted: str) -> Artifact:
    if wanted:
        if wanted not in callbacks:
            raise LabError(f"{unit} has no callback {wanted}; it has: {', '.join(sorted(callbacks)) or 'none'}")
        return callbacks[wanted]
    if not callbacks:
        raise LabError(
            f"{unit} has no callback that could be deployed: derive a contract from X402Callback and write its "
            "_onPayment (docs/guides/callback.md)"
        )
    if len(callbacks) > 1:
        raise LabError(
            f"{unit} has several callbacks, {', '.join(sorted(callbacks))}: name one, as {unit}:{min(callbacks)}"
        )
    return next(iter(callbacks.values()))


@dataclass(frozen=True, slots=True)
class Site:
    """Who is who, and what is where, for a constructor."""

    owner: str
    caller: str
    token: str
    permit2: str
    names: Mapping[str, str]
    """Addresses by the names that an argument may use instead."""

    def base_value(self, name: str, kind: str) -> Any:
        """The value of an argument that is the base's, by its name; None if it is not."""
        single = {"owner": self.owner, "caller": self.caller, "token": self.token, "permit2": self.permit2}
        key = name.strip("_").lower()
        if kind == "address":
            return single.get(key)
        if kind == "address[]" and key.removesuffix("s") in single and key.endswith("s"):
            return [single[key.removesuffix("s")]]
        if key == "lists":
            return (self.owner, [self.caller], [self.token], [self.permit2])
        if key == "actions":
            return [(b"\0\0\0\0", (1_000_000, 5_000_000))]
        return 300_000 if key == "actiongas" else None


def constructor_arguments(
    artifact: Artifact, site: Site, given: Mapping[str, Any], line: list[Any] | None
) -> list[Any]:
    """The constructor's arguments: given by name, else those of the deploy line, else inferred where the base's.

    Raises LabError for what is missing, unknown or of a wrong type.
    """
    inputs = {item["name"].strip("_"): type_of(item) for item in constructor_inputs(artifact)}
    if unknown := sorted(set(given) - set(inputs)):
        raise LabError(
            f"{artifact.name}'s constructor has no {', '.join(unknown)}; it has: {', '.join(inputs) or 'nothing'}"
        )
    values: dict[str, Any] = {}
    for position, (name, kind) in enumerate(inputs.items()):
        if name in given:
            values[name] = _typed(name, kind, given[name], site)
        else:
            values[name] = line[position] if line is not None else site.base_value(name, kind)
    if missing := [name for name, value in values.items() if value is None]:
        wanted = ", ".join(f"{name} ({inputs[name]})" for name in missing)
        raise LabError(
            f"{artifact.name}'s constructor wants {wanted}: give "
            f"--constructor {' '.join(f'{name}=…' for name in missing)}, or its line in scripts/deploy.py"
        )
    return list(values.values())


def constructor_inputs(artifact: Artifact) -> list[dict[str, Any]]:
    """The constructor's inputs as the ABI has them; none if it has no constructor."""
    return next((entry["inputs"] for entry in artifact.abi if entry["type"] == "constructor"), [])


def creation_code(artifact: Artifact, arguments: list[Any]) -> bytes:
    """What a deployment sends. Raises LabError for arguments that do not fit."""
    types = [type_of(item) for item in constructor_inputs(artifact)]
    try:
        return bytes.fromhex(artifact.bytecode[2:]) + encode(types, arguments)
    except (EncodingError, TypeError, ValueError, OverflowError) as error:
        raise LabError(f"{artifact.name}'s constructor does not take {arguments}: {error}") from error


def parse_given(texts: Iterable[str]) -> dict[str, Any]:
    """Constructor arguments from `name=value` or JSON objects. Raises LabError."""
    given: dict[str, Any] = {}
    for text in texts:
        if text.lstrip().startswith("{"):
            try:
                given |= {name.strip("_"): value for name, value in json.loads(text).items()}
            except ValueError as error:
                raise LabError(f"--constructor {text} is no JSON: {error}") from error
        else:
            name, equals, value = text.partition("=")
            if not equals or not name:
                raise LabError(f"--constructor wants name=value or a JSON object, not {text!r}")
            given[name.strip("_")] = value
    return given


def _typed(name: str, kind: str, value: Any, site: Site) -> Any:
    """A given value as its type wants it."""
    if isinstance(value, str) and (kind.endswith("]") or kind.startswith("(")):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise LabError(f"{name} is a {kind}: give it as JSON, not {value!r}") from error
    return as_type(name, kind, value, site.names)


def as_type(name: str, kind: str, value: Any, names: Mapping[str, str]) -> Any:
    """A value from JSON or the command line as an ABI type wants it. Raises LabError."""
    try:
        if kind.endswith("]"):
            return [as_type(name, kind[: kind.rindex("[")], one, names) for one in value]
        if kind.startswith("("):
            parts = zip(types_of(f"tuple{kind}"), value, strict=True)
            return tuple(as_type(name, part, one, names) for part, one in parts)
        if kind == "address":
            address = names.get(value, value)
            if is_address(address):
                return address
            raise LabError(f"{name} wants an address or one of {', '.join(names)}, not {value!r}")
        if kind.startswith(("uint", "int")):
            return int(value, 0) if isinstance(value, str) else int(value)
        if kind == "bool":
            return {"true": True, "false": False}[str(value).lower()]
        if kind.startswith("bytes"):
            return bytes.fromhex(value.removeprefix("0x")) if not value.endswith(")") else selector(value)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LabError(f"{name} wants a {kind}, not {value!r}") from error
    return value
