"""Deploys the contracts with Ape to a devnet and writes their addresses to `deployments/<chain id>.json`."""

import argparse
import json
import os
import sys
import time
import urllib.request
from collections.abc import Callable
from contextlib import chdir
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.accounts import ROLES, account
from scripts.compile import Artifact, CompileError, compile_contracts
from scripts.solc import ROOT, CompilerMissing

os.environ.setdefault("APE_DATA_FOLDER", str(ROOT / "var" / "ape"))
import ape
from ape.contracts import ContractContainer
from ape.exceptions import ApeException
from ape.logging import LogLevel, logger
from eth_utils.address import is_address, to_checksum_address
from ethpm_types import ContractType

RPC = "http://127.0.0.1:8545"
FOLDER = ROOT / "deployments"
PERMIT2 = "0x000000000022D473030F116dDEE9F6B43aC78BA3"
PERMIT2_CODE = ROOT / "contracts" / "mocks" / "permit2.hex"
FUNDED_ROLES = ("buyer", "foreign_buyer")
USDC = 1_000_000
FUNDS = 1_000_000 * USDC
DAY = 86_400


@dataclass(slots=True)
class Site:
    """What a constructor may want to know: who is who, and where the contracts before it are."""

    deployer: str
    merchant: str
    delegate: str
    addresses: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Deployment:
    """One contract to deploy: its name in the file, the contract, and its constructor's arguments."""

    name: str
    contract: str
    arguments: Callable[[Site], list[Any]]


def access_pass(title: str, symbol: str, price: int, supply: int) -> Callable[[Site], list[Any]]:
    """Arguments of an AccessPass of the merchant's that is valid for 30 days."""

    def arguments(site: Site) -> list[Any]:
        token = site.addresses["TestUSD"]
        return [site.merchant, [site.delegate], token, PERMIT2, title, symbol, price, supply, 30 * DAY]

    return arguments


