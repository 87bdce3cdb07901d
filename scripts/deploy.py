"""Deploys the contracts with Ape to a devnet and writes their addresses to `deployments/<chain id>.json`."""

import argparse
import sys
import time
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from typing import Any

from eth_utils.address import is_address, to_checksum_address

from scripts.accounts import ROLES, account
from scripts.assets import ASSETS, Asset
from scripts.compile import CompileError, compile_contracts
from scripts.deploying import (
    FOLDER,
    DeployError,
    Deployment,
    Site,
    ape,
    container_of,
    is_in_place,
    put,
    read_earlier,
    write_document,
)
from scripts.etch import PERMIT2, etch
from scripts.public_deploy import network_command
from scripts.rpc import RpcError, call
from scripts.shipped import link, shipped_contracts
from scripts.solc import ROOT, CompilerMissing

RPC = "http://127.0.0.1:8545"
USDC = 1_000_000
DAY = 86_400
PRICES = [USDC // 100, 10_000 * USDC]
"""The smallest and the largest payment of what has no price of its own."""
TARGET_GAS = 250_000
"""What a callback contract gets from the executor beyond the gas of its action: twice what it needs."""


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
    Deployment("EscrowRelease", "EscrowRelease", paid_in_dollars(PRICES, "delegate", 7 * DAY)),
    Deployment("SmartWalletFactory", "SmartWalletFactory", nothing),
    Deployment("TestDAI", "TestDAI", nothing),
    Deployment("SignatureChecker", "SignatureChecker", nothing),
    Deployment("FiatTokenV2_2", "FiatTokenV2_2", nothing),
    Deployment("ProofAnchor", "ProofAnchor", lambda site: []),
    Deployment("IdentityRegistry", "IdentityRegistry", nothing),
    Deployment("ReputationRegistry", "ReputationRegistry", lambda site: [site.addresses["IdentityRegistry"]]),
)


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
    ape.logging.logger.set_level(ape.logging.LogLevel.WARNING)
    chain_id = int(call(rpc, "eth_chainId"), 16)
    artifacts = compile_contracts() | shipped_contracts()
    path = folder / f"{chain_id}.json"
    earlier = read_earlier(path)
    known = earlier["contracts"]
    site = Site(account("deployer").address, account("merchant").address, to_checksum_address(caller))
    contracts: dict[str, Any] = {}
    deployed: list[str] = []
    try:
        with chdir(ROOT), ape.networks.parse_network_choice(rpc):
            for entry in DEPLOYMENTS:
                artifact = link(artifacts[entry.contract], artifacts, site.addresses)
                name, arguments = entry.name, entry.arguments(site)
                if is_in_place(known.get(name), artifact, arguments, rpc):
                    contracts[name] = known[name]
                else:
                    contracts[name] = put(artifact, arguments, _account("deployer"))
                    deployed.append(name)
                site.addresses[name] = contracts[name]["address"]
                report(f"{'deployed' if name in deployed else 'in place':<9} {name:<19} {site.addresses[name]}")
            for asset in ASSETS:
                if asset.contract in deployed:
                    _make_ready(asset, contracts[asset.contract])
            _introduce(contracts)
    except ape.exceptions.ApeException as error:
        raise DeployError(f"Ape could not deploy to {rpc}: {error}") from error
    etch(rpc, artifacts)
    document = {"chain_id": chain_id, "assets": _assets(site), "contracts": contracts}
    if document != earlier:
        write_document(path, document)
    if not deployed:
        report(f"chain {chain_id} has everything: nothing to deploy")
    return document


def _assets(site: Site) -> list[dict[str, Any]]:
    """The assets as x402 terms name them, and how each is moved."""
    return [asset.terms(site.addresses) | {"method": asset.method} for asset in ASSETS]


def _account(role: str) -> Any:
    """Ape's account for a role of the devnet; Ape derives its test accounts from the same mnemonic."""
    return ape.accounts.test_accounts[ROLES.index(role)]


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
    return container_of(name, row["abi"], "0x").at(row["address"])


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


cli = network_command(DEPLOYMENTS)
"""What `ape run deploy` runs."""

if __name__ == "__main__":
    sys.exit(main())
