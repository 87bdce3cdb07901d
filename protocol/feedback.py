"""ERC-8004 feedback: the file in which a buyer says what it thinks of a purchase, and how registries are named."""

import base64
import binascii

import msgspec

from protocol.errors import ProtocolError
from protocol.hashing import keccak
from protocol.headers import decode_json
from protocol.networks import caip2
from protocol.signatures import parse_address, parse_hex

ACTION = "feedback"
"""What a payer's request is signed for that hands a file in; its reason is the file's hash in 0x-hex."""
BEST = 100
"""Scores go from 0 to this."""
MOST_BYTES = 2048
GIVE_FEEDBACK = "giveFeedback(uint256,int128,uint8,string,string,string,string,bytes32)"
_DATA = "data:application/json;base64,"
_INVALID = "invalid_feedback"


class PaymentProof(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Which payment stands behind feedback: anybody can write one, so it is worth what the chain says of it.

    `log_index` is ours: one chain transaction may settle many payments.
    """

    from_address: str
    to_address: str
    chain_id: str
    tx_hash: str
    log_index: int | None = None

    @property
    def network(self) -> str:
        """CAIP-2. Raises ProtocolError."""
        if not self.chain_id.isascii() or not self.chain_id.isdigit() or len(self.chain_id) > 20:
            raise ProtocolError(_INVALID, "proofOfPayment.chainId must be a decimal number")
        return caip2(int(self.chain_id))


class FeedbackFile(msgspec.Struct, frozen=True, rename="camel", kw_only=True, omit_defaults=True):
    """The file: `agent_registry` as `registry_name` writes it, `client_address` CAIP-10, `created_at` ISO 8601.

    Registry and agent are left out of feedback on a merchant that has no identity.
    """

    agent_registry: str | None = None
    agent_id: int | None = None
    client_address: str
    created_at: str
    value: int
    value_decimals: int = 0
    tag1: str = ""
    endpoint: str = ""
    proof_of_payment: PaymentProof

    def encode(self) -> bytes:
        """The file's bytes."""
        return msgspec.json.encode(self)

    @property
    def score(self) -> int:
        """0 to 100, rounded down. Raises ProtocolError for any other value."""
        return score_of(self.value, self.value_decimals)


def score_of(value: int, decimals: int) -> int:
    """A registry's value as a score, 0 to 100, rounded down. Raises ProtocolError for any other."""
    if not 0 <= decimals <= 18 or not 0 <= value <= BEST * 10**decimals:
        raise ProtocolError(_INVALID, f"a score goes from 0 to {BEST}")
    return int(value // 10**decimals)


def read_file(content: bytes) -> FeedbackFile:
    """The file in some bytes, its proof's addresses and hash checked and in their usual form. Raises ProtocolError."""
    if len(content) > MOST_BYTES:
        raise ProtocolError(_INVALID, f"a feedback file has {MOST_BYTES} bytes at most")
    file = decode_json(content, FeedbackFile)
    proof = file.proof_of_payment
    checked = PaymentProof(
        from_address=parse_address(proof.from_address, "proofOfPayment.fromAddress"),
        to_address=parse_address(proof.to_address, "proofOfPayment.toAddress"),
        chain_id=proof.chain_id,
        tx_hash="0x" + parse_hex(proof.tx_hash, "proofOfPayment.txHash", 32).hex(),
        log_index=proof.log_index,
    )
    return msgspec.structs.replace(file, proof_of_payment=checked)


def file_hash(content: bytes) -> str:
    """What stands as `feedbackHash` in a registry, and is signed where none is used: keccak256, 0x-hex."""
    return "0x" + keccak(content).hex()


def as_uri(content: bytes) -> str:
    """The file as a URI that holds all of it, so that nobody has to fetch anything."""
    return _DATA + base64.b64encode(content).decode("ascii")


def in_uri(uri: str) -> bytes | None:
    """The bytes in such a URI; None for any other."""
    if not uri.startswith(_DATA) or len(uri) > len(_DATA) + 2 * MOST_BYTES:
        return None
    try:
        return base64.b64decode(uri.removeprefix(_DATA), validate=True)
    except (binascii.Error, ValueError):
        return None


def registry_name(network: str, address: str) -> str:
    """How ERC-8004 names a registry: the network (CAIP-2) and its address."""
    return f"{network}:{address}"
