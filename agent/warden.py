"""The warden: judges every signature that a signer on its own is asked for, by a policy and budgets of its own.

It believes nothing that the asking agent says beyond what is signed, so that whoever takes that agent over can move at
most what this policy allows, and to nobody else. Of origins and routes the signed bytes say nothing: recipients, which
the policy must pin here, stand in for them.
"""

import threading
from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import Connection

from agent import actions, budgets, switch
from agent.account import Sender
from agent.calls import Cancellation
from agent.clock import Clock
from agent.errors import Refused
from agent.merchant_rules import MerchantRules
from agent.outgoing import Outgoing, count, hashed, takes_back
from agent.policy import Policy
from agent.policy_file import AssetRules
from agent.signing import Money, Payment, SignAction, SignCommitment, SignPermit, SignTransaction, SignTransfer, Wish
from agent.store import Store
from protocol.amounts import atomic
from protocol.functions import function_of
from protocol.networks import caip2

SLACK = 30
"""Seconds by which the clocks of agent and signer may differ."""


class Warden:
    """Signs what its policy allows. The same wish again gets the same signature, and counts once."""

    def __init__(self, policy: Policy, store: Store, sender: Sender, clock: Clock) -> None:
        self._policy, self._store, self._sender, self._clock = policy, store, sender, clock
        self._outgoing, self._lock = Outgoing(policy, sender), threading.Lock()

    @property
    def address(self) -> str:
        """For whom it signs."""
        return self._sender.address

    @property
    def key(self) -> str:
        """The address of the key that it signs with."""
        return self._sender.key

    def sign(self, wish: Wish) -> bytes:
        """65 bytes over what is wished. Raises Refused, naming the rule, and ProtocolError for what cannot be read."""
        with self._lock, self._store.begin() as connection:
            if not takes_back(wish):
                self._require_open(connection)
            if isinstance(wish, SignTransaction):
                self._outgoing.judge(connection, wish, self._clock.now())
            elif isinstance(wish, Cancellation):
                self._outgoing.cancellation(connection, wish)
            elif isinstance(wish, SignAction):
                self._judge_action(wish)
            else:
                self._judge_payment(connection, wish)
        if isinstance(wish, SignTransaction):
            return wish.sign(self._sender)
        signer = self._sender.signer
        return (
            signer.sign_cancellation(wish.domain, wish.place) if isinstance(wish, Cancellation) else wish.sign(signer)
        )

    def _require_open(self, connection: Connection) -> None:
        switch.require_started(connection)
        hours = self._policy.file.hours
        if hours is not None and not hours.hold(self._clock.now()):
            raise Refused("hours", f"this signer signs from {hours.from_} to {hours.to} {hours.zone} only")

    def _judge_payment(self, connection: Connection, wish: Payment) -> None:
        money = wish.money(self.address)
        asset = self._asset(money.network, money.asset)
        if isinstance(wish, SignTransfer | SignCommitment) and wish.name is not None:
            _require((wish.name, wish.version) == (asset.name, asset.version), "asset.domain", "it is not the token's")
        if isinstance(wish, SignCommitment):
            merchant = self._merchant("executor.unknown", money.to, lambda one: one.executors)
            target = wish.commitment(self.address).action
            _judge_call(merchant, target.target, target.calldata, fixed=True)
        else:
            merchant = self._merchant("recipient.unknown", money.to, lambda one: one.pay_to)
        metered = isinstance(wish, SignPermit) and wish.facilitator is not None
        if isinstance(wish, SignPermit) and wish.facilitator is not None:
            known = wish.permit(self.address).facilitator in merchant.facilitators
            _require(known, "facilitator.unknown", f"{wish.facilitator} may not say what a metered call cost")
        self._judge_limits(money, asset, merchant, metered=metered)
        self._reserve(connection, wish, money, merchant)

    def _judge_action(self, wish: SignAction) -> None:
        action = wish.action(self.address)
        asset = self._asset(caip2(action.chain_id), action.token)
        merchant = self._merchant("recipient.unknown", action.owner, lambda one: one.pay_to)
        _judge_call(merchant, action.contract, action.calldata, fixed=False)
        self._judge_amount(action.amount, asset, merchant)
        latest = self._now() + self._policy.limits.validity_seconds + actions.LONGEST_WAIT + SLACK
        _require(action.deadline <= latest, "mode.delegate.deadline", "the signature would count for too long")

    def _asset(self, network: str, address: str) -> AssetRules:
        _require(network in self._policy.file.networks, "network.unknown", f"{network} is not among the networks")
        asset = self._policy.asset(network, address)
        if asset is None:
            raise Refused("asset.unknown", f"the token {address} on {network} is not among the policy's assets")
        return asset

    def _merchant(self, rule: str, to: str, places: Callable[[MerchantRules], tuple[str, ...]]) -> MerchantRules:
        """The first merchant of the policy that may be paid at an address."""
        found = next((one for one in self._policy.file.merchants if to in places(one)), None)
        if found is None:
            raise Refused(rule, f"{to} is not an address that this signer's policy names for a merchant")
        return found

    def _judge_amount(self, amount: int, asset: AssetRules, merchant: MerchantRules) -> None:
        for rule, most in (("limits.per_call", self._policy.limits.per_call), ("merchant.per_call", merchant.per_call)):
            fits = not most or 0 < amount <= atomic(most, asset.decimals)
            _require(fits, rule, f"{amount} atomic units are above the limit for one call")

    def _judge_limits(self, money: Money, asset: AssetRules, merchant: MerchantRules, *, metered: bool) -> None:
        self._judge_amount(money.amount, asset, merchant)
        limits, now = self._policy.limits, self._now()
        longest = min(limits.validity_seconds, limits.metered_seconds) if metered else limits.validity_seconds
        fits = money.since <= now + SLACK and now < money.until <= now + longest + SLACK
        _require(fits, "limits.validity", f"the authorization must count now, and for {longest} s at most")

    def _reserve(self, connection: Connection, wish: Payment, money: Money, merchant: MerchantRules) -> None:
        """Count it, once however often it is asked for. Nothing is given back: here nobody asks the chain."""
        hold = budgets.Hold(
            purchase_id=hashed(wish),
            network=money.network,
            asset=money.asset,
            amount=money.amount,
            task="",
            session="",
            origin=merchant.origin,
            payer=self.address,
            nonce=money.nonce,
            valid_before=datetime.fromtimestamp(money.until, UTC),
        )
        counted = self._policy.budgets(money.network, money.asset, origin=merchant.origin)
        count(connection, hold, counted, self._clock.now())

    def _now(self) -> int:
        return int(self._clock.now().timestamp())


def _judge_call(merchant: MerchantRules, contract: str, calldata: bytes, *, fixed: bool) -> None:
    """What a payment makes a contract do; without calldata, if it may be `fixed`, what it does by itself."""
    _require(contract in merchant.callbacks, "mode.delegate.callback", f"{contract} is not among the callbacks")
    if fixed and not calldata:
        return
    listed = [name for rule in merchant.actions if rule.contract == contract for name in rule.functions]
    known = function_of(calldata, tuple(listed)) is not None
    _require(known, "mode.delegate.function", f"0x{calldata[:4].hex()} of {contract} is not among the actions")


def _require(holds_true: bool, rule: str, detail: str) -> None:
    if not holds_true:
        raise Refused(rule, detail)
