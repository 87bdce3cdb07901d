"""Deploying with Ape: what is then on the chain, and that doing it again does nothing that is not needed."""

import json
from pathlib import Path
from typing import Any

import pytest
from eth_utils.crypto import keccak

from scripts.accounts import account
from scripts.compile import compile_contracts
from scripts.deploy import DEPLOYMENTS
from scripts.deploying import Site
from scripts.etch import PERMIT2
from scripts.shipped import link, shipped_contracts
from tests.contracts.devnet import Devnet, read, run_deploy
from tests.stack.anvil import Anvil, run_anvil

USDC = 1_000_000
CALLBACKS = ("AccessPass", "LaunchPass", "StakingVault", "Subscription", "RevenueSplit", "EscrowRelease")
ENTRIES = {
    "0bf29d00": "x402SpentEip3009",
    "ed1a2433": "x402SpentPermit2",
    "c42315e4": "x402SpentEip3009WithCalldata",
    "5f010bfd": "x402SpentPermit2WithCalldata",
}


def selector(entry: dict[str, Any]) -> str:
    types = ",".join(item["type"] for item in entry["inputs"])
    return keccak(text=f"{entry['name']}({types})")[:4].hex()


def test_the_file_names_chain_asset_and_every_contract(devnet: Devnet) -> None:
    document = devnet.document
    assert document["chain_id"] == devnet.web3.eth.chain_id == 31337
    token = document["contracts"]["TestUSD"]["address"]
    first = {"address": token, "name": "USDC", "version": "2", "decimals": 6, "symbol": "USDC", "method": "eip3009"}
    assert document["assets"][0] == first
    assert list(document["contracts"]) == [entry.name for entry in DEPLOYMENTS]
    artifacts = compile_contracts() | shipped_contracts()
    addresses = {name: row["address"] for name, row in document["contracts"].items()}
    for entry in DEPLOYMENTS:
        row = document["contracts"][entry.name]
        assert row["source_hash"] == link(artifacts[entry.contract], artifacts, addresses).source_hash
        receipt = devnet.web3.eth.get_transaction_receipt(row["transaction"])
        assert receipt["contractAddress"] == row["address"]
        assert receipt["blockNumber"] == row["block"]
        assert len(devnet.web3.eth.get_code(row["address"])) == (len(artifacts[entry.contract].runtime) - 2) // 2


