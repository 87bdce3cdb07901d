"""`paddock callback-lab` as a developer uses it: careless contracts, bad input, a devnet of one's own, JSON."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.callback_lab.actions import choose_action
from scripts.callback_lab.battery import BATTERY
from scripts.callback_lab.errors import LabError
from scripts.callback_lab.lab import examine
from scripts.callback_lab.node import Node, Transaction
from scripts.callback_lab.opening import Given
from scripts.callback_lab.subject import as_type, parse_given
from scripts.compile import compile_contracts
from scripts.solc import ROOT
from tests.stack.anvil import run_anvil

PASS = "contracts/callbacks/AccessPass.sol"
HEAD = (
    '// SPDX-License-Identifier: MIT\npragma solidity ^0.8.28;\nimport {X402Callback} from "BASE/X402Callback.sol";\n'
)
TOKEN = 'import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";\n'
CARELESS = """
contract Careless is X402Callback {
    uint256 public immutable PRICE;
    constructor(Lists memory lists, uint128 price) X402Callback(lists, _actions(price), 150_000) { PRICE = price; }
    function sweep(address token) external {
        IERC20(token).transfer(msg.sender, IERC20(token).balanceOf(address(this)));
    }
    function run(address code, bytes calldata data) external onlyOwner {
        (bool done,) = code.delegatecall(data);
        require(done);
    }
    function _onPayment(Payment calldata payment) internal override {
        _declareRevenue(payment.orderId, payment.token, payment.amount);
    }
    function _onCalldata(Payment calldata payment, bytes4, bytes calldata) internal override { _onPayment(payment); }
    function _actions(uint128 price) private pure returns (Action[] memory actions) {
        actions = new Action[](1);
        actions[0] = Action(BASE_ACTION, Bounds(price, price));
    }
}
"""
UNBOOKED = """
contract Unbooked is X402Callback {
    constructor(Lists memory lists, Action[] memory actions) X402Callback(lists, actions, 150_000) {}
    function _onPayment(Payment calldata) internal override {}
}
"""


def paddock(*arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """`paddock …`, as this checkout has it."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "server.cli", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False
    )


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The contracts somewhere else, with careless ones among them."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "contracts", folder / "contracts")
    shutil.copy(ROOT / "foundry.toml", folder)
    callbacks = folder / "contracts" / "callbacks"
    (callbacks / "Careless.sol").write_text(HEAD.replace("BASE", "..") + TOKEN + CARELESS)
    (callbacks / "Unbooked.sol").write_text(HEAD.replace("BASE", "@paddock") + UNBOOKED)
    return folder


@pytest.mark.timeout(600)
def test_a_careless_contract_fails_the_checks_that_are_for_it_and_no_other(checkout: Path) -> None:
    report = examine(str(checkout / "contracts/callbacks/Careless.sol"), Given({"price": "7"}, ()))
    assert {verdict.check.name for verdict in report.failed} == {"every function", "no other code", "unwritten action"}
    lines = "\n".join(report.lines())
    assert "sweep by a stranger brings the stranger 7" in lines
    assert "TestUSD.transfer(to=stranger, value=7)" in lines, "the decoded trace"
    assert "DELEGATECALL" in lines
    assert "compare the selector with each action there is" in lines, "how to mend it"
    assert set(report.gas) == {"x402SpentEip3009", "x402SpentPermit2"}


@pytest.mark.timeout(600)
def test_imports_may_be_remapped_and_unbooked_money_is_named(checkout: Path) -> None:
    path = str(checkout / "contracts/callbacks/Unbooked.sol")
    report = examine(path, remappings=["@paddock/=contracts/"])
    said = {verdict.check.name: verdict.failure for verdict in report.failed}
    assert "BooksOutOfBalance(token=TestUSD, held=1000000, booked=0)" in said["right payments"]


@pytest.mark.timeout(600)
def test_the_command_prints_a_verdict_for_each_check_and_leaves_a_running_devnet_as_it_was(tmp_path: Path) -> None:
    with run_anvil(tmp_path) as anvil:
        accounts = anvil.rpc("eth_accounts")
        before = [anvil.rpc("eth_getTransactionCount", one, "latest") for one in accounts]
        result = paddock("callback-lab", PASS, "--rpc", anvil.url, "--json")
        assert result.returncode == 0, result.stdout + result.stderr
        assert [anvil.rpc("eth_getTransactionCount", one, "latest") for one in accounts] == before
    document = json.loads(result.stdout)
    assert document["contract"] == "AccessPass"
    assert document["passed"] is True
    assert {row["name"] for row in document["checks"]} > {check.name for check in BATTERY}
    assert all(row["passed"] and row["tries"] for row in document["checks"])
    assert 60_000 < document["gas"]["x402SpentEip3009"] < document["action_gas"]


@pytest.mark.timeout(600)
def test_a_failure_ends_with_status_1_and_what_cannot_be_run_with_status_2(checkout: Path) -> None:
    callbacks = checkout / "contracts" / "callbacks"
    failed = paddock("callback-lab", "Careless.sol", "--constructor", "price=7", folder=callbacks)
    assert failed.returncode == 1, failed.stderr
    assert "FAILED  C12" in failed.stdout
    missing = paddock("callback-lab", "Careless.sol", folder=callbacks)
    assert missing.returncode == 2
    assert "wants price (uint128): give --constructor price=…" in missing.stderr
    assert "Traceback" not in missing.stderr


