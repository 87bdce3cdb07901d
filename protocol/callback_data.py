"""What a payer signs to choose a callback's action: GOAT's structs for a pull by EIP-3009, and by Permit2.

They name the payment where the order's id on chain is the payment's nonce, as it is for everything that we hand in.
"""

from typing import Any, NamedTuple

from eth_utils.crypto import keccak

from protocol.payment import PERMIT2
from protocol.typed_data import typed_digest

_DOMAIN = {"name": "GoatX402 Pay Callback", "version": "1"}
_FIELDS = {
    "token": "address",
    "owner": "address",
    "payer": "address",
    "amount": "uint256",
    "orderId": "bytes32",
    "calldataNonce": "uint256",
    "deadline": "uint256",
    "calldataHash": "bytes32",
}


class CallbackChoice(NamedTuple):
    """One action for one payment: `owner` is the delegate wallet, `order_id` 32 bytes, `deadline` in Unix seconds."""

    chain_id: int
    contract: str
    token: str
    owner: str
    payer: str
    amount: int
    order_id: bytes
    deadline: int
    calldata: bytes
    by_permit2: bool = False

    def digest(self) -> bytes:
        """The EIP-712 digest that the payer signs."""
        return typed_digest(self._domain(), self._primary(), self._members(), self._message())

    def sign_request(self) -> dict[str, Any]:
        """The same as a wallet is asked for it, in JSON values; numbers are decimal strings."""
        written = {name: _written(value) for name, value in self._message().items()}
        fields = [{"name": name, "type": kind} for name, kind in self._members().items()]
        return {
            "domain": self._domain(),
            "types": {self._primary(): fields},
            "primaryType": self._primary(),
            "message": written,
        }

    def _domain(self) -> dict[str, Any]:
        return _DOMAIN | {"chainId": self.chain_id, "verifyingContract": self.contract}

    def _primary(self) -> str:
        return "Permit2CallbackData" if self.by_permit2 else "Eip3009CallbackData"

    def _members(self) -> dict[str, str]:
        return ({"permit2": "address"} if self.by_permit2 else {}) | _FIELDS

    def _message(self) -> dict[str, Any]:
        first = {"permit2": PERMIT2} if self.by_permit2 else {}
        return first | {
            "token": self.token,
            "owner": self.owner,
            "payer": self.payer,
            "amount": self.amount,
            "orderId": self.order_id,
            "calldataNonce": int.from_bytes(self.order_id, "big"),
            "deadline": self.deadline,
            "calldataHash": keccak(self.calldata),
        }


def _written(value: str | int | bytes) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)
