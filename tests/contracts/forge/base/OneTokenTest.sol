// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {OneTokenCallback} from "contracts/base/OneTokenCallback.sol";
import {PaymentBooks} from "contracts/base/PaymentBooks.sol";
import {PaymentGuard} from "contracts/base/PaymentGuard.sol";
import {TestUSD} from "contracts/mocks/TestUSD.sol";
import {MisbehavingCallback} from "contracts/mocks/hostile/MisbehavingCallback.sol";
import {ExecutorTest} from "./ExecutorTest.sol";
import {Make} from "./Make.sol";
import {Purchase, Way} from "./Purchase.sol";
import {Entry, Request} from "./Request.sol";
import {vm} from "./Vm.sol";

/// @title What every callback that counts in one token must stand, and payments for its own tests.
/// @dev A suite makes its contract in {_make} and gets the tests here for it.
abstract contract OneTokenTest is ExecutorTest {
    uint128 internal constant PRICE = 2_000_000;

    function setUp() public virtual override {
        super.setUp();
        _use(address(usd));
    }

    /// @dev The contract under test, paid in `token`, from PRICE on.
    function _make(address token) internal virtual returns (address);

    /// @dev Whether it holds payments for others, or earns them.
    function _isOwed() internal pure virtual returns (bool);

    function test_every_entry_books_the_payment(uint8 which) public {
        bytes32 orderId = _pay(which, "order-1");
        vm.assertTrue(callback.isConsumed(orderId));
        _assertBooksBalance();
        vm.assertEq(callback.liabilities(address(usd)), _isOwed() ? PRICE : 0);
        vm.assertEq(callback.revenue(address(usd)), _isOwed() ? 0 : PRICE);
        _assertNothingStays();
    }

    function test_another_token_is_refused_though_it_is_listed() public {
        TestUSD other = TestUSD(Make.it("TestUSD", abi.encode(ADMIN)));
        _fund(other, DELEGATE);
        vm.prank(ADMIN);
        callback.listToken(address(other), true);
        Request memory request = _base("order-1", PRICE);
        request.token = address(other);
        (request.pull,) = clerk.sign(request, DELEGATE_KEY, PAYER_KEY);
        vm.expectRevert(abi.encodeWithSelector(OneTokenCallback.TokenNotTaken.selector, address(other)));
        this.submit(request);
        vm.assertEq(OneTokenCallback(address(callback)).TOKEN(), address(usd));
    }

    function test_an_action_that_there_is_none_of_is_refused_though_it_is_listed() public {
        bytes4 selector = callback.behave.selector;
        vm.prank(ADMIN);
        callback.listAction(selector, PaymentGuard.Bounds(1, 2 * PRICE));
        Purchase memory p = _purchase(Way.Eip3009);
        vm.expectRevert(abi.encodeWithSelector(PaymentGuard.ActionNotListed.selector, selector));
        this.execute(p);
    }

    function test_the_owner_has_no_way_to_what_is_owed() public {
        _pay(0, "order-1");
        uint256 revenue = callback.revenue(address(usd));
        vm.expectRevert(
            abi.encodeWithSelector(PaymentBooks.RevenueTooSmall.selector, address(usd), revenue + 1, revenue)
        );
        vm.prank(ADMIN);
        callback.withdrawRevenue(address(usd), ADMIN, revenue + 1);
        vm.prank(ADMIN);
        vm.assertEq(callback.declareSurplus(address(usd)), 0, "what is owed is no surplus");
        _assertBooksBalance();
    }

    /// @dev Makes the contract for a token, lists it with the executor, and takes it for the one under test.
    function _use(address token) internal {
        callback = MisbehavingCallback(_make(token));
        vm.startPrank(ADMIN);
        executor.listTarget(address(callback), callback.ACTION_GAS() + TARGET_GAS);
        callback.listExecutor(address(executor), true);
        vm.stopPrank();
    }

    /// @dev A payment at PRICE for the base action: by the delegate wallet (0, 1) or the payer through the executor.
    function _pay(uint8 which, bytes memory id) internal returns (bytes32) {
        which %= 5;
        if (which < 2) {
            Request memory request = _base(id, PRICE);
            request.entry = Entry(which);
            (request.pull,) = clerk.sign(request, DELEGATE_KEY, PAYER_KEY);
            _submit(request);
            return request.orderId;
        }
        Purchase memory p = _purchase(Way(which - 2));
        p.payment.callData = "";
        p.payment.amount = PRICE;
        _order(p, id);
        _execute(p);
        return p.payment.orderId;
    }

    /// @dev A payment of another amount, by the delegate wallet.
    function _payAmount(bytes memory id, uint256 amount) internal returns (bytes32) {
        Request memory request = _base(id, amount);
        _submit(request);
        return request.orderId;
    }

    function _base(bytes memory id, uint256 amount) internal view returns (Request memory request) {
        request = _request(Entry.Eip3009);
        request.amount = amount;
        request.nonce = request.orderId = keccak256(id);
        (request.pull,) = clerk.sign(request, DELEGATE_KEY, PAYER_KEY);
    }

    /// @dev A call by somebody fails with exactly this error.
    function _assertRefusedTo(address caller, bytes memory data, bytes memory error_) internal {
        vm.prank(caller);
        (bool success, bytes memory answer) = address(callback).call(data);
        vm.assertFalse(success);
        vm.assertEq(keccak256(answer), keccak256(error_), "another error");
    }

    /// @dev Nothing is listed any more: every server is dead, and the owner wants nobody to pay.
    function _shutDown() internal {
        vm.startPrank(ADMIN);
        callback.listCaller(DELEGATE, false);
        callback.listExecutor(address(executor), false);
        callback.listToken(address(usd), false);
        callback.listPermit2(PERMIT2, false);
        callback.listAction(bytes4(0), PaymentGuard.Bounds(0, 0));
        executor.listTarget(address(callback), 0);
        vm.stopPrank();
    }
}
