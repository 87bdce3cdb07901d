// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";
import {MisbehavingCallback} from "contracts/mocks/hostile/MisbehavingCallback.sol";
import {X402Callback} from "contracts/X402Callback.sol";
import {CallbackTest} from "../base/CallbackTest.sol";
import {Entry, Request} from "../base/Request.sol";
import {vm} from "../base/Vm.sol";

/// @title C5: a payment, an order and a signature count once, here, for what they say.
contract C5ReplayTest is CallbackTest {
    function test_every_entry_reverts_when_the_order_was_worked_on() public {
        for (uint256 i; i < 4; ++i) {
            uint256 fresh = vm.snapshotState();
            Request memory request = _request(_entry(i));
            _assertAccepted(request);
            _assertRefused(request, abi.encodeWithSelector(X402Callback.OrderConsumed.selector, request.orderId));
            vm.revertToState(fresh);
        }
    }

    /// @dev One order, whichever way it comes the second time, and with a fresh payment too.
    function test_an_order_is_worked_on_once_across_all_entries(uint8 first, uint8 second) public {
        _assertAccepted(_request(_entry(first)));
        Request memory again = _request(_entry(second));
        if (_hasCalldata(again.entry)) again.nonce = keccak256("another payment");
        _sign(again);
        _assertRefused(again, abi.encodeWithSelector(X402Callback.OrderConsumed.selector, again.orderId));
    }

    function test_a_payment_buys_one_order_only() public {
        Request memory first = _request(Entry.Eip3009WithCalldata);
        _assertAccepted(first);
        Request memory second = _request(Entry.Eip3009WithCalldata);
        second.orderId = keccak256("order-2");
        second.calldataNonce = uint256(second.orderId);
        _sign(second);
        _assertRefused(
            second, abi.encodeWithSelector(ERC3009.ERC3009UsedAuthorization.selector, DELEGATE, second.nonce)
        );
    }

    function test_a_permit2_payment_buys_one_order_only() public {
        Request memory first = _request(Entry.Permit2WithCalldata);
        _assertAccepted(first);
        Request memory second = _request(Entry.Permit2WithCalldata);
        second.orderId = keccak256("order-2");
        second.calldataNonce = uint256(second.orderId);
        _sign(second);
        _assertRefused(second, abi.encodeWithSignature("InvalidNonce()"));
    }

    /// @dev The same payer has paid twice; what was chosen for one payment cannot be done with the other.
    function test_a_choice_counts_for_the_payment_it_names_only(bool byPermit2, bytes32 otherNonce) public {
        Request memory request = _chosen(byPermit2);
        vm.assume(otherNonce != request.nonce);
        request.nonce = otherNonce;
        request.pull = _signPull(request, DELEGATE_KEY);
        _assertSignatureRefused(request);
    }

    function test_goats_struct_counts_where_the_nonce_is_the_order(bool byPermit2) public {
        Request memory request = _chosen(byPermit2);
        request.choice = _signGoats(request, PAYER_KEY);
        _assertAccepted(request);
    }

    function test_goats_struct_is_refused_where_it_does_not_name_the_payment(bool byPermit2, bytes32 nonce) public {
        Request memory request = _chosen(byPermit2);
        vm.assume(nonce != request.orderId);
        request.nonce = nonce;
        request.pull = _signPull(request, DELEGATE_KEY);
        request.choice = _signGoats(request, PAYER_KEY);
        _assertSignatureRefused(request);
        request.choice = _signOurs(request, PAYER_KEY);
        _assertAccepted(request);
    }

    function test_a_choice_is_refused_on_another_chain(uint64 chainId) public {
        vm.assume(chainId != 0 && chainId != block.chainid);
        Request memory request = _chosen(false);
        vm.chainId(chainId);
        _assertSignatureRefused(request);
    }

    function test_a_choice_is_refused_by_another_contract(bool byPermit2) public {
        Request memory request = _chosen(byPermit2);
        callback = _newCallback(address(usd));
        request.callback = address(callback);
        request.pull = _signPull(request, DELEGATE_KEY);
        _assertSignatureRefused(request);
    }

    function test_a_pull_is_refused_by_another_contract() public {
        for (uint256 i; i < 4; ++i) {
            Request memory request = _request(_entry(i));
            callback = _newCallback(address(usd));
            request.callback = address(callback);
            request.choice = _signOurs(request, PAYER_KEY);
            _assertRefused(
                request,
                abi.encodeWithSignature(_isPermit2(request.entry) ? "InvalidSigner()" : "ERC3009InvalidSignature()")
            );
        }
    }

    /// @dev Each member that the payer signed, changed by whoever hands it in, with a pull that fits the change.
    function test_a_choice_is_refused_when_any_member_is_changed(bool byPermit2, uint8 member, uint256 by) public {
        Request memory request = _chosen(byPermit2);
        by = 1 + by % 1_000_000;
        member %= 6;
        if (member == 0) request.amount += by;
        if (member == 1) request.payer = address(uint160(request.payer) + uint160(by));
        if (member == 2) request.calldataDeadline += by;
        if (member == 3) request.action = abi.encodeCall(MisbehavingCallback.behave, (address(uint160(by))));
        if (member == 4) request.action = bytes.concat(request.action, new bytes(by % 64 + 1));
        if (member == 5) {
            request.orderId = bytes32(uint256(request.orderId) + by);
            request.calldataNonce = uint256(request.orderId);
        }
        request.pull = _signPull(request, DELEGATE_KEY);
        _assertSignatureRefused(request);
    }

    function test_a_choice_is_refused_for_another_delegate_wallet() public {
        Request memory request = _chosen(false);
        _fund(usd, STRANGER);
        request.owner = STRANGER;
        request.pull = _signPull(request, STRANGER_KEY);
        _assertSignatureRefused(request);
    }

    function test_a_choice_for_one_kind_of_pull_is_refused_for_the_other() public {
        Request memory request = _chosen(false);
        Request memory other = _chosen(true);
        request.choice = other.choice;
        _assertSignatureRefused(request);
    }

    function test_entries_revert_when_the_two_order_ids_differ(bool byPermit2, uint256 calldataNonce) public {
        Request memory request = _chosen(byPermit2);
        vm.assume(bytes32(calldataNonce) != request.orderId);
        request.calldataNonce = calldataNonce;
        _sign(request);
        _assertRefused(
            request, abi.encodeWithSelector(X402Callback.OrderIdMismatch.selector, request.orderId, calldataNonce)
        );
    }

    function test_entries_revert_when_the_deadline_passed(bool byPermit2, uint32 late) public {
        Request memory request = _chosen(byPermit2);
        request.calldataDeadline = block.timestamp - 1 - late % 1_000_000;
        _sign(request);
        _assertRefused(
            request,
            abi.encodeWithSelector(X402Callback.DeadlinePassed.selector, request.orderId, request.calldataDeadline)
        );
    }

    function test_entries_accept_the_last_second(bool byPermit2) public {
        Request memory request = _chosen(byPermit2);
        request.calldataDeadline = block.timestamp;
        _sign(request);
        _assertAccepted(request);
    }

    function _chosen(bool byPermit2) private view returns (Request memory) {
        return _request(byPermit2 ? Entry.Permit2WithCalldata : Entry.Eip3009WithCalldata);
    }

    function _assertSignatureRefused(Request memory request) private {
        _assertRefused(
            request, abi.encodeWithSelector(X402Callback.PayerSignatureInvalid.selector, request.orderId, request.payer)
        );
    }
}
