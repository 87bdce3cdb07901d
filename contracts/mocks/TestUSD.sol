// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {IEIP3009Bytes} from "../interfaces/IEIP3009Bytes.sol";

/// @title The devnet's dollar: what an integrator sees of USDC 2.2, with a faucet anyone may use.
/// @notice EIP-20, EIP-2612 and EIP-3009, each signature as (v, r, s) of an EOA or as `bytes` of an EOA or an
/// ERC-1271 wallet, plus the pause and the blacklist that make a real dollar refuse a transfer.
/// @dev Never for a chain where anything has value: {mint} is open. OpenZeppelin's `ERC20Permit` fixes its EIP-712
/// version to "1", which would clash with the "2" of USDC, so {permit} stands here on OpenZeppelin's parts.
contract TestUSD is ERC3009, IEIP3009Bytes, IERC20Permit, Nonces, Ownable, Pausable {
    bytes32 private constant PERMIT_TYPEHASH =
        keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");

    /// @notice Accounts that may neither send, receive nor approve.
    mapping(address account => bool) public isBlacklisted;

    /// @notice `account` was put on the blacklist, or taken off it.
    event BlacklistChanged(address indexed account, bool blacklisted);

    /// @notice `account` is on the blacklist.
    error AccountBlacklisted(address account);
    /// @notice The permit was valid until `deadline`.
    error PermitExpired(uint256 deadline);
    /// @notice The permit is not signed by `owner` for the present nonce.
    error PermitSignatureInvalid(address owner);

    /// @param initialOwner who may pause and blacklist
    constructor(address initialOwner) ERC20("USDC", "USDC") EIP712("USDC", "2") Ownable(initialOwner) {}

    /// @notice The faucet: anyone may give anyone any amount of nothing.
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    /// @notice Stop every transfer, mint and approval.
    function pause() external onlyOwner {
        _pause();
    }

    /// @notice End the pause.
    function unpause() external onlyOwner {
        _unpause();
    }

    /// @notice Put `account` on the blacklist (`true`) or take it off (`false`).
    function setBlacklisted(address account, bool blacklisted) external onlyOwner {
        isBlacklisted[account] = blacklisted;
        emit BlacklistChanged(account, blacklisted);
    }

    /// @inheritdoc IEIP3009Bytes
    function transferWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        bytes calldata signature
    ) external {
        bytes32 structHash = keccak256(
            abi.encode(TRANSFER_WITH_AUTHORIZATION_TYPEHASH, from, to, value, validAfter, validBefore, nonce)
        );
        require(_isSignedBy(from, structHash, signature), ERC3009InvalidSignature());
        _transferWithAuthorization(from, to, value, validAfter, validBefore, nonce);
    }

    /// @inheritdoc IEIP3009Bytes
    function receiveWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        bytes calldata signature
    ) external {
        bytes32 structHash = keccak256(
            abi.encode(RECEIVE_WITH_AUTHORIZATION_TYPEHASH, from, to, value, validAfter, validBefore, nonce)
        );
        require(_isSignedBy(from, structHash, signature), ERC3009InvalidSignature());
        require(to == _msgSender(), ERC20InvalidReceiver(to));
        _transferWithAuthorization(from, to, value, validAfter, validBefore, nonce);
    }

    /// @inheritdoc IEIP3009Bytes
    function cancelAuthorization(address authorizer, bytes32 nonce, bytes calldata signature) external {
        bytes32 structHash = keccak256(abi.encode(CANCEL_AUTHORIZATION_TYPEHASH, authorizer, nonce));
        require(_isSignedBy(authorizer, structHash, signature), ERC3009InvalidSignature());
        _cancelAuthorization(authorizer, nonce);
    }

    /// @inheritdoc IERC20Permit
    function permit(address owner, address spender, uint256 value, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external
    {
        _permit(owner, spender, value, deadline, abi.encodePacked(r, s, v));
    }

    /// @notice {permit} with a signature of any form that `owner` accepts (ERC-1271 included).
    function permit(address owner, address spender, uint256 value, uint256 deadline, bytes calldata signature)
        external
    {
        _permit(owner, spender, value, deadline, signature);
    }

    /// @inheritdoc IERC20Permit
    // solhint-disable-next-line func-name-mixedcase
    function DOMAIN_SEPARATOR() external view returns (bytes32) {
        return _domainSeparatorV4();
    }

    /// @notice The EIP-712 version, as USDC publishes it.
    function version() external view returns (string memory) {
        return _EIP712Version();
    }

    /// @inheritdoc IERC20Permit
    function nonces(address owner) public view override(IERC20Permit, Nonces) returns (uint256) {
        return super.nonces(owner);
    }

    /// @notice Six, as every dollar that moves by EIP-3009.
    function decimals() public pure override returns (uint8) {
        return 6;
    }

    /// @dev Checks the deadline and the signature, uses up the nonce, approves.
    function _permit(address owner, address spender, uint256 value, uint256 deadline, bytes memory signature) private {
        require(block.timestamp <= deadline, PermitExpired(deadline));
        bytes32 structHash = keccak256(abi.encode(PERMIT_TYPEHASH, owner, spender, value, _useNonce(owner), deadline));
        require(_isSignedBy(owner, structHash, signature), PermitSignatureInvalid(owner));
        _approve(owner, spender, value);
    }

    /// @dev Every movement of money, mint included, passes here.
    function _update(address from, address to, uint256 value) internal virtual override whenNotPaused {
        require(!isBlacklisted[from], AccountBlacklisted(from));
        require(!isBlacklisted[to], AccountBlacklisted(to));
        super._update(from, to, value);
    }

    /// @dev Every approval, by transaction or by signature, passes here.
    function _approve(address owner, address spender, uint256 value, bool emitEvent) internal override whenNotPaused {
        require(!isBlacklisted[owner], AccountBlacklisted(owner));
        require(!isBlacklisted[spender], AccountBlacklisted(spender));
        super._approve(owner, spender, value, emitEvent);
    }

    /// @dev Seconds only, as USDC has it; OpenZeppelin reads values with a certain high bit as block numbers.
    function _checkValidity(uint256 validAfter, uint256 validBefore) internal view override {
        require(
            block.timestamp > validAfter && block.timestamp < validBefore,
            ERC3009InvalidAuthorizationTime(validAfter, validBefore)
        );
    }

    /// @dev Whether `signer`, an EOA or an ERC-1271 wallet, signed `structHash` in this token's domain.
    function _isSignedBy(address signer, bytes32 structHash, bytes memory signature) private view returns (bool) {
        return SignatureChecker.isValidSignatureNow(signer, _hashTypedDataV4(structHash), signature);
    }
}
