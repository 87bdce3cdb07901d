// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {PaymentGuard} from "contracts/base/PaymentGuard.sol";
import {TestUSD} from "contracts/mocks/TestUSD.sol";
import {MisbehavingCallback} from "contracts/mocks/hostile/MisbehavingCallback.sol";
import {Clerk} from "./Clerk.sol";
import {Make} from "./Make.sol";
import {Entry, Request} from "./Request.sol";
import {vm} from "./Vm.sol";

/// @title A token, Permit2, a callback with every action listed, and requests that are right until a test spoils them.
abstract contract CallbackTest {
    bool public constant IS_TEST = true;

    address internal constant PERMIT2 = 0x000000000022D473030F116dDEE9F6B43aC78BA3;
    uint256 internal constant DELEGATE_KEY = 0xde1e;
    uint256 internal constant PAYER_KEY = 0xb0b;
    uint256 internal constant STRANGER_KEY = 0x5747;
    uint128 internal constant MINIMUM = 1_000_000;
    uint128 internal constant MAXIMUM = 5_000_000;
    uint256 internal constant ACTION_GAS = 300_000;
    uint256 internal constant FUNDS = 1_000_000_000_000;

    address internal immutable ADMIN = address(0xad);
    address internal immutable DELEGATE = vm.addr(DELEGATE_KEY);
    address internal immutable PAYER = vm.addr(PAYER_KEY);
    address internal immutable STRANGER = vm.addr(STRANGER_KEY);

    Clerk internal clerk;
    TestUSD internal usd;
    MisbehavingCallback internal callback;

    function setUp() public virtual {
        vm.warp(1_800_000_000);
        string memory file = "contracts/mocks/permit2.hex";
        vm.readLine(file);
        vm.etch(PERMIT2, vm.parseBytes(vm.readLine(file)));
        clerk = Clerk(Make.it("Clerk"));
        usd = TestUSD(Make.it("TestUSD", abi.encode(ADMIN)));
        callback = _newCallback(address(usd));
        _fund(usd, DELEGATE);
    }

    /// @dev Money, and leave for Permit2 to move it.
    function _fund(TestUSD token, address who) internal {
        token.mint(who, FUNDS);
        vm.prank(who);
        token.approve(PERMIT2, type(uint256).max);
    }

    function _newCallback(address token) internal returns (MisbehavingCallback) {
        PaymentGuard.Action[] memory actions = new PaymentGuard.Action[](9);
        bytes4[9] memory selectors = [
            bytes4(0),
            MisbehavingCallback.behave.selector,
            MisbehavingCallback.owe.selector,
            MisbehavingCallback.fail.selector,
            MisbehavingCallback.burnGas.selector,
            MisbehavingCallback.bomb.selector,
            MisbehavingCallback.hoard.selector,
            MisbehavingCallback.embezzle.selector,
            MisbehavingCallback.callOut.selector
        ];
        for (uint256 i; i < 9; ++i) {
            actions[i] = PaymentGuard.Action(selectors[i], PaymentGuard.Bounds(MINIMUM, MAXIMUM));
        }
        PaymentGuard.Lists memory lists = PaymentGuard.Lists(ADMIN, _list(DELEGATE), _list(token), _list(PERMIT2));
        return MisbehavingCallback(Make.it("MisbehavingCallback", abi.encode(lists, actions, ACTION_GAS)));
    }

    /// @dev A request that every entry accepts: signed by everybody who must, for an action that behaves.
    function _request(Entry entry) internal view returns (Request memory request) {
        request.entry = entry;
        request.callback = address(callback);
        request.caller = DELEGATE;
        request.permit2 = PERMIT2;
        request.token = address(usd);
        request.payer = PAYER;
        request.owner = DELEGATE;
        request.amount = 2_000_000;
        request.validBefore = block.timestamp + 600;
        request.nonce = keccak256("order-1");
        request.orderId = request.nonce;
        request.calldataNonce = uint256(request.nonce);
        request.calldataDeadline = block.timestamp + 600;
        request.action = abi.encodeCall(MisbehavingCallback.behave, (STRANGER));
        _sign(request);
    }

    /// @dev Signs what a request says, as the delegate wallet and as the payer.
    function _sign(Request memory request) internal view {
        (request.pull, request.choice) = clerk.sign(request, DELEGATE_KEY, PAYER_KEY);
    }

    function _signPull(Request memory r, uint256 key) internal view returns (bytes memory) {
        return clerk.signPull(r, key);
    }

    /// @dev The payer's signature over our own struct, which names the payment's nonce.
    function _signOurs(Request memory r, uint256 key) internal view returns (bytes memory) {
        return clerk.signOurs(r, key);
    }

    /// @dev The payer's signature over GOAT's struct, which does not.
    function _signGoats(Request memory r, uint256 key) internal view returns (bytes memory) {
        return clerk.signGoats(r, key);
    }

    /// @dev Hands a request in, as its caller; bubbles whatever the callback reverts with.
    function _submit(Request memory r) internal {
        _submitWithGas(r, gasleft());
    }

    function _submitWithGas(Request memory r, uint256 gas_) internal {
        bytes memory data = _encode(r);
        vm.prank(r.caller);
        (bool success, bytes memory answer) = r.callback.call{gas: gas_}(data);
        if (success) return;
        assembly ("memory-safe") {
            revert(add(answer, 0x20), mload(answer))
        }
    }

    /// @dev For `vm.expectRevert`, which watches the next call.
    function submit(Request memory r) external {
        _submit(r);
    }

    function _encode(Request memory r) internal view returns (bytes memory) {
        return clerk.encode(r);
    }

    /// @dev The request fails with exactly this error, and nothing anywhere has changed.
    function _assertRefused(Request memory request, bytes memory error_) internal {
        uint256 held = usd.balanceOf(address(callback));
        uint256 effects = callback.totalEffects();
        bool isConsumed = callback.isConsumed(request.orderId);
        vm.expectRevert(error_);
        this.submit(request);
        vm.assertEq(usd.balanceOf(address(callback)), held, "money moved");
        vm.assertEq(callback.totalEffects(), effects, "an action ran");
        vm.assertEq(callback.isConsumed(request.orderId), isConsumed, "the order was consumed");
    }

    /// @dev The request works, once: money, books and effect are where they should be.
    function _assertAccepted(Request memory request) internal {
        uint256 held = usd.balanceOf(address(callback));
        uint256 effects = callback.totalEffects();
        _submit(request);
        vm.assertEq(usd.balanceOf(address(callback)), held + request.amount, "money did not come");
        vm.assertEq(callback.totalEffects(), effects + 1, "one effect");
        vm.assertTrue(callback.isConsumed(request.orderId), "consumed");
        _assertBooksBalance();
    }

    function _assertBooksBalance() internal view {
        uint256 booked = callback.liabilities(address(usd)) + callback.revenue(address(usd));
        vm.assertEq(usd.balanceOf(address(callback)), booked, "balance = liabilities + revenue");
    }

    function _isPermit2(Entry entry) internal pure returns (bool) {
        return entry == Entry.Permit2 || entry == Entry.Permit2WithCalldata;
    }

    function _hasCalldata(Entry entry) internal pure returns (bool) {
        return entry == Entry.Eip3009WithCalldata || entry == Entry.Permit2WithCalldata;
    }

    /// @dev The entries, to loop over.
    function _entry(uint256 index) internal pure returns (Entry) {
        return Entry(index % 4);
    }

    function _list(address item) internal pure returns (address[] memory list) {
        list = new address[](1);
        list[0] = item;
    }
}
