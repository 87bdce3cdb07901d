// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {vm} from "./Vm.sol";

/// @title Digests and signatures as a wallet makes them, written from the standards and not from the contracts.
library Signatures {
    bytes32 internal constant DOMAIN =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 internal constant PERMIT2_DOMAIN =
        keccak256("EIP712Domain(string name,uint256 chainId,address verifyingContract)");
    bytes32 internal constant RECEIVE = keccak256(
        "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,"
        "uint256 validBefore,bytes32 nonce)"
    );
    bytes32 internal constant TRANSFER = keccak256(
        "TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,"
        "uint256 validBefore,bytes32 nonce)"
    );
    bytes32 internal constant TOKEN_PERMISSIONS = keccak256("TokenPermissions(address token,uint256 amount)");
    bytes32 internal constant PERMIT2_TRANSFER = keccak256(
        "PermitTransferFrom(TokenPermissions permitted,address spender,uint256 nonce,uint256 deadline)"
        "TokenPermissions(address token,uint256 amount)"
    );

    bytes32 internal constant PERMIT =
        keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
    bytes32 internal constant WALLET_MESSAGE = keccak256("WalletMessage(bytes32 hash)");

    /// @notice An EIP-3009 authorization, or a Permit2 one, without its signature.
    struct Authorization {
        address from;
        address to;
        uint256 value;
        uint256 validAfter;
        uint256 validBefore;
        bytes32 nonce;
    }

    function domain(string memory name, string memory version, address verifier) internal view returns (bytes32) {
        return keccak256(abi.encode(DOMAIN, keccak256(bytes(name)), keccak256(bytes(version)), block.chainid, verifier));
    }

    function digest(bytes32 domainSeparator, bytes32 structHash) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(hex"1901", domainSeparator, structHash));
    }

    /// @notice r, s, v in 65 bytes.
    function sign(uint256 key, bytes32 hash) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, hash);
        return abi.encodePacked(r, s, v);
    }

    /// @notice The key's signature for an account: the EOA itself, or a SmartWallet, whose own domain it signs in.
    function signFor(address account, uint256 key, bytes32 hash) internal view returns (bytes memory) {
        return sign(key, account.code.length == 0 ? hash : walletDigest(account, hash));
    }

    /// @notice What a SmartWallet's key signs so that the wallet signs `hash`.
    function walletDigest(address wallet, bytes32 hash) internal view returns (bytes32) {
        return digest(domain("Paddock Smart Wallet", "1", wallet), keccak256(abi.encode(WALLET_MESSAGE, hash)));
    }

    /// @notice The three parts of a 65-byte signature.
    function split(bytes memory signature) internal pure returns (uint8 v, bytes32 r, bytes32 s) {
        assembly ("memory-safe") {
            r := mload(add(signature, 0x20))
            s := mload(add(signature, 0x40))
            v := byte(0, mload(add(signature, 0x60)))
        }
    }

    /// @notice The same signature in its other, malleable form.
    function flip(bytes memory signature) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = split(signature);
        uint256 order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;
        return abi.encodePacked(r, bytes32(order - uint256(s)), v == 27 ? uint8(28) : uint8(27));
    }

    /// @notice EIP-3009, `kind` being RECEIVE or TRANSFER.
    function eip3009(uint256 key, address token, bytes32 kind, Authorization memory a)
        internal
        view
        returns (bytes memory)
    {
        bytes32 structHash = keccak256(abi.encode(kind, a.from, a.to, a.value, a.validAfter, a.validBefore, a.nonce));
        return signFor(a.from, key, digest(domain("USDC", "2", token), structHash));
    }

    /// @notice Permit2's single transfer, `spender` being who will call it.
    function permit2(
        uint256 key,
        address verifier,
        address token,
        uint256 amount,
        address spender,
        uint256 nonce,
        uint256 deadline
    ) internal view returns (bytes memory) {
        bytes32 permitted = keccak256(abi.encode(TOKEN_PERMISSIONS, token, amount));
        bytes32 structHash = keccak256(abi.encode(PERMIT2_TRANSFER, permitted, spender, nonce, deadline));
        return sign(key, permit2Digest(verifier, structHash));
    }

    /// @notice A struct's digest in Permit2's domain, which has no version.
    function permit2Digest(address verifier, bytes32 structHash) internal view returns (bytes32) {
        return digest(keccak256(abi.encode(PERMIT2_DOMAIN, keccak256("Permit2"), block.chainid, verifier)), structHash);
    }

    /// @notice An EIP-2612 permit by the key's EOA, in a token's domain.
    function permit2612(
        uint256 key,
        bytes32 tokenDomain,
        address spender,
        uint256 value,
        uint256 nonce,
        uint256 deadline
    ) internal pure returns (bytes memory) {
        bytes32 structHash = keccak256(abi.encode(PERMIT, vm.addr(key), spender, value, nonce, deadline));
        return sign(key, digest(tokenDomain, structHash));
    }
}
