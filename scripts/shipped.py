"""Contracts that an npm package ships compiled, and the linking of what calls a library."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from protocol.hashing import keccak
from scripts.compile import Artifact, CompileError
from scripts.solc import ROOT

FOLDER = ROOT / "node_modules" / "@offchainlabs" / "stablecoin-evm" / "artifacts" / "hardhat" / "contracts"
SHIPPED = ("util/SignatureChecker.sol/SignatureChecker.json", "v2/FiatTokenV2_2.sol/FiatTokenV2_2.json")
"""USDC as Circle deploys it, by solc 0.6.12, which is not at hand everywhere; and the library it calls."""

_GAP = re.compile(r"__\$[0-9a-f]{34}\$__")


def shipped_contracts() -> dict[str, Artifact]:
    """The shipped contracts by name. Raises CompileError if the package is not installed."""
    artifacts = [_read(FOLDER / path) for path in SHIPPED]
    return {artifact.name: artifact for artifact in artifacts}


def link(artifact: Artifact, artifacts: Mapping[str, Artifact], addresses: Mapping[str, str]) -> Artifact:
    """The artifact with the libraries that it calls at their addresses; the very same if it calls none.

    `artifacts` and `addresses` are by contract name. Raises KeyError if a library is at no address.
    """
    if not _GAP.search(artifact.bytecode):
        return artifact
    places = {_gap(artifacts[name]): address[2:].lower() for name, address in addresses.items() if name in artifacts}
    bytecode = _GAP.sub(lambda gap: places[gap[0]], artifact.bytecode)
    runtime = _GAP.sub(lambda gap: places[gap[0]], artifact.runtime)
    return replace(artifact, bytecode=bytecode, runtime=runtime, source_hash=_hash(artifact.source_hash + bytecode))


def _gap(library: Artifact) -> str:
    """What solc writes where the address of a library belongs."""
    return f"__${keccak(f'{library.source}:{library.name}'.encode()).hex()[:34]}$__"


def _read(path: Path) -> Artifact:
    """A contract as Hardhat leaves it."""
    try:
        text = path.read_text()
    except FileNotFoundError:
        raise CompileError(f"{path.name} is not there: run `npm ci --ignore-scripts`") from None
    row = json.loads(text)
    return Artifact(
        row["contractName"], row["sourceName"], row["abi"], row["bytecode"], row["deployedBytecode"], _hash(text)
    )


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
