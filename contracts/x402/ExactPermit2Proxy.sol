// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IPermit2} from "../interfaces/IPermit2.sol";
import {Permit2Proxy} from "./Permit2Proxy.sol";

/// @title The spender of x402's `exact` payments by Permit2: all that was permitted goes to whom the payer named.
/// @dev The interface that x402 clients and facilitators know; on public chains it is deployed by others.
contract ExactPermit2Proxy is Permit2Proxy {
    /// @notice What the payer's signature covers beside the permit.
    struct Witness {
        address to;
        uint256 validAfter;
    }

    /// @notice How Permit2 is told of the witness.
    string public constant WITNESS_TYPE_STRING =
        "Witness witness)TokenPermissions(address token,uint256 amount)Witness(address to,uint256 validAfter)";
    /// @notice EIP-712 type hash of the witness.
    bytes32 public constant WITNESS_TYPEHASH = keccak256("Witness(address to,uint256 validAfter)");

    /// @notice Move `permit.permitted.amount` from `owner` to `witness.to`.
    /// @param permit token, amount, Permit2 nonce and deadline, as signed
    /// @param owner the payer
    /// @param witness recipient and earliest time, as signed
    /// @param signature of the payer, an EOA or an ERC-1271 wallet, with this contract as the spender
    function settle(
        IPermit2.PermitTransferFrom calldata permit,
        address owner,
        Witness calldata witness,
        bytes calldata signature
    ) external nonReentrant {
        _settle(permit, owner, witness, signature);
        emit Settled();
    }

    /// @notice {settle} for a payer who has not approved Permit2, but signed an EIP-2612 permit for it.
    function settleWithPermit(
        EIP2612Permit calldata permit2612,
        IPermit2.PermitTransferFrom calldata permit,
        address owner,
        Witness calldata witness,
        bytes calldata signature
    ) external nonReentrant {
        _approvePermit2(permit.permitted, owner, permit2612);
        _settle(permit, owner, witness, signature);
        emit SettledWithPermit();
    }

    function _settle(
        IPermit2.PermitTransferFrom calldata permit,
        address owner,
        Witness calldata witness,
        bytes calldata signature
    ) private {
        bytes32 hash = keccak256(abi.encode(WITNESS_TYPEHASH, witness));
        uint256 amount = permit.permitted.amount;
        _transfer(permit, amount, owner, witness.to, witness.validAfter, hash, WITNESS_TYPE_STRING, signature);
    }
}
