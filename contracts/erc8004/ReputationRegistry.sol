// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IdentityRegistry} from "./IdentityRegistry.sol";

/// @title What clients say of agents.
/// @notice Our own implementation of ERC-8004's reputation registry, for the devnet; public chains have one already.
/// Anybody may say anything, as often as gas lasts: so a summary is made of named reviewers only, and who asks has
/// found out first which of them count.
/// @dev Holds no money, has no owner.
contract ReputationRegistry {
    using SafeCast for int256;

    struct Feedback {
        int128 value;
        uint8 valueDecimals;
        bool isRevoked;
        string tag1;
        string tag2;
    }

    /// @dev What a summary is made of, in 18 decimals; `decimals` is the most of any value.
    struct Tally {
        int256 sum;
        uint64 count;
        uint8 decimals;
    }

    /// @notice The most decimals that a value may have.
    uint8 public constant MAX_DECIMALS = 18;
    /// @notice Values go from minus to plus this, whatever their decimals.
    int128 public constant MAX_VALUE = 1e38;

    IdentityRegistry private immutable _IDENTITIES;

    /// @dev The first has index 1.
    mapping(uint256 agentId => mapping(address client => Feedback[])) private _feedback;
    mapping(uint256 agentId => address[]) private _clients;

    /// @notice A client said something of an agent: `value` divided by ten to the `valueDecimals`.
    event NewFeedback(
        uint256 indexed agentId,
        address indexed clientAddress,
        uint64 feedbackIndex,
        int128 value,
        uint8 valueDecimals,
        string indexed indexedTag1,
        string tag1,
        string tag2,
        string endpoint,
        string feedbackURI,
        bytes32 feedbackHash
    );
    /// @notice A client took back what it had said.
    event FeedbackRevoked(uint256 indexed agentId, address indexed clientAddress, uint64 indexed feedbackIndex);

    /// @notice Who speaks for an agent has nothing to say of it.
    error OwnAgent(uint256 agentId, address caller);
    /// @notice A value has too many decimals.
    error TooManyDecimals(uint8 decimals);
    /// @notice A value is out of bounds.
    error ValueOutOfBounds(int128 value);
    /// @notice The client said nothing under that index.
    error NoFeedback(uint256 agentId, address client, uint64 index);
    /// @notice It was taken back already.
    error RevokedAlready(uint256 agentId, address client, uint64 index);
    /// @notice A summary of everybody would be one of whoever has the most addresses.
    error ReviewersMissing();

    /// @param identities the registry whose agents this is about
    constructor(IdentityRegistry identities) {
        _IDENTITIES = identities;
    }

    /// @notice Say something of an agent; endpoint, file and its hash are only logged.
    function giveFeedback(
        uint256 agentId,
        int128 value,
        uint8 valueDecimals,
        string calldata tag1,
        string calldata tag2,
        string calldata endpoint,
        string calldata feedbackURI,
        bytes32 feedbackHash
    ) external {
        require(valueDecimals <= MAX_DECIMALS, TooManyDecimals(valueDecimals));
        require(value >= -MAX_VALUE && value <= MAX_VALUE, ValueOutOfBounds(value));
        require(!_IDENTITIES.isAuthorizedOrOwner(msg.sender, agentId), OwnAgent(agentId, msg.sender));
        Feedback[] storage own = _feedback[agentId][msg.sender];
        if (own.length == 0) _clients[agentId].push(msg.sender);
        own.push(Feedback(value, valueDecimals, false, tag1, tag2));
        emit NewFeedback(
            agentId,
            msg.sender,
            uint64(own.length),
            value,
            valueDecimals,
            tag1,
            tag1,
            tag2,
            endpoint,
            feedbackURI,
            feedbackHash
        );
    }

    /// @notice Take back what the caller said.
    function revokeFeedback(uint256 agentId, uint64 feedbackIndex) external {
        Feedback storage found = _at(agentId, msg.sender, feedbackIndex);
        require(!found.isRevoked, RevokedAlready(agentId, msg.sender, feedbackIndex));
        found.isRevoked = true;
        emit FeedbackRevoked(agentId, msg.sender, feedbackIndex);
    }

    /// @notice What named reviewers said, on average: all of it that was not taken back and has these tags.
    /// @param agentId of whom
    /// @param clientAddresses who counts; at least one, and each as often as it is named
    /// @param tag1 wanted; empty for any
    /// @param tag2 wanted; empty for any
    /// @return count of what was averaged
    /// @return summaryValue the average, rounded towards zero
    /// @return summaryValueDecimals the most that any of the values has, or fewer where the average would not fit
    function getSummary(uint256 agentId, address[] calldata clientAddresses, string calldata tag1, string calldata tag2)
        external
        view
        returns (uint64 count, int128 summaryValue, uint8 summaryValueDecimals)
    {
        require(clientAddresses.length != 0, ReviewersMissing());
        Tally memory tally;
        (bytes32 first, bytes32 second) = (_wanted(tag1), _wanted(tag2));
        for (uint256 i; i < clientAddresses.length; ++i) {
            _add(tally, _feedback[agentId][clientAddresses[i]], first, second);
        }
        return _average(tally);
    }

    /// @notice What a client said under an index, the first being 1.
    function readFeedback(uint256 agentId, address clientAddress, uint64 feedbackIndex)
        external
        view
        returns (int128 value, uint8 valueDecimals, string memory tag1, string memory tag2, bool isRevoked)
    {
        Feedback storage found = _at(agentId, clientAddress, feedbackIndex);
        return (found.value, found.valueDecimals, found.tag1, found.tag2, found.isRevoked);
    }

    /// @notice Everybody who ever said something of the agent.
    function getClients(uint256 agentId) external view returns (address[] memory) {
        return _clients[agentId];
    }

    /// @notice How often a client said something of the agent; also the index of the last.
    function getLastIndex(uint256 agentId, address clientAddress) external view returns (uint64) {
        return uint64(_feedback[agentId][clientAddress].length);
    }

    /// @notice The registry whose agents this is about.
    function getIdentityRegistry() external view returns (address) {
        return address(_IDENTITIES);
    }

    /// @dev Reverts where nothing was said.
    function _at(uint256 agentId, address client, uint64 index) private view returns (Feedback storage) {
        Feedback[] storage said = _feedback[agentId][client];
        require(index != 0 && index <= said.length, NoFeedback(agentId, client, index));
        return said[index - 1];
    }

    /// @dev Everything of one reviewer's that stands and has the tags.
    function _add(Tally memory tally, Feedback[] storage said, bytes32 tag1, bytes32 tag2) private view {
        for (uint256 i; i < said.length; ++i) {
            Feedback storage one = said[i];
            if (one.isRevoked || !_has(one.tag1, tag1) || !_has(one.tag2, tag2)) continue;
            tally.sum += int256(one.value) * int256(10 ** (MAX_DECIMALS - one.valueDecimals));
            if (one.valueDecimals > tally.decimals) tally.decimals = one.valueDecimals;
            ++tally.count;
        }
    }

    /// @dev With as many decimals as fit.
    function _average(Tally memory tally) private pure returns (uint64 count, int128 value, uint8 decimals) {
        if (tally.count == 0) return (0, 0, 0);
        (count, decimals) = (tally.count, tally.decimals);
        int256 average = tally.sum / int256(uint256(count)) / int256(10 ** (MAX_DECIMALS - decimals));
        for (; average > type(int128).max || average < type(int128).min; --decimals) {
            average /= 10;
        }
        value = average.toInt128();
    }

    /// @dev Whether a tag is the wanted one, or any is.
    function _has(string memory tag, bytes32 wanted) private pure returns (bool) {
        return wanted == 0 || keccak256(bytes(tag)) == wanted;
    }

    /// @dev Zero for any tag.
    function _wanted(string calldata tag) private pure returns (bytes32) {
        return bytes(tag).length == 0 ? bytes32(0) : keccak256(bytes(tag));
    }
}
