"""Well-known events of contracts: the first topic of their logs, and what they are called."""

from protocol.hashing import keccak

_SIGNATURES = """
    Transfer(address,address,uint256) Approval(address,address,uint256) ApprovalForAll(address,address,bool)
    TransferSingle(address,address,address,uint256,uint256)
    TransferBatch(address,address,address,uint256[],uint256[]) URI(string,uint256)
    AuthorizationUsed(address,bytes32) AuthorizationCanceled(address,bytes32)
    UnorderedNonceInvalidation(address,uint256,uint256) Deposit(address,uint256) Withdrawal(address,uint256)
    Mint(address,address,uint256) Burn(address,uint256) Paused(address) Unpaused(address) Upgraded(address)
    OwnershipTransferred(address,address) RoleGranted(bytes32,address,address) RoleRevoked(bytes32,address,address)
    Initialized(uint8) Initialized(uint64) AdminChanged(address,address) BeaconUpgraded(address)
    PaymentExecuted(bytes32,address,address,address,uint256,bytes32) PassMinted(bytes32,address,uint256,uint64)
    Held(bytes32,address,uint256,uint64) Released(bytes32,address,uint256)
    GivenBack(bytes32,address,address,uint256) PaymentSplit(bytes32,address,uint256)
"""

EVENTS: dict[bytes, str] = {keccak(signature.encode()): signature for signature in _SIGNATURES.split()}
"""Signature by topic."""
