"""One EVM chain, and the keys that send on it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from server.domain.evidence import LoggedEvent, Mined, Spend, TransferLog
from server.domain.sending import Fees, SignedTransaction


@dataclass(frozen=True, slots=True)
class Call:
    """A contract call: addresses are checksummed, `data` is ABI-encoded."""

    sender: str
    to: str
    data: bytes


class ChainReader(Protocol):
    """Reads of one EVM chain. Every method may raise ChainUnavailable, and may then be called again."""

    async def block_number(self) -> int:
        """The newest block's number."""

    async def balance(self, address: str) -> int:
        """Native balance in wei."""

    async def token_balance(self, asset: str, address: str, block: int | None = None) -> int:
        """ERC-20 balance in atomic units, in the newest block or in that one."""

    async def transaction_count(self, address: str, block: int | None = None) -> int:
        """How many transactions the account has had mined, up to the newest block or to that one."""

    async def code(self, address: str) -> bytes:
        """Runtime bytecode; empty for an account without code."""

    async def mined(self, transaction: str) -> Mined | None:
        """The outcome of a chain transaction; None while it is pending or unknown, or when a reorganisation took it."""

    async def transfers(
        self, asset: str, address: str, from_block: int = 0, to_block: int | None = None
    ) -> list[TransferLog]:
        """All transfers of `asset` to or from `address` in those blocks, both included; oldest first."""


class Chain(ChainReader, Protocol):
    """One EVM chain as the payment core uses it."""

    async def recent_block(self) -> int:
        """A block number at most a second old: a lower bound for later searches, mostly without a request."""

    async def final_block(self) -> int:
        """The newest block that, by configuration, is not expected to be reorganised."""

    async def block_time(self, number: int) -> int:
        """Unix seconds of a block."""

    async def block_hash(self, number: int) -> str | None:
        """The hash of the block at that height; None above the newest that this node knows."""

    async def allowance(self, asset: str, owner: str, spender: str) -> int:
        """What `spender` may take of the owner's tokens, in atomic units."""

    async def nonce_used(self, spend: Spend, block: int | None = None) -> bool:
        """Whether the token or Permit2 has consumed (or cancelled) this nonce, in the newest block or in that one."""

    async def spent_in(self, spend: Spend, from_block: int) -> list[TransferLog]:
        """The Transfers that consumed this nonce, whoever submitted them; empty if none is found.

        By EIP-3009 at most one, and by an executor, which names the nonce in an event. By Permit2 every Transfer that
        may have been it, in transactions whose call holds the nonce.
        """

    async def events(self, contract: str, from_block: int, to_block: int) -> list[LoggedEvent]:
        """All that a contract logged in those blocks, both included, in the chain's order; nodes refuse long ranges."""

    async def call(self, call: Call) -> bytes:
        """Run without a transaction. Raises Reverted."""

    async def preview(self, call: Call, code: Mapping[str, bytes]) -> bytes:
        """As `call`, with other runtime code at some addresses for this once. Raises Reverted."""

    async def estimate_gas(self, call: Call) -> int:
        """Gas units that the call would use now. Raises Reverted."""

    async def fees(self) -> Fees:
        """What to offer for prompt inclusion."""

    async def next_nonce(self, address: str) -> int:
        """The account's next nonce, pending transactions included."""

    async def send(self, raw: bytes) -> None:
        """Broadcast signed bytes. Idempotent: bytes that are known or mined already are no error."""


class TransactionSigner(Protocol):
    """A key that sends transactions and signs digests; callers never see it."""

    @property
    def address(self) -> str:
        """The key's checksummed address."""

    async def sign(self, chain_id: int, nonce: int, call: Call, gas: int, fees: Fees) -> SignedTransaction:
        """An EIP-1559 transaction of exactly these fields, ready to broadcast. Safe to ask for again.

        Callers await it with a row locked, so it ends within a second or two. Raises SignerUnavailable.
        """

    async def replace(self, raw: bytes, fees: Fees) -> SignedTransaction:
        """The same transaction (bytes of ours) with other fees: only one of the two can ever be mined."""

    async def sign_digest(self, digest: bytes) -> bytes:
        """65 bytes r‖s‖v over a 32-byte digest. Safe to ask for again. Raises SignerUnavailable."""
