// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";
import {DelegateExecutor} from "contracts/DelegateExecutor.sol";
import {MisbehavingCallback} from "contracts/mocks/hostile/MisbehavingCallback.sol";
import {X402Callback} from "contracts/X402Callback.sol";
import {ExecutorTest} from "../base/ExecutorTest.sol";
import {Purchase, Way} from "../base/Purchase.sol";
import {Entry, Request} from "../base/Request.sol";
import {vm} from "../base/Vm.sol";

/// @title C5: a payment counts once, for what its payer committed to and nothing else.
contract C5ExecutorReplayTest is ExecutorTest {
    function test_nonceOf_is_the_commitment_that_is_published(
        uint256 amount,
        address token,
        address target,
        bytes calldata callData,
        bytes32 salt
    ) public view {
        Purchase memory p = _purchase(Way.Eip3009);
        (p.payment.amount, p.payment.token, p.payment.target) = (amount, token, target);
        (p.payment.callData, p.payment.salt) = (callData, salt);
        vm.assertEq(executor.nonceOf(p.payment), notary.commitment(p));
    }

    function test_every_entry_reverts_when_the_payment_was_executed() public {
        bytes memory used = abi.encodeWithSelector(
            ERC3009.ERC3009UsedAuthorization.selector, PAYER, notary.commitment(_purchase(Way.Eip3009))
        );
        for (uint256 i; i < 3; ++i) {
            uint256 fresh = vm.snapshotState();
            Purchase memory p = _purchase(_way(i));
            _assertExecuted(p);
            _assertRejected(p, p.way == Way.Permit2 ? abi.encodeWithSignature("InvalidNonce()") : used);
            vm.revertToState(fresh);
        }
    }

    /// @dev Two payments for one order, by whichever ways: the second is refused, and its money stays with the payer.
    function test_an_order_is_worked_on_once_across_all_entries(uint8 first, uint8 second) public {
        _assertExecuted(_purchase(_way(first)));
        Purchase memory again = _purchase(_way(second));
        again.payment.salt = keccak256("another payment");
        _sign(again);
        _assertRejected(again, abi.encodeWithSelector(X402Callback.OrderConsumed.selector, again.payment.orderId));
    }

    function test_an_order_of_the_delegate_wallets_is_not_worked_on_again() public {
        Purchase memory p = _purchase(Way.Eip3009);
        Request memory request = _request(Entry.Eip3009);
        request.nonce = request.orderId = p.payment.orderId;
        (request.pull,) = clerk.sign(request, DELEGATE_KEY, PAYER_KEY);
        _assertAccepted(request);
        _assertRejected(p, abi.encodeWithSelector(X402Callback.OrderConsumed.selector, p.payment.orderId));
    }

    /// @dev Who reads an order id from a pending chain transaction cannot use it up with a payment of his own.
    function test_an_order_id_is_its_payers_alone(bytes32 foreign, uint8 which) public {
        Purchase memory p = _purchase(_way(which));
        bytes32 own = p.payment.orderId;
        vm.assume(foreign != own);
        p.payment.orderId = foreign;
        _sign(p);
        _assertRejected(p, abi.encodeWithSelector(DelegateExecutor.OrderIdInvalid.selector, foreign, own));
        vm.assertEq(executor.orderIdOf(p.payment.quoteHash, PAYER), own);
    }

    function test_a_payment_is_refused_on_another_chain(uint64 chainId, uint8 which) public {
        vm.assume(chainId != 0 && chainId != block.chainid);
        Purchase memory p = _purchase(_way(which));
        vm.chainId(chainId);
        _assertRejected(p);
    }

    /// @dev Even where the token's own domain does not know the chain, the commitment does.
    function test_the_commitment_names_chain_and_executor(uint64 chainId) public {
        vm.assume(chainId != 0 && chainId != block.chainid);
        Purchase memory p = _purchase(Way.Eip3009);
        bytes32 nonce = executor.nonceOf(p.payment);
        vm.assertTrue(_newExecutor().nonceOf(p.payment) != nonce);
        vm.chainId(chainId);
        vm.assertTrue(executor.nonceOf(p.payment) != nonce);
    }

    function test_a_payment_is_refused_by_another_executor(uint8 which) public {
        Purchase memory p = _purchase(_way(which));
        p.executor = address(_newExecutor());
        _assertRejected(p);
    }

    /// @dev Each member that the payer committed to, changed by whoever hands it in.
    function test_a_payment_is_refused_when_any_member_is_changed(uint8 which, uint8 member, uint256 by) public {
        Purchase memory p = _purchase(_way(which));
        by = 1 + by % 1_000_000;
        member %= 8;
        if (member == 0) p.payment.amount += by;
        if (member == 1) p.payment.token = address(uint160(p.payment.token) + uint160(by));
        if (member == 2) p.payment.deadline += by;
        if (member == 3) p.payment.callData = abi.encodeCall(MisbehavingCallback.behave, (address(uint160(by))));
        if (member == 4) p.payment.callData = bytes.concat(p.payment.callData, new bytes(by % 64 + 1));
        if (member == 5) p.payment.salt = bytes32(uint256(p.payment.salt) + by);
        if (member == 6) {
            p.payment.quoteHash = bytes32(uint256(p.payment.quoteHash) + by);
            p.payment.orderId = executor.orderIdOf(p.payment.quoteHash, PAYER);
        }
        if (member == 7) {
            address other = address(_newCallback(address(usd)));
            vm.startPrank(ADMIN);
            executor.listTarget(other, TARGET_GAS);
            MisbehavingCallback(other).listExecutor(address(executor), true);
            vm.stopPrank();
            p.payment.target = other;
        }
        _assertRejected(p);
    }

    function test_a_payment_is_refused_for_another_payer() public {
        _fund(usd, STRANGER);
        for (uint256 i; i < 3; ++i) {
            Purchase memory p = _purchase(_way(i));
            p.payment.payer = STRANGER;
            p.payment.orderId = executor.orderIdOf(p.payment.quoteHash, STRANGER);
            _assertRejected(p);
        }
    }

    function test_a_signature_for_one_way_is_refused_by_the_other() public {
        Purchase memory p = _purchase(Way.Eip3009);
        p.way = Way.Permit2;
        _assertRejected(p);
        p = _purchase(Way.Permit2);
        p.way = Way.Eip3009;
        _assertRejected(p);
    }

    function test_a_payer_may_buy_twice_by_two_quotes() public {
        for (uint256 i; i < 3; ++i) {
            Purchase memory p = _purchase(_way(i));
            _order(p, abi.encode(i));
            _assertExecuted(p);
        }
        vm.assertEq(callback.totalEffects(), 3);
    }
}
