// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {PaymentGuard} from "contracts/base/PaymentGuard.sol";
import {MisbehavingCallback} from "contracts/mocks/hostile/MisbehavingCallback.sol";
import {ExecutorTest} from "../base/ExecutorTest.sol";
import {Purchase, Way} from "../base/Purchase.sol";
import {vm} from "../base/Vm.sol";

/// @title C2: through the executor too, only a listed selector runs, for a listed price.
contract C2ExecutorActionsTest is ExecutorTest {
    function test_an_empty_action_is_the_base_action() public {
        for (uint256 i; i < 3; ++i) {
            Purchase memory p = _withAction(_way(i), "");
            _order(p, abi.encode(i));
            _assertExecuted(p);
            vm.assertEq(callback.revenue(address(usd)), (i + 1) * p.payment.amount);
        }
    }

    function test_entries_revert_when_the_action_is_too_short(bytes3 start, uint8 length, uint8 which) public {
        bytes memory action = new bytes(1 + length % 3);
        for (uint256 i; i < action.length; ++i) {
            action[i] = start[i];
        }
        _assertRejected(
            _withAction(_way(which), action),
            abi.encodeWithSelector(PaymentGuard.CalldataTooShort.selector, action.length)
        );
    }

    function test_entries_revert_when_the_selector_is_not_listed(bytes4 selector, bytes calldata rest, uint8 which)
        public
    {
        (, uint128 maximum) = callback.boundsOf(selector);
        vm.assume(maximum == 0);
        _assertRejected(
            _withAction(_way(which), bytes.concat(selector, rest)),
            abi.encodeWithSelector(PaymentGuard.ActionNotListed.selector, selector)
        );
    }

    function test_entries_revert_when_the_base_action_is_named() public {
        _assertRejected(
            _withAction(Way.Eip3009, abi.encode(uint256(0))),
            abi.encodeWithSelector(PaymentGuard.ActionNotListed.selector, bytes4(0))
        );
    }

    /// @dev The only function called on a target is onPayment: its others cannot be reached, listed or not.
    function test_entries_revert_when_the_selector_is_one_of_the_contract_itself() public {
        bytes4[5] memory own = [
            callback.onPayment.selector,
            callback.performAction.selector,
            callback.withdrawRevenue.selector,
            callback.listExecutor.selector,
            callback.transferOwnership.selector
        ];
        for (uint256 i; i < own.length; ++i) {
            Purchase memory p = _withAction(_way(i), abi.encodeWithSelector(own[i], STRANGER, true, uint256(1)));
            _assertRejected(p, abi.encodeWithSelector(PaymentGuard.ActionNotListed.selector, own[i]));
            vm.prank(ADMIN);
            callback.listAction(own[i], PaymentGuard.Bounds(MINIMUM, MAXIMUM));
            _assertRejected(p, abi.encodeWithSelector(PaymentGuard.ActionNotListed.selector, own[i]));
        }
    }

    function test_entries_revert_when_the_amount_is_out_of_bounds(uint128 amount, uint8 which) public {
        amount = amount % uint128(FUNDS);
        vm.assume(amount < MINIMUM || amount > MAXIMUM);
        Purchase memory p = _purchase(_way(which));
        p.payment.amount = amount;
        _sign(p);
        bytes4 selector = MisbehavingCallback.behave.selector;
        _assertRejected(
            p, abi.encodeWithSelector(PaymentGuard.AmountOutOfBounds.selector, selector, amount, MINIMUM, MAXIMUM)
        );
    }

    function _withAction(Way way, bytes memory action) private view returns (Purchase memory p) {
        p = _purchase(way);
        p.payment.callData = action;
        _sign(p);
    }
}
