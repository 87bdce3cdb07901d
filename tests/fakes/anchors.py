"""ProofAnchor on the fake chain: the sequence of each publisher's streams, as the Solidity keeps it."""

from eth_abi.abi import decode, encode
from eth_utils.address import to_checksum_address

from tests.fakes.evm import Contract, Frame, revert

ANCHOR = to_checksum_address("0x" + "a9" * 20)


def _anchor(contract: Contract, frame: Frame, sender: str, arguments: bytes) -> bytes:
    stream, first, last, root, head = decode(["bytes32", "uint256", "uint256", "bytes32", "bytes32"], arguments)
    length, roots = _stream(frame, sender, stream)
    if first != length:
        raise revert("IndexUnexpected(uint256,uint256)", length, first)
    if last < first:
        raise revert("BatchEmpty(uint256,uint256)", first, last)
    frame.state.anchored[sender, stream] = ((last + 1).to_bytes(32, "big"), head, *roots, root)
    indexed = (("address", sender), ("bytes32", stream))
    data = encode(["uint256", "uint256", "bytes32", "bytes32"], [first, last, root, head])
    frame.emit(contract.address, "Anchored(address,bytes32,uint256,uint256,bytes32,bytes32)", indexed, data)
    return encode(["uint256"], [len(roots)])


def _root_of(_contract: Contract, frame: Frame, _sender: str, arguments: bytes) -> bytes:
    publisher, stream, batch = decode(["address", "bytes32", "uint256"], arguments)
    _, roots = _stream(frame, str(to_checksum_address(publisher)), stream)
    return roots[batch] if batch < len(roots) else bytes(32)


def _stream_of(_contract: Contract, frame: Frame, _sender: str, arguments: bytes) -> bytes:
    publisher, stream = decode(["address", "bytes32"], arguments)
    kept = frame.state.anchored.get((str(to_checksum_address(publisher)), stream), (bytes(32), bytes(32)))
    return kept[0] + max(0, len(kept) - 2).to_bytes(32, "big") + kept[1]


def _stream(frame: Frame, publisher: str, stream: bytes) -> tuple[int, tuple[bytes, ...]]:
    """Length and roots so far."""
    kept = frame.state.anchored.get((publisher, stream), (bytes(32), bytes(32)))
    return int.from_bytes(kept[0], "big"), kept[2:]


PROOF_ANCHOR = Contract(
    ANCHOR,
    {
        "anchor(bytes32,uint256,uint256,bytes32,bytes32)": _anchor,
        "rootOf(address,bytes32,uint256)": _root_of,
        "streamOf(address,bytes32)": _stream_of,
    },
)
