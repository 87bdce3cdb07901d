"""After the signature left: the same bytes again, then the order's own word, then the chain's, within a patience."""

from dataclasses import dataclass

import httpx

from agent import budgets, receipts
from agent.answers import Answer, Kind, OrderView, read_order
from agent.auth import paying
from agent.cancellations import Cancelled, look
from agent.chain import Chain
from agent.clock import Clock
from agent.errors import ChainUnavailable
from agent.models import Proof, Purchase, State
from agent.policy_file import Limits
from agent.proofs import Proofs
from agent.records import record
from agent.sending import hash_of
from agent.store import Store, asked_in, change_purchase, purchase, refunded_by
from agent.terms import origin_of
from agent.tracing import mark

_FIRST_WAIT = 0.5


@dataclass(frozen=True, slots=True)
class Delivery:
    """Never signs: it only sends what was signed, asks, and believes the chain."""

    store: Store
    client: httpx.Client
    chain: Chain
    clock: Clock
    limits: Limits
    proofs: Proofs

    def conclude(self, bought: Purchase, *, send_first: bool = False, wait: float | None = None) -> Purchase:
        """Bring a purchase as far as it goes now; safe to call again at any time.

        `send_first` sends the signed bytes at once (after a restart), otherwise only if the last answer invites it,
        and after the `wait` in seconds that it asked for.
        """
        if bought.cancellation is not None:
            return self._look(bought)
        deadline = self.clock.now().timestamp() + self.limits.patience_seconds
        if bought.state in (State.SENT, State.IN_DOUBT) and bought.payment is not None:
            first = _FIRST_WAIT if wait is None else wait
            bought = self._send_again(bought, deadline, 0.0 if send_first else first, send_first)
        if bought.state is State.IN_DOUBT:
            bought = self._ask_order(bought, deadline)
        return self._look(bought)

    def _look(self, bought: Purchase) -> Purchase:
        """What the chain says now, where it can be asked."""
        try:
            return self._ask_chain(bought)
        except ChainUnavailable as error:
            return self._note(bought, str(error))

    def _send_again(self, bought: Purchase, deadline: float, wait: float, send_first: bool) -> Purchase:
        """The same bytes, as often as policy allows and the answers invite it."""
        for attempt in range(self.limits.retries):
            at_once = send_first and attempt == 0
            if not at_once and (bought.answer not in (None, Kind.LATER) or self._past(deadline, wait)):
                break
            self.clock.sleep(wait)
            answer = self._send(bought)
            bought = self._fresh(bought)
            asked = None if answer is None else answer.wait
            wait = _FIRST_WAIT * 2**attempt if asked is None else asked
        return bought

    def _send(self, bought: Purchase) -> Answer | None:
        """The same bytes once more; None where no answer came."""
        request = asked_in(bought).request()
        mark(request)
        try:
            response = self.client.send(paying(request, bought), follow_redirects=False)
        except httpx.HTTPError:
            return None
        return record(self.store, bought, response, self.clock.now())

    def _ask_order(self, bought: Purchase, deadline: float) -> Purchase:
        """The order's status until it has ended or the patience is over; only a hint for where to look on chain."""
        wait = _FIRST_WAIT
        while (order := self._order(bought)) is not None:
            seen = order.transactions
            known = {"settlement": seen.settlement, "refund": seen.refund, "order_id": bought.order_id or order.id}
            bought = self._change(bought, **{name: value for name, value in known.items() if value})
            refused = bought.answer in (Kind.REJECTED, Kind.ELSEWHERE)
            if refused or not order.moving or self._past(deadline, wait):
                break
            self.clock.sleep(wait)
            wait = min(wait * 2, 5.0)
        if order is not None and order.status == "completed":
            self._send(bought)
            return self._fresh(bought)
        return bought if order is None else self._note(bought, f"the seller's word: {order.words}")

    def _order(self, bought: Purchase) -> OrderView | None:
        """The order as the seller shows it. Asked at the seller's own origin only, and without the payment."""
        if bought.status_url is None:
            return None
        try:
            url = httpx.URL(bought.url).join(bought.status_url)
            if origin_of(url) != bought.origin:
                return None
            return read_order(self.client.get(url, follow_redirects=False))
        except (httpx.HTTPError, httpx.InvalidURL):
            return None

    def _ask_chain(self, bought: Purchase) -> Purchase:
        """What became of the money. Raises ChainUnavailable."""
        if bought.state is State.DELIVERED:
            return self.proofs.check(bought)
        if bought.state not in (State.IN_DOUBT, State.RESERVED):
            return bought
        signed = bought.signed
        self.chain.require(signed.network)
        if bought.cancellation is not None:
            cancelled = look(self.chain, signed, hash_of(bytes.fromhex(bought.cancellation)))
            if cancelled is Cancelled.YES:
                return self._unpaid(bought, "cancelled on chain, unused")
            if cancelled is Cancelled.EARLY:
                return self._note(bought, "its cancellation is not final yet")
            if cancelled is Cancelled.LATE:
                bought = self._change(bought, cancellation=None)
        if self.chain.authorization_used(signed):
            with self.store.begin() as connection:
                budgets.move(connection, bought.id, budgets.HoldState.SETTLED)
            bought = self._note(bought, "the money has moved on chain")
            return bought if bought.refund is None else self._refunded(bought, bought.refund)
        if not self.chain.authorization_dead(signed):
            return self._note(bought, f"unpaid so far, and reserved until {bought.valid_before:%H:%M:%S} UTC")
        return self._unpaid(bought, "nothing was paid")

    def _unpaid(self, bought: Purchase, words: str) -> Purchase:
        """The chain shows that its authorization can never be spent."""
        with self.store.begin() as connection:
            budgets.move(connection, bought.id, budgets.HoldState.RELEASED)
        return self._change(self._note(bought, words), state=State.FAILED)

    def _refunded(self, bought: Purchase, transaction: str) -> Purchase:
        mined = self.chain.transaction(transaction)
        if mined is None:
            return bought
        used = self.chain.used_in(receipts.outgoing(bought, bought.signed.payer), mined)
        findings = receipts.check_refund(bought, mined, used=used)
        with self.store.begin() as connection:
            if bought.contract is None and refunded_by(connection, transaction) - {bought.id}:
                findings.append(f"the refund {transaction} was another purchase's")
        if findings:
            return self._change(bought, detail="; ".join(findings))
        with self.store.begin() as connection:
            budgets.move(connection, bought.id, budgets.HoldState.RELEASED)
        return self._change(bought, state=State.REFUNDED, proof=Proof.PROVEN)

    def _change(self, bought: Purchase, **values: object) -> Purchase:
        with self.store.begin() as connection:
            change_purchase(connection, bought.id, self.clock.now(), only_from=(bought.state,), **values)
            return purchase(connection, bought.id)

    def _note(self, bought: Purchase, words: str) -> Purchase:
        """Add to the detail what is not in it yet."""
        if words in bought.detail:
            return bought
        return self._change(bought, detail="; ".join(filter(None, (bought.detail, words))))

    def _past(self, deadline: float, wait: float) -> bool:
        return self.clock.now().timestamp() + wait > deadline

    def _fresh(self, bought: Purchase) -> Purchase:
        with self.store.begin() as connection:
            return purchase(connection, bought.id)
