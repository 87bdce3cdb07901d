"""The events by which a contract that holds payments says how an order's hold ended."""

from protocol.hashing import keccak

RELEASED = keccak(b"Released(bytes32,address,uint256)")
"""The merchant has it: order and who said so as topics."""
GIVEN_BACK = keccak(b"GivenBack(bytes32,address,address,uint256)")
"""It left the contract: order, who said so, and the recipient as topics."""