@pytest.mark.parametrize(
    ("target", "options", "says"),
    [
        ("contracts/callbacks/Nothing.sol", {}, "no Solidity file"),
        ("README.md", {}, "no Solidity file"),
        ("contracts/mocks/SmartWallet.sol", {}, "derive a contract from X402Callback"),
        ("contracts/X402Callback.sol", {}, "derive a contract from X402Callback"),
        (f"{PASS}:OtherPass", {}, "it has: AccessPass"),
        (PASS, {"constructor": {"prize": 1}}, "has no prize; it has: owner, callers, token"),
        (PASS, {"constructor": {"price": "much"}}, "price wants a uint128, not 'much'"),
        (PASS, {"constructor": {"price": -1}}, "does not take"),
        (PASS, {"constructor": {"price": 0}}, "constructor reverts with"),
        (PASS, {"constructor": {"token": "Dollar"}}, "token wants an address or one of TestUSD, Permit2"),
        (PASS, {"calldata": ["mintTo(adress)"]}, "no function signature"),
        (PASS, {"calldata": ["mintTo(address) buyer stranger"]}, "takes 1 arguments, not 2"),
    ],
)
@pytest.mark.timeout(600)
def test_bad_input_is_told_what_to_do(target: str, options: dict[str, object], says: str) -> None:
    given = Given({}, ()) if not options else Given(**({"constructor": {}, "calldata": ()} | options))
    with pytest.raises(LabError) as raised:
        examine(str(ROOT / target), given, checks=())
    assert says in str(raised.value)


@pytest.mark.timeout(600)
def test_a_callback_that_lists_no_action_is_not_called_safe(checkout: Path) -> None:
    path = str(checkout / "contracts/callbacks/Unbooked.sol")
    with pytest.raises(LabError, match="lists no action, so nothing can be bought"):
        examine(path, Given({"actions": []}, ()), remappings=["@paddock/=contracts/"])


def test_several_callbacks_in_a_file_want_one_named(checkout: Path) -> None:
    path = checkout / "contracts" / "callbacks" / "AccessPass.sol"
    twin = path.with_name("Twins.sol")
    twin.write_text(path.read_text() + "\ncontract Second is AccessPass {\n" + CONSTRUCTOR + "}\n")
    with pytest.raises(LabError, match=r"several callbacks, AccessPass, Second: name one, as .*Twins.sol:AccessPass"):
        examine(str(twin))


CONSTRUCTOR = """    constructor(address[] memory none)
        AccessPass(msg.sender, none, address(1), address(2), "", "", 1, 1, 1) {}
"""


def test_a_file_outside_of_any_checkout_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "My.sol"
    path.write_text("contract My {}")
    with pytest.raises(LabError, match="put it into contracts/callbacks/"):
        examine(str(path))


def test_a_chain_that_is_no_devnet_is_refused(tmp_path: Path) -> None:
    with run_anvil(tmp_path, options=("--chain-id", "48816")) as anvil, pytest.raises(LabError, match="no devnet"):
        examine(str(ROOT / PASS), rpc=anvil.url)


def test_constructor_arguments_are_read_from_pairs_and_json() -> None:
    assert parse_given(["price=5", '{"name_": "a=b", "supply": 3}']) == {"price": "5", "name": "a=b", "supply": 3}
    for wrong in ("price", "=5", "{price}"):
        with pytest.raises(LabError, match="--constructor"):
            parse_given([wrong])


def test_structs_and_lists_may_be_given_with_names_in_them() -> None:
    names = {"TestUSD": "0x" + "11" * 20, "buyer": "0x" + "22" * 20}
    given = ["buyer", [["TestUSD", "7"]], "mintTo(address)"]
    read = as_type("terms", "(address,(address,uint256)[],bytes4)", given, names)
    assert read == (names["buyer"], [(names["TestUSD"], 7)], bytes.fromhex("755edd17"))
    with pytest.raises(LabError, match="terms wants a"):
        as_type("terms", "(address,uint256)", ["buyer"], names)


def test_an_action_that_the_source_does_not_spell_is_asked_for() -> None:
    artifact = compile_contracts(sources=(PASS,))["AccessPass"]
    with pytest.raises(LabError, match="--calldata 'mintTo"):
        choose_action(artifact, "", [b"\1\2\3\4"], (), {})


def test_a_reorganisation_takes_a_transaction_back_also_below_a_block_that_came_by_itself(tmp_path: Path) -> None:
    with run_anvil(tmp_path, options=()) as anvil:
        node, sender = Node(anvil.url), anvil.rpc("eth_accounts")[0]
        height = node.height()
        node.send(Transaction(sender, "0x" + "11" * 20, b""))
        anvil.rpc("anvil_mine", "0x2")
        node.reorganise(height)
        assert anvil.rpc("eth_getTransactionCount", sender, "latest") == "0x0"
        assert node.height() == height + 3
