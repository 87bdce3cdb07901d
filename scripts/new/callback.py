"""`paddock new callback Name`: a contract that passes the lab, its test, and its line in the deploy list."""

import re
from pathlib import Path

from scripts.new.writing import NewError, untaken, with_entry
from scripts.solc import ROOT

LIST = "scripts/deploy.py"
_NAME = re.compile(r"[A-Z][A-Za-z0-9]{1,39}")

CONTRACT = """\
// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {X402Callback} from "../X402Callback.sol";

/// @title What a payment to NAME buys: for now, it is counted for its payer.
contract NAME is X402Callback {
    /// @notice What a payer paid so far, in atomic units.
    mapping(address payer => uint256) public paid;

    /// @notice The order's payment was counted; `total` is what its payer paid so far.
    event Counted(bytes32 indexed orderId, address indexed payer, uint256 total);

    /// @param lists owner, callers, tokens and Permit2s to begin with
    /// @param least what the action costs at least, in atomic units
    /// @param most what it costs at most
    constructor(Lists memory lists, uint128 least, uint128 most) X402Callback(lists, _actions(least, most), 150_000) {}

    /// @inheritdoc X402Callback
    function _onPayment(Payment calldata payment) internal override {
        uint256 total = paid[payment.payer] += payment.amount;
        emit Counted(payment.orderId, payment.payer, total);
        _declareRevenue(payment.orderId, payment.token, payment.amount);
    }

    /// @dev The base action alone, within its bounds.
    function _actions(uint128 least, uint128 most) private pure returns (Action[] memory actions) {
        actions = new Action[](1);
        actions[0] = Action(BASE_ACTION, Bounds(least, most));
    }
}
"""
TEST = '''\
"""NAME: what a payment does. What it has to withstand is tested by `test_callbacks.py`."""

import pytest

from scripts.callback_lab.request import BASE_ENTRIES
from tests.contracts.conftest import Open


@pytest.mark.parametrize("entry", BASE_ENTRIES)
def test_payments_count_for_their_payer(open_callback: Open, entry: str) -> None:
    bench = open_callback("contracts/callbacks/NAME.sol")
    first, second = bench.request(entry, "order-1"), bench.request(entry, "order-2")
    bench.accepts(first, "a payment")
    bench.accepts(second, "another payment")
    assert bench.read("paid(address)", "uint256", first.payer) == first.amount + second.amount
    assert bench.read("paid(address)", "uint256", bench.cast.stranger.address) == 0
'''
LINE = '    Deployment("NAME", "NAME", lambda site: [site.lists("TestUSD"), 1, USDC]),\n'


def new_callback(name: str, root: Path = ROOT) -> list[Path]:
    """Writes the contract and its test and adds the line; returns what was written. Raises NewError before writing."""
    if not _NAME.fullmatch(name):
        raise NewError(f"{name!r} is no contract's name: 2 to 40 letters and digits, a capital first, as TipJar")
    contract = root / "contracts" / "callbacks" / f"{name}.sol"
    test = root / "tests" / "contracts" / f"test_{_snake(name)}.py"
    taken = sorted((root / "contracts").rglob(f"{name}.sol")) + [path for path in (test,) if path.exists()]
    deploy = (root / LIST).read_text()
    if f'Deployment("{name}"' in deploy:
        taken.append(root / LIST)
    untaken(taken, name, root)
    listed = with_entry(deploy, LIST, "DEPLOYMENTS", LINE.replace("NAME", name))
    contract.write_text(CONTRACT.replace("NAME", name))
    test.write_text(TEST.replace("NAME", name))
    (root / LIST).write_text(listed)
    return [contract, test, root / LIST]


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
