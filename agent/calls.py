"""The wallet's own chain transactions: what each of them may have a contract do, as messages, and their bytes."""

from typing import Annotated, Any, NamedTuple

import msgspec
from eth_account.typed_transactions.typed_transaction import TypedTransaction

from agent.cancellations import place_of
from agent.chain import call_data, encode_call
from protocol.amounts import parse_uint
from protocol.payment import PERMIT2
from protocol.signatures import parse_address, parse_hex
from protocol.typed_data import TokenDomain

Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""Of units of gas, of transactions, or of wei for one unit of gas."""


class _Message(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What can be read as typed values. Every method may raise ProtocolError."""


class TokenTransfer(_Message, frozen=True, tag="transfer"):
    """ERC-20 `transfer`: atomic units as a decimal string."""

    token: str
    to: str
    amount: str

    def parts(self) -> tuple[str, str]:
        """The contract that is called, and the calldata."""
        to, amount = parse_address(self.to, "to"), parse_uint(self.amount, "amount")
        return parse_address(self.token, "token"), call_data("transfer(address,uint256)", to, hex(amount))


class Allowance(_Message, frozen=True, tag="allowance"):
    """ERC-20 `approve` for Permit2 alone: exactly so many atomic units, whatever was allowed before."""

    token: str
    amount: str

    def parts(self) -> tuple[str, str]:
        """The contract that is called, and the calldata."""
        amount = parse_uint(self.amount, "amount")
        return parse_address(self.token, "token"), call_data("approve(address,uint256)", PERMIT2, hex(amount))


class PermitCancellation(_Message, frozen=True, tag="permit-cancellation"):
    """Permit2's `invalidateUnorderedNonces` for the one nonce, in 32 bytes of 0x-hex."""

    nonce: str

    def parts(self) -> tuple[str, str]:
        """The contract that is called, and the calldata."""
        word, mask = place_of("0x" + parse_hex(self.nonce, "nonce", 32).hex())
        return PERMIT2, call_data("invalidateUnorderedNonces(uint256,uint256)", hex(word), hex(mask))


class Cancellation(_Message, frozen=True, tag="cancellation"):
    """EIP-3009 `cancelAuthorization` of one nonce; `name` and `version` are the token's EIP-712 domain."""

    chain_id: Count
    name: str
    version: str
    token: str
    nonce: str

    @property
    def domain(self) -> TokenDomain:
        """The token's."""
        return TokenDomain(self.name, self.version, self.chain_id, parse_address(self.token, "token"))

    @property
    def place(self) -> bytes:
        """The nonce."""
        return parse_hex(self.nonce, "nonce", 32)

    def parts(self, authorizer: str, signature: bytes, *, by_bytes: bool) -> tuple[str, str]:
        """The contract that is called, and the calldata: with the authorizer's signature, in bytes or in three
        parts."""
        name, given = "cancelAuthorization(address,bytes32,", (authorizer, self.place)
        if by_bytes:
            data = encode_call(f"{name}bytes)", *given, signature)
        else:
            v, r, s = signature[64], signature[:32], signature[32:64]
            data = encode_call(f"{name}uint8,bytes32,bytes32)", *given, v, r, s)
        return self.domain.contract, "0x" + data.hex()


Call = TokenTransfer | Allowance | PermitCancellation | Cancellation


class Consent(_Message, frozen=True):
    """A person's signature for one transfer: the task that it was asked for, and until when it counts (Unix
    seconds)."""

    task: str
    expires: Count
    signature: str


class Unsigned(NamedTuple):
    """An EIP-1559 transaction with no native value, before its signature: wei for a unit of gas, data in 0x-hex."""

    chain_id: int
    nonce: int
    to: str
    data: str
    gas: int
    max_fee: int
    max_tip: int

    def digest(self) -> bytes:
        """What the key signs."""
        return bytes(TypedTransaction.from_dict(self._typed()).hash())

    def raw(self, signature: bytes) -> bytes:
        """The bytes that any node takes, with 65 bytes r‖s‖v."""
        r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:64]))
        return bytes(TypedTransaction.from_dict(self._typed() | {"v": signature[64] - 27, "r": r, "s": s}).encode())

    def _typed(self) -> dict[str, Any]:
        return {
            "type": 2,
            "chainId": self.chain_id,
            "nonce": self.nonce,
            "to": self.to,
            "data": self.data,
            "value": 0,
            "gas": self.gas,
            "maxFeePerGas": self.max_fee,
            "maxPriorityFeePerGas": self.max_tip,
        }
