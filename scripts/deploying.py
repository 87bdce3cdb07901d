"""What every deployment needs: contracts with their arguments, Ape to deploy them, and the deployments file."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.compile import Artifact
from scripts.etch import PERMIT2
from scripts.rpc import call
from scripts.solc import ROOT

os.environ.setdefault("APE_DATA_FOLDER", str(ROOT / "var" / "ape"))
import ape
from ape.contracts import ContractContainer
from ethpm_types import ContractType

__all__ = ["ape"]

FOLDER = ROOT / "deployments"


@dataclass(slots=True)
class Site:
    """What a constructor may want to know: who is who, and where the contracts before it are."""

    deployer: str
    merchant: str
    delegate: str
    addresses: dict[str, str] = field(default_factory=dict)

    def lists(self, *tokens: str) -> list[Any]:
        """A callback's `Lists`: the merchant owns it, the delegate wallet calls, these of our contracts pay."""
        return [self.merchant, [self.delegate], [self.addresses[token] for token in tokens], [PERMIT2]]


@dataclass(frozen=True, slots=True)
class Deployment:
    """One contract to deploy: its name in the file, the contract, and its constructor's arguments."""

    name: str
    contract: str
    arguments: Callable[[Site], list[Any]]


class DeployError(Exception):
    """The contracts could not be deployed; the message says what to do."""


def read_earlier(path: Path) -> dict[str, Any]:
    """What an earlier deployment wrote; a file that is not of our making counts as none."""
    try:
        document: dict[str, Any] = json.loads(path.read_text())
        return document | {"contracts": dict(document["contracts"])}
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return {"contracts": {}}


def is_in_place(row: dict[str, Any] | None, artifact: Artifact, arguments: list[Any], rpc: str) -> bool:
    """Whether the chain has this contract from this source with these arguments."""
    if not row or (row.get("source_hash"), row.get("arguments")) != (artifact.source_hash, arguments):
        return False
    receipt = call(rpc, "eth_getTransactionReceipt", row["transaction"])
    made = receipt and receipt["contractAddress"]
    return bool(made) and made.lower() == row["address"].lower() and call(rpc, "eth_getCode", made, "latest") != "0x"


def put(artifact: Artifact, arguments: list[Any], sender: Any) -> dict[str, Any]:
    """Deploy by Ape, from one of its accounts; the contract's row in the file."""
    container = container_of(artifact.name, artifact.abi, artifact.bytecode)
    receipt = sender.call(container(*arguments, sender=sender))
    return {
        "address": receipt.contract_address,
        "abi": artifact.abi,
        "transaction": receipt.txn_hash,
        "block": receipt.block_number,
        "source_hash": artifact.source_hash,
        "arguments": arguments,
    }


def container_of(name: str, abi: list[dict[str, Any]], bytecode: str) -> ContractContainer:
    """Ape's view of a compiled contract."""
    fields = {"contractName": name, "abi": abi, "deploymentBytecode": {"bytecode": bytecode}}
    return ContractContainer(ContractType.model_validate(fields))


def write_document(path: Path, document: dict[str, Any]) -> None:
    """Replace the file in one move."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}")
    partial.write_text(json.dumps(document, indent=1) + "\n")
    partial.replace(path)
