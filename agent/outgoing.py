"""Judges the chain transactions, and the cancellations, that a signer on its own is asked for, by its own policy.

Nothing is told to a contract but what stands here: money to an address of `[[transfers]]`, Permit2's leave, and the end
of what this signer signed itself. What all of it may cost in gas, the policy's `[signer]` says.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Connection, select

from agent import budgets
from agent.account import Sender
from agent.allowance import require_within
from agent.approvals import ZERO_ADDRESS, require_signed_by
from agent.calls import Allowance, Cancellation, Consent, PermitCancellation, TokenTransfer
from agent.decisions import Verdict
from agent.errors import ApprovalError, Refused
from agent.models import holds
from agent.policy import Policy
from agent.sending import MOST_GAS
from agent.signing import SignTransaction
from agent.transfer_rules import COIN_DECIMALS
from agent.transfer_terms import Wish, budgets_of, judged
from protocol.amounts import atomic, display, parse_uint
from protocol.networks import caip2
from protocol.signatures import parse_address

_GAS = "signer.gas_per_day"


def takes_back(wish: object) -> bool:
    """Whether it only ends what was signed or allowed: then neither switch nor hours stop it."""
    call = wish.call if isinstance(wish, SignTransaction) else wish
    if isinstance(call, Allowance):
        return parse_uint(call.amount, "amount") == 0
    return isinstance(call, Cancellation | PermitCancellation)


class Outgoing:
    """Each wish counts once, however often it comes. Raises Refused, and ProtocolError for what cannot be read."""

    def __init__(self, policy: Policy, sender: Sender) -> None:
        self._policy, self._sender = policy, sender

    def judge(self, connection: Connection, wish: SignTransaction, now: datetime) -> None:
        """Count what it moves and what it can cost; a refusal counts nothing."""
        call, network = wish.call, caip2(wish.chain_id)
        if isinstance(call, TokenTransfer):
            self._transfer(connection, wish, call, now)
        elif isinstance(call, Allowance):
            self._allowance(network, call)
        elif isinstance(call, Cancellation):
            if call.chain_id != wish.chain_id:
                raise Refused("network.unknown", "the cancellation is for another chain than its transaction")
            self.cancellation(connection, call)
        else:
            self._require_signed_here(connection, network, call.nonce)
        self._gas(connection, wish, network, now)

    def cancellation(self, connection: Connection, call: Cancellation) -> None:
        """Of an authorization in this very token that was signed here."""
        token, network = call.domain.contract, caip2(call.chain_id)
        rules = self._policy.asset(network, token)
        if rules is None:
            raise Refused("asset.unknown", f"the token {token} on {network} is not among the policy's assets")
        if (call.name, call.version) != (rules.name, rules.version):
            raise Refused("asset.domain", "it is not the token's")
        self._require_signed_here(connection, network, "0x" + call.place.hex(), token)

    def _require_signed_here(self, connection: Connection, network: str, nonce: str, token: str | None = None) -> None:
        own = {"network": network, "payer": self._sender.address, "nonce": nonce.lower()}
        found = select(holds.c.asset).filter_by(**own | ({} if token is None else {"asset": token}))
        if connection.execute(found).first() is None:
            raise Refused("cancellation.unknown", f"no payment with the nonce {nonce} was signed here")

    def _allowance(self, network: str, call: Allowance) -> None:
        token, amount = parse_address(call.token, "token"), parse_uint(call.amount, "amount")
        rules = self._policy.asset(network, token)
        if amount:
            decimals = 0 if rules is None else rules.decimals
            require_within(self._policy.file, network, token, amount, decimals)

    def _transfer(self, connection: Connection, wish: SignTransaction, call: TokenTransfer, now: datetime) -> None:
        network, token, to = caip2(wish.chain_id), parse_address(call.token, "token"), parse_address(call.to, "to")
        rules, consent = self._policy.asset(network, token), wish.consent
        decimals = 0 if rules is None else rules.decimals
        task = "" if consent is None else consent.task
        moved = Wish(network, token, decimals, to, parse_uint(call.amount, "amount"), task)
        decision = judged(self._policy, moved, self._sender.address, now)
        if decision.verdict is Verdict.DENY:
            raise Refused(decision.rule, decision.detail)
        identity = hashed([network, wish.nonce, call])
        if decision.verdict is Verdict.ASK:
            identity = self._agreed(moved, consent, decision.detail, now)
        hold = self._hold(identity, moved.network, moved.asset, moved.amount, wish.nonce, now, origin=moved.origin)
        count(connection, hold, budgets_of(self._policy, moved._replace(task="")), now)

    def _agreed(self, moved: Wish, consent: Consent | None, reason: str, now: datetime) -> str:
        """A person has signed for exactly this; what it counts as, so that it counts for one transaction alone."""
        approver = self._policy.approval.approver
        if not approver or approver in (self._sender.address, self._sender.key):
            raise Refused("approval.nobody", f"{reason}, and the policy names no other person to approve it")
        if consent is None:
            raise Refused("approval.above", f"{reason}, and nobody's consent came with it")
        if now.timestamp() >= consent.expires:
            raise Refused("approval.expired", "the approval lapsed before this was signed")
        digest = moved.terms(consent.expires).digest()
        try:
            require_signed_by(approver, digest, consent.signature)
        except ApprovalError as error:
            raise Refused("approval.signature", str(error)) from error
        return digest.hex()

    def _gas(self, connection: Connection, wish: SignTransaction, network: str, now: datetime) -> None:
        if network not in self._policy.file.networks:
            raise Refused("network.unknown", f"{network} is not among the networks")
        most = self._policy.file.signer.gas_per_day
        if not most:
            raise Refused(_GAS, "the policy lets no chain transaction cost anything")
        if wish.gas > MOST_GAS:
            raise Refused(_GAS, f"the transaction could use {wish.gas} gas; {MOST_GAS} at most")
        words = f"gas in 24 hours ({most}; this could cost {display(wish.cost, COIN_DECIMALS)})"
        limit = budgets.Budget(_GAS, atomic(most, COIN_DECIMALS), words, True)
        hold = self._hold("gas:" + hashed(wish), network, ZERO_ADDRESS, wish.cost, wish.nonce, now, origin="gas")
        count(connection, hold, (limit,), now)

    def _hold(
        self, identity: str, network: str, asset: str, amount: int, nonce: int, now: datetime, *, origin: str
    ) -> budgets.Hold:
        """For the day in which it was signed: here nobody asks the chain."""
        return budgets.Hold(
            purchase_id=identity,
            network=network,
            asset=asset,
            amount=amount,
            task="",
            session="",
            origin=origin,
            payer=self._sender.address,
            nonce=hex(nonce),
            valid_before=now,
        )


def count(connection: Connection, hold: budgets.Hold, counted: Sequence[budgets.Budget], now: datetime) -> None:
    """Once, however often it comes. Raises Refused, also where it was counted for another nonce before."""
    before = connection.execute(select(holds.c.nonce).filter_by(purchase_id=hold.purchase_id)).scalar_one_or_none()
    if before is None:
        budgets.reserve(connection, hold, counted, now)
    elif before != hold.nonce:
        raise Refused("approval.used", "this approval was used already, for another transaction")


def hashed(value: object) -> str:
    """What a wish is known by."""
    return hashlib.sha256(msgspec.json.encode(value)).hexdigest()
