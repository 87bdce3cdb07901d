// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IPermit2} from "contracts/interfaces/IPermit2.sol";
import {TestDAI} from "contracts/mocks/TestDAI.sol";
import {ExactPermit2Proxy} from "contracts/x402/ExactPermit2Proxy.sol";
import {Permit2Proxy} from "contracts/x402/Permit2Proxy.sol";
import {UptoPermit2Proxy} from "contracts/x402/UptoPermit2Proxy.sol";
import {Make} from "../base/Make.sol";
import {Signatures} from "../base/Signatures.sol";
import {vm} from "../base/Vm.sol";

/// @title Permit2 and both proxies etched at their addresses, a token, and payments that are right until spoilt.
abstract contract ProxyTest {
    bool public constant IS_TEST = true;

    address internal constant PERMIT2 = 0x000000000022D473030F116dDEE9F6B43aC78BA3;
    ExactPermit2Proxy internal constant EXACT = ExactPermit2Proxy(0x402085c248EeA27D92E8b30b2C58ed07f9E20001);
    UptoPermit2Proxy internal constant UPTO = UptoPermit2Proxy(0x4020A4f3b7b90ccA423B9fabCc0CE57C6C240002);
    address internal constant PAYEE = address(0xbeef);
    address internal constant THIEF = address(0xbad);
    address internal constant FACILITATOR = address(0xfac);
    uint256 internal constant PAYER_KEY = 0xb0b;
    uint256 internal constant FUNDS = 1_000_000e18;

    bytes4 internal constant INVALID_SIGNER = bytes4(keccak256("InvalidSigner()"));
    bytes4 internal constant INVALID_NONCE = bytes4(keccak256("InvalidNonce()"));

    bytes32 private constant EXACT_TRANSFER = keccak256(
        "PermitWitnessTransferFrom(TokenPermissions permitted,address spender,uint256 nonce,uint256 deadline,"
        "Witness witness)TokenPermissions(address token,uint256 amount)Witness(address to,uint256 validAfter)"
    );
    bytes32 private constant UPTO_TRANSFER = keccak256(
        "PermitWitnessTransferFrom(TokenPermissions permitted,address spender,uint256 nonce,uint256 deadline,"
        "Witness witness)TokenPermissions(address token,uint256 amount)"
        "Witness(address to,address facilitator,uint256 validAfter)"
    );
    bytes32 private constant EXACT_WITNESS = keccak256("Witness(address to,uint256 validAfter)");
    bytes32 private constant UPTO_WITNESS = keccak256("Witness(address to,address facilitator,uint256 validAfter)");

    address internal immutable PAYER = vm.addr(PAYER_KEY);
    TestDAI internal dai;

    /// @notice What is signed and handed in. `facilitator` and `taken` are for `upto`.
    struct Payment {
        address token;
        uint256 amount;
        uint256 taken;
        uint256 nonce;
        uint256 deadline;
        address owner;
        address to;
        address facilitator;
        uint256 validAfter;
        bytes signature;
    }

    function setUp() public virtual {
        vm.warp(1_800_000_000);
        string memory file = "contracts/mocks/permit2.hex";
        vm.readLine(file);
        vm.etch(PERMIT2, vm.parseBytes(vm.readLine(file)));
        vm.etch(address(EXACT), Make.it("ExactPermit2Proxy").code);
        vm.etch(address(UPTO), Make.it("UptoPermit2Proxy").code);
        dai = TestDAI(Make.it("TestDAI"));
        dai.mint(PAYER, FUNDS);
    }

    /// @dev Leave for Permit2 to move the payer's money.
    function _approve(uint256 amount) internal {
        vm.prank(PAYER);
        dai.approve(PERMIT2, amount);
    }

    function _payment(uint256 amount) internal view returns (Payment memory p) {
        p.token = address(dai);
        (p.amount, p.taken) = (amount, amount);
        p.nonce = 7;
        p.deadline = block.timestamp + 600;
        (p.owner, p.to, p.facilitator) = (PAYER, PAYEE, FACILITATOR);
    }

    function _exact(uint256 amount) internal view returns (Payment memory p) {
        p = _payment(amount);
        _signExact(p);
    }

    function _upto(uint256 amount) internal view returns (Payment memory p) {
        p = _payment(amount);
        _signUpto(p);
    }

    function _signExact(Payment memory p) internal view {
        p.signature = Signatures.signFor(p.owner, PAYER_KEY, _exactDigest(p, address(EXACT)));
    }

    function _signUpto(Payment memory p) internal view {
        p.signature = Signatures.signFor(p.owner, PAYER_KEY, _uptoDigest(p, address(UPTO)));
    }

    function _exactDigest(Payment memory p, address spender) internal view returns (bytes32) {
        return _digest(p, spender, EXACT_TRANSFER, keccak256(abi.encode(EXACT_WITNESS, p.to, p.validAfter)));
    }

    function _uptoDigest(Payment memory p, address spender) internal view returns (bytes32) {
        bytes32 witness = keccak256(abi.encode(UPTO_WITNESS, p.to, p.facilitator, p.validAfter));
        return _digest(p, spender, UPTO_TRANSFER, witness);
    }

    function _digest(Payment memory p, address spender, bytes32 kind, bytes32 witness) private view returns (bytes32) {
        bytes32 permitted = keccak256(abi.encode(Signatures.TOKEN_PERMISSIONS, p.token, p.amount));
        bytes32 structHash = keccak256(abi.encode(kind, permitted, spender, p.nonce, p.deadline, witness));
        return Signatures.permit2Digest(PERMIT2, structHash);
    }

    /// @dev The payer's EIP-2612 permit to Permit2.
    function _permit2612(uint256 value) internal view returns (Permit2Proxy.EIP2612Permit memory permit) {
        (permit.value, permit.deadline) = (value, block.timestamp + 600);
        bytes32 domain = dai.DOMAIN_SEPARATOR();
        bytes memory signature = Signatures.permit2612(PAYER_KEY, domain, PERMIT2, value, 0, permit.deadline);
        (permit.v, permit.r, permit.s) = Signatures.split(signature);
    }

    function _exactCall(Payment memory p) internal pure returns (bytes memory) {
        return abi.encodeCall(EXACT.settle, (_permit(p), p.owner, _exactWitness(p), p.signature));
    }

    function _exactCall(Payment memory p, Permit2Proxy.EIP2612Permit memory permit)
        internal
        pure
        returns (bytes memory)
    {
        return abi.encodeCall(EXACT.settleWithPermit, (permit, _permit(p), p.owner, _exactWitness(p), p.signature));
    }

    function _uptoCall(Payment memory p) internal pure returns (bytes memory) {
        return abi.encodeCall(UPTO.settle, (_permit(p), p.taken, p.owner, _uptoWitness(p), p.signature));
    }

    function _uptoCall(Payment memory p, Permit2Proxy.EIP2612Permit memory permit)
        internal
        pure
        returns (bytes memory)
    {
        return abi.encodeCall(
            UPTO.settleWithPermit, (permit, _permit(p), p.taken, p.owner, _uptoWitness(p), p.signature)
        );
    }

    /// @dev Hands `data` in; bubbles whatever the proxy reverts with.
    function _callAs(address caller, address proxy, bytes memory data) internal {
        vm.prank(caller);
        (bool success, bytes memory answer) = proxy.call(data);
        if (success) return;
        assembly ("memory-safe") {
            revert(add(answer, 0x20), mload(answer))
        }
    }

    /// @dev For `vm.expectRevert`, which watches the next call.
    function callAs(address caller, address proxy, bytes memory data) external {
        _callAs(caller, proxy, data);
    }

    /// @dev It fails with exactly this error, and no money has moved.
    function _assertRefused(address caller, address proxy, bytes memory data, bytes memory error_) internal {
        uint256 had = dai.balanceOf(PAYER);
        vm.expectRevert(error_);
        this.callAs(caller, proxy, data);
        vm.assertEq(dai.balanceOf(PAYER), had, "money moved");
    }

    function _assertRefused(address caller, address proxy, bytes memory data, bytes4 error_) internal {
        _assertRefused(caller, proxy, data, abi.encodeWithSelector(error_));
    }

    function _permit(Payment memory p) private pure returns (IPermit2.PermitTransferFrom memory) {
        return IPermit2.PermitTransferFrom(IPermit2.TokenPermissions(p.token, p.amount), p.nonce, p.deadline);
    }

    function _exactWitness(Payment memory p) private pure returns (ExactPermit2Proxy.Witness memory) {
        return ExactPermit2Proxy.Witness(p.to, p.validAfter);
    }

    function _uptoWitness(Payment memory p) private pure returns (UptoPermit2Proxy.Witness memory) {
        return UptoPermit2Proxy.Witness(p.to, p.facilitator, p.validAfter);
    }
}
