"""An order: what was agreed, who pays, and where payment, fulfilment and money back stand."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from protocol.payment import Method
from protocol.wire import SCHEME_DELEGATE
from server.domain.errors import IllegalTransition
from server.domain.evidence import Spend
from server.domain.modes import Mode
from server.domain.states import (
    FULFILMENT_MOVES,
    MONEY_BACK_MOVES,
    PAYMENT_MOVES,
    FulfilmentState,
    MoneyBackState,
    PaymentState,
    checked,
)


class Shown(StrEnum):
    """The one word that buyers see."""

    PENDING = "pending"
    COMPLETED = "completed"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Change:
    """One line of an order's timeline: a column moved, or a fact was learnt."""

    what: str
    old: str
    new: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Terms:
    """What was agreed, fixed for the order's life. `amount` in atomic units, times aware UTC, hashes 32 bytes."""

    service: str
    merchant: str
    mode: Mode
    network: str
    asset: str
    amount: int
    pay_to: str
    resource_url: str
    intent: bytes
    quoted_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Authorization:
    """The signed payment as presented. `payload` is its x402 JSON: it can move money: never show or log it.

    `authority` is the contract that lets `nonce` be used once: the token, or Permit2.
    """

    scheme: str
    method: Method
    authority: str
    payer: str
    nonce: bytes
    digest: bytes
    valid_before: datetime
    x402_version: int
    payload: bytes = field(repr=False)

    def lapsed(self, block_time: int) -> bool:
        """Whether no block after one of that time (Unix seconds) can use it.

        Permit2 takes it in its last second too, and on some chains several blocks are of one second.
        """
        return block_time > self.valid_before.timestamp()


