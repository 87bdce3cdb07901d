"""ERC-8004's registries on the fake chain: agents with owner, wallet and file, and what clients say of them."""

from eth_abi.abi import decode, encode
from eth_utils.address import to_checksum_address

from protocol.feedback import GIVE_FEEDBACK
from tests.fakes.evm import Contract, Frame, address_of, revert

IDENTITIES = to_checksum_address("0x" + "1d" * 20)
REPUTATION = to_checksum_address("0x" + "4e" * 20)
_SAID = ("uint64", "int128", "uint8", "string", "string", "string", "string", "bytes32")
_EVENT = "NewFeedback(uint256,address,uint64,int128,uint8,string,string,string,string,string,bytes32)"


def _register(contract: Contract, frame: Frame, sender: str, arguments: bytes) -> bytes:
    (uri,) = decode(["string"], arguments)
    agent = len(frame.state.agents)
    frame.state.agents[agent] = (sender, sender, uri)
    names = (("uint256", agent), ("address", sender))
    frame.emit(contract.address, "Registered(uint256,string,address)", names, encode(["string"], [uri]))
    return encode(["uint256"], [agent])


def _agent(frame: Frame, arguments: bytes) -> tuple[int, tuple[str, str, str]]:
    agent = decode(["uint256"], arguments[:32])[0]
    if agent not in frame.state.agents:
        raise revert("ERC721NonexistentToken(uint256)", agent)
    return agent, frame.state.agents[agent]


def _wallet(_contract: Contract, frame: Frame, _sender: str, arguments: bytes) -> bytes:
    agent = decode(["uint256"], arguments)[0]
    return encode(["address"], [frame.state.agents.get(agent, ("", "0x" + "00" * 20, ""))[1]])


def _uri(_contract: Contract, frame: Frame, _sender: str, arguments: bytes) -> bytes:
    return encode(["string"], [_agent(frame, arguments)[1][2]])


def _unset(_contract: Contract, frame: Frame, sender: str, arguments: bytes) -> bytes:
    agent, (owner, _, uri) = _agent(frame, arguments)
    if sender != owner:
        raise revert("NotAuthorized(uint256,address)", agent, sender)
    frame.state.agents[agent] = (owner, "0x" + "00" * 20, uri)
    return b""


def _give(contract: Contract, frame: Frame, sender: str, arguments: bytes) -> bytes:
    kinds = ("uint256", *_SAID[1:])
    agent, value, decimals, tag1, *texts = decode(kinds, arguments)
    if _agent(frame, arguments)[1][0] == sender:
        raise revert("OwnAgent(uint256,address)", agent, sender)
    index = 1 + len([one for one in frame.state.said if one[:2] == (agent, sender)])
    frame.state.said[agent, sender, index] = (value, decimals)
    names = (("uint256", agent), ("address", sender), ("bytes32", bytes(32)))
    frame.emit(contract.address, _EVENT, names, encode(_SAID, [index, value, decimals, tag1, *texts]))
    return b""


def _revoke(contract: Contract, frame: Frame, sender: str, arguments: bytes) -> bytes:
    agent, index = decode(["uint256", "uint64"], arguments)
    if frame.state.said.pop((agent, sender, index), None) is None:
        raise revert("NoFeedback(uint256,address,uint64)", agent, sender, index)
    names = (("uint256", agent), ("address", sender), ("uint64", index))
    frame.emit(contract.address, "FeedbackRevoked(uint256,address,uint64)", names)
    return b""


def _summary(_contract: Contract, frame: Frame, _sender: str, arguments: bytes) -> bytes:
    agent, clients, _, _ = decode(["uint256", "address[]", "string", "string"], arguments)
    if not clients:
        raise revert("ReviewersMissing()")
    named = {address_of(one) for one in clients}
    values = [said[0] for key, said in frame.state.said.items() if key[0] == agent and key[1] in named]
    return encode(["uint64", "int128", "uint8"], [len(values), sum(values) // max(1, len(values)), 0])


REGISTRIES = (
    Contract(
        IDENTITIES,
        {
            "register(string)": _register,
            "getAgentWallet(uint256)": _wallet,
            "tokenURI(uint256)": _uri,
            "unsetAgentWallet(uint256)": _unset,
        },
    ),
    Contract(
        REPUTATION,
        {
            GIVE_FEEDBACK: _give,
            "revokeFeedback(uint256,uint64)": _revoke,
            "getSummary(uint256,address[],string,string)": _summary,
        },
    ),
)
