"""The reference model of a purchase: what its buyer may see next, by what happened and what was seen before.

It knows nothing of states, leases or jobs. `Purchase` holds what anybody could write down who watches one purchase.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import httpx

from protocol.payment import Payment
from tests.stack.buyer import Quoted

ANSWERS_KEPT = 24 * 3600


class Handler(StrEnum):
    """What the service's handler does when it is asked for a purchase."""

    ANSWERS = "answers"
    REFUSES = "says that the arguments are wrong"
    FAILS = "raises"
    LATER = "says that nothing has happened yet"


class Seen(StrEnum):
    """What an answer told the buyer."""

    DELIVERED = "200"
    RUNNING = "202"
    TERMS = "402"
    CONFLICT = "409"
    REFUSED = "400 or 422: the request is wrong"
    BROKEN = "502: the service failed, and nothing was charged"
    OWED = "502: the money came and goes back"
    WAIT = "503 or 429"


def seen(answer: httpx.Response) -> Seen:
    """Raises KeyError for an answer that no buyer may get, such as a 500."""
    if answer.status_code == 502:
        return {"callback-failed": Seen.OWED, "service-failed": Seen.BROKEN}[answer.json()["type"].split("/")[-1]]
    plain = {200: Seen.DELIVERED, 202: Seen.RUNNING, 402: Seen.TERMS, 409: Seen.CONFLICT}
    others = {400: Seen.REFUSED, 422: Seen.REFUSED, 503: Seen.WAIT, 429: Seen.WAIT}
    return (plain | others)[answer.status_code]


@dataclass
class Purchase:
    """One quote and the one payment that was signed for it; times in Unix seconds.

    `meddled`: its authorization was submitted or cancelled by somebody else, or its order by the operator. `shaken`: a
    reorganisation happened since it was first sent. `effects`: how often its handler did what cannot be undone.
    `on_chain`: what it buys is what a contract does; `atomic`: in the payment's own chain transaction, or not at all.
    """

    service: str
    text: str
    quoted: Quoted
    header: str
    payment: Payment
    quote_ends: float
    handler: Handler = Handler.ANSWERS
    settles_first: bool = False
    on_chain: bool = False
    atomic: bool = False
    sold_out: bool = False
    sent: bool = False
    meddled: bool = False
    shaken: bool = False
    helped: bool = False
    effects: int = 0
    runs: int = 0
    body: bytes | None = None
    delivered_at: float = 0.0
    told: list[Seen] = field(default_factory=list)

    def may_see(self, *, now: float, fair: bool, staffed: bool) -> set[Seen]:
        """The answers that the payment, sent as it was signed, may get now."""
        if self.body is not None and not self.shaken:
            kept = now <= self.delivered_at + ANSWERS_KEPT
            return {Seen.DELIVERED} if kept else {Seen.CONFLICT, *([Seen.DELIVERED] if self.helped else [])}
        if self.sent or self.meddled or self.shaken or not fair:
            return set(Seen) - {Seen.REFUSED} | ({Seen.REFUSED} if self.handler is Handler.REFUSES else set())
        if now >= self.quote_ends or now + 6 > self.payment.valid_before:
            return {Seen.TERMS}
        if self.atomic and self.sold_out:
            return {Seen.TERMS}
        if self.settles_first:
            return self._paid_first() if staffed else {Seen.RUNNING}
        return self._run_first()

    def _run_first(self) -> set[Seen]:
        failed = {Handler.REFUSES: Seen.REFUSED, Handler.FAILS: Seen.BROKEN, Handler.LATER: Seen.BROKEN}
        return {failed.get(self.handler, Seen.DELIVERED)}

    def _paid_first(self) -> set[Seen]:
        if self.on_chain:
            return {Seen.OWED} if self.sold_out else {Seen.DELIVERED}
        ends = {Handler.ANSWERS: {Seen.DELIVERED}, Handler.LATER: {Seen.RUNNING, Seen.OWED}}
        return ends.get(self.handler, {Seen.OWED})

    def saw(self, answer: httpx.Response, now: float) -> None:
        """Write an answer down. Raises AssertionError if it differs from one that was delivered before."""
        first, self.sent = not self.sent, True
        self.told.append(seen(answer))
        if self.told[-1] is Seen.DELIVERED:
            assert self.body in (None, answer.content) or self.shaken, f"{self.text}: another answer than before"
            assert "idempotent-replayed" not in answer.headers or not first, f"{self.text}: a replay of nothing"
            assert "idempotent-replayed" in answer.headers or self.body is None, f"{self.text}: delivered anew"
            self.body, self.delivered_at = answer.content, self.delivered_at or now

    def secret(self) -> bytes:
        """What stands in the answer and nowhere else."""
        return f"answer to {self.text}".encode()

    def ending(self, order: Any, moved: int) -> list[str]:
        """What is wrong with how it ended, when everything had time to end. `moved`: its Transfers on chain."""
        if order is None:
            told = [one for one in self.told if one in (Seen.DELIVERED, Seen.RUNNING, Seen.OWED)]
            return [f"{self.text} was {told} and has no order"] if told else []
        wrong = [] if moved in (0, 1) else [f"{self.text} was paid {moved} times"]
        if (moved == 1) != (order.payment == "settled"):
            wrong.append(f"{self.text} moved {moved} times and is {order.payment}")
        if moved and order.fulfilment != "released" and order.money_back not in ("refunded", "blocked"):
            wrong.append(f"{self.text} is paid, {order.fulfilment} and money back {order.money_back}")
        if self.atomic and (order.money_back != "none" or (moved and order.fulfilment != "released")):
            wrong.append(f"{self.text} is atomic, moved {moved} times, {order.fulfilment}, {order.money_back}")
        undone = self.on_chain and self.shaken and (not moved or order.money_back in ("refunded", "blocked"))
        if self.body is not None and order.fulfilment != "released" and not undone:
            wrong.append(f"{self.text} was delivered and is {order.fulfilment}")
        if self.effects > 1:
            wrong.append(f"{self.text} was done {self.effects} times")
        return wrong
