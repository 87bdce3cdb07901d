// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {DelegateExecutor} from "contracts/DelegateExecutor.sol";
import {Purchase, Way} from "./Purchase.sol";
import {Signatures} from "./Signatures.sol";

/// @title Signs purchases for whose key it is given, and encodes them; written from the commitment's description.
/// @dev A contract of its own, so that this is compiled once and not into every suite.
contract Notary {
    address private constant PERMIT2 = 0x000000000022D473030F116dDEE9F6B43aC78BA3;
    bytes private constant TYPE = "DelegatePayment(uint256 chainId,address executor,address payer,address token,uint256 amount,address target,"
        "bytes callData,bytes32 orderId,bytes32 quoteHash,uint256 deadline,bytes32 salt)";
    bytes private constant WITNESS_TRANSFER = "PermitWitnessTransferFrom(TokenPermissions permitted,address spender,uint256 nonce,uint256 deadline,"
        "DelegatePayment witness)";
    bytes private constant TOKEN_PERMISSIONS = "TokenPermissions(address token,uint256 amount)";

    /// @notice The payer's signature over a purchase.
    function sign(Purchase memory p, uint256 key) external view returns (bytes memory) {
        bytes32 nonce = commitment(p);
        if (p.way == Way.Permit2) return Signatures.signFor(p.payment.payer, key, _permit2Digest(p, nonce));
        Signatures.Authorization memory authorization =
            Signatures.Authorization(p.payment.payer, p.executor, p.payment.amount, 0, p.payment.deadline, nonce);
        return Signatures.eip3009(key, p.payment.token, Signatures.RECEIVE, authorization);
    }

    /// @notice What the payer commits to.
    function commitment(Purchase memory p) public view returns (bytes32) {
        DelegateExecutor.DelegatePayment memory d = p.payment;
        bytes memory first =
            abi.encode(keccak256(TYPE), block.chainid, p.executor, d.payer, d.token, d.amount, d.target);
        return
            keccak256(
                bytes.concat(first, abi.encode(keccak256(d.callData), d.orderId, d.quoteHash, d.deadline, d.salt))
            );
    }

    /// @notice The call of the entry that the purchase is for.
    function encode(Purchase memory p) external pure returns (bytes memory) {
        if (p.way == Way.Permit2) return abi.encodeCall(DelegateExecutor.executePermit2, (p.payment, p.signature));
        if (p.way == Way.Eip3009Bytes) {
            return abi.encodeCall(DelegateExecutor.executeEip3009Bytes, (p.payment, p.signature));
        }
        (uint8 v, bytes32 r, bytes32 s) = Signatures.split(p.signature);
        return abi.encodeCall(DelegateExecutor.executeEip3009, (p.payment, v, r, s));
    }

    function _permit2Digest(Purchase memory p, bytes32 witness) private view returns (bytes32) {
        bytes32 permitted = keccak256(abi.encode(keccak256(TOKEN_PERMISSIONS), p.payment.token, p.payment.amount));
        bytes32 kind = keccak256(bytes.concat(WITNESS_TRANSFER, TYPE, TOKEN_PERMISSIONS));
        bytes32 structHash = keccak256(abi.encode(kind, permitted, p.executor, witness, p.payment.deadline, witness));
        return Signatures.permit2Digest(PERMIT2, structHash);
    }
}
