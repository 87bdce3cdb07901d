// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {PaymentGuard} from "contracts/base/PaymentGuard.sol";
import {RevenueSplit} from "contracts/callbacks/RevenueSplit.sol";
import {MisbehavingCallback} from "contracts/mocks/hostile/MisbehavingCallback.sol";
import {ExecutorTest} from "../base/ExecutorTest.sol";
import {Make} from "../base/Make.sol";
import {Purchase, Way} from "../base/Purchase.sol";
import {Entry, Request} from "../base/Request.sol";
import {Vm, vm} from "../base/Vm.sol";

/// @title What a payment costs, action included, in the steady state: everybody has paid before.
/// @dev Gas of the call, refunds deducted, without the 21,000 of a chain transaction and the price of its calldata.
/// The figures go to `var/forge/gas`; tests/contracts/test_gas.py compares them with the ones that are kept.
contract GasTest is ExecutorTest {
    uint128 private constant PRICE = 2_000_000;
    string private constant PASS = "AccessPass";
    string private constant VAULT = "StakingVault";
    string private constant SUBSCRIPTION = "Subscription";
    string private constant SPLIT = "RevenueSplit";
    string private constant ESCROW = "EscrowRelease";

    mapping(string name => MisbehavingCallback) private _made;

    function setUp() public override {
        super.setUp();
        address[] memory callers = _list(DELEGATE);
        PaymentGuard.Bounds memory bounds = PaymentGuard.Bounds(1, PRICE);
        _add(PASS, abi.encode(ADMIN, callers, usd, PERMIT2, "Pass", "PASS", PRICE, 100, uint64(30 days)));
        _add(VAULT, abi.encode(ADMIN, callers, usd, PERMIT2, uint96(1), uint96(PRICE)));
        _add(SUBSCRIPTION, abi.encode(ADMIN, callers, usd, PERMIT2, PRICE, uint64(30 days), uint32(12)));
        RevenueSplit.Share[] memory shares = new RevenueSplit.Share[](1);
        shares[0] = RevenueSplit.Share(ADMIN, 500);
        _add(SPLIT, abi.encode(ADMIN, callers, usd, PERMIT2, bounds, shares, STRANGER));
        _add(ESCROW, abi.encode(ADMIN, callers, usd, PERMIT2, bounds, ADMIN, uint64(7 days)));
    }

    function test_two_steps_by_the_base_entry_pass() public {
        _twoStep("two_step_pass", PASS, Entry.Eip3009, "");
    }

    function test_two_steps_by_the_base_entry_stake() public {
        _twoStep("two_step_stake", VAULT, Entry.Eip3009, "");
    }

    function test_two_steps_by_the_base_entry_subscription() public {
        _twoStep("two_step_subscription", SUBSCRIPTION, Entry.Eip3009, "");
    }

    function test_two_steps_by_the_base_entry_split() public {
        _twoStep("two_step_split", SPLIT, Entry.Eip3009, "");
    }

    function test_two_steps_by_the_base_entry_escrow() public {
        _twoStep("two_step_escrow", ESCROW, Entry.Eip3009, "");
    }

    function test_two_steps_by_permit2_subscription() public {
        _twoStep("two_step_permit2_subscription", SUBSCRIPTION, Entry.Permit2, "");
    }

    function test_two_steps_with_calldata_pass() public {
        _twoStep("two_step_calldata_pass", PASS, Entry.Eip3009WithCalldata, _for("mintTo(address)"));
    }

    function test_two_steps_with_calldata_subscription() public {
        bytes memory action = _for("extendFor(address)");
        _twoStep("two_step_calldata_subscription", SUBSCRIPTION, Entry.Eip3009WithCalldata, action);
    }

    function test_atomic_pass() public {
        _atomic("atomic_pass", PASS, Way.Eip3009, "");
    }

    function test_atomic_stake() public {
        _atomic("atomic_stake", VAULT, Way.Eip3009, "");
    }

    function test_atomic_subscription() public {
        _atomic("atomic_subscription", SUBSCRIPTION, Way.Eip3009, "");
    }

    function test_atomic_subscription_as_bytes() public {
        _atomic("atomic_bytes_subscription", SUBSCRIPTION, Way.Eip3009Bytes, "");
    }

    function test_atomic_subscription_by_permit2() public {
        _atomic("atomic_permit2_subscription", SUBSCRIPTION, Way.Permit2, "");
    }

    function test_atomic_subscription_with_calldata() public {
        _atomic("atomic_calldata_subscription", SUBSCRIPTION, Way.Eip3009, _for("extendFor(address)"));
    }

    function test_atomic_split() public {
        _atomic("atomic_split", SPLIT, Way.Eip3009, "");
    }

    function test_atomic_escrow() public {
        _atomic("atomic_escrow", ESCROW, Way.Eip3009, "");
    }

    /// @dev Makes a callback, and pays it once each way.
    function _add(string memory name, bytes memory arguments) private {
        callback = MisbehavingCallback(Make.it(name, arguments));
        _made[name] = callback;
        vm.startPrank(ADMIN);
        executor.listTarget(address(callback), callback.ACTION_GAS() + TARGET_GAS);
        callback.listExecutor(address(executor), true);
        vm.stopPrank();
        _submit(_requestFor(name, Entry.Eip3009, "", "first"));
        _execute(_purchaseFor(name, Way.Eip3009, "", "first"));
    }

    function _twoStep(string memory figure, string memory name, Entry entry, bytes memory action) private {
        Request memory request = _requestFor(name, entry, action, "second");
        _measure(figure, DELEGATE, request.callback, _encode(request));
    }

    function _atomic(string memory figure, string memory name, Way way, bytes memory action) private {
        Purchase memory p = _purchaseFor(name, way, action, "second");
        _measure(figure, p.caller, p.executor, notary.encode(p));
    }

    function _measure(string memory figure, address caller, address target, bytes memory data) private {
        vm.prank(caller);
        (bool success,) = target.call(data);
        Vm.Gas memory gas_ = vm.lastCallGas();
        vm.assertTrue(success);
        vm.snapshotValue(figure, gas_.gasTotalUsed - uint64(gas_.gasRefunded));
    }

    function _requestFor(string memory name, Entry entry, bytes memory action, bytes memory id)
        private
        returns (Request memory request)
    {
        callback = _made[name];
        request = _request(entry);
        request.amount = PRICE;
        request.nonce = request.orderId = keccak256(abi.encode(name, id));
        request.calldataNonce = uint256(request.nonce);
        request.action = action;
        _sign(request);
    }

    function _purchaseFor(string memory name, Way way, bytes memory action, bytes memory id)
        private
        returns (Purchase memory p)
    {
        callback = _made[name];
        p = _purchase(way);
        p.payment.amount = PRICE;
        p.payment.callData = action;
        _order(p, abi.encode(name, id));
    }

    function _for(string memory action) private view returns (bytes memory) {
        return abi.encodeWithSignature(action, PAYER);
    }
}
