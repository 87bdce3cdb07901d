"""What a provider's wallet signs: that it is to be paid under a name, and that another one is from now on."""

from protocol.typed_data import typed_digest

WINDOW, SKEW = 300, 30
"""Seconds that such a signature is good for, and by which the signer's clock may be ahead of ours."""
_DOMAIN = {"name": "Paddock merchant", "version": "1"}
_JOINING = {"merchant": "string", "name": "string", "payTo": "address", "origin": "string", "issuedAt": "uint256"}
_MOVING = {
    "merchant": "string",
    "from": "address",
    "to": "address",
    "origin": "string",
    "issuedAt": "uint256",
}


def joining_digest(chain_id: int, origin: str, merchant: str, name: str, pay_to: str, issued_at: int) -> bytes:
    """EIP-712 `MerchantJoins`, signed by `pay_to`: it takes payments at this origin's marketplace under that id."""
    message = {"merchant": merchant, "name": name, "payTo": pay_to, "origin": origin, "issuedAt": issued_at}
    return typed_digest(_DOMAIN | {"chainId": chain_id}, "MerchantJoins", _JOINING, message)


def moving_digest(chain_id: int, origin: str, merchant: str, old: str, new: str, issued_at: int) -> bytes:
    """EIP-712 `MerchantMoves`, signed by both addresses: what is quoted from now on goes to the new one."""
    message = {"merchant": merchant, "from": old, "to": new, "origin": origin, "issuedAt": issued_at}
    return typed_digest(_DOMAIN | {"chainId": chain_id}, "MerchantMoves", _MOVING, message)
