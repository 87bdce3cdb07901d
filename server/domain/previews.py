"""Previews: code that stands in for a token or a payer while a chain is asked what a callback would do.

Nothing of it is ever deployed: a node runs one call as if it stood there (`ports.Chain.preview`).
"""

from protocol.functions import Function

_HELD, _PULL, _PULL_BY_PERMIT2, _SEND = (
    Function(signature).selector
    for signature in (
        "balanceOf(address)",
        "receiveWithAuthorization(address,address,uint256,uint256,uint256,bytes32,uint8,bytes32,bytes32)",
        "transferFrom(address,address,uint256)",
        "transfer(address,uint256)",
    )
)
_RETURN_WORD = "60005260206000f3"  # MSTORE(0, top); RETURN(0, 32)
_DISPATCH = "60003560e01c"  # the selector of the call
_HEAD_BYTES = 10
"""Of the jump to one function."""

SIGNS_ANYTHING = bytes.fromhex("631626ba7e60e01b" + _RETURN_WORD)
"""A wallet that calls every signature its own (ERC-1271): for a payer who has not signed yet."""


def paying_token(held: int) -> bytes:
    """A token in which the asked contract holds `held` atomic units, and gets what it pulls, whoever signed.

    It keeps in transient storage what came and went within the one call; to everything else it says yes.
    """
    yes = "6001" + _RETURN_WORD
    balance = "5b60005c7f" + held.to_bytes(32, "big").hex() + "01" + _RETURN_WORD
    pull = "5b60005c6044350160005d" + yes  # TSTORE(0, TLOAD(0) + value)
    send = "5b60243560005c0360005d" + yes  # TSTORE(0, TLOAD(0) - value)
    heads = [(_HELD, balance), (_PULL, pull), (_PULL_BY_PERMIT2, pull), (_SEND, send)]
    place = (len(_DISPATCH) + len(yes)) // 2 + len(heads) * _HEAD_BYTES
    code = _DISPATCH
    for selector, body in heads:
        code += f"8063{selector.hex()}1460{place:02x}57"  # DUP1 PUSH4 EQ PUSH1 JUMPI
        place += len(body) // 2
    return bytes.fromhex(code + yes + "".join(body for _, body in heads))
