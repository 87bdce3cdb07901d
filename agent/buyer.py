"""The buyer: the agent's parts put together, and the whole purchase as one call."""

from collections.abc import Mapping
from typing import Any

import httpx

from agent import approvals, budgets
from agent.answers import retry_after
from agent.auth import PaddockAuth, purchase_of
from agent.chain import Chain
from agent.checkout import Checkout, Funds
from agent.clock import Clock, SystemClock
from agent.delivery import Delivery
from agent.errors import ChainUnavailable, SellerUnavailable
from agent.market import Market
from agent.models import Proof, Purchase, State
from agent.outcome import Outcome, outcome_of, unpaid
from agent.policy import Policy
from agent.proofs import Proofs
from agent.settings import Settings
from agent.store import Store, asked_in, purchase, purchases_in
from agent.terms import Asked, Terms
from agent.wallet import LocalSigner, Signer
from protocol.payment import PERMIT2, Method


class Buyer:
    """Buys within its policy. One object may serve many threads and tasks; several processes may share its home."""

    def __init__(
        self,
        settings: Settings,
        *,
        signer: Signer | None = None,
        clock: Clock | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Raises PolicyError and WalletError. Nothing is asked of the network here."""
        self.settings = settings
        self.policy = Policy(settings.load_policy())
        self.signer = signer or LocalSigner(settings.account())
        self.clock = clock or SystemClock()
        self.store = Store(settings.database)
        self._client = httpx.Client(transport=transport, timeout=settings.timeout, follow_redirects=False)
        self.chain = Chain(self._client, settings.rpc, settings.finality)
        self.market = Market(self._client, self.store, self.clock)
        self.proofs = Proofs(self.store, self._client, self.chain, self.clock)
        self._checkout = Checkout(self.policy, self.store, self.signer, self.clock)
        self._delivery = Delivery(self.store, self._client, self.chain, self.clock, self.policy.limits, self.proofs)

    @classmethod
    def from_settings(cls, settings: Settings | None = None) -> "Buyer":
        """A buyer from explicit settings, or from the environment."""
        return cls(settings or Settings.from_env())

    def auth(self, task: str = "default", *, again: bool = False) -> PaddockAuth:
        """For any httpx client, sync or async: `httpx.Client(auth=buyer.auth(task="research"))`."""
        return PaddockAuth(self._checkout, self.store, self.clock, task, again=again)

    def buy(
        self,
        url: str,
        method: str = "GET",
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        task: str = "default",
        again: bool = False,
    ) -> Outcome:
        """Request a URL, pay if it must be and may be, and follow the purchase to its end or to the patience's.

        `again` buys anew although an earlier attempt is in doubt, or its proof is false. Of `headers` only content
        type and accept are kept for a purchase that waits. Raises SellerUnavailable if the seller cannot be asked
        and nothing was signed, and WalletError if the signer fails.
        """
        full = httpx.URL(url).copy_merge_params(params) if params else httpx.URL(url)
        request = httpx.Request(method, full, json=json, content=content, headers=headers)
        return self._buy(request, task, again)

    def resume(self, purchase_id: str | None = None) -> list[Outcome]:
        """Go on with one purchase, or with all that have not ended: approved, in doubt, or not proven yet.

        Holds that can no longer be spent are released, on the chain's word. Raises SellerUnavailable for a single one.
        """
        if purchase_id is not None:
            with self.store.begin() as connection:
                bought = purchase(connection, purchase_id)
            return [self._resume(bought)]
        with self.store.begin() as connection:
            found = purchases_in(connection, State.WAITING, State.RESERVED, State.SENT, State.IN_DOUBT)
            unsettled = budgets.unsettled(connection)
            delivered = purchases_in(connection, State.DELIVERED)
            found += [bought for bought in delivered if bought.proof is Proof.UNCHECKED or bought.id in unsettled]
        outcomes = []
        for bought in found:
            try:
                outcomes.append(self._resume(bought))
            except SellerUnavailable:
                outcomes.append(self._outcome(bought))
        return outcomes

    def outcome(self, purchase_id: str) -> Outcome:
        """How a purchase stands in the store. Raises UnknownPurchase."""
        with self.store.begin() as connection:
            return outcome_of(connection, purchase(connection, purchase_id))

    def spent(self, network: str, asset: str, task: str) -> budgets.Spent:
        """What counts against the budgets now, in atomic units."""
        with self.store.begin() as connection:
            return budgets.spent_on(connection, network, asset, task, self.clock.now())

    def close(self) -> None:
        """Close connections and the store."""
        self._client.close()
        self.store.close()

    def _buy(self, request: httpx.Request, task: str, again: bool) -> Outcome:
        asked = Asked.of(request, task)
        bought = None if again else self._checkout.unfinished(asked)
        if bought is not None:
            bought = self._delivery.conclude(bought, send_first=True)
            if bought.state is not State.FAILED:
                return self._outcome(bought)
        auth = PaddockAuth(self._checkout, self.store, self.clock, task, again=again, balance=self._balance)
        try:
            response = self._client.send(request, auth=auth)
        except httpx.HTTPError as error:
            interrupted = self._checkout.unfinished(asked)
            if interrupted is None:
                raise SellerUnavailable(
                    f"{asked.origin} does not answer ({type(error).__name__})", "start it, or check the URL"
                ) from error
            return self._outcome(self._delivery.conclude(interrupted))
        bought = purchase_of(response)
        if bought is None:
            return unpaid(response)
        return self._outcome(self._delivery.conclude(bought, wait=retry_after(response)))

    def _resume(self, bought: Purchase) -> Outcome:
        if bought.state is not State.WAITING:
            return self._outcome(self._delivery.conclude(bought, send_first=True))
        with self.store.begin() as connection:
            stored = approvals.approval(connection, bought.id)
        lapsed = self.clock.now() >= stored.expires_at
        if stored.state is approvals.ApprovalState.PENDING and not lapsed:
            return self._outcome(bought)
        return self._buy(asked_in(bought).request(), bought.task, again=False)

    def _balance(self, terms: Terms) -> Funds | None:
        """What the wallet can pay with; None while the chain cannot be asked: the seller will say so in time."""
        payer = self.signer.address
        try:
            self.chain.require(terms.network)
            by_permit2 = terms.method is Method.PERMIT2
            allowed = self.chain.allowance(terms.asset, payer, PERMIT2) if by_permit2 else None
            return Funds(self.chain.balance(terms.asset, payer), allowed)
        except ChainUnavailable:
            return None

    def _outcome(self, bought: Purchase) -> Outcome:
        with self.store.begin() as connection:
            return outcome_of(connection, bought)
