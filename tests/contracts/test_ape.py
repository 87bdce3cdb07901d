"""Ape's own commands on this repository: its tests, and a deployment to a public network from a keystore account."""

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from eth_account import Account

from scripts.accounts import account
from scripts.compile import CACHE, compile_contracts
from scripts.deploy import DEPLOYMENTS
from scripts.public_deploy import DEVNET_ONLY
from scripts.solc import ROOT, find_compiler
from scripts.solc.foundry import ToolMissing
from server.adapters.networks import read_deployments
from tests.conftest import missing
from tests.contracts.devnet import Devnet, read
from tests.stack.anvil import Anvil, run_anvil

GOAT_TESTNET = 48816
VERIFIED = ("AccessPass", "ProofAnchor")
"""Compiled once more by what was written for an explorer; the others are written by the same lines."""
MERCHANT, DELEGATE = account("merchant").address, account("delegate").address


def ape(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Ape's command line in this repository."""
    program = "from ape._cli import cli; cli()"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)} | environ, capture_output=True, text=True, timeout=850,
        check=False,
    )  # fmt: skip


@dataclass(frozen=True)
class Public:
    """A chain that says it is GOAT's testnet, and somebody who has its coin and a key file."""

    anvil: Anvil
    folder: Path
    payer: str

    def deploy(self, *options: str) -> subprocess.CompletedProcess[str]:
        network = f"ethereum:goat-testnet3:{self.anvil.url}"
        whose = ("--account", "publisher", "--merchant", MERCHANT, "--delegate", DELEGATE)
        return ape(
            "run", "deploy", "--network", network, *whose, "--folder", str(self.folder), *options,
            APE_DATA_FOLDER=str(self.folder / "ape"), APE_ACCOUNTS_publisher_PASSPHRASE="secret",
        )  # fmt: skip


@pytest.fixture
def public(tmp_path: Path) -> Iterator[Public]:
    publisher = Account.create()
    keys = tmp_path / "ape" / "accounts"
    keys.mkdir(parents=True)
    keyfile = Account.encrypt(publisher.key, "secret", kdf="pbkdf2", iterations=1_000)
    (keys / "publisher.json").write_text(json.dumps(keyfile))
    try:
        with run_anvil(tmp_path, options=("--chain-id", str(GOAT_TESTNET))) as anvil:
            anvil.set_balance(publisher.address, 10**18)
            yield Public(anvil, tmp_path, publisher.address)
    except ToolMissing as error:
        missing(str(error))


def put_dollar(anvil: Anvil) -> str:
    """A dollar at the address that networks.toml knows; the address."""
    (dollar, *_) = tomllib.loads((ROOT / "networks.toml").read_text())["networks"][f"eip155:{GOAT_TESTNET}"]["assets"]
    anvil.rpc("anvil_setCode", dollar["address"], compile_contracts()["TestUSD"].runtime)
    return str(dollar["address"]).lower()


@pytest.mark.timeout(900)
def test_ape_runs_its_own_tests() -> None:
    result = ape("test", "tests/ape", APE_DATA_FOLDER=str(CACHE.parents[1] / "ape"))
    assert result.returncode == 0, result.stdout + result.stderr
    assert " passed" in result.stdout
    assert "skipped" not in result.stdout


@pytest.mark.timeout(900)
def test_ape_run_deploy_puts_what_is_ours_on_a_public_network_and_says_how_to_verify_it(public: Public) -> None:
    dollar = put_dollar(public.anvil)
    result = public.deploy("--yes")
    assert result.returncode == 0, result.stdout + result.stderr
    document = read(public.folder, GOAT_TESTNET)
    wanted = [entry for entry in DEPLOYMENTS if entry.contract not in DEVNET_ONLY]
    assert list(document["contracts"]) == [entry.name for entry in wanted]
    (market,) = read_deployments([public.folder / f"{GOAT_TESTNET}.json"], DELEGATE).values()
    assert (market.chain_id, market.assets[0].address.lower()) == (GOAT_TESTNET, dollar)
    web3, verification = Devnet(public.anvil, document).web3, public.folder / "verification" / str(GOAT_TESTNET)
    for entry in wanted:
        sent = web3.eth.get_transaction(document["contracts"][entry.name]["transaction"])
        assert sent["from"] == public.payer
        assert (verification / f"{entry.name}.json").is_file()
        if entry.name in VERIFIED:
            assert bytes(sent["input"]).hex() == creation_by(verification, entry.name)
    functions = Devnet(public.anvil, document).contract("AccessPass").functions
    assert functions.owner().call() == MERCHANT
    assert functions.isCaller(DELEGATE).call()
    assert functions.isToken(web3.to_checksum_address(dollar)).call()
    height = public.anvil.rpc("eth_getTransactionCount", public.payer, "latest")
    again = public.deploy("--yes")
    assert again.stdout.count("in place") == len(wanted), again.stdout + again.stderr
    assert public.anvil.rpc("eth_getTransactionCount", public.payer, "latest") == height
    assert read(public.folder, GOAT_TESTNET) == document


@pytest.mark.timeout(300)
def test_nothing_is_sent_where_the_network_is_not_as_it_should_be_or_nobody_said_yes(public: Public) -> None:
    without_dollar = public.deploy("--yes")
    assert without_dollar.returncode != 0
    assert "USDC is not at" in without_dollar.stderr + without_dollar.stdout
    put_dollar(public.anvil)
    unasked = public.deploy()
    assert unasked.returncode != 0
    assert "Send the chain transactions?" in unasked.stdout
    nobody = public.deploy("--yes", "--merchant", "0x1234")
    assert "'0x1234' is no address" in nobody.stderr + nobody.stdout
    assert int(public.anvil.rpc("eth_getTransactionCount", public.payer, "latest"), 16) == 0
    assert not (public.folder / f"{GOAT_TESTNET}.json").exists()


def test_apes_networks_are_those_of_networks_toml() -> None:
    config = yaml.safe_load((ROOT / "ape-config.yaml").read_text())
    chains = {one["name"]: one["chain_id"] for one in config["networks"]["custom"]}
    assert chains == {"devnet": 31337, "goat-testnet3": GOAT_TESTNET, "goat": 2345}
    assert set(config["node"]["ethereum"]) == set(chains)
    known = tomllib.loads((ROOT / "networks.toml").read_text())["networks"]
    assert {f"eip155:{chain}" for name, chain in chains.items() if name != "devnet"} <= set(known)


def creation_by(folder: Path, name: str) -> str:
    """The creation code that an explorer makes of what was written for it, by the compiler alone."""
    beside = json.loads((folder / f"{name}.json").read_text())
    unit, contract = beside["contract"].split(":")
    given = (folder / f"{name}.input.json").read_text()
    answer = subprocess.run(
        [find_compiler(), "--standard-json"], input=given, capture_output=True, text=True, timeout=300, check=True
    )
    output = json.loads(answer.stdout)["contracts"][unit][contract]["evm"]["bytecode"]["object"]
    return str(output + beside["constructor_arguments"])
