"""What contracts of the fake chain are made of: state that can be copied, a frame for each transaction, reverts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from eth_abi.abi import encode
from eth_account.messages import SignableMessage
from eth_keys import keys
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from server.domain.errors import Reverted
from server.domain.evidence import RawLog

CHAIN_ID = 31337
TOKEN = to_checksum_address("0x" + "70" * 20)
"""The dollar that everybody has; what `State` says of money without naming a token is said of this one."""
IS_VALID = keccak(b"isValidSignature(bytes32,bytes)")[:4]
_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@dataclass
class Books:
    """What one token remembers."""

    money: dict[str, int] = field(default_factory=dict)
    used: set[tuple[str, bytes]] = field(default_factory=set)
    allowances: dict[tuple[str, str], int] = field(default_factory=dict)
    blacklist: set[str] = field(default_factory=set)
    paused: bool = False

    def copy(self) -> "Books":
        return Books(dict(self.money), set(self.used), dict(self.allowances), set(self.blacklist), self.paused)


@dataclass
class State:
    """All that the chain remembers; `copy` is cheap enough for one a transaction."""

    tokens: dict[str, Books] = field(default_factory=dict)
    nonces: dict[str, int] = field(default_factory=dict)
    permits: set[tuple[str, bytes]] = field(default_factory=set)
    minted: dict[str, int] = field(default_factory=dict)
    consumed: set[tuple[str, bytes]] = field(default_factory=set)
    anchored: dict[tuple[str, bytes], tuple[bytes, ...]] = field(default_factory=dict)
    made: dict[str, "Contract"] = field(default_factory=dict)
    passes: dict[tuple[str, int], tuple[str, int]] = field(default_factory=dict)
    """Who holds a pass of a contract, and its expiry."""
    bounds: dict[tuple[str, bytes], tuple[int, int]] = field(default_factory=dict)
    """What an owner listed for a selector of a contract, in place of what is listed from the beginning."""
    open: tuple[str, str, int] | None = None
    """What the executor's target may collect within one transaction: (target, token, amount)."""
    agents: dict[int, tuple[str, str, str]] = field(default_factory=dict)
    said: dict[tuple[int, str, int], tuple[int, int]] = field(default_factory=dict)
    holds: dict[bytes, tuple[str, str, int, int]] = field(default_factory=dict)
    """What the escrow keeps for an order: (token, payer, amount, deadline)."""

    def books(self, token: str) -> Books:
        return self.tokens.setdefault(token, Books())

    @property
    def money(self) -> dict[str, int]:
        return self.books(TOKEN).money

    @property
    def blacklist(self) -> set[str]:
        return self.books(TOKEN).blacklist

    @property
    def paused(self) -> bool:
        return self.books(TOKEN).paused

    @paused.setter
    def paused(self, paused: bool) -> None:
        self.books(TOKEN).paused = paused

    def copy(self) -> "State":
        return State(
            {token: books.copy() for token, books in self.tokens.items()},
            dict(self.nonces),
            set(self.permits),
            dict(self.minted),
            set(self.consumed),
            dict(self.anchored),
            dict(self.made),
            dict(self.passes),
            dict(self.bounds),
            self.open,
            dict(self.agents),
            dict(self.said),
            dict(self.holds),
        )

    def take(self, other: "State") -> None:
        """Become the other one."""
        for name in self.__dataclass_fields__:
            setattr(self, name, getattr(other, name))


@dataclass
class Frame:
    """One transaction as its contracts see it. `simulated`: nobody will mine it; `gas`: burnt beyond the usual."""

    state: State
    timestamp: int
    contracts: Mapping[str, "Contract"]
    chain_id: int = CHAIN_ID
    simulated: bool = False
    logs: list[RawLog] = field(default_factory=list)
    gas: int = 0

    def emit(self, contract: str, event: str, indexed: tuple[tuple[str, Any], ...], data: bytes = b"") -> None:
        topics = (keccak(event.encode()), *(encode([kind], [value]) for kind, value in indexed))
        self.logs.append(RawLog(contract, topics, data, len(self.logs)))

    def at(self, address: str) -> "Contract | None":
        """The code at an address: what was always there, or what another contract has made."""
        return self.contracts.get(address) or self.state.made.get(address)

    def call(self, sender: str, to: str, data: bytes) -> bytes:
        """Change this frame only if the call succeeds. Raises Reverted. Without code there, no answer."""
        contract = self.at(to)
        if contract is None:
            return b""
        inner = Frame(
            self.state.copy(), self.timestamp, self.contracts, self.chain_id, self.simulated, list(self.logs), self.gas
        )
        try:
            answer = contract.run(inner, sender, data)
        finally:
            self.gas = inner.gas
        self.state.take(inner.state)
        self.logs = inner.logs
        return answer


def revert(error: str, *values: Any) -> Reverted:
    """A custom error such as `SoldOut(uint256)` with its values, as a contract raises it."""
    kinds = [kind for kind in error[error.index("(") + 1 : -1].split(",") if kind]
    return Reverted(f"execution reverted: {error}", keccak(error.encode())[:4] + encode(kinds, values))


Entry = Callable[["Contract", Frame, str, bytes], bytes]


@dataclass(frozen=True)
class Contract:
    """An address and what it answers to, by signature."""

    address: str
    entries: dict[str, Entry]

    def run(self, frame: Frame, sender: str, data: bytes) -> bytes:
        for signature, entry in self.entries.items():
            if keccak(signature.encode())[:4] == data[:4]:
                return entry(self, frame, sender, data[4:])
        raise Reverted("execution reverted")


def selector(signature: str) -> bytes:
    """The first four bytes of a call."""
    return keccak(signature.encode())[:4]


def address_of(value: str) -> str:
    """The checksummed form of what eth-abi decodes."""
    return str(to_checksum_address(value))


def recover(digest: bytes, signature: bytes) -> str:
    """As OpenZeppelin's ECDSA recovers: only low s, only v of 27 and 28. Raises Reverted for anything else."""
    if len(signature) != 65:
        raise revert("ECDSAInvalidSignatureLength(uint256)", len(signature))
    if int.from_bytes(signature[32:64], "big") > _ORDER // 2:
        raise revert("ECDSAInvalidSignatureS(bytes32)", signature[32:64])
    try:
        if signature[64] in (27, 28):
            given = keys.Signature(signature[:64] + bytes([signature[64] - 27]))
            return given.recover_public_key_from_msg_hash(digest).to_checksum_address()
    except Exception:  # whatever eth-keys says of a point off the curve
        pass
    raise revert("ECDSAInvalidSignature()")


def digest_of(signable: SignableMessage) -> bytes:
    """What an EIP-712 message is signed by."""
    return keccak(b"\x19" + signable.version + signable.header + signable.body)


def is_signed(frame: Frame, account: str, digest: bytes, signature: bytes) -> bool:
    """By its code if it has any (ERC-1271), else by its key."""
    if frame.at(account) is None:
        return recover(digest, signature) == account
    answer = frame.call(account, account, IS_VALID + encode(["bytes32", "bytes"], [digest, signature]))
    return answer[:4] == IS_VALID
