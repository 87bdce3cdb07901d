"""`ape run deploy`: our contracts on a public network, from a keystore account, and what an explorer verifies."""

import json
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from ape.cli import ConnectedProviderCommand, account_option
from eth_abi.abi import encode
from eth_utils.address import is_address, to_checksum_address

from scripts.callback_lab.abi import type_of
from scripts.compile import CompileError, compile_alone, source_hashes, standard_input
from scripts.deploying import (
    FOLDER,
    DeployError,
    Deployment,
    Site,
    is_in_place,
    put,
    read_earlier,
    write_document,
)
from scripts.rpc import RpcError, call
from scripts.solc import ROOT, CompilerMissing, pinned_version

DEVNET_ONLY = ("TestUSD", "TestDAI", "FiatTokenV2_2", "SignatureChecker", "SmartWalletFactory")
"""Contracts that public networks have already, or must never have."""
DOLLAR = "TestUSD"
"""The name by which the deploy list asks for what callbacks are paid in: on a public network its first asset."""


@dataclass(frozen=True, slots=True)
class Order:
    """What one run is to do: where, from whom, for whom, and where it is written down."""

    rpc: str
    chain_id: int
    sender: Any
    merchant: str
    delegate: str
    folder: Path


def network_command(deployments: Iterable[Deployment]) -> click.Command:
    """The command that deploys what of the list belongs on a public network."""
    wanted = [entry for entry in deployments if entry.contract not in DEVNET_ONLY]

    @click.command(cls=ConnectedProviderCommand, short_help="Deploy to a public network from a keystore account")
    @account_option()
    @click.option("--merchant", required=True, help="owns the callbacks and takes their revenue")
    @click.option("--delegate", required=True, help="the delegate wallet, which hands payments in")
    @click.option("--folder", type=click.Path(path_type=Path), default=FOLDER, help="where the deployments file goes")
    @click.option("--yes", is_flag=True, help="do not ask before anything is sent")
    def cli(provider: Any, account: Any, merchant: str, delegate: str, folder: Path, yes: bool) -> None:
        try:
            order = Order(provider.uri, provider.chain_id, account, _address(merchant), _address(delegate), folder)
            document = _prepare(order)
            names = ", ".join(entry.name for entry in wanted)
            click.echo(f"chain {order.chain_id} at {order.rpc}: {names}, from {account.address}")
            if not yes:
                click.confirm("Send the chain transactions?", abort=True)
            account.set_autosign(True)
            _deploy_all(order, wanted, document)
        except (DeployError, RpcError, CompileError, CompilerMissing) as error:
            raise click.ClickException(str(error)) from error

    return cli


def _address(text: str) -> str:
    if not is_address(text):
        raise DeployError(f"{text!r} is no address")
    return str(to_checksum_address(text))


def _prepare(order: Order) -> dict[str, Any]:
    """The deployments file as it begins: the network's assets, and what was deployed before. Raises DeployError."""
    networks = tomllib.loads((ROOT / "networks.toml").read_text())["networks"]
    network = networks.get(f"eip155:{order.chain_id}")
    if network is None:
        raise DeployError(
            f"networks.toml knows no asset of chain {order.chain_id}: add it there; "
            "for a devnet use python -m scripts.deploy"
        )
    assets = [row | {"address": to_checksum_address(row["address"])} for row in network["assets"]]
    if call(order.rpc, "eth_getCode", assets[0]["address"], "latest") == "0x":
        raise DeployError(f"{assets[0]['symbol']} is not at {assets[0]['address']} on chain {order.chain_id}")
    earlier = read_earlier(order.folder / f"{order.chain_id}.json")
    return {"chain_id": order.chain_id, "assets": assets, "contracts": earlier["contracts"]}


def _deploy_all(order: Order, wanted: list[Deployment], document: dict[str, Any]) -> None:
    """Deploys what is not in place; the file is written after each, so that an interruption loses nothing."""
    site = Site(order.sender.address, order.merchant, order.delegate, {DOLLAR: document["assets"][0]["address"]})
    units = {Path(unit).stem: unit for unit in source_hashes()}
    for entry in wanted:
        arguments, unit = entry.arguments(site), units[entry.contract]
        artifact = compile_alone(unit)[entry.contract]
        known = document["contracts"].get(entry.name)
        if is_in_place(known, artifact, arguments, order.rpc):
            click.echo(f"in place  {entry.name:<16} {known['address']}")
        else:
            document["contracts"][entry.name] = put(artifact, arguments, order.sender)
            write_document(order.folder / f"{order.chain_id}.json", document)
            click.echo(f"deployed  {entry.name:<16} {document['contracts'][entry.name]['address']}")
        row = document["contracts"][entry.name]
        site.addresses[entry.name] = row["address"]
        _write_verification(order, entry, unit, row)


def _write_verification(order: Order, entry: Deployment, unit: str, row: dict[str, Any]) -> None:
    """The compiler's standard JSON as an explorer takes it, and what is entered beside it."""
    folder = order.folder / "verification" / str(order.chain_id)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{entry.name}.input.json").write_text(json.dumps(standard_input([unit]), indent=1) + "\n")
    beside = {
        "address": row["address"],
        "contract": f"{unit}:{entry.contract}",
        "compiler": pinned_version(),
        "constructor_arguments": encode(_constructor_types(row["abi"]), row["arguments"]).hex(),
        "license": "MIT",
    }
    (folder / f"{entry.name}.json").write_text(json.dumps(beside, indent=1) + "\n")


def _constructor_types(abi: list[dict[str, Any]]) -> list[str]:
    return [type_of(item) for entry in abi if entry["type"] == "constructor" for item in entry["inputs"]]