@pytest.mark.parametrize("name", ["AccessPass", "LaunchPass"])
def test_the_callbacks_have_goats_selectors_and_take_payments_from_the_delegate_wallet_only(
    devnet: Devnet, name: str
) -> None:
    functions = [entry for entry in devnet.document["contracts"][name]["abi"] if entry["type"] == "function"]
    assert ENTRIES.items() <= {selector(entry): entry["name"] for entry in functions}.items()
    contract = devnet.contract(name).functions
    assert contract.isCaller(account("delegate").address).call()
    for role in ("deployer", "merchant", "buyer", "stranger"):
        assert not contract.isCaller(account(role).address).call()
    assert contract.isToken(devnet.document["assets"][0]["address"]).call()
    assert contract.isPermit2(PERMIT2).call()
    assert contract.owner().call() == account("merchant").address
    price, supply = (1 * USDC, 1_000_000) if name == "AccessPass" else (5 * USDC // 2, 1)
    assert contract.boundsOf(b"\0\0\0\0").call() == [price, 2 * price - 1]
    assert contract.boundsOf(keccak(text="mintTo(address)")[:4]).call() == [price, 2 * price - 1]
    assert contract.PRICE().call() == price
    assert contract.SUPPLY().call() == supply
    assert contract.DURATION().call() == 30 * 86_400


@pytest.mark.parametrize("name", CALLBACKS)
def test_the_executor_and_every_callback_know_each_other(devnet: Devnet, name: str) -> None:
    executor, callback = devnet.contract("DelegateExecutor"), devnet.contract(name)
    assert executor.functions.owner().call() == account("deployer").address
    assert callback.functions.isExecutor(executor.address).call()
    assert executor.functions.gasOf(callback.address).call() > callback.functions.ACTION_GAS().call() + 200_000


def test_the_paying_roles_have_money_and_the_pauper_has_none(devnet: Devnet) -> None:
    balance = devnet.contract("TestUSD").functions.balanceOf
    for role in ("buyer", "foreign_buyer"):
        assert balance(account(role).address).call() == 1_000_000 * USDC
    assert balance(account("pauper").address).call() == 0


def test_permit2_is_where_it_is_everywhere_and_its_domain_follows_the_chain(devnet: Devnet) -> None:
    words = [
        keccak(text="EIP712Domain(string name,uint256 chainId,address verifyingContract)"),
        keccak(text="Permit2"),
        (31337).to_bytes(32, "big"),
        bytes(12) + bytes.fromhex(PERMIT2[2:]),
    ]
    answer = devnet.web3.eth.call({"to": PERMIT2, "data": keccak(text="DOMAIN_SEPARATOR()")[:4]})
    assert bytes(answer) == keccak(b"".join(words))


def test_deploying_twice_does_nothing_and_a_fresh_chain_gets_everything_again(tmp_path: Path) -> None:
    delegate = account("stranger").address
    with run_anvil(tmp_path, "first", options=("--chain-id", "84532")) as anvil:
        first = run_deploy(anvil.url, tmp_path, "--delegate", delegate.lower())
        assert first.returncode == 0, first.stderr
        before, height = read(tmp_path, 84532), anvil.block_number()
        second = run_deploy(anvil.url, tmp_path, "--delegate", delegate)
        assert second.returncode == 0, second.stderr
        assert "nothing to deploy" in second.stdout
        assert anvil.block_number() == height
        assert read(tmp_path, 84532) == before
        assert Devnet(anvil, before).contract("AccessPass").functions.isCaller(delegate).call()
    with run_anvil(tmp_path, "second", options=("--chain-id", "84532")) as anvil:
        third = run_deploy(anvil.url, tmp_path, "--delegate", delegate)
        assert third.stdout.count("deployed ") == len(DEPLOYMENTS), third.stdout + third.stderr
        balance = Devnet(anvil, read(tmp_path, 84532)).contract("TestUSD").functions.balanceOf
        assert balance(account("buyer").address).call() == 1_000_000 * USDC


def test_a_devnet_that_runs_for_an_hour_fills_no_disk_and_knows_its_last_minutes(tmp_path: Path) -> None:
    with run_anvil(tmp_path) as anvil:
        anvil.mine(3000)
        states = list((tmp_path / "states").rglob("0x*.json"))
        assert 0 < len(states) <= 300
        assert int(anvil.rpc("eth_getBalance", account("buyer").address, hex(anvil.block_number() - 290)), 16) > 0


def test_only_what_changed_is_deployed_again(tmp_path: Path) -> None:
    with run_anvil(tmp_path, options=()) as anvil:
        assert run_deploy(anvil.url, tmp_path).returncode == 0
        before = read(tmp_path, 31337)
        pretend_an_older_source(tmp_path, "LaunchPass")
        assert changed(anvil, tmp_path, before) == {"LaunchPass"}
        before = read(tmp_path, 31337)
        assert taking("delegate") >= {"AccessPass", "LaunchPass"}
        assert changed(anvil, tmp_path, before, "--delegate", account("settler").address) == taking("delegate")


@pytest.mark.parametrize(("new", "token"), [("TestUSD", "TestUSD"), ("SignatureChecker", "FiatTokenV2_2")])
def test_a_new_token_or_library_takes_along_what_depends_on_it(new: str, token: str, tmp_path: Path) -> None:
    with run_anvil(tmp_path, options=()) as anvil:
        assert run_deploy(anvil.url, tmp_path).returncode == 0
        before = read(tmp_path, 31337)
        pretend_an_older_source(tmp_path, new)
        assert changed(anvil, tmp_path, before) == {new, token, *taking(new)}
        balance = Devnet(anvil, read(tmp_path, 31337)).contract(token).functions.balanceOf
        assert balance(account("buyer").address).call() == 1_000_000 * USDC


def test_a_file_from_before_there_were_several_assets_gets_them_without_a_deployment(tmp_path: Path) -> None:
    with run_anvil(tmp_path, options=()) as anvil:
        assert run_deploy(anvil.url, tmp_path).returncode == 0
        before, height = read(tmp_path, 31337), anvil.block_number()
        (tmp_path / "31337.json").write_text(json.dumps({**before, "assets": []}))
        again = run_deploy(anvil.url, tmp_path)
        assert "nothing to deploy" in again.stdout, again.stderr
        assert anvil.block_number() == height
        assert read(tmp_path, 31337) == before


def test_it_says_what_to_do_when_nothing_answers(tmp_path: Path) -> None:
    result = run_deploy("http://127.0.0.1:9", tmp_path)
    assert result.returncode == 1
    assert "start the devnet" in result.stderr
    assert "Traceback" not in result.stderr


def test_it_refuses_a_delegate_that_is_no_address(tmp_path: Path) -> None:
    result = run_deploy("http://127.0.0.1:9", tmp_path, "--delegate", "0x1234")
    assert result.returncode == 1
    assert "--delegate wants an address" in result.stderr


def taking(what: str) -> set[str]:
    """The deployments whose arguments name the delegate wallet, or a contract."""
    site = Site("deployer", "merchant", "delegate", {entry.name: entry.name for entry in DEPLOYMENTS})
    return {entry.name for entry in DEPLOYMENTS if f"'{what}'" in str(entry.arguments(site))}


def pretend_an_older_source(folder: Path, name: str) -> None:
    document = read(folder, 31337)
    document["contracts"][name]["source_hash"] = "0" * 64
    (folder / "31337.json").write_text(json.dumps(document))


def changed(anvil: Anvil, folder: Path, before: dict[str, Any], *options: str) -> set[str]:
    """What another deployment puts somewhere else."""
    result = run_deploy(anvil.url, folder, *options)
    assert result.returncode == 0, result.stderr
    after = read(folder, 31337)["contracts"]
    return {name for name, row in before["contracts"].items() if after[name]["address"] != row["address"]}
