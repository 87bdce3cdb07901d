// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {PaymentGuard} from "contracts/base/PaymentGuard.sol";
import {EscrowRelease} from "contracts/callbacks/EscrowRelease.sol";
import {RevenueSplit} from "contracts/callbacks/RevenueSplit.sol";
import {StakingVault} from "contracts/callbacks/StakingVault.sol";
import {Subscription} from "contracts/callbacks/Subscription.sol";
import {MisbehavingCallback} from "contracts/mocks/hostile/MisbehavingCallback.sol";
import {ExecutorTest} from "../base/ExecutorTest.sol";
import {Make} from "../base/Make.sol";
import {Purchase} from "../base/Purchase.sol";
import {Entry, Request} from "../base/Request.sol";
import {vm} from "../base/Vm.sol";

/// @title Every callback that is in the repository at once, with payers, parties, owner and strangers at their doors.
/// @dev Does what it does with them, whatever comes of it, and keeps its own count of what is due to whom.
contract Shops is ExecutorTest {
    uint256 private constant MOST = 10_000_000;
    address private constant ANN = address(0xa11);
    address private constant SINK = address(0x5111);

    StakingVault private _vault;
    EscrowRelease private _escrow;
    RevenueSplit private _split;
    Subscription private _subscription;

    mapping(address shop => bytes32[]) private _orders;
    mapping(address shop => uint256) private _paidIn;
    mapping(address shop => uint256) private _paidOut;
    mapping(address shop => uint256) private _stray;
    uint256 private _count;

    function setUp() public override {
        super.setUp();
        address[] memory callers = _list(DELEGATE);
        PaymentGuard.Bounds memory bounds = PaymentGuard.Bounds(1, uint128(MOST));
        RevenueSplit.Share[] memory shares = new RevenueSplit.Share[](2);
        shares[0] = RevenueSplit.Share(ANN, 3_333);
        shares[1] = RevenueSplit.Share(PAYER, 777);
        _vault = StakingVault(_shop("StakingVault", abi.encode(ADMIN, callers, usd, PERMIT2, uint96(1), uint96(MOST))));
        _escrow = EscrowRelease(
            _shop("EscrowRelease", abi.encode(ADMIN, callers, usd, PERMIT2, bounds, STRANGER, uint64(7 days)))
        );
        _split = RevenueSplit(_shop("RevenueSplit", abi.encode(ADMIN, callers, usd, PERMIT2, bounds, shares, STRANGER)));
        _subscription = Subscription(
            _shop("Subscription", abi.encode(ADMIN, callers, usd, PERMIT2, uint128(1), uint64(10), uint32(MOST)))
        );
    }

    /// @notice A payment of any amount that is taken, by the delegate wallet or by the payer through the executor.
    function pay(uint8 shop, uint8 which, uint64 amount) external {
        callback = MisbehavingCallback(_pick(shop));
        uint256 value = 1 + amount % MOST;
        bytes memory id = abi.encode(++_count);
        bytes32 orderId = which % 5 < 2 ? _payByDelegate(which % 2, id, value) : _payByExecutor(which, id, value);
        vm.assertTrue(callback.isConsumed(orderId));
        _orders[address(callback)].push(orderId);
        _paidIn[address(callback)] += value;
    }

    /// @notice Somebody tries every way out of a shop for an order: whoever he is, the money goes to whom it is due.
    function takeOut(uint8 shop, uint8 order, uint8 actor, uint8 way) external {
        address door = _pick(shop);
        uint256 orders = _orders[door].length;
        bytes32 orderId = orders == 0 ? bytes32(0) : _orders[door][order % orders];
        uint256 before = usd.balanceOf(door);
        vm.prank(_actor(actor));
        (bool success,) = door.call(_wayOut(way, orderId));
        if (success) _paidOut[door] += before - usd.balanceOf(door);
    }

    /// @notice Time passes.
    function wait_(uint32 time) external {
        vm.warp(block.timestamp + time % 2 days);
    }

    /// @notice Somebody sends money that belongs to no order.
    function strayTransfer(uint8 shop, uint64 amount) external {
        usd.mint(_pick(shop), amount);
        _stray[_pick(shop)] += amount;
    }

    /// @notice The owner counts strays as revenue, and takes as much as he likes to try.
    function help(uint8 shop, uint256 amount) external {
        callback = MisbehavingCallback(_pick(shop));
        vm.prank(ADMIN);
        uint256 surplus = callback.declareSurplus(address(usd));
        vm.assertEq(surplus, _stray[address(callback)], "the surplus is what came astray");
        _paidIn[address(callback)] += surplus;
        _stray[address(callback)] = 0;
        amount %= 2 * callback.revenue(address(usd)) + 1;
        vm.prank(ADMIN);
        try callback.withdrawRevenue(address(usd), SINK, amount) {
            _paidOut[address(callback)] += amount;
        } catch {}
    }

    /// @notice What must hold after any of these.
    function assertHealthy() external view {
        for (uint8 i; i < 4; ++i) {
            address shop = _pick(i);
            uint256 booked =
                MisbehavingCallback(shop).liabilities(address(usd)) + MisbehavingCallback(shop).revenue(address(usd));
            vm.assertEq(usd.balanceOf(shop), booked + _stray[shop], "balance = liabilities + revenue + strays");
            vm.assertEq(booked, _paidIn[shop] - _paidOut[shop], "money is conserved");
        }
        vm.assertEq(_staked(), _vault.liabilities(address(usd)), "every stake is covered");
        vm.assertEq(_staked(), _vault.stakedBy(PAYER), "stakes add up");
        vm.assertEq(_held(), _escrow.liabilities(address(usd)), "every hold is covered");
        uint256 owed = _split.owed(ANN) + _split.owed(PAYER) + _split.owed(STRANGER);
        vm.assertEq(owed, _split.liabilities(address(usd)), "every share is covered");
        vm.assertEq(_subscription.liabilities(address(usd)), 0, "time is sold, not owed");
        _assertNothingStays();
    }

    function _payByDelegate(uint8 entry, bytes memory id, uint256 amount) private returns (bytes32) {
        Request memory request = _request(Entry(entry));
        request.nonce = request.orderId = keccak256(id);
        request.amount = amount;
        (request.pull,) = clerk.sign(request, DELEGATE_KEY, PAYER_KEY);
        _submit(request);
        return request.orderId;
    }

    function _payByExecutor(uint8 way, bytes memory id, uint256 amount) private returns (bytes32) {
        Purchase memory p = _purchase(_way(way));
        p.payment.amount = amount;
        p.payment.callData = "";
        _order(p, id);
        _execute(p);
        return p.payment.orderId;
    }

    function _staked() private view returns (uint256 sum) {
        bytes32[] storage orders = _orders[address(_vault)];
        for (uint256 i; i < orders.length; ++i) {
            (, uint96 amount) = _vault.stakes(orders[i]);
            sum += amount;
        }
    }

    function _held() private view returns (uint256 sum) {
        bytes32[] storage orders = _orders[address(_escrow)];
        for (uint256 i; i < orders.length; ++i) {
            (, uint96 amount,) = _escrow.holds(orders[i]);
            sum += amount;
        }
    }

    /// @dev Makes a callback, on the executor's list.
    function _shop(string memory name, bytes memory arguments) private returns (address made) {
        made = Make.it(name, arguments);
        vm.startPrank(ADMIN);
        executor.listTarget(made, MisbehavingCallback(made).ACTION_GAS() + TARGET_GAS);
        MisbehavingCallback(made).listExecutor(address(executor), true);
        vm.stopPrank();
    }

    function _pick(uint8 shop) private view returns (address) {
        return [address(_vault), address(_escrow), address(_split), address(_subscription)][shop % 4];
    }

    function _actor(uint8 actor) private view returns (address) {
        return [PAYER, ANN, STRANGER, ADMIN, DELEGATE][actor % 5];
    }

    function _wayOut(uint8 way, bytes32 orderId) private pure returns (bytes memory) {
        if (way % 5 == 0) return abi.encodeCall(StakingVault.unstake, (orderId, SINK));
        if (way % 5 == 1) return abi.encodeCall(EscrowRelease.release, (orderId));
        if (way % 5 == 2) return abi.encodeCall(EscrowRelease.giveBack, (orderId));
        if (way % 5 == 3) return abi.encodeCall(EscrowRelease.reclaim, (orderId, SINK));
        return abi.encodeCall(RevenueSplit.withdraw, (SINK));
    }
}
