"""The buyer: the agent's parts put together, and the whole purchase as one call."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import httpx

from agent import approvals, budgets, capabilities, connecting, switch
from agent.answers import retry_after
from agent.auth import PaddockAuth, purchase_of
from agent.budgets import Level
from agent.chain import Chain
from agent.checkout import Checkout, Funds, Sources
from agent.clock import Clock, SystemClock
from agent.decisions import Decision
from agent.delivery import Delivery
from agent.disclosure import QUESTION, Gate, withheld
from agent.errors import ChainUnavailable, Refused, SellerUnavailable
from agent.explaining import Explained, Explainer
from agent.identity import AgentId, wallet_of
from agent.market import Market
from agent.mcp.later import mounts
from agent.models import Proof, Purchase, State
from agent.outcome import Outcome, outcome_of, unpaid
from agent.policy import Policy
from agent.proofs import Proofs
from agent.remote import signer_of
from agent.settings import Settings
from agent.store import Store, asked_in, new_id, purchase, purchases_in
from agent.switch import Stop
from agent.terms import Asked, Terms
from agent.tracing import during
from agent.waiting import Patience, Waiting
from agent.wallet import Signer
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
        patience: Patience | None = None,
    ) -> None:
        """Raises PolicyError and WalletError. Nothing is asked of the network here.

        A `transport` of your own takes the place of the one that refuses addresses inside. With `patience`, `buy`
        waits for the person whom it asks.
        """
        self.settings = settings
        self.policy = Policy(settings.load_policy())
        self.clock = clock or SystemClock()
        self.store = Store(settings.database)
        guarded = transport or connecting.transport(self.policy.file, (settings.rpc, settings.seller))
        tools = mounts(self.policy.file, settings.timeout)
        hooks = [connecting.bearing(settings.seller, settings.buyer_key)] if settings.buyer_key else []
        self._client = httpx.Client(
            transport=guarded,
            mounts=tools,
            timeout=settings.timeout,
            follow_redirects=False,
            event_hooks={"request": hooks},
        )
        self.chain = Chain(self._client, settings.rpc, settings.finality)
        self.signer = signer or signer_of(settings, self.chain)
        self.market = Market(self._client, self.store, self.clock)
        self.proofs = Proofs(self.store, self._client, self.chain, self.clock)
        self.session = settings.session or new_id("ses")
        self.patience = patience
        self._checkout = Checkout(self.policy, self.store, self.signer, self.clock, self.session)
        self._explainer = Explainer(self.policy, self.store, self.signer, self.session)
        self._gate = Gate(self.policy, self.store, self.clock, self.signer)
        self._delivery = Delivery(self.store, self._client, self.chain, self.clock, self.policy.limits, self.proofs)

    @classmethod
    def from_settings(cls, settings: Settings | None = None, patience: Patience | None = None) -> "Buyer":
        """A buyer from explicit settings, or from the environment."""
        return cls(settings or Settings.from_env(), patience=patience)

    def auth(self, task: str = "default", *, again: bool = False) -> PaddockAuth:
        """For any httpx client, sync or async: `httpx.Client(auth=buyer.auth(task="research"))`."""
        return PaddockAuth(self._checkout, self.store, self.clock, task, again=again, gate=self._gate)

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
        with during("buy", self.market.searches.taken(full)):
            outcome = self._attempt(request, task, again)
            if self.patience is None:
                return outcome
            return Waiting(self.store, self.settings.database, self.clock).through(
                outcome,
                self.patience,
                lambda one: self._attempt(request, task, again) if one.startswith(QUESTION) else self.resume(one)[0],
            )

    def explain(self, url: str, method: str = "GET", *, json: Any = None, task: str = "default") -> list[Explained]:
        """What each rule says to each way in which a URL could be paid; none for one that is free. Nothing is signed.

        Raises SellerUnavailable, and Refused for a 402 that cannot be read.
        """
        request = httpx.Request(method, url, json=json)
        asked = Asked.of(request, task)
        denial = self.policy.stranger(asked.origin)
        if denial is not None:
            raise Refused(denial.rule, denial.detail)
        try:
            response = self._client.send(self._gate.vet(request, task))
        except httpx.HTTPError as error:
            raise _unavailable(asked, error) from error
        return [] if response.status_code != 402 else self._explainer.explain(response, asked, self.clock.now())

    def consider(self, terms: Terms, task: str = "default") -> Decision:
        """What the policy, the switch and the task's budgets say to terms that somebody advertises."""
        terms = replace(terms, asked=replace(terms.asked, task=task))
        return Explained(terms.entry, terms, tuple(self._explainer.consider(terms, self.clock.now()))).decision

    def resume(self, purchase_id: str | None = None) -> list[Outcome]:
        """Go on with one purchase, or with all that have not ended: approved, in doubt, or not proven yet.

        Holds that can no longer be spent are released, on the chain's word. Raises SellerUnavailable for a single one.
        """
        if purchase_id is not None and purchase_id.startswith(QUESTION):
            return [self._gate.answer(purchase_id)]
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

    def budgets(self, network: str, asset: str, task: str = "default", origin: str = "") -> dict[str, Level]:
        """How far each budget of an asset of the policy is used now, by its rule: atomic units."""
        counted = self.policy.budgets(network, asset, task=task, session=self.session, origin=origin)
        with self.store.begin() as connection:
            return budgets.levels(connection, network, asset, counted, self.clock.now())

    def place(self, asked: Asked) -> Decision | None:
        """What forbids to send a request to its origin and path at all; None where nothing does."""
        with self.store.begin() as connection:
            tags = capabilities.known(connection, asked, self.clock.now())
        return self.policy.place(asked, tags)

    def stop(self, reason: str = "") -> Stop:
        """Nothing is signed from now on, here and wherever this home is shared; what is on its way is followed on."""
        with self.store.begin() as connection:
            return switch.stop(connection, reason, self.clock.now())

    def start(self) -> Stop | None:
        """Sign again; returns what had stopped it."""
        with self.store.begin() as connection:
            return switch.start(connection, self.clock.now())

    def close(self) -> None:
        """Close connections and the store."""
        self._client.close()
        self.store.close()

    def _attempt(self, request: httpx.Request, task: str, again: bool) -> Outcome:
        """As far as it goes without waiting for anybody."""
        try:
            return self._buy(self._vetted(request, task), task, again)
        except Refused as refusal:
            return withheld(refusal)

    def _vetted(self, request: httpx.Request, task: str) -> httpx.Request:
        """As it may leave; what is for a stranger leaves in no form. Raises Refused."""
        known = self.policy.stranger(Asked.of(request, task).origin) is None
        return self._gate.vet(request, task) if known else request

    def _buy(self, request: httpx.Request, task: str, again: bool) -> Outcome:
        asked = Asked.of(request, task)
        refused = self._checkout.stranger(asked)
        if refused is not None:
            return self._outcome(refused)
        bought = None if again else self._checkout.unfinished(asked)
        if bought is not None:
            bought = self._delivery.conclude(bought, send_first=True)
            if bought.state is not State.FAILED:
                return self._outcome(bought)
        sources = Sources(self._balance, self.proofs.keys, self._wallet_of)
        auth = PaddockAuth(self._checkout, self.store, self.clock, task, again=again, sources=sources)
        try:
            response = self._client.send(request, auth=auth)
        except httpx.HTTPError as error:
            interrupted = self._checkout.unfinished(asked)
            if interrupted is None:
                raise _unavailable(asked, error) from error
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

    def _wallet_of(self, agent: AgentId) -> str | None:
        """Where an agent of ERC-8004 is paid; None while the chain cannot be asked."""
        try:
            return wallet_of(self.chain, agent)
        except ChainUnavailable:
            return None

    def _outcome(self, bought: Purchase) -> Outcome:
        with self.store.begin() as connection:
            return outcome_of(connection, bought)


def _unavailable(asked: Asked, error: httpx.HTTPError) -> SellerUnavailable:
    if isinstance(error, connecting.AddressRefused):
        return SellerUnavailable(f"{error}: nothing was sent", "set inside = true for it in the policy, if it is yours")
    return SellerUnavailable(f"{asked.origin} does not answer ({type(error).__name__})", "start it, or check the URL")
