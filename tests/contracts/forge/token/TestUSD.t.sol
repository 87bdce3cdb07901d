// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";
import {SmartWallet} from "contracts/mocks/SmartWallet.sol";
import {TestUSD} from "contracts/mocks/TestUSD.sol";
import {Make} from "../base/Make.sol";
import {Signatures} from "../base/Signatures.sol";
import {vm} from "../base/Vm.sol";

/// @title TestUSD: the parts of USDC that integrators meet.
contract TestUSDTest {
    bool public constant IS_TEST = true;

    uint256 private constant KEY = 0xa11ce;
    address private constant PAYEE = address(0xbeef);
    bytes32 private constant CANCEL = keccak256("CancelAuthorization(address authorizer,bytes32 nonce)");

    TestUSD private usd;
    address private payer;
    address private wallet;

    function setUp() public {
        vm.warp(1_800_000_000);
        usd = TestUSD(Make.it("TestUSD", abi.encode(address(this))));
        payer = vm.addr(KEY);
        wallet = Make.it("SmartWallet", abi.encode(payer));
        usd.mint(payer, 1_000);
        usd.mint(wallet, 1_000);
    }

    function test_it_presents_itself_as_usdc() public view {
        vm.assertEq(usd.name(), "USDC");
        vm.assertEq(usd.symbol(), "USDC");
        vm.assertEq(usd.version(), "2");
        vm.assertEq(usd.decimals(), 6);
        vm.assertEq(usd.DOMAIN_SEPARATOR(), Signatures.domain("USDC", "2", address(usd)));
    }

    function test_transferWithAuthorization_takes_all_forms() public {
        (uint8 v, bytes32 r, bytes32 s) = Signatures.split(_signed(payer, 1, Signatures.TRANSFER));
        usd.transferWithAuthorization(payer, PAYEE, 10, 0, block.timestamp + 60, bytes32(uint256(1)), v, r, s);
        _transfer(payer, 2, _signed(payer, 2, Signatures.TRANSFER));
        _transfer(wallet, 3, _signed(wallet, 3, Signatures.TRANSFER));
        vm.assertEq(usd.balanceOf(PAYEE), 30);
    }

    function test_transferWithAuthorization_reverts_when_replayed() public {
        bytes memory signature = _signed(wallet, 1, Signatures.TRANSFER);
        _transfer(wallet, 1, signature);
        vm.expectRevert(abi.encodeWithSelector(ERC3009.ERC3009UsedAuthorization.selector, wallet, bytes32(uint256(1))));
        _transfer(wallet, 1, signature);
    }

    function test_transferWithAuthorization_reverts_when_the_signature_is_another_kind() public {
        bytes memory signature = _signed(payer, 1, Signatures.RECEIVE);
        vm.expectRevert(ERC3009.ERC3009InvalidSignature.selector);
        _transfer(payer, 1, signature);
    }

    function test_transferWithAuthorization_reverts_when_the_signature_is_malleated_or_cut() public {
        bytes memory signature = _signed(payer, 1, Signatures.TRANSFER);
        bytes memory flipped = Signatures.flip(signature);
        vm.expectRevert(ERC3009.ERC3009InvalidSignature.selector);
        _transfer(payer, 1, flipped);
        assembly ("memory-safe") {
            mstore(signature, 64)
        }
        vm.expectRevert(ERC3009.ERC3009InvalidSignature.selector);
        _transfer(payer, 1, signature);
    }

    function test_transferWithAuthorization_reverts_outside_of_its_time() public {
        bytes memory signature = _signed(payer, 1, Signatures.TRANSFER);
        uint256 end = block.timestamp + 60;
        vm.warp(end);
        vm.expectRevert(abi.encodeWithSelector(ERC3009.ERC3009InvalidAuthorizationTime.selector, uint256(0), end));
        usd.transferWithAuthorization(payer, PAYEE, 10, 0, end, bytes32(uint256(1)), signature);
    }

    /// @dev OpenZeppelin would read both as block numbers, long past; USDC reads seconds, far in the future.
    function test_validity_is_in_seconds_whatever_bits_are_set() public {
        uint256 flag = 1 << 47;
        Signatures.Authorization memory a =
            Signatures.Authorization(payer, PAYEE, 10, flag, flag + 1_000_000, bytes32(uint256(1)));
        bytes memory signature = Signatures.eip3009(KEY, address(usd), Signatures.TRANSFER, a);
        vm.expectRevert(
            abi.encodeWithSelector(ERC3009.ERC3009InvalidAuthorizationTime.selector, flag, flag + 1_000_000)
        );
        usd.transferWithAuthorization(payer, PAYEE, 10, flag, flag + 1_000_000, a.nonce, signature);
    }

    function test_receiveWithAuthorization_is_the_payees_alone() public {
        bytes memory signature = _signed(wallet, 1, Signatures.RECEIVE);
        vm.expectRevert(abi.encodeWithSignature("ERC20InvalidReceiver(address)", PAYEE));
        usd.receiveWithAuthorization(wallet, PAYEE, 10, 0, block.timestamp + 60, bytes32(uint256(1)), signature);
        vm.prank(PAYEE);
        usd.receiveWithAuthorization(wallet, PAYEE, 10, 0, block.timestamp + 60, bytes32(uint256(1)), signature);
        vm.assertEq(usd.balanceOf(PAYEE), 10);
    }

    function test_cancelAuthorization_uses_the_nonce_up() public {
        bytes32 nonce = bytes32(uint256(1));
        bytes memory cancel = _sign(wallet, keccak256(abi.encode(CANCEL, wallet, nonce)));
        usd.cancelAuthorization(wallet, nonce, cancel);
        vm.assertTrue(usd.authorizationState(wallet, nonce));
        bytes memory signature = _signed(wallet, 1, Signatures.TRANSFER);
        vm.expectRevert(abi.encodeWithSelector(ERC3009.ERC3009UsedAuthorization.selector, wallet, nonce));
        _transfer(wallet, 1, signature);
    }

    function test_permit_approves_once_by_either_form() public {
        uint256 deadline = block.timestamp;
        (uint8 v, bytes32 r, bytes32 s) = Signatures.split(_permit(payer, 0, deadline));
        usd.permit(payer, PAYEE, 7, deadline, v, r, s);
        vm.assertEq(usd.allowance(payer, PAYEE), 7);
        vm.assertEq(usd.nonces(payer), 1);
        vm.expectRevert(abi.encodeWithSelector(TestUSD.PermitSignatureInvalid.selector, payer));
        usd.permit(payer, PAYEE, 7, deadline, v, r, s);
        usd.permit(wallet, PAYEE, 7, deadline, _permit(wallet, 0, deadline));
        vm.assertEq(usd.allowance(wallet, PAYEE), 7);
    }

    function test_permit_reverts_when_its_deadline_passed() public {
        uint256 deadline = block.timestamp - 1;
        bytes memory signature = _permit(payer, 0, deadline);
        vm.expectRevert(abi.encodeWithSelector(TestUSD.PermitExpired.selector, deadline));
        usd.permit(payer, PAYEE, 7, deadline, signature);
    }

    function test_pause_stops_every_movement() public {
        bytes memory signature = _signed(payer, 1, Signatures.TRANSFER);
        usd.pause();
        bytes4 paused = bytes4(keccak256("EnforcedPause()"));
        vm.expectRevert(paused);
        _transfer(payer, 1, signature);
        vm.expectRevert(paused);
        usd.mint(payer, 1);
        vm.expectRevert(paused);
        usd.approve(PAYEE, 1);
        usd.unpause();
        _transfer(payer, 1, signature);
    }

    function test_blacklisted_accounts_neither_send_nor_receive_nor_approve() public {
        bytes memory refusal = abi.encodeWithSelector(TestUSD.AccountBlacklisted.selector, PAYEE);
        bytes memory signature = _signed(payer, 1, Signatures.TRANSFER);
        usd.mint(PAYEE, 5);
        usd.setBlacklisted(PAYEE, true);
        vm.expectRevert(refusal);
        _transfer(payer, 1, signature);
        vm.expectRevert(refusal);
        vm.prank(PAYEE);
        usd.transfer(payer, 1);
        vm.expectRevert(refusal);
        vm.prank(PAYEE);
        usd.approve(payer, 1);
        vm.expectRevert(refusal);
        vm.prank(payer);
        usd.approve(PAYEE, 1);
        usd.setBlacklisted(PAYEE, false);
        _transfer(payer, 1, signature);
    }

    function test_owners_functions_revert_when_anybody_else_calls(address caller) public {
        vm.assume(caller != address(this));
        bytes memory refusal = abi.encodeWithSignature("OwnableUnauthorizedAccount(address)", caller);
        vm.startPrank(caller);
        vm.expectRevert(refusal);
        usd.pause();
        vm.expectRevert(refusal);
        usd.unpause();
        vm.expectRevert(refusal);
        usd.setBlacklisted(caller, true);
        vm.stopPrank();
    }

    function _transfer(address from, uint256 nonce, bytes memory signature) private {
        usd.transferWithAuthorization(from, PAYEE, 10, 0, block.timestamp + 60, bytes32(nonce), signature);
    }

    function _signed(address from, uint256 nonce, bytes32 kind) private view returns (bytes memory) {
        Signatures.Authorization memory authorization =
            Signatures.Authorization(from, PAYEE, 10, 0, block.timestamp + 60, bytes32(nonce));
        return Signatures.eip3009(KEY, address(usd), kind, authorization);
    }

    function _permit(address owner, uint256 nonce, uint256 deadline) private view returns (bytes memory) {
        return _sign(owner, keccak256(abi.encode(Signatures.PERMIT, owner, PAYEE, uint256(7), nonce, deadline)));
    }

    function _sign(address account, bytes32 structHash) private view returns (bytes memory) {
        return Signatures.signFor(account, KEY, Signatures.digest(usd.DOMAIN_SEPARATOR(), structHash));
    }
}
