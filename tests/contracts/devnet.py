"""A devnet with the deployed contracts on it, as seen by a client that has nothing but the deployments file."""

import json
import os
import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.accounts import account
from scripts.compile import compile_contracts
from scripts.solc import ROOT
from tests.stack.anvil import Anvil

with warnings.catch_warnings():
    # web3 imports the part of websockets that warns of its own age.
    warnings.simplefilter("ignore", DeprecationWarning)
    from web3 import Web3
    from web3.contract import Contract
    from web3.exceptions import ContractLogicError
    from web3.types import TxParams, TxReceipt


def run_deploy(anvil_url: str, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """`python -m scripts.deploy`, from a working directory that is not the repository."""
    command = [sys.executable, "-m", "scripts.deploy", "--rpc", anvil_url, "--folder", str(folder), *options]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=170, check=False
    )


def read(folder: Path, chain_id: int) -> dict[str, Any]:
    """The deployments file."""
    document: dict[str, Any] = json.loads((folder / f"{chain_id}.json").read_text())
    return document


@dataclass(frozen=True)
class Devnet:
    """The chain, and what the deployments file says of it."""

    anvil: Anvil
    document: dict[str, Any]

    @property
    def web3(self) -> Web3:
        return Web3(Web3.HTTPProvider(self.anvil.url))

    def contract(self, name: str) -> Contract:
        row = self.document["contracts"][name]
        contract: Contract = self.web3.eth.contract(address=row["address"], abi=row["abi"])
        return contract

    def send(self, function: Any, role: str, **options: Any) -> TxReceipt:
        """A mined transaction of a role's (anvil holds the keys), whether or not it succeeded."""
        transaction = function.transact({"from": account(role).address, "gas": 2_000_000} | options)
        return self.web3.eth.wait_for_transaction_receipt(transaction, poll_latency=0.02)

    def error(self, transaction: TxParams) -> bytes:
        """What a transaction would revert with now."""
        try:
            self.web3.eth.call(transaction)
        except ContractLogicError as error:
            return bytes.fromhex(str(error.data)[2:])
        raise AssertionError("it does not revert")

    def now(self) -> int:
        return int(self.web3.eth.get_block("latest")["timestamp"])


def make(anvil: Anvil, name: str, *arguments: Any) -> Contract:
    """A new contract of this repository's, by its name, deployed by the role `deployer`.

    For what no deployments file has: `make(anvil, "FeeTakingToken")` and the other hostile ones, each named for its
    crime. The hostile tokens are TestUSD but for that, so `mint` funds them; a wallet's signature is any bytes.
    """
    artifact = compile_contracts(sources=(f"contracts/**/{name}.sol",))[name]
    web3 = Web3(Web3.HTTPProvider(anvil.url))
    creation = web3.eth.contract(abi=artifact.abi, bytecode=artifact.bytecode).constructor(*arguments)
    transaction = creation.transact({"from": account("deployer").address, "gas": 10_000_000})
    receipt = web3.eth.wait_for_transaction_receipt(transaction, poll_latency=0.02)
    assert receipt["status"] == 1, f"{name} was not deployed"
    contract: Contract = web3.eth.contract(address=receipt["contractAddress"], abi=artifact.abi)
    return contract


def typed_data(name: str, version: str, chain_id: int, contract: str) -> dict[str, Any]:
    """An EIP-712 domain."""
    return {"name": name, "version": version, "chainId": chain_id, "verifyingContract": contract}


def members(*declared: str) -> list[dict[str, str]]:
    """The members of an EIP-712 struct from declarations such as `address from`."""
    return [dict(zip(("type", "name"), member.split(" "), strict=True)) for member in declared]


TRANSFER = members(
    "address from", "address to", "uint256 value", "uint256 validAfter", "uint256 validBefore", "bytes32 nonce"
)
