"""`paddock-agent transfer`: send the wallet's own money to an address of the policy, when a person says so."""

from argparse import Namespace

from agent.chain import Chain
from agent.clock import SystemClock
from agent.commands import STATUSES, Shell
from agent.decisions import Verdict
from agent.errors import AgentError, ChainUnavailable, Refused
from agent.policy import Policy
from agent.printing import plain, show_transfer
from agent.remote import sender_of
from agent.sending import broadcast, mined
from agent.store import new_id
from agent.transfer_terms import Wish
from agent.transfers import Mover, State, follow
from protocol.amounts import atomic
from protocol.errors import ProtocolError
from protocol.signatures import parse_address

_SHOWN = {Verdict.ALLOW: 0, Verdict.ASK: STATUSES["waiting"], Verdict.DENY: STATUSES["refused"]}
_ENDS = {State.DONE: 0, State.FAILED: STATUSES["failed"], State.SENT: STATUSES["in_doubt"]}


def transfer(shell: Shell, args: Namespace) -> int:
    """The command: once, within the policy's budgets, and never to an address that the policy does not name."""
    settings, clock = shell.settings, SystemClock()
    policy, store = Policy(settings.load_policy()), shell.store()
    with shell.client() as client:
        chain = shell.chain(client)
        sender = sender_of(settings, chain)
        wish = wished(chain, args.asset, args.to, args.amount, args.task)
        mover = Mover(policy, store, chain, clock, sender, settings.session or new_id("ses"))
        if args.dry_run:
            decision = mover.decide(wish)
            words = f"{decision.verdict}: {decision.rule}: {decision.detail}; nothing was signed"
            shell.out.print(plain(words), soft_wrap=True)
            return _SHOWN[decision.verdict]
        try:
            moved = mover.sign(wish)
        except Refused as refusal:
            if refusal.rule != "approval.pending":
                raise
            shell.err.print(f"[yellow]waiting[/] {plain(refusal)}", soft_wrap=True)
            return STATUSES["waiting"]
        try:
            mined(chain, clock, broadcast(chain, moved.raw))
            moved = follow(store, chain, moved)
        except ChainUnavailable as error:
            shell.err.print(f"[yellow]{plain(error)}[/]: go on with paddock-agent resume", soft_wrap=True)
    show_transfer(shell.out, moved, policy.file)
    return _ENDS[State(moved.state)]


def wished(chain: Chain, asset: str, to: str, amount: str, task: str) -> Wish:
    """What the words mean on the chain. Raises AgentError and ChainUnavailable."""
    try:
        token, recipient = parse_address(asset, "TOKEN"), parse_address(to, "TO")
        decimals = chain.decimals(token)
        return Wish(chain.network(), token, decimals, recipient, atomic(amount, decimals), task)
    except ProtocolError as error:
        raise AgentError(error.detail, 'like: paddock-agent transfer 0x5FbD…0aa3 0x7099…79C8 "2.50"') from error
