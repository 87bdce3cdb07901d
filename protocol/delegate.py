"""Scheme delegate: one EIP-3009 authorization whose nonce commits to the contract, the action, the order and the quote.

`contracts/DelegateExecutor.sol` recomputes the nonce, so nothing in it can be another: payer → executor → target and
the action, in one chain transaction, or nothing at all. For tokens without EIP-3009: `protocol.delegate_permit2`.
"""

from dataclasses import dataclass

import msgspec
from eth_abi.abi import encode

from protocol.eip3009 import token_domain, transfer_of
from protocol.errors import ProtocolError
from protocol.hashing import keccak
from protocol.payment import Delegated, Method, Payment
from protocol.signatures import parse_address, parse_hex
from protocol.typed_data import RECEIVE_TYPE, Transfer, authorization_digest
from protocol.wire import DelegatePayload, PaymentRequirements

TYPE = (
    "DelegatePayment(uint256 chainId,address executor,address payer,address token,uint256 amount,address target,"
    "bytes callData,bytes32 orderId,bytes32 quoteHash,uint256 deadline,bytes32 salt)"
)
_TYPE_HASH = keccak(TYPE.encode())
_WORDS = ("bytes32", "uint256", "address", "address", "address", "uint256", "address", *["bytes32"] * 3, "uint256")
MISMATCH = "invalid_delegate_commitment"


@dataclass(frozen=True, slots=True)
class Commitment:
    """All that a payer commits to. `amount` in atomic units, `deadline` in Unix seconds: also the end of validity."""

    chain_id: int
    executor: str
    payer: str
    token: str
    amount: int
    action: Delegated
    deadline: int

    @property
    def transfer(self) -> Transfer:
        """The EIP-3009 authorization that carries it."""
        return Transfer(self.payer, self.executor, self.amount, 0, self.deadline, self.nonce())

    def nonce(self) -> bytes:
        """The nonce of the authorization: the hash of the struct `TYPE`."""
        action = self.action
        values = (_TYPE_HASH, self.chain_id, self.executor, self.payer, self.token, self.amount, action.target)
        hashes = (keccak(action.calldata), action.order, action.quote_hash, self.deadline, action.salt)
        return keccak(encode((*_WORDS, "bytes32"), (*values, *hashes)))


def action_in(requirements: PaymentRequirements, payer: str, salt: bytes) -> Delegated:
    """What terms make the executor do for a payer; `salt` is the payer's choice, 32 bytes. Raises ProtocolError."""
    extra = requirements.extra
    quote = extra.get("quote")
    if not isinstance(quote, str):
        raise ProtocolError("invalid_payment_requirements", "extra.quote must be the quote's token")
    quote_hash = keccak(quote.encode())
    return Delegated(
        target=parse_address(extra.get("callback"), "extra.callback"),
        calldata=parse_hex(extra.get("calldata", "0x"), "extra.calldata"),
        order=keccak(encode(("bytes32", "address"), (quote_hash, payer))),
        quote_hash=quote_hash,
        salt=salt,
    )


def read(requirements: PaymentRequirements, payload: dict[str, object]) -> Payment:
    """A payment whose nonce is the commitment to exactly these terms. Raises ProtocolError for any other."""
    try:
        given = msgspec.convert(payload, DelegatePayload)
    except msgspec.ValidationError as error:
        raise ProtocolError("invalid_payload", f"not a payload of scheme delegate: {error}") from error
    domain, transfer = token_domain(requirements), transfer_of(given.authorization)
    action = action_in(requirements, transfer.payer, parse_hex(given.salt, "salt", 32))
    committed = Commitment(
        domain.chain_id, transfer.to, transfer.payer, domain.contract, transfer.value, action, transfer.valid_before
    )
    if transfer.valid_after != 0 or transfer.nonce != committed.nonce():
        raise ProtocolError(MISMATCH, "the nonce does not commit to this contract, action, order and quote")
    return Payment(
        requirements.scheme,
        Method.EIP3009,
        requirements.network,
        domain.contract,
        *transfer,
        signed=authorization_digest(domain, transfer, RECEIVE_TYPE),
        signature=parse_hex(given.signature, "signature"),
        domain=domain,
        delegated=action,
    )
