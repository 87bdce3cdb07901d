// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IPermit2} from "../interfaces/IPermit2.sol";
import {Permit2Proxy} from "./Permit2Proxy.sol";

/// @title The spender of x402's `upto` payments: at most what was permitted goes to whom the payer named.
/// @notice The amount is for the facilitator to say, so the payer also signs who that is.
/// @dev The interface that x402 clients and facilitators know; on public chains it is deployed by others.
contract UptoPermit2Proxy is Permit2Proxy {
    /// @notice What the payer's signature covers beside the permit.
    struct Witness {
        address to;
        address facilitator;
        uint256 validAfter;
    }

    /// @notice How Permit2 is told of the witness.
    string public constant WITNESS_TYPE_STRING = "Witness witness)TokenPermissions(address token,uint256 amount)"
        "Witness(address to,address facilitator,uint256 validAfter)";
    /// @notice EIP-712 type hash of the witness.
    bytes32 public constant WITNESS_TYPEHASH = keccak256("Witness(address to,address facilitator,uint256 validAfter)");

    /// @notice More is asked for than the payer permitted.
    error AmountExceedsPermitted();
    /// @notice The payer let another facilitator say the amount.
    error UnauthorizedFacilitator();

    /// @notice Move `amount` from `owner` to `witness.to`, once; only `witness.facilitator` may.
    /// @param permit token, the highest amount, Permit2 nonce and deadline, as signed
    /// @param amount what is taken, at most `permit.permitted.amount`
    /// @param owner the payer
    /// @param witness recipient, facilitator and earliest time, as signed
    /// @param signature of the payer, an EOA or an ERC-1271 wallet, with this contract as the spender
    function settle(
        IPermit2.PermitTransferFrom calldata permit,
        uint256 amount,
        address owner,
        Witness calldata witness,
        bytes calldata signature
    ) external nonReentrant {
        _settle(permit, amount, owner, witness, signature);
        emit Settled();
    }

    /// @notice {settle} for a payer who has not approved Permit2, but signed an EIP-2612 permit for it.
    function settleWithPermit(
        EIP2612Permit calldata permit2612,
        IPermit2.PermitTransferFrom calldata permit,
        uint256 amount,
        address owner,
        Witness calldata witness,
        bytes calldata signature
    ) external nonReentrant {
        _approvePermit2(permit.permitted, owner, permit2612);
        _settle(permit, amount, owner, witness, signature);
        emit SettledWithPermit();
    }

    function _settle(
        IPermit2.PermitTransferFrom calldata permit,
        uint256 amount,
        address owner,
        Witness calldata witness,
        bytes calldata signature
    ) private {
        require(amount <= permit.permitted.amount, AmountExceedsPermitted());
        require(msg.sender == witness.facilitator, UnauthorizedFacilitator());
        bytes32 hash = keccak256(abi.encode(WITNESS_TYPEHASH, witness));
        _transfer(permit, amount, owner, witness.to, witness.validAfter, hash, WITNESS_TYPE_STRING, signature);
    }
}
