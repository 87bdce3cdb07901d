// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {PaymentBooks} from "contracts/base/PaymentBooks.sol";
import {PaymentGuard} from "contracts/base/PaymentGuard.sol";
import {AccessPass} from "contracts/callbacks/AccessPass.sol";
import {MisbehavingCallback} from "contracts/mocks/hostile/MisbehavingCallback.sol";
import {X402Callback} from "contracts/X402Callback.sol";
import {CallbackTest} from "../base/CallbackTest.sol";
import {Entry, Request} from "../base/Request.sol";
import {Make} from "../base/Make.sol";
import {vm} from "../base/Vm.sol";

/// @title AccessPass: what a payment mints, for whom, for how long, and when there is none left.
contract AccessPassTest is CallbackTest {
    uint128 private constant PRICE = 2_500_000;
    uint64 private constant DURATION = 30 days;

    AccessPass private pass;

    function setUp() public override {
        super.setUp();
        pass = _newPass(PRICE, 3);
        callback = MisbehavingCallback(address(pass));
    }

    function test_a_payment_mints_a_pass_for_its_payer() public {
        Request memory request = _order(Entry.Eip3009, "order-1");
        uint64 expiry = uint64(block.timestamp) + DURATION;
        vm.expectEmit(address(pass));
        emit X402Callback.PaymentAccepted(request.orderId, PAYER, address(usd), PRICE, bytes4(0));
        vm.expectEmit(address(pass));
        emit AccessPass.PassMinted(request.orderId, PAYER, 1, expiry);
        vm.expectEmit(address(pass));
        emit PaymentBooks.RevenueDeclared(request.orderId, address(usd), PRICE);
        _submit(request);
        vm.assertEq(pass.ownerOf(1), PAYER);
        vm.assertEq(pass.expiresAt(1), expiry);
        vm.assertEq(pass.minted(), 1);
        vm.assertEq(pass.revenue(address(usd)), PRICE);
        _assertBooksBalance();
    }

    function test_every_entry_mints_one_pass() public {
        pass = _newPass(PRICE, 4);
        callback = MisbehavingCallback(address(pass));
        for (uint256 i; i < 4; ++i) {
            _submit(_order(_entry(i), abi.encode(i)));
            vm.assertEq(pass.minted(), i + 1);
        }
        vm.assertEq(pass.balanceOf(PAYER), 2, "base actions are for the payer");
        vm.assertEq(pass.balanceOf(STRANGER), 2, "chosen ones for whom the payer named");
        _assertBooksBalance();
    }

    function test_mintTo_mints_for_whom_the_payer_named() public {
        Request memory request = _order(Entry.Eip3009WithCalldata, "order-1");
        vm.expectEmit(address(pass));
        emit AccessPass.PassMinted(request.orderId, PAYER, 1, uint64(block.timestamp) + DURATION);
        _submit(request);
        vm.assertEq(pass.ownerOf(1), STRANGER);
    }

    function test_mintTo_reverts_when_nobody_is_named() public {
        Request memory request = _order(Entry.Eip3009WithCalldata, "order-1");
        request.action = abi.encodeWithSignature("mintTo(address)", address(0));
        _sign(request);
        vm.expectRevert(abi.encodeWithSignature("ERC721InvalidReceiver(address)", address(0)));
        this.submit(request);
    }

    function test_an_action_that_there_is_none_of_is_refused_though_it_is_listed() public {
        bytes4 selector = MisbehavingCallback.behave.selector;
        vm.prank(ADMIN);
        pass.listAction(selector, PaymentGuard.Bounds(1, 2 * PRICE));
        Request memory request = _order(Entry.Eip3009WithCalldata, "order-1");
        request.action = abi.encodeWithSelector(selector, PAYER);
        _sign(request);
        vm.expectRevert(abi.encodeWithSelector(PaymentGuard.ActionNotListed.selector, selector));
        this.submit(request);
    }

    function test_mintTo_reverts_when_called_without_a_payment() public {
        vm.prank(DELEGATE);
        (bool success,) = address(pass).call(abi.encodeWithSignature("mintTo(address)", STRANGER));
        vm.assertFalse(success);
        vm.assertEq(pass.minted(), 0);
    }

    function test_a_payment_reverts_when_all_passes_are_sold() public {
        for (uint256 i; i < 3; ++i) {
            _submit(_order(Entry.Eip3009, abi.encode(i)));
        }
        for (uint256 i; i < 4; ++i) {
            Request memory late = _order(_entry(i), "too late");
            vm.expectRevert(abi.encodeWithSelector(AccessPass.SoldOut.selector, uint256(3)));
            this.submit(late);
            vm.assertFalse(pass.isConsumed(late.orderId));
            vm.assertFalse(usd.authorizationState(DELEGATE, late.nonce), "the nonce is left for the refund");
        }
        vm.assertEq(pass.minted(), 3);
        vm.assertEq(usd.balanceOf(address(pass)), 3 * uint256(PRICE));
    }

    function test_a_payment_reverts_when_it_is_not_the_price(uint128 amount) public {
        vm.assume(amount < PRICE || amount > 2 * PRICE - 1);
        Request memory request = _order(Entry.Eip3009, "order-1");
        request.amount = amount;
        _sign(request);
        vm.expectRevert(
            abi.encodeWithSelector(PaymentGuard.AmountOutOfBounds.selector, bytes4(0), amount, PRICE, 2 * PRICE - 1)
        );
        this.submit(request);
    }

    function test_the_price_holds_whatever_the_owner_lists() public {
        vm.prank(ADMIN);
        pass.listAction(bytes4(0), PaymentGuard.Bounds(1, 100 * PRICE));
        Request memory request = _order(Entry.Eip3009, "order-1");
        for (uint256 i; i < 2; ++i) {
            request.amount = i == 0 ? PRICE - 1 : 2 * PRICE;
            _sign(request);
            // Three arguments: too long to be passed on as it is.
            vm.expectPartialRevert(bytes4(keccak256("ActionFailed(bytes32,bytes32)")));
            this.submit(request);
        }
    }

    function test_isValid_ends_with_the_pass() public {
        _submit(_order(Entry.Eip3009, "order-1"));
        vm.assertTrue(pass.isValid(1));
        vm.assertFalse(pass.isValid(2));
        vm.warp(block.timestamp + DURATION - 1);
        vm.assertTrue(pass.isValid(1));
        vm.warp(block.timestamp + 1);
        vm.assertFalse(pass.isValid(1));
    }

    function test_a_pass_may_be_sold_on() public {
        _submit(_order(Entry.Eip3009, "order-1"));
        vm.prank(PAYER);
        pass.transferFrom(PAYER, STRANGER, 1);
        vm.assertEq(pass.ownerOf(1), STRANGER);
        vm.assertTrue(pass.isValid(1));
    }

    function test_MINT_TO_is_the_selector_of_mintTo() public view {
        vm.assertEq(bytes32(pass.MINT_TO()), bytes32(bytes4(keccak256("mintTo(address)"))));
    }

    function test_the_constructor_lists_what_it_was_given() public view {
        vm.assertTrue(pass.isCaller(DELEGATE));
        vm.assertTrue(pass.isToken(address(usd)));
        vm.assertTrue(pass.isPermit2(PERMIT2));
        vm.assertEq(pass.owner(), ADMIN);
        vm.assertEq(pass.PRICE(), PRICE);
        vm.assertEq(pass.SUPPLY(), 3);
        vm.assertEq(pass.DURATION(), DURATION);
        (uint128 minimum, uint128 maximum) = pass.boundsOf(pass.MINT_TO());
        vm.assertEq(minimum, PRICE);
        vm.assertEq(maximum, 2 * PRICE - 1);
    }

    function test_the_constructor_reverts_without_a_price() public {
        vm.expectRevert();
        this.newPass(0, 1);
    }

    function newPass(uint128 price, uint256 supply) external returns (AccessPass) {
        return _newPass(price, supply);
    }

    function _newPass(uint128 price, uint256 supply) private returns (AccessPass) {
        return AccessPass(
            Make.it(
                "AccessPass",
                abi.encode(
                    ADMIN, _list(DELEGATE), address(usd), PERMIT2, "Access Pass", "PASS", price, supply, DURATION
                )
            )
        );
    }

    function _order(Entry entry, bytes memory id) private view returns (Request memory request) {
        request = _request(entry);
        request.callback = address(pass);
        request.amount = PRICE;
        request.nonce = request.orderId = keccak256(id);
        request.calldataNonce = uint256(request.nonce);
        request.action = abi.encodeWithSignature("mintTo(address)", STRANGER);
        _sign(request);
    }
}
