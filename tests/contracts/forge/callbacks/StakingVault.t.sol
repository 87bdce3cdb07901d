// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {PaymentGuard} from "contracts/base/PaymentGuard.sol";
import {StakingVault} from "contracts/callbacks/StakingVault.sol";
import {ReentrantToken} from "contracts/mocks/hostile/ReentrantToken.sol";
import {Make} from "../base/Make.sol";
import {OneTokenTest} from "../base/OneTokenTest.sol";
import {Request} from "../base/Request.sol";
import {vm} from "../base/Vm.sol";

/// @title StakingVault: a payment is its payer's stake, and comes back to nobody else.
contract StakingVaultTest is OneTokenTest {
    function test_a_payment_is_staked_for_its_payer(uint8 which) public {
        bytes32 orderId = _pay(which, "order-1");
        (address holder, uint96 amount) = _vault().stakes(orderId);
        vm.assertEq(holder, PAYER);
        vm.assertEq(amount, PRICE);
        vm.assertEq(_vault().stakedBy(PAYER), PRICE);
    }

    function test_stakes_add_up_and_are_said() public {
        _pay(0, "order-1");
        vm.expectEmit(address(callback));
        emit StakingVault.Staked(keccak256("order-2"), PAYER, PRICE, 2 * PRICE);
        _pay(0, "order-2");
        vm.assertEq(_vault().stakedBy(PAYER), 2 * PRICE);
        vm.assertEq(callback.liabilities(address(usd)), 2 * PRICE);
    }

    function test_the_holder_takes_a_stake_back_to_where_he_likes() public {
        bytes32 orderId = _pay(0, "order-1");
        _pay(0, "order-2");
        vm.expectEmit(address(callback));
        emit StakingVault.Unstaked(orderId, PAYER, STRANGER, PRICE, PRICE);
        vm.prank(PAYER);
        vm.assertEq(_vault().unstake(orderId, STRANGER), PRICE);
        vm.assertEq(usd.balanceOf(STRANGER), PRICE);
        vm.assertEq(_vault().stakedBy(PAYER), PRICE);
        vm.assertEq(callback.liabilities(address(usd)), PRICE);
        _assertBooksBalance();
    }

    function test_unstake_works_when_nothing_else_does() public {
        bytes32 orderId = _pay(2, "order-1");
        _shutDown();
        vm.prank(PAYER);
        _vault().unstake(orderId, PAYER);
        vm.assertEq(usd.balanceOf(PAYER), FUNDS);
    }

    function test_unstake_reverts_for_anybody_else(address caller) public {
        bytes32 orderId = _pay(0, "order-1");
        vm.assume(caller != PAYER);
        _assertRefusedTo(caller, abi.encodeCall(StakingVault.unstake, (orderId, caller)), _notStaked(orderId, caller));
    }

    function test_unstake_reverts_the_second_time_and_for_an_unknown_order() public {
        bytes32 orderId = _pay(0, "order-1");
        _pay(0, "order-2");
        vm.prank(PAYER);
        _vault().unstake(orderId, PAYER);
        _assertRefusedTo(PAYER, abi.encodeCall(StakingVault.unstake, (orderId, PAYER)), _notStaked(orderId, PAYER));
        bytes32 unknown = keccak256("order-3");
        _assertRefusedTo(PAYER, abi.encodeCall(StakingVault.unstake, (unknown, PAYER)), _notStaked(unknown, PAYER));
    }

    function test_C6_unstake_is_shut_while_the_token_moves() public {
        ReentrantToken token = ReentrantToken(Make.it("ReentrantToken"));
        _fund(token, DELEGATE);
        _use(address(token));
        for (uint256 i; i < 2; ++i) {
            Request memory request = _base(abi.encode(i), PRICE);
            request.token = address(token);
            request.payer = address(token);
            (request.pull,) = clerk.sign(request, DELEGATE_KEY, PAYER_KEY);
            _submit(request);
        }
        bytes32 second = keccak256(abi.encode(uint256(1)));
        token.arm(address(callback), abi.encodeCall(StakingVault.unstake, (second, STRANGER)));
        vm.prank(address(token));
        _vault().unstake(keccak256(abi.encode(uint256(0))), STRANGER);
        vm.assertFalse(token.gotThrough(), "the call back in failed");
        vm.assertEq(token.balanceOf(STRANGER), PRICE);
    }

    /// @dev 2^96 and PRICE: cut to its word it would be PRICE.
    function test_a_stake_that_does_not_fit_its_word_is_refused() public {
        uint256 amount = 2 ** 96 + uint256(PRICE);
        usd.mint(DELEGATE, amount);
        vm.prank(ADMIN);
        callback.listAction(bytes4(0), PaymentGuard.Bounds(1, type(uint128).max));
        Request memory request = _base("order-1", amount);
        vm.expectPartialRevert(bytes4(keccak256("ActionFailed(bytes32,bytes32)")));
        this.submit(request);
    }

    function _make(address token) internal override returns (address) {
        return
            Make.it(
                "StakingVault", abi.encode(ADMIN, _list(DELEGATE), token, PERMIT2, uint96(PRICE), uint96(10 * PRICE))
            );
    }

    function _isOwed() internal pure override returns (bool) {
        return true;
    }

    function _vault() private view returns (StakingVault) {
        return StakingVault(address(callback));
    }

    function _notStaked(bytes32 orderId, address caller) private pure returns (bytes memory) {
        return abi.encodeWithSelector(StakingVault.NotStaked.selector, orderId, caller);
    }
}