@dataclass(slots=True)
class Order:
    """Moves only through its methods, which keep the tables and record every change for the timeline.

    `version` guards every write (compare and set); `fence` counts owners, so that a paused one cannot write late.
    `charged` is what a metered service wants of the amount that was authorized; `round` counts the times that a
    reorganisation took the payment back. `received` is what has come by plain transfers, None for an order that is paid
    by an authorization; `returned` is what went back of it, in so many `refunds`.
    """

    id: str
    terms: Terms
    authorization: Authorization
    arguments: bytes
    created_at: datetime
    since_block: int
    payment: PaymentState = PaymentState.AUTHORIZED
    fulfilment: FulfilmentState = FulfilmentState.NONE
    money_back: MoneyBackState = MoneyBackState.NONE
    lease_until: datetime | None = None
    fence: int = 1
    version: int = 0
    settlement_tx: str | None = None
    settlement_block: int | None = None
    callback_tx: str | None = None
    refund_tx: str | None = None
    paid_at: datetime | None = None
    released_at: datetime | None = None
    final_at: datetime | None = None
    failure: str | None = None
    charged: int | None = None
    round: int = 0
    received: int | None = None
    returned: int = 0
    refunds: int = 0
    changes: list[Change] = field(default_factory=list)

    def pay(self, state: PaymentState, note: str = "") -> None:
        """Move the payment column; only an order that is paid by plain transfers waits for money again."""
        if state is PaymentState.CREATED and not self.by_transfer:
            raise IllegalTransition("an order that is paid by an authorization does not wait for a transfer")
        self._record("payment", self.payment, checked(PAYMENT_MOVES, self.payment, state), note)
        self.payment = state

    def fulfil(self, state: FulfilmentState, note: str = "") -> None:
        """Move the fulfilment column; a failed one runs again only while no money has moved."""
        if (self.fulfilment, state) == (FulfilmentState.FAILED, FulfilmentState.RUNNING):
            self._require_unmoved()
        self._record("fulfilment", self.fulfilment, checked(FULFILMENT_MOVES, self.fulfilment, state), note)
        self.fulfilment = state

    def give_back(self, state: MoneyBackState, note: str = "") -> None:
        """Move the money-back column; money is due back only after it came."""
        if state is MoneyBackState.DUE and self.payment is not PaymentState.SETTLED:
            raise IllegalTransition("only settled money can be due back")
        more = self.by_transfer and self.due_back
        if (self.money_back, state) == (MoneyBackState.REFUNDED, MoneyBackState.DUE) and not more:
            raise IllegalTransition("everything that came went back already")
        self._record("money back", self.money_back, checked(MONEY_BACK_MOVES, self.money_back, state), note)
        self.money_back = state

    def learn(self, what: str, value: str, note: str = "") -> None:
        """Put a fact on the timeline, such as a transaction's hash."""
        self._record(what, "", value, note)

    def lease(self, until: datetime) -> None:
        """Take the order over: whoever held it before cannot write any more."""
        self.lease_until = until
        self.fence += 1

    def drop_lease(self) -> None:
        """Let the next one take it at once."""
        self.lease_until = None

    def leased(self, now: datetime) -> bool:
        """Whether somebody is working on it."""
        return self.lease_until is not None and self.lease_until > now

    def cancel(self, now: datetime, reason: str) -> None:
        """End an order on which nothing has happened yet; raises IllegalTransition once it is being worked on."""
        if self.leased(now) or self.fulfilment not in (FulfilmentState.NONE, FulfilmentState.FAILED):
            raise IllegalTransition("the order is being worked on and cannot be cancelled any more")
        self.pay(PaymentState.CANCELLED, reason)

    @property
    def price(self) -> int:
        """What moves for it, in atomic units: the amount agreed, or less where the service is metered."""
        return self.terms.amount if self.charged is None else self.charged

    @property
    def waived(self) -> bool:
        """Whether it is a metered call that used nothing: no money moves for it."""
        return self.charged == 0 and not self.by_transfer

    @property
    def atomic(self) -> bool:
        """Whether payment and callback are one chain transaction (scheme delegate): either both happen or neither."""
        return self.authorization.scheme == SCHEME_DELEGATE

    @property
    def by_transfer(self) -> bool:
        """Whether plain transfers pay it, which can be too little, too much, too late, or several."""
        return self.received is not None

    @property
    def due_back(self) -> int:
        """What goes back if money goes back now, in atomic units: never more than what came and was not returned.

        Of plain transfers it is all that is not kept: an order keeps its price unless its fulfilment failed.
        """
        if self.received is None:
            return self.price
        kept = 0 if self.fulfilment is FulfilmentState.FAILED else self.price
        return max(0, self.received - self.returned - kept)

    @property
    def refund_name(self) -> str:
        """What names the next refund, and the nonce that lets it happen once: the order, then its further refunds.

        A payout goes by the order's own name. So where a callback has taken it, what comes back beside it has another
        one, and a refund in the place of the payout has the same.
        """
        if self.terms.mode.calls_contract and self.by_transfer and self.released_at:
            return self.id if self.fulfilment is FulfilmentState.FAILED else f"{self.id}.{self.refunds + 1}"
        return f"{self.id}.{self.refunds}" if self.refunds else self.id

    @property
    def spend(self) -> Spend:
        """Its payment as the chain knows it."""
        terms, signed = self.terms, self.authorization
        move = (terms.asset, signed.payer, signed.nonce, terms.pay_to, terms.amount)
        return Spend(signed.method, *move, executed=self.atomic)

    @property
    def shown(self) -> Shown:
        """The status that buyers see, from the three columns."""
        if self.payment is PaymentState.EXPIRED:
            return Shown.EXPIRED
        if self.payment is PaymentState.CANCELLED:
            return Shown.CANCELLED
        if self.payment is PaymentState.FAILED:
            return Shown.FAILED
        if self.payment is PaymentState.SETTLED and self.fulfilment is FulfilmentState.FAILED:
            return Shown.FAILED
        return Shown.COMPLETED if self.fulfilment is FulfilmentState.RELEASED else Shown.PENDING

    @property
    def ended(self) -> bool:
        """Nothing is left to do for it, whatever the outcome."""
        if self.money_back in (MoneyBackState.DUE, MoneyBackState.SENDING, MoneyBackState.IN_DOUBT):
            return False
        return self.shown is not Shown.PENDING

    @property
    def owes(self) -> bool:
        """Paid for, and neither delivered nor given back: somebody's money is still held."""
        paid = self.payment is PaymentState.SETTLED
        delivered = self.fulfilment is FulfilmentState.RELEASED
        return paid and not delivered and self.money_back is not MoneyBackState.REFUNDED

    def _record(self, what: str, old: str, new: str, note: str) -> None:
        self.changes.append(Change(what, str(old), str(new), note))

    def _require_unmoved(self) -> None:
        if self.payment is not PaymentState.AUTHORIZED:
            raise IllegalTransition(f"a handler cannot run again while the payment is {self.payment}")
