"""One payment as it is handed to a callback: what it says, who signed it, and its calldata."""

from dataclasses import dataclass, replace

from eth_account import Account

from protocol.hashing import keccak
from protocol.typed_data import RECEIVE_TYPE, TokenDomain, Transfer, authorization_digest, domain_separator, word
from scripts.callback_lab.abi import encode_call, selector

EIP3009 = "x402SpentEip3009(address,address,address,uint256,uint256,uint256,bytes32,uint8,bytes32,bytes32)"
PERMIT2 = "x402SpentPermit2(address,address,address,address,uint256,uint256,uint256,bytes)"
_CHOICE = "bytes,bytes32,uint256,uint256,uint8,bytes32,bytes32)"
EIP3009_CHOSEN = f"x402SpentEip3009WithCalldata{EIP3009.removeprefix('x402SpentEip3009')[:-1]},{_CHOICE}"
PERMIT2_CHOSEN = f"x402SpentPermit2WithCalldata{PERMIT2.removeprefix('x402SpentPermit2')[:-1]},{_CHOICE}"
BASE_ENTRIES = (EIP3009, PERMIT2)
CHOSEN_ENTRIES = (EIP3009_CHOSEN, PERMIT2_CHOSEN)
ENTRIES = (*BASE_ENTRIES, *CHOSEN_ENTRIES)
"""The four entries, by signature."""

_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_FIELDS = (
    "address token,address owner,address payer,uint256 amount,bytes32 orderId,"
    "uint256 calldataNonce,uint256 deadline,bytes32 calldataHash"
)
_TOKENS = "TokenPermissions(address token,uint256 amount)"


@dataclass(frozen=True, slots=True)
class Request:
    """What is handed in by `caller`. `pull` is the money holder's signature, `choice` the payer's over the action."""

    entry: str
    chain_id: int
    callback: str
    caller: str
    permit2: str
    token: str
    payer: str
    holder: str
    amount: int
    valid_before: int
    nonce: bytes
    order_id: bytes
    calldata_nonce: int
    calldata_deadline: int
    action: bytes
    pull: bytes = b""
    choice: bytes = b""

    @property
    def by_permit2(self) -> bool:
        """Whether Permit2 moves the money."""
        return self.entry in (PERMIT2, PERMIT2_CHOSEN)

    @property
    def is_chosen(self) -> bool:
        """Whether the payer chose the action."""
        return self.entry in CHOSEN_ENTRIES

    @property
    def named_order(self) -> bytes:
        """The order id that the callback goes by."""
        return self.order_id if self.is_chosen else self.nonce

    def of_order(self, name: str) -> "Request":
        """The same for another order, paid by another payment."""
        order = keccak(name.encode())
        return replace(self, nonce=order, order_id=order, calldata_nonce=int.from_bytes(order, "big"))

    def calldata(self) -> bytes:
        """The call of the entry."""
        payment = (self.token, self.payer, self.holder, self.amount)
        if self.by_permit2:
            pull: tuple[object, ...] = (int.from_bytes(self.nonce, "big"), self.valid_before, self.pull)
            payment = (self.permit2, *payment)  # type: ignore[assignment]
        else:
            pull = (0, self.valid_before, self.nonce, *split(self.pull))
        choice: tuple[object, ...] = ()
        if self.is_chosen:
            order = (self.order_id, self.calldata_nonce, self.calldata_deadline)
            choice = (self.action, *order, *split(self.choice))
        return encode_call(self.entry, *payment, *pull, *choice)

    def pull_digest(self, type_hash: bytes = RECEIVE_TYPE) -> bytes:
        """What the money holder signs, which names the callback as the only one to pull."""
        if self.by_permit2:
            return self._permit_digest()
        transfer = Transfer(self.holder, self.callback, self.amount, 0, self.valid_before, self.nonce)
        return authorization_digest(TokenDomain("USDC", "2", self.chain_id, self.token), transfer, type_hash)

    def choice_digest(self, *, goats: bool = False) -> bytes:
        """What the payer signs: our struct, which names the payment, or GOAT's, which does not."""
        method = "Permit2" if self.by_permit2 else "Eip3009"
        first = "address permit2," if self.by_permit2 else ""
        last = "" if goats else f",{'uint256' if self.by_permit2 else 'bytes32'} paymentNonce"
        declared = f"{method}Callback{'Data' if goats else 'Payment'}({first}{_FIELDS}{last})"
        values: list[str | int] = [self.permit2] if self.by_permit2 else []
        encoded = b"".join(map(word, [*values, self.token, self.holder, self.payer, self.amount]))
        encoded += self.order_id + word(self.calldata_nonce) + word(self.calldata_deadline) + keccak(self.action)
        struct = keccak(keccak(declared.encode()) + encoded + (b"" if goats else self.nonce))
        domain = domain_separator(TokenDomain("GoatX402 Pay Callback", "1", self.chain_id, self.callback))
        return keccak(b"\x19\x01" + domain + struct)

    def _permit_digest(self) -> bytes:
        permit = (
            f"PermitTransferFrom(TokenPermissions permitted,address spender,uint256 nonce,uint256 deadline){_TOKENS}"
        )
        permitted = keccak(keccak(_TOKENS.encode()) + word(self.token) + word(self.amount))
        struct = keccak(
            keccak(permit.encode()) + permitted + word(self.callback) + self.nonce + word(self.valid_before)
        )
        declared = keccak(b"EIP712Domain(string name,uint256 chainId,address verifyingContract)")
        domain = keccak(declared + keccak(b"Permit2") + word(self.chain_id) + word(self.permit2))
        return keccak(b"\x19\x01" + domain + struct)


def sign(digest: bytes, key: bytes) -> bytes:
    """65 bytes r‖s‖v."""
    return bytes(Account.unsafe_sign_hash(digest, key).signature)


def split(signature: bytes) -> tuple[int, bytes, bytes]:
    """v, r and s."""
    return signature[64], signature[:32], signature[32:64]


def flip(signature: bytes) -> bytes:
    """The other form of the same ECDSA signature: s mirrored, v swapped."""
    v, r, s = split(signature)
    mirrored = _ORDER - int.from_bytes(s, "big")
    return r + mirrored.to_bytes(32, "big") + bytes([55 - v])


ENTRY_NAMES = {selector(entry): entry.partition("(")[0] for entry in ENTRIES}
