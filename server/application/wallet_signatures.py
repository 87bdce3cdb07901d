"""Wallet signatures: whether a contract says that a signature is its own (ERC-1271)."""

from collections.abc import Awaitable, Callable

from server.domain.calls import encode_call
from server.domain.errors import Reverted
from server.ports import Call, Chain

_YES = bytes.fromhex("1626ba7e").ljust(32, b"\0")


def accepted_on(chain: Chain) -> Callable[[str, bytes, bytes], Awaitable[bool]]:
    """A check of (wallet, 32-byte digest, signature) on one chain; an account without code accepts nothing.

    It asks the wallet's code and nobody else, which is enough for reading: no money moves by it. Raises
    ChainUnavailable.
    """

    async def accepts(wallet: str, digest: bytes, signature: bytes) -> bool:
        data = encode_call("isValidSignature(bytes32,bytes)", digest, signature)
        try:
            return await chain.call(Call(wallet, wallet, data)) == _YES
        except Reverted:
            return False

    return accepts