# What is deployed, in this order. A new callback contract is one more line.
DEPLOYMENTS = (
    Deployment("TestUSD", "TestUSD", lambda site: [site.deployer]),
    Deployment("BatchSettler", "BatchSettler", lambda site: []),
    Deployment("AccessPass", "AccessPass", access_pass("Paddock Access Pass", "PASS", 1 * USDC, 1_000_000)),
    Deployment("LaunchPass", "AccessPass", access_pass("Paddock Launch Pass", "LAUNCH", 5 * USDC // 2, 1)),
    Deployment("ProofAnchor", "ProofAnchor", lambda site: []),
)


class DeployError(Exception):
    """The contracts could not be deployed; the message says what to do."""


def deploy(
    rpc: str = RPC,
    delegate: str | None = None,
    folder: Path = FOLDER,
    report: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Bring the chain at `rpc` to the state of the sources; returns what the deployments file holds.

    Idempotent: a contract is deployed again only if the chain does not have it, or its source, compiler or arguments
    changed. `delegate` is the callbacks' allowlisted caller, by default the devnet's `delegate`.
    Raises DeployError, CompileError and CompilerMissing.
    """
    caller = delegate or account("delegate").address
    if not is_address(caller):
        raise DeployError(f"--delegate wants an address, not {caller}")
    logger.set_level(LogLevel.WARNING)
    chain_id = int(_call(rpc, "eth_chainId"), 16)
    artifacts = compile_contracts()
    path = folder / f"{chain_id}.json"
    known = _known(path)
    site = Site(account("deployer").address, account("merchant").address, to_checksum_address(caller))
    contracts: dict[str, Any] = {}
    deployed: list[str] = []
    try:
        with chdir(ROOT), ape.networks.parse_network_choice(rpc):
            for entry in DEPLOYMENTS:
                name, artifact, arguments = entry.name, artifacts[entry.contract], entry.arguments(site)
                if _is_in_place(known.get(name), artifact, arguments, rpc):
                    contracts[name] = known[name]
                else:
                    contracts[name] = _deploy(artifact, arguments)
                    deployed.append(name)
                site.addresses[name] = contracts[name]["address"]
                report(f"{'deployed' if name in deployed else 'in place':<9} {name:<13} {site.addresses[name]}")
            if "TestUSD" in deployed:
                _fund(contracts["TestUSD"])
    except ApeException as error:
        raise DeployError(f"Ape could not deploy to {rpc}: {error}") from error
    _etch_permit2(rpc)
    document = {"chain_id": chain_id, "asset": _asset(site), "contracts": contracts}
    if deployed or contracts != known:
        _write(path, document)
    else:
        report(f"chain {chain_id} has everything: nothing to deploy")
    return document


def _known(path: Path) -> dict[str, Any]:
    """What an earlier deployment wrote; a file that is not of our making counts as none."""
    try:
        contracts: dict[str, Any] = json.loads(path.read_text())["contracts"]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return {}
    return contracts


def _is_in_place(row: dict[str, Any] | None, artifact: Artifact, arguments: list[Any], rpc: str) -> bool:
    """Whether the chain has this contract from this source with these arguments."""
    if not row or (row.get("source_hash"), row.get("arguments")) != (artifact.source_hash, arguments):
        return False
    receipt = _call(rpc, "eth_getTransactionReceipt", row["transaction"])
    made = receipt and receipt["contractAddress"]
    return bool(made) and made.lower() == row["address"].lower() and _call(rpc, "eth_getCode", made, "latest") != "0x"


def _deploy(artifact: Artifact, arguments: list[Any]) -> dict[str, Any]:
    """Deploy by Ape, as the deployer; the contract's row in the file."""
    container = _container(artifact.name, artifact.abi, artifact.bytecode)
    receipt = _account("deployer").call(container(*arguments, sender=_account("deployer")))
    return {
        "address": receipt.contract_address,
        "abi": artifact.abi,
        "transaction": receipt.txn_hash,
        "block": receipt.block_number,
        "source_hash": artifact.source_hash,
        "arguments": arguments,
    }


def _account(role: str) -> Any:
    """Ape's account for a role of the devnet; Ape derives its test accounts from the same mnemonic."""
    return ape.accounts.test_accounts[ROLES.index(role)]


def _container(name: str, abi: list[dict[str, Any]], bytecode: str) -> ContractContainer:
    """Ape's view of a compiled contract."""
    fields = {"contractName": name, "abi": abi, "deploymentBytecode": {"bytecode": bytecode}}
    return ContractContainer(ContractType.model_validate(fields))


def _fund(row: dict[str, Any]) -> None:
    """Give the paying roles their test money."""
    token = _container("TestUSD", row["abi"], "0x").at(row["address"])
    for role in FUNDED_ROLES:
        token.mint(account(role).address, FUNDS, sender=_account("deployer"))


def _asset(site: Site) -> dict[str, Any]:
    """The asset as x402 terms name it."""
    return {
        "address": site.addresses["TestUSD"],
        "name": "USDC",
        "version": "2",
        "decimals": 6,
        "symbol": "USDC",
    }


def _etch_permit2(rpc: str) -> None:
    """Put Permit2 where it is on every public chain, if the node is an anvil that lacks it."""
    is_anvil = "anvil" in str(_call(rpc, "web3_clientVersion")).lower()
    if is_anvil and _call(rpc, "eth_getCode", PERMIT2, "latest") == "0x":
        code = PERMIT2_CODE.read_text().splitlines()[-1]
        _call(rpc, "anvil_setCode", PERMIT2, code)


def _write(path: Path, document: dict[str, Any]) -> None:
    """Replace the file in one move."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}")
    partial.write_text(json.dumps(document, indent=1) + "\n")
    partial.replace(path)


def _call(rpc: str, method: str, *parameters: Any) -> Any:
    """One JSON-RPC call; raises DeployError if nothing answers there."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}).encode()
    request = urllib.request.Request(rpc, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            answer = json.load(response)
    except (OSError, ValueError) as error:
        raise DeployError(f"no JSON-RPC answers at {rpc} ({error}): start the devnet, or name it with --rpc") from error
    if "error" in answer:
        raise DeployError(f"{method} at {rpc} failed: {answer['error']['message']}")
    return answer["result"]


def main(arguments: list[str] | None = None) -> int:
    """`python -m scripts.deploy [--rpc URL] [--delegate ADDRESS] [--folder PATH]`."""
    parser = argparse.ArgumentParser(prog="python -m scripts.deploy", description=__doc__)
    parser.add_argument("--rpc", default=RPC, help="JSON-RPC of the chain (default: %(default)s)")
    parser.add_argument("--delegate", help="delegate wallet that the callbacks take payments from")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the deployments file goes")
    options = parser.parse_args(arguments)
    started = time.monotonic()
    try:
        document = deploy(options.rpc, options.delegate, options.folder, report=print)
    except (DeployError, CompileError, CompilerMissing) as error:
        print(f"deploy: {error}", file=sys.stderr)
        return 1
    print(f"{options.folder / str(document['chain_id'])}.json in {time.monotonic() - started:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
