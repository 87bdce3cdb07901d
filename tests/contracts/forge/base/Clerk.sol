// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IX402Callback} from "contracts/interfaces/IX402Callback.sol";
import {Entry, Request} from "./Request.sol";
import {Signatures} from "./Signatures.sol";

/// @title Signs requests for whose key it is given, and encodes them.
/// @dev A contract of its own, so that this is compiled once and not into every suite.
contract Clerk {
    bytes32 private constant EIP3009_DATA = keccak256(
        "Eip3009CallbackData(address token,address owner,address payer,uint256 amount,"
        "bytes32 orderId,uint256 calldataNonce,uint256 deadline,bytes32 calldataHash)"
    );
    bytes32 private constant PERMIT2_DATA = keccak256(
        "Permit2CallbackData(address permit2,address token,address owner,address payer,uint256 amount,"
        "bytes32 orderId,uint256 calldataNonce,uint256 deadline,bytes32 calldataHash)"
    );
    bytes32 private constant EIP3009_PAYMENT = keccak256(
        "Eip3009CallbackPayment(address token,address owner,address payer,uint256 amount,"
        "bytes32 orderId,uint256 calldataNonce,uint256 deadline,bytes32 calldataHash,bytes32 paymentNonce)"
    );
    bytes32 private constant PERMIT2_PAYMENT = keccak256(
        "Permit2CallbackPayment(address permit2,address token,address owner,address payer,uint256 amount,"
        "bytes32 orderId,uint256 calldataNonce,uint256 deadline,bytes32 calldataHash,uint256 paymentNonce)"
    );

    /// @notice Signs what a request says, as the delegate wallet and as the payer.
    function sign(Request memory r, uint256 delegateKey, uint256 payerKey)
        external
        view
        returns (bytes memory pull, bytes memory choice)
    {
        return (signPull(r, delegateKey), signOurs(r, payerKey));
    }

    /// @notice The delegate wallet's signature over the pull.
    function signPull(Request memory r, uint256 key) public view returns (bytes memory) {
        if (_isPermit2(r.entry)) {
            return Signatures.permit2(key, r.permit2, r.token, r.amount, r.callback, uint256(r.nonce), r.validBefore);
        }
        Signatures.Authorization memory authorization =
            Signatures.Authorization(r.owner, r.callback, r.amount, r.validAfter, r.validBefore, r.nonce);
        return Signatures.eip3009(key, r.token, Signatures.RECEIVE, authorization);
    }

    /// @notice The payer's signature over our own struct, which names the payment's nonce.
    function signOurs(Request memory r, uint256 key) public view returns (bytes memory) {
        bytes memory encoded = _isPermit2(r.entry)
            ? bytes.concat(PERMIT2_PAYMENT, abi.encode(r.permit2), _fields(r), r.nonce)
            : bytes.concat(EIP3009_PAYMENT, _fields(r), r.nonce);
        return _signChoice(r, key, keccak256(encoded));
    }

    /// @notice The payer's signature over GOAT's struct, which does not.
    function signGoats(Request memory r, uint256 key) public view returns (bytes memory) {
        bytes memory encoded = _isPermit2(r.entry)
            ? bytes.concat(PERMIT2_DATA, abi.encode(r.permit2), _fields(r))
            : bytes.concat(EIP3009_DATA, _fields(r));
        return _signChoice(r, key, keccak256(encoded));
    }

    function _signChoice(Request memory r, uint256 key, bytes32 structHash) private view returns (bytes memory) {
        bytes32 domain = Signatures.domain("GoatX402 Pay Callback", "1", r.callback);
        return Signatures.signFor(r.payer, key, Signatures.digest(domain, structHash));
    }

    function _fields(Request memory r) private pure returns (bytes memory) {
        return abi.encode(
            r.token, r.owner, r.payer, r.amount, r.orderId, r.calldataNonce, r.calldataDeadline, keccak256(r.action)
        );
    }

    /// @notice The call of the entry that the request is for.
    function encode(Request memory r) external pure returns (bytes memory) {
        (uint8 v, bytes32 vr, bytes32 vs) = Signatures.split(r.pull);
        if (r.entry == Entry.Eip3009) {
            return abi.encodeCall(
                IX402Callback.x402SpentEip3009,
                (r.token, r.payer, r.owner, r.amount, r.validAfter, r.validBefore, r.nonce, v, vr, vs)
            );
        }
        if (r.entry == Entry.Permit2) {
            return abi.encodeCall(
                IX402Callback.x402SpentPermit2,
                (r.permit2, r.token, r.payer, r.owner, r.amount, uint256(r.nonce), r.validBefore, r.pull)
            );
        }
        return _encodeWithCalldata(r, v, vr, vs);
    }

    function _encodeWithCalldata(Request memory r, uint8 v, bytes32 vr, bytes32 vs)
        private
        pure
        returns (bytes memory)
    {
        (uint8 cv, bytes32 cr, bytes32 cs) = Signatures.split(r.choice);
        if (r.entry == Entry.Eip3009WithCalldata) {
            return abi.encodeCall(
                IX402Callback.x402SpentEip3009WithCalldata,
                (
                    r.token,
                    r.payer,
                    r.owner,
                    r.amount,
                    r.validAfter,
                    r.validBefore,
                    r.nonce,
                    v,
                    vr,
                    vs,
                    r.action,
                    r.orderId,
                    r.calldataNonce,
                    r.calldataDeadline,
                    cv,
                    cr,
                    cs
                )
            );
        }
        return abi.encodeCall(
            IX402Callback.x402SpentPermit2WithCalldata,
            (
                r.permit2,
                r.token,
                r.payer,
                r.owner,
                r.amount,
                uint256(r.nonce),
                r.validBefore,
                r.pull,
                r.action,
                r.orderId,
                r.calldataNonce,
                r.calldataDeadline,
                cv,
                cr,
                cs
            )
        );
    }

    function _isPermit2(Entry entry) internal pure returns (bool) {
        return entry == Entry.Permit2 || entry == Entry.Permit2WithCalldata;
    }
}
