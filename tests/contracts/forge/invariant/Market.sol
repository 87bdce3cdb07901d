// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {PaymentGuard} from "contracts/base/PaymentGuard.sol";
import {MisbehavingCallback} from "contracts/mocks/hostile/MisbehavingCallback.sol";
import {ExecutorTest} from "../base/ExecutorTest.sol";
import {Purchase} from "../base/Purchase.sol";
import {Entry, Request} from "../base/Request.sol";
import {Signatures} from "../base/Signatures.sol";
import {vm} from "../base/Vm.sol";

/// @title Everybody at once: payers, replays, refunds, failing actions, strays, and an owner who helps himself.
/// @dev Does what it does with the callback, whatever comes of it, and keeps its own count.
contract Market is ExecutorTest {
    /// @notice Payments that went through, and refunds.
    uint256 public payments;
    uint256 public refunds;
    /// @notice Money by where it should be.
    uint256 public paidIn;
    uint256 public paidByPayer;
    uint256 public owed;
    uint256 public withdrawn;
    uint256 public stray;

    bytes32[] private _orders;
    uint256 private _quotes;

    /// @notice A payment as it should be.
    function pay(uint8 entry, bool owe, uint128 amount) external {
        uint256 before = payments;
        _pay(_entry(entry), _order(0, true), MAXIMUM - amount % 1_000, _crime(owe ? 0 : 7));
        vm.assertEq(payments, before + 1, "a good payment was refused");
    }

    /// @notice A payment by any entry, for any action, of any price, perhaps for an order of before.
    function payBadly(uint8 entry, uint8 crime, uint256 amount, uint8 orderSeed, bool fresh) external {
        _pay(_entry(entry), _order(orderSeed, fresh), amount % (2 * uint256(MAXIMUM)), _crime(crime));
    }

    /// @notice A payment as it should be, through the executor.
    function buy(uint8 way, bool owe, uint128 amount) external {
        uint256 before = payments;
        _buy(way, ++_quotes, MAXIMUM - amount % 1_000, _crime(owe ? 0 : 7), 0);
        vm.assertEq(payments, before + 1, "a good purchase was refused");
    }

    /// @notice A payment through the executor: any entry, action and price, perhaps a replay, perhaps with too little gas.
    function buyBadly(uint8 way, uint8 crime, uint256 amount, uint8 quote, uint8 salt, uint32 gas_) external {
        _buy(way, quote % (_quotes + 1), amount % (2 * uint256(MAXIMUM)), _crime(crime), salt);
        Purchase memory starved = _purchase(_way(way));
        try this.executeWithGas(starved, 21_000 + gas_ % 500_000) {
            revert("a starved action ran");
        } catch {}
    }

    /// @dev Whatever comes of it, it is counted.
    function _buy(uint8 way, uint256 quote, uint256 amount, bytes memory action, uint8 salt) private {
        Purchase memory p = _purchase(_way(way));
        p.payment.amount = amount;
        p.payment.callData = action;
        p.payment.salt = bytes32(uint256(salt));
        _order(p, abi.encode("quote", quote));
        bool wasConsumed = callback.isConsumed(p.payment.orderId);
        bool wasUsed = usd.authorizationState(PAYER, notary.commitment(p));
        try this.execute(p) {
            vm.assertFalse(wasConsumed || wasUsed, "an order or a payment twice");
            ++payments;
            paidIn += amount;
            paidByPayer += amount;
            if (bytes4(action) == MisbehavingCallback.owe.selector) owed += amount;
        } catch {}
    }

    /// @dev Whatever comes of it, it is counted.
    function _pay(Entry entry, bytes32 orderId, uint256 amount, bytes memory action) private {
        Request memory request = _request(entry);
        request.nonce = request.orderId = orderId;
        request.calldataNonce = uint256(orderId);
        request.amount = amount;
        request.action = action;
        _sign(request);
        bool wasConsumed = callback.isConsumed(orderId);
        bool wasUsed = usd.authorizationState(DELEGATE, orderId);
        try this.submit(request) {
            vm.assertFalse(wasConsumed, "an order twice");
            vm.assertFalse(wasUsed && !_isPermit2(request.entry), "a payment twice");
            ++payments;
            paidIn += request.amount;
            bool owes = _hasCalldata(request.entry) && bytes4(request.action) == MisbehavingCallback.owe.selector;
            if (owes) owed += request.amount;
        } catch {}
    }

    /// @notice The delegate wallet gives an order's money back, by the payout's own nonce.
    function refund(uint8 orderSeed, bool fresh) external {
        bytes32 orderId = _order(orderSeed, fresh);
        bool wasPaidOut = usd.authorizationState(DELEGATE, orderId);
        Signatures.Authorization memory a =
            Signatures.Authorization(DELEGATE, PAYER, MINIMUM, 0, block.timestamp + 60, orderId);
        bytes memory signature = Signatures.eip3009(DELEGATE_KEY, address(usd), Signatures.TRANSFER, a);
        try usd.transferWithAuthorization(a.from, a.to, a.value, 0, a.validBefore, a.nonce, signature) {
            vm.assertFalse(wasPaidOut, "payout and refund");
            ++refunds;
        } catch {}
    }

    /// @notice Somebody sends money that belongs to no order.
    function strayTransfer(uint64 amount) external {
        usd.mint(address(callback), amount);
        stray += amount;
    }

    /// @notice The owner counts strays as revenue.
    function declareSurplus() external {
        vm.prank(ADMIN);
        vm.assertEq(callback.declareSurplus(address(usd)), stray, "the surplus is what came astray");
        paidIn += stray;
        stray = 0;
    }

    /// @notice The owner takes as much as he likes to try.
    function withdraw(uint256 amount) external {
        amount %= 2 * callback.revenue(address(usd)) + 1;
        vm.prank(ADMIN);
        try callback.withdrawRevenue(address(usd), ADMIN, amount) {
            withdrawn += amount;
        } catch {}
    }

    /// @notice The owner strikes an action off and lists it again.
    function reprice(uint128 minimum, uint128 width) external {
        PaymentGuard.Bounds memory bounds = PaymentGuard.Bounds(1 + minimum % (MAXIMUM / 2), MAXIMUM + width % MAXIMUM);
        vm.prank(ADMIN);
        callback.listAction(bytes4(0), bounds);
    }

    /// @notice What must hold after any of these.
    function assertHealthy() external view {
        uint256 held = usd.balanceOf(address(callback));
        uint256 liabilities = callback.liabilities(address(usd));
        uint256 revenue = callback.revenue(address(usd));
        vm.assertEq(held, liabilities + revenue + stray, "balance = liabilities + revenue + strays");
        vm.assertEq(liabilities, owed, "nobody touched what is owed");
        vm.assertEq(paidIn, owed + revenue + withdrawn, "money is conserved");
        vm.assertEq(callback.totalEffects(), payments, "one effect per payment");
        vm.assertEq(usd.balanceOf(ADMIN), withdrawn, "the owner has what was withdrawn");
        uint256 payers = FUNDS + refunds * MINIMUM - paidByPayer;
        vm.assertEq(usd.balanceOf(PAYER), payers, "the payer has the rest, and the refunds");
        _assertNothingStays();
    }

    function _order(uint8 seed, bool fresh) private returns (bytes32 orderId) {
        if (fresh || _orders.length == 0) {
            orderId = keccak256(abi.encode("order", _orders.length));
            _orders.push(orderId);
        } else {
            orderId = _orders[seed % _orders.length];
        }
    }

    function _crime(uint8 crime) private pure returns (bytes memory) {
        crime %= 8;
        if (crime == 0) return abi.encodeCall(MisbehavingCallback.owe, ());
        if (crime == 1) return abi.encodeCall(MisbehavingCallback.hoard, ());
        if (crime == 2) return abi.encodeCall(MisbehavingCallback.fail, ("no"));
        if (crime == 3) return abi.encodeCall(MisbehavingCallback.embezzle, (address(0xe), 1));
        if (crime == 4) return abi.encodeCall(MisbehavingCallback.bomb, (1_000));
        if (crime == 5) return "";
        return abi.encodeCall(MisbehavingCallback.behave, (address(0xe)));
    }
}
