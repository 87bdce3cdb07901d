"""Smart wallets of the fake chain: an owner's, and those that say whatever suits them."""

from collections.abc import Callable

from eth_abi.abi import decode, encode
from eth_utils.crypto import keccak

from tests.fakes.evm import IS_VALID, Contract, Frame, recover

Says = Callable[[Frame, bytes, bytes], bool]
"""(frame, digest, signature): whether the wallet calls it valid."""


def wallet(address: str, says: Says) -> Contract:
    """A wallet that answers ERC-1271's question by a function of the test's."""

    def entry(_wallet: Contract, frame: Frame, _sender: str, arguments: bytes) -> bytes:
        digest, signature = decode(("bytes32", "bytes"), arguments)
        return encode(["bytes4"], [IS_VALID if says(frame, digest, signature) else b"\xff" * 4])

    return Contract(address, {"isValidSignature(bytes32,bytes)": entry})


def owned(owner: str, address: str) -> Contract:
    """A wallet that takes its owner's signature over a digest of its own address, as sound ones do."""
    return wallet(address, lambda _frame, digest, signature: recover(bound(address, digest), signature) == owner)


def bound(address: str, digest: bytes) -> bytes:
    """What the owner of a wallet signs for it, and for no other account of theirs."""
    return keccak(b"wallet" + bytes.fromhex(address[2:]) + digest)


def yes(_frame: Frame, _digest: bytes, _signature: bytes) -> bool:
    return True


def no(_frame: Frame, _digest: bytes, _signature: bytes) -> bool:
    return False


def fickle(frame: Frame, _digest: bytes, _signature: bytes) -> bool:
    """Yes to everybody who only asks, no to a transaction; a wallet tells them apart by gas price or origin."""
    return frame.simulated


def burning(gas: int) -> Says:
    """Yes, after so much gas."""

    def says(frame: Frame, _digest: bytes, _signature: bytes) -> bool:
        frame.gas += gas
        return True

    return says
