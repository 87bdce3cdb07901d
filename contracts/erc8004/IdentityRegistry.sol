// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {ERC721URIStorage} from "@openzeppelin/contracts/token/ERC721/extensions/ERC721URIStorage.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

/// @title Who an agent is: an ERC-721 token with a registration file, metadata, and the wallet that it is paid at.
/// @notice Our own implementation of ERC-8004's identity registry, for the devnet; public chains have one already.
/// @dev The wallet is the one piece of metadata that its owner cannot write alone: whoever is named agrees by its own
/// signature, and a transfer of the token clears it. Holds no money, has no owner.
contract IdentityRegistry is ERC721URIStorage, EIP712 {
    /// @notice One piece of metadata.
    struct MetadataEntry {
        string metadataKey;
        bytes metadataValue;
    }

    /// @notice How far ahead a wallet's consent may lapse.
    uint256 public constant MAX_DEADLINE_DELAY = 5 minutes;

    bytes32 private constant WALLET_SET =
        keccak256("AgentWalletSet(uint256 agentId,address newWallet,address owner,uint256 deadline)");
    bytes32 private constant WALLET_KEY = keccak256("agentWallet");

    uint256 private _agents;
    mapping(uint256 agentId => address) private _wallets;
    mapping(uint256 agentId => mapping(string key => bytes)) private _metadata;

    /// @notice There is a new agent.
    event Registered(uint256 indexed agentId, string agentURI, address indexed owner);
    /// @notice A piece of an agent's metadata is now this; its wallet is announced by the key `agentWallet`.
    event MetadataSet(
        uint256 indexed agentId, string indexed indexedMetadataKey, string metadataKey, bytes metadataValue
    );
    /// @notice An agent's registration file is now there.
    event URIUpdated(uint256 indexed agentId, string newURI, address indexed updatedBy);

    /// @notice Only an agent's owner, and whom the owner approved, may change it.
    error NotAuthorized(uint256 agentId, address caller);
    /// @notice The key `agentWallet` is set by {setAgentWallet} alone.
    error ReservedKey();
    /// @notice The consent has lapsed, or lapses too late.
    error DeadlineInvalid(uint256 deadline, uint256 timestamp);
    /// @notice It is not the new wallet that signed.
    error WalletDisagrees(address wallet);
    /// @notice Nobody can be paid there; {unsetAgentWallet} takes a wallet away.
    error WalletMissing();

    /// @dev The domain that wallets sign in is that of the public registries.
    constructor() ERC721("AgentIdentity", "AGENT") EIP712("ERC8004IdentityRegistry", "1") {}

    /// @notice Register the caller's agent, which is paid at the caller's address until another wallet agrees.
    /// @param agentURI where its registration file is
    /// @param metadata what else is to be said of it
    /// @return agentId its number, from 0
    function register(string calldata agentURI, MetadataEntry[] calldata metadata) external returns (uint256 agentId) {
        agentId = _register(agentURI);
        for (uint256 i; i < metadata.length; ++i) {
            _setMetadata(agentId, metadata[i].metadataKey, metadata[i].metadataValue);
        }
    }

    /// @notice Register without metadata.
    function register(string calldata agentURI) external returns (uint256) {
        return _register(agentURI);
    }

    /// @notice Register without a registration file, which may follow.
    function register() external returns (uint256) {
        return _register("");
    }

    /// @notice Move the registration file.
    function setAgentURI(uint256 agentId, string calldata newURI) external {
        _requireAuthorized(agentId);
        _setTokenURI(agentId, newURI);
        emit URIUpdated(agentId, newURI, msg.sender);
    }

    /// @notice Write a piece of metadata.
    function setMetadata(uint256 agentId, string calldata metadataKey, bytes calldata metadataValue) external {
        _requireAuthorized(agentId);
        _setMetadata(agentId, metadataKey, metadataValue);
    }

    /// @notice Have the agent be paid at a wallet that agrees.
    /// @param agentId whose
    /// @param newWallet an EOA, or a contract that speaks ERC-1271
    /// @param deadline second after which the consent is void, at most {MAX_DEADLINE_DELAY} ahead
    /// @param signature the new wallet's, over EIP-712 `AgentWalletSet(agentId, newWallet, owner, deadline)`
    function setAgentWallet(uint256 agentId, address newWallet, uint256 deadline, bytes calldata signature) external {
        _requireAuthorized(agentId);
        require(newWallet != address(0), WalletMissing());
        require(
            block.timestamp <= deadline && deadline <= block.timestamp + MAX_DEADLINE_DELAY,
            DeadlineInvalid(deadline, block.timestamp)
        );
        bytes32 consent = keccak256(abi.encode(WALLET_SET, agentId, newWallet, ownerOf(agentId), deadline));
        require(
            SignatureChecker.isValidSignatureNowCalldata(newWallet, _hashTypedDataV4(consent), signature),
            WalletDisagrees(newWallet)
        );
        _setWallet(agentId, newWallet);
    }

    /// @notice Have the agent be paid nowhere.
    function unsetAgentWallet(uint256 agentId) external {
        _requireAuthorized(agentId);
        _setWallet(agentId, address(0));
    }

    /// @notice Where the agent is paid; zero for nowhere.
    function getAgentWallet(uint256 agentId) external view returns (address) {
        return _wallets[agentId];
    }

    /// @notice A piece of metadata; empty where there is none.
    function getMetadata(uint256 agentId, string calldata metadataKey) external view returns (bytes memory) {
        if (keccak256(bytes(metadataKey)) != WALLET_KEY) return _metadata[agentId][metadataKey];
        address wallet = _wallets[agentId];
        return wallet == address(0) ? bytes("") : abi.encodePacked(wallet);
    }

    /// @notice Whether somebody may speak for the agent. Reverts where there is no such agent.
    function isAuthorizedOrOwner(address spender, uint256 agentId) public view returns (bool) {
        return _isAuthorized(ownerOf(agentId), spender, agentId);
    }

    /// @dev The wallet's consent was to this owner: with another one the agent is paid nowhere.
    function _update(address to, uint256 agentId, address auth) internal override returns (address from) {
        from = super._update(to, agentId, auth);
        if (from != address(0) && _wallets[agentId] != address(0)) _setWallet(agentId, address(0));
    }

    /// @dev Mints without asking the receiver: an agent is of use wherever its owner can be read.
    function _register(string memory agentURI) private returns (uint256 agentId) {
        agentId = _agents++;
        _mint(msg.sender, agentId);
        _setTokenURI(agentId, agentURI);
        emit Registered(agentId, agentURI, msg.sender);
        _setWallet(agentId, msg.sender);
    }

    /// @dev The wallet, in the place that no other way of writing reaches.
    function _setWallet(uint256 agentId, address wallet) private {
        _wallets[agentId] = wallet;
        bytes memory value = wallet == address(0) ? bytes("") : abi.encodePacked(wallet);
        emit MetadataSet(agentId, "agentWallet", "agentWallet", value);
    }

    /// @dev Everything but the wallet.
    function _setMetadata(uint256 agentId, string calldata key, bytes calldata value) private {
        require(keccak256(bytes(key)) != WALLET_KEY, ReservedKey());
        _metadata[agentId][key] = value;
        emit MetadataSet(agentId, key, key, value);
    }

    /// @dev Also reverts where there is no such agent.
    function _requireAuthorized(uint256 agentId) private view {
        require(isAuthorizedOrOwner(msg.sender, agentId), NotAuthorized(agentId, msg.sender));
    }
}
