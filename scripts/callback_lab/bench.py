"""The bench that checks work on: a deployed callback, right requests to spoil, and what must come of them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from eth_abi.abi import decode, encode
from eth_account.signers.local import LocalAccount

from protocol.hashing import keccak
from scripts.accounts import account
from scripts.callback_lab.abi import Vocabulary, encode_call
from scripts.callback_lab.node import DEVNET, GAS, Log, Mined, Node, Outcome, Transaction
from scripts.callback_lab.request import BASE_ENTRIES, ENTRIES, Request, sign
from scripts.etch import PERMIT2

ACCEPTED = keccak(b"PaymentAccepted(bytes32,address,address,uint256,bytes4)")
BASE_ACTION = bytes(4)
VALID_SECONDS = 86_400
NOBODY = "0x" + "00" * 20


class CheckFailed(Exception):
    """The contract did what it must not, or not what it must; `transaction` shows it."""

    def __init__(self, message: str, transaction: Transaction | None = None) -> None:
        super().__init__(message)
        self.transaction = transaction


@dataclass(frozen=True, slots=True)
class Cast:
    """Who takes part: the money holder (the delegate wallet) and the payer sign, the stranger has no rights."""

    holder: LocalAccount = field(default_factory=lambda: account("delegate"))
    payer: LocalAccount = field(default_factory=lambda: account("buyer"))
    stranger: LocalAccount = field(default_factory=lambda: account("stranger"))


@dataclass(frozen=True, slots=True)
class Bench:
    """One deployed callback with its lists, ready for payments through every entry.

    `action` is what the payer chooses at the entries with calldata. Where the contract has no such action
    (`runs_actions` is false) it is a made-up one that only the owner's list knows, and the dispatch refuses it.
    `crook` is the bench of a misbehaving callback on the same base.
    """

    node: Node
    words: Vocabulary
    name: str
    abi: Sequence[dict[str, Any]]
    address: str
    owner: str
    caller: str
    token: str
    props: dict[str, str]
    bounds: dict[bytes, tuple[int, int]]
    action: bytes
    runs_base: bool
    runs_actions: bool
    cast: Cast
    crook: "Bench | None" = None

    # ------------------------------------------------------------------------------------------- requests

    def request(self, entry: str, order: str = "order-1", **changes: Any) -> Request:
        """A request that the entry takes, but for the changes; signed by everybody who must, changes included."""
        selector = self.action[:4] if entry not in BASE_ENTRIES else BASE_ACTION
        until = self.node.now() + VALID_SECONDS
        request = Request(
            entry, DEVNET, self.address, self.caller, PERMIT2, self.token, self.cast.payer.address,
            self.cast.holder.address, self.bounds[selector][0], until, b"", b"", 0, until, self.action,
        ).of_order(order)  # fmt: skip
        return self.signed(replace(request, **changes))

    def signed(self, request: Request) -> Request:
        """The request with the signatures that fit what it says."""
        pull = sign(request.pull_digest(), bytes(self.cast.holder.key))
        return replace(request, pull=pull, choice=sign(request.choice_digest(), bytes(self.cast.payer.key)))

    def working(self) -> tuple[str, ...]:
        """The entries behind which this contract has an action."""
        return tuple(e for e in ENTRIES if (self.runs_base if e in BASE_ENTRIES else self.runs_actions))

    def transaction(self, request: Request, gas: int = GAS) -> Transaction:
        """The request on its way."""
        return Transaction(request.caller, request.callback, request.calldata(), gas)

    # ------------------------------------------------------------------------------------------- verdicts

    def refuses(self, what: Request | Transaction, *errors: str, why: str, gas: int = GAS) -> bytes:
        """It reverts with one of the errors (any, where none is named); returns the error's bytes."""
        transaction = self.transaction(what, gas) if isinstance(what, Request) else what
        outcome = self.node.ask(transaction)
        if outcome.succeeded:
            raise CheckFailed(f"{why}: it was accepted, where {_either(errors)} is due", transaction)
        if errors and self.words.name(outcome.data) not in errors:
            raise CheckFailed(f"{why}: {self.words.words(outcome.data)}, where {_either(errors)} is due", transaction)
        return outcome.data

    def accepts(self, request: Request, why: str) -> Mined:
        """It is worked on once: exactly the amount leaves the holder, one event says so, and the books balance."""
        transaction = self.transaction(request)
        outcome = self.node.ask(transaction)
        if not outcome.succeeded:
            raise CheckFailed(f"{why}: refused with {self.words.words(outcome.data)}", transaction)
        before = self.balance(request.token, request.holder)
        mined = self.node.send(transaction)
        paid = before - self.balance(request.token, request.holder)
        self.expect(mined.succeeded, f"{why}: it reverted when mined", transaction)
        self.expect(paid == request.amount, f"{why}: {paid} left the wallet, where {request.amount} was due")
        count = len(self.acceptances(mined.logs, request.named_order))
        self.expect(count == 1, f"{why}: {count} PaymentAccepted events for one payment")
        self.expect(self.is_consumed(request.named_order), f"{why}: the order can be worked on again")
        self.books(why)
        return mined

    def expect(self, holds: bool, otherwise: str, transaction: Transaction | None = None) -> None:
        """Raises CheckFailed unless it holds."""
        if not holds:
            raise CheckFailed(otherwise, transaction)

    def books(self, why: str, surplus: int = 0) -> None:
        """Balance = liabilities + declared revenue, and what came as a gift beside."""
        held = self.balance(self.token, self.address)
        booked = self.booked()
        self.expect(
            held == booked + surplus,
            f"{why}: the contract holds {held}, its books say {booked}"
            + (f" and a gift of {surplus}" if surplus else ""),
        )

    def acceptances(self, logs: Sequence[Log], order: bytes) -> list[Log]:
        """The contract's own events that say a payment for the order came in."""
        ours = [log for log in logs if log.address.lower() == self.address.lower()]
        return [log for log in ours if log.topics[:2] == (ACCEPTED, order)]

    # ---------------------------------------------------------------------------------- reading, arranging

    def read(self, signature: str, kind: str, *arguments: Any, at: str | None = None) -> Any:
        """What a view function of one return value answers."""
        outcome = self.node.ask(Transaction(NOBODY, at or self.address, encode_call(signature, *arguments)))
        if not outcome.succeeded or len(outcome.data) < 32:
            raise CheckFailed(f"{signature} does not answer: {self.words.words(outcome.data)}")
        return decode([kind], outcome.data)[0]

    def balance(self, token: str, who: str) -> int:
        """Atomic units."""
        return int(self.read("balanceOf(address)", "uint256", who, at=token))

    def booked(self) -> int:
        """What the books say is here, in atomic units."""
        return int(sum(self.read(f"{name}(address)", "uint256", self.token) for name in ("liabilities", "revenue")))

    def is_consumed(self, order: bytes) -> bool:
        """Whether the order was worked on."""
        return bool(self.read("isConsumed(bytes32)", "bool", order))

    def call(self, sender: str, signature: str, *arguments: Any, to: str | None = None) -> Transaction:
        """A call of the contract, or of another one."""
        return Transaction(sender, to or self.address, encode_call(signature, *arguments))

    def by_owner(self, signature: str, *arguments: Any) -> None:
        """The owner does something that must work."""
        transaction = self.call(self.owner, signature, *arguments)
        mined = self.node.send(transaction)
        self.expect(mined.succeeded, f"the owner's {signature} reverts", transaction)

    def send(self, sender: str, to: str, signature: str, *arguments: Any) -> Mined:
        """Somebody does something, whether or not it works."""
        return self.node.send(self.call(sender, signature, *arguments, to=to))

    def ask(self, transaction: Transaction) -> Outcome:
        """What it would do now."""
        return self.node.ask(transaction)

    def action_gas(self) -> int:
        """Gas that every action gets."""
        return int(self.read("ACTION_GAS()", "uint256"))

    def set_immutable(self, getter: str, value: int) -> None:
        """Change a number that the constructor fixed: an immutable is a PUSH32 of the code."""
        code, old = self.node.code(self.address), int(self.read(getter, "uint256"))
        push = b"\x7f" + old.to_bytes(32, "big")
        self.expect(push in code, f"{getter} is no immutable of the code")
        self.node.etch(self.address, code.replace(push, b"\x7f" + value.to_bytes(32, "big")))

    @contextmanager
    def token_becomes(self, prop: str) -> Iterator[None]:
        """In here the token that is paid with has a hostile one's code; its balances stay."""
        with self.node.undone():
            self.node.etch(self.token, self.node.code(self.props[prop]))
            yield

    @contextmanager
    def list_action(self, selector: bytes) -> Iterator[None]:
        """In here the owner's list has one more action, at the made-up action's price."""
        with self.node.undone():
            self.by_owner("listAction(bytes4,(uint128,uint128))", selector, self.bounds[self.action[:4]])
            yield


def arguments(types: Sequence[str], *values: Any) -> bytes:
    """ABI-encoded arguments."""
    return encode(types, values)


def _either(errors: Sequence[str]) -> str:
    return " or ".join(errors) or "a refusal"
