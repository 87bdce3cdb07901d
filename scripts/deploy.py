"""Deploys the contracts with Ape to a devnet and writes their addresses to `deployments/<chain id>.json`."""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import chdir
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.accounts import ROLES, account
from scripts.assets import ASSETS, Asset
from scripts.compile import Artifact, CompileError, compile_contracts
from scripts.etch import PERMIT2, etch
from scripts.rpc import RpcError, call
from scripts.shipped import link, shipped_contracts
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
USDC = 1_000_000
DAY = 86_400
PRICES = [USDC // 100, 10_000 * USDC]
"""The smallest and the largest payment of what has no price of its own."""
TARGET_GAS = 250_000
"""What a callback contract gets from the executor beyond the gas of its action: twice what it needs."""


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


def paid_in_dollars(*terms: Any) -> Callable[[Site], list[Any]]:
    """Arguments of a callback of the merchant's that is paid in the first asset; its own `terms` follow.

    A role's name in them, at any depth, stands for its address.
    """

    def named(term: Any, site: Site) -> Any:
        if isinstance(term, list):
            return [named(part, site) for part in term]
        return getattr(site, term) if isinstance(term, str) else term

    def arguments(site: Site) -> list[Any]:
        token = site.addresses["TestUSD"]
        return [site.merchant, [site.delegate], token, PERMIT2, *named(list(terms), site)]

    return arguments


def nothing(site: Site) -> list[Any]:
    """No arguments."""
    return []


# What is deployed, in this order; a library stands before what calls it. A new callback contract is one more line.
DEPLOYMENTS = (
    Deployment("TestUSD", "TestUSD", lambda site: [site.deployer]),
    Deployment("BatchSettler", "BatchSettler", nothing),
    Deployment("WalletSettler", "WalletSettler", nothing),
    Deployment("DelegateExecutor", "DelegateExecutor", lambda site: [site.deployer]),
    Deployment("AccessPass", "AccessPass", access_pass("Paddock Access Pass", "PASS", 1 * USDC, 1_000_000)),
    Deployment("LaunchPass", "AccessPass", access_pass("Paddock Launch Pass", "LAUNCH", 5 * USDC // 2, 1)),
    Deployment("StakingVault", "StakingVault", paid_in_dollars(USDC // 10, 10_000 * USDC)),
    Deployment("Subscription", "Subscription", paid_in_dollars(1 * USDC, 30 * DAY, 12)),
    Deployment("RevenueSplit", "RevenueSplit", paid_in_dollars(PRICES, [["deployer", 500]], "merchant")),
    Deployment("EscrowRelease", "EscrowRelease", paid_in_dollars(PRICES, "deployer", 7 * DAY)),
    Deployment("SmartWalletFactory", "SmartWalletFactory", nothing),
    Deployment("TestDAI", "TestDAI", nothing),
    Deployment("SignatureChecker", "SignatureChecker", nothing),
    Deployment("FiatTokenV2_2", "FiatTokenV2_2", nothing),
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
    Raises DeployError, RpcError, CompileError and CompilerMissing.
    """
    caller = delegate or account("delegate").address
    if not is_address(caller):
        raise DeployError(f"--delegate wants an address, not {caller}")
    logger.set_level(LogLevel.WARNING)
    chain_id = int(call(rpc, "eth_chainId"), 16)
    artifacts = compile_contracts() | shipped_contracts()
    path = folder / f"{chain_id}.json"
    earlier = _earlier(path)
    known = earlier["contracts"]
    site = Site(account("deployer").address, account("merchant").address, to_checksum_address(caller))
    contracts: dict[str, Any] = {}
    deployed: list[str] = []
    try:
        with chdir(ROOT), ape.networks.parse_network_choice(rpc):
            for entry in DEPLOYMENTS:
                artifact = link(artifacts[entry.contract], artifacts, site.addresses)
                name, arguments = entry.name, entry.arguments(site)
                if _is_in_place(known.get(name), artifact, arguments, rpc):
                    contracts[name] = known[name]
                else:
                    contracts[name] = _deploy(artifact, arguments)
                    deployed.append(name)
                site.addresses[name] = contracts[name]["address"]
                report(f"{'deployed' if name in deployed else 'in place':<9} {name:<19} {site.addresses[name]}")
            for asset in ASSETS:
                if asset.contract in deployed:
                    _make_ready(asset, contracts[asset.contract])
            _introduce(contracts)
    except ApeException as error:
        raise DeployError(f"Ape could not deploy to {rpc}: {error}") from error
    etch(rpc, artifacts)
    document = {"chain_id": chain_id, "assets": _assets(site), "contracts": contracts}
    if document != earlier:
        _write(path, document)
    if not deployed:
        report(f"chain {chain_id} has everything: nothing to deploy")
    return document


def _earlier(path: Path) -> dict[str, Any]:
    """What an earlier deployment wrote; a file that is not of our making counts as none."""
    try:
        document: dict[str, Any] = json.loads(path.read_text())
        return document | {"contracts": dict(document["contracts"])}
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return {"contracts": {}}


def _assets(site: Site) -> list[dict[str, Any]]:
    """The assets as x402 terms name them, and how each is moved."""
    return [asset.terms(site.addresses) | {"method": asset.method} for asset in ASSETS]


def _is_in_place(row: dict[str, Any] | None, artifact: Artifact, arguments: list[Any], rpc: str) -> bool:
    """Whether the chain has this contract from this source with these arguments."""
    if not row or (row.get("source_hash"), row.get("arguments")) != (artifact.source_hash, arguments):
        return False
    receipt = call(rpc, "eth_getTransactionReceipt", row["transaction"])
    made = receipt and receipt["contractAddress"]
    return bool(made) and made.lower() == row["address"].lower() and call(rpc, "eth_getCode", made, "latest") != "0x"


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


def _make_ready(asset: Asset, row: dict[str, Any]) -> None:
    """Send what makes an asset's token ready to be paid with."""
    token = _at({asset.contract: row}, asset.contract)
    for step in asset.calls():
        getattr(token, step.method)(*step.arguments, sender=_account(step.role))


def _introduce(contracts: dict[str, Any]) -> None:
    """Have the executor pay every callback contract, and every callback contract take its payments."""
    executor = _at(contracts, "DelegateExecutor")
    for name, row in contracts.items():
        if any(entry.get("name") == "onPayment" for entry in row["abi"]):
            target = _at(contracts, name)
            gas = target.ACTION_GAS() + TARGET_GAS
            if executor.gasOf(target.address) != gas:
                executor.listTarget(target.address, gas, sender=_account("deployer"))
            if not target.isExecutor(executor.address):
                target.listExecutor(executor.address, True, sender=_account("merchant"))


def _at(contracts: dict[str, Any], name: str) -> Any:
    """Ape's view of a deployed contract."""
    row = contracts[name]
    return _container(name, row["abi"], "0x").at(row["address"])


def _write(path: Path, document: dict[str, Any]) -> None:
    """Replace the file in one move."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}")
    partial.write_text(json.dumps(document, indent=1) + "\n")
    partial.replace(path)


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
    except (DeployError, RpcError, CompileError, CompilerMissing) as error:
        print(f"deploy: {error}", file=sys.stderr)
        return 1
    print(f"{options.folder / str(document['chain_id'])}.json in {time.monotonic() - started:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
