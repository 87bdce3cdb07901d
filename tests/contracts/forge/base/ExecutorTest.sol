// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {DelegateExecutor} from "contracts/DelegateExecutor.sol";
import {TestUSD} from "contracts/mocks/TestUSD.sol";
import {MisbehavingCallback} from "contracts/mocks/hostile/MisbehavingCallback.sol";
import {CallbackTest} from "./CallbackTest.sol";
import {Make} from "./Make.sol";
import {Notary} from "./Notary.sol";
import {Purchase, Way} from "./Purchase.sol";
import {vm} from "./Vm.sol";

/// @title An executor that pays the callback, a payer with money, and purchases that are right until a test spoils them.
abstract contract ExecutorTest is CallbackTest {
    uint256 internal constant TARGET_GAS = ACTION_GAS + 200_000;

    Notary internal notary;
    DelegateExecutor internal executor;

    function setUp() public virtual override {
        super.setUp();
        notary = Notary(Make.it("Notary"));
        executor = _newExecutor();
        _fund(usd, PAYER);
    }

    /// @dev An executor and the callback, each on the other's list.
    function _newExecutor() internal returns (DelegateExecutor made) {
        made = DelegateExecutor(Make.it("DelegateExecutor", abi.encode(ADMIN)));
        vm.startPrank(ADMIN);
        made.listTarget(address(callback), TARGET_GAS);
        callback.listExecutor(address(made), true);
        vm.stopPrank();
    }

    /// @dev A purchase that the entry accepts, for an action that behaves.
    function _purchase(Way way) internal view returns (Purchase memory p) {
        p.way = way;
        p.executor = address(executor);
        p.caller = STRANGER;
        p.payment.payer = PAYER;
        p.payment.token = address(usd);
        p.payment.amount = 2_000_000;
        p.payment.target = address(callback);
        p.payment.callData = abi.encodeCall(MisbehavingCallback.behave, (STRANGER));
        p.payment.deadline = block.timestamp + 600;
        p.payment.salt = keccak256("salt");
        _order(p, "quote-1");
    }

    /// @dev Makes a purchase the payer's order by that quote, and signs it.
    function _order(Purchase memory p, bytes memory quote) internal view {
        p.payment.quoteHash = keccak256(quote);
        p.payment.orderId = keccak256(abi.encode(p.payment.quoteHash, p.payment.payer));
        _sign(p);
    }

    function _sign(Purchase memory p) internal view {
        p.signature = notary.sign(p, PAYER_KEY);
    }

    /// @dev Hands a purchase in, as its caller; bubbles whatever the executor reverts with.
    function _execute(Purchase memory p) internal {
        _executeWithGas(p, gasleft());
    }

    function _executeWithGas(Purchase memory p, uint256 gas_) internal {
        bytes memory data = notary.encode(p);
        vm.prank(p.caller);
        (bool success, bytes memory answer) = p.executor.call{gas: gas_}(data);
        if (success) return;
        assembly ("memory-safe") {
            revert(add(answer, 0x20), mload(answer))
        }
    }

    /// @dev For `vm.expectRevert`, which watches the next call.
    function execute(Purchase memory p) external {
        _execute(p);
    }

    function executeWithGas(Purchase memory p, uint256 gas_) external {
        _executeWithGas(p, gas_);
    }

    /// @dev The purchase fails with exactly this error, and nothing anywhere has changed.
    function _assertRejected(Purchase memory p, bytes memory error_) internal {
        bytes32 before = _state(p);
        vm.expectRevert(error_);
        this.execute(p);
        vm.assertEq(_state(p), before, "something changed");
    }

    /// @dev The purchase fails, whatever with, and nothing anywhere has changed.
    function _assertRejected(Purchase memory p) internal {
        bytes32 before = _state(p);
        vm.expectRevert();
        this.execute(p);
        vm.assertEq(_state(p), before, "something changed");
    }

    /// @dev Money, effects, order and nonce in one word.
    function _state(Purchase memory p) internal view returns (bytes32) {
        _assertNothingStays();
        bytes memory money = abi.encode(usd.balanceOf(p.payment.payer), usd.balanceOf(address(callback)));
        bool isUsed = usd.authorizationState(p.payment.payer, notary.commitment(p));
        bool isConsumed = callback.isConsumed(p.payment.orderId);
        return keccak256(bytes.concat(money, abi.encode(callback.totalEffects(), isUsed, isConsumed)));
    }

    /// @dev The purchase works, once: money, books and effect are where they should be.
    function _assertExecuted(Purchase memory p) internal {
        uint256 had = usd.balanceOf(p.payment.payer);
        uint256 held = usd.balanceOf(address(callback));
        uint256 effects = callback.totalEffects();
        _execute(p);
        vm.assertEq(usd.balanceOf(p.payment.payer), had - p.payment.amount, "the payer did not pay");
        vm.assertEq(usd.balanceOf(address(callback)), held + p.payment.amount, "money did not come");
        vm.assertEq(callback.totalEffects(), effects + 1, "one effect");
        vm.assertTrue(callback.isConsumed(p.payment.orderId), "consumed");
        _assertBooksBalance();
        _assertNothingStays();
    }

    function _assertNothingStays() internal view {
        vm.assertEq(usd.balanceOf(address(executor)), 0, "the executor kept money");
    }

    /// @dev The entries, to loop over.
    function _way(uint256 index) internal pure returns (Way) {
        return Way(index % 3);
    }
}
