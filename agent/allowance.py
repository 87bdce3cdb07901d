"""Permit2's allowance: a chain transaction that this agent sends only when a person asks for it."""

from argparse import Namespace

from agent import switch
from agent.account import Sender
from agent.calls import Allowance
from agent.chain import Chain
from agent.clock import Clock, SystemClock
from agent.commands import Shell
from agent.errors import AgentError, Refused
from agent.policy_file import PolicyFile
from agent.remote import sender_of
from protocol.amounts import atomic, display
from protocol.errors import ProtocolError
from protocol.payment import PERMIT2
from protocol.signatures import parse_address

_ZERO_FIRST = "some tokens want 0 first: allow 0, then again"


def allow_permit2(shell: Shell, args: Namespace) -> int:
    """The command: exactly so much, whatever was allowed before, and never more than the policy spends in a day."""
    with shell.client() as client:
        chain = shell.chain(client)
        sender = sender_of(shell.settings, chain)
        try:
            asset = parse_address(args.asset, "TOKEN")
            decimals = chain.decimals(asset)
            amount = atomic(args.amount, decimals)
        except ProtocolError as error:
            raise AgentError(error.detail, 'like: paddock-agent allow 0x5FbD…0aa3 "2.50"') from error
        if amount:
            with shell.store().begin() as connection:
                switch.require_started(connection)
            require_within(shell.settings.load_policy(), chain.network(), asset, amount, decimals)
        allow(chain, SystemClock(), sender, asset, amount)
        left = chain.allowance(asset, sender.address, PERMIT2)
    shell.out.print(f"Permit2 may move {display(left, decimals)} of {asset} for {sender.address}", soft_wrap=True)
    return 0


def require_within(policy: PolicyFile, network: str, asset: str, amount: int, decimals: int) -> None:
    """A token of the policy, as it really is, and at most `limits.per_day` of it. Raises Refused."""
    known = {(one.network, one.address): one for one in policy.assets if one.network in policy.networks}
    rules = known.get((network, asset))
    if rules is None:
        raise Refused("asset.unknown", f"the token {asset} on {network} is not among the policy's assets")
    if rules.decimals != decimals:
        raise Refused("asset.decimals", f"the policy says {rules.decimals} decimals; the token has {decimals}")
    if amount > atomic(policy.limits.per_day, decimals):
        most = f"{policy.limits.per_day} {rules.symbol}".strip()
        raise Refused("limits.per_day", f"Permit2 may move no more than the policy spends in a day: {most}")


def allow(chain: Chain, clock: Clock, sender: Sender, asset: str, amount: int) -> str:
    """Let Permit2 move exactly so much of an asset from now on (atomic units; 0 takes it back); the transaction's hash.

    What Permit2 moves counts down. Waits until it is mined. Raises ChainUnavailable, and WalletError if it failed, or
    the wallet has nothing to pay the gas with.
    """
    return sender.send(chain, clock, Allowance(token=asset, amount=str(amount)), "the approval", _ZERO_FIRST)
