"""What a transfer is to move, and what the policy says to it: for the agent that wishes it, and a signer on its own."""

import hashlib
from datetime import datetime
from typing import NamedTuple

from agent.approvals import ZERO_ADDRESS, ApprovalTerms
from agent.budgets import Budget
from agent.decisions import Decision, allow, ask, deny
from agent.policy import Policy
from protocol.amounts import atomic, display

QUESTION = "trf_"
"""How the id of a transfer begins, and of the question to a person about one."""
MODE = "TRANSFER"
"""The mode of an approval that lets money go to an address."""
_NO_BODY = "0x" + "00" * 32


class Wish(NamedTuple):
    """What a person wants moved: atomic units of an asset, with the decimals that it has on chain."""

    network: str
    asset: str
    decimals: int
    to: str
    amount: int
    task: str

    def question(self) -> str:
        """The id under which a person is asked about exactly this."""
        fields = (self.network, self.asset, self.to, str(self.amount), self.task)
        return QUESTION + hashlib.sha256("\n".join(fields).encode()).hexdigest()[:16]

    @property
    def origin(self) -> str:
        """What its hold has in the place of a merchant."""
        return f"transfer:{self.to}"

    def terms(self, expires: int) -> ApprovalTerms:
        """What a person signs for exactly this, until then (Unix seconds)."""
        return ApprovalTerms(
            purchase_id=self.question(),
            method=MODE,
            url=f"{self.network}:{self.to}",
            body_hash=_NO_BODY,
            network=self.network,
            asset=self.asset,
            amount=str(self.amount),
            pay_to=self.to,
            mode=MODE,
            callback=ZERO_ADDRESS,
            expires=expires,
        )


def judged(policy: Policy, wish: Wish, payer: str, now: datetime) -> Decision:
    """What the policy's rules say to it, budgets apart."""
    file = policy.file
    if file.hours is not None and not file.hours.hold(now):
        return deny("hours", f"the policy pays from {file.hours.from_} to {file.hours.to} {file.hours.zone} only")
    if wish.network not in file.networks:
        return deny("network.unknown", f"{wish.network} is not among the policy's networks")
    asset = policy.asset(wish.network, wish.asset)
    if asset is None:
        return deny("asset.unknown", f"the token {wish.asset} on {wish.network} is not among the policy's assets")
    if asset.decimals != wish.decimals:
        return deny("asset.decimals", f"the policy says {asset.decimals} decimals; the token has {wish.decimals}")
    if wish.to not in (one.to for one in file.transfers):
        return deny("recipient.unknown", f"{wish.to} is not among the policy's transfers")
    if wish.to in (ZERO_ADDRESS, wish.asset, payer):
        return deny("recipient.own", "the money would go to nobody, to the token itself, or to this very wallet")
    shown = f"{display(wish.amount, wish.decimals)} {asset.symbol}".strip()
    if not 0 < wish.amount <= atomic(policy.limits.per_call, asset.decimals):
        return deny("limits.per_call", f"{shown} is nothing, or above the limit for one call")
    if wish.amount > atomic(policy.approval.above, asset.decimals):
        return ask("approval.above", f"{shown} is above what the agent may pay by itself")
    return allow("transfers", f"{shown} to {wish.to}")


def budgets_of(policy: Policy, wish: Wish, session: str = "") -> tuple[Budget, ...]:
    """Those of every purchase, and the recipient's own."""
    shared = policy.budgets(wish.network, wish.asset, task=wish.task, session=session)
    index, rule = next((i, one) for i, one in enumerate(policy.file.transfers) if one.to == wish.to)
    if not rule.per_day:
        return shared
    most, words = atomic(rule.per_day, wish.decimals), f"{wish.to} in 24 hours"
    return (*shared, Budget(f"transfers[{index}].per_day", most, words, True, "origin", wish.origin))
