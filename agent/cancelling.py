"""`paddock-agent cancel`: take back a signed payment that nobody has settled, so that nobody can any more."""

from argparse import Namespace
from contextlib import suppress

import msgspec

from agent.account import Sender
from agent.buyer import Buyer
from agent.calls import Cancellation, PermitCancellation
from agent.chain import Chain
from agent.clock import SystemClock
from agent.commands import STATUSES, Shell
from agent.errors import AgentError, ChainUnavailable
from agent.models import Purchase, State
from agent.printing import show_outcome
from agent.remote import sender_of
from agent.sending import broadcast, hash_of, mined
from agent.store import change_purchase, purchase
from protocol.eip3009 import token_domain
from protocol.payment import Method
from protocol.wire import PaymentRequirements

_OPEN = (State.RESERVED, State.SENT, State.IN_DOUBT)
_MEND = "it may have been settled in this moment: see paddock-agent resume"


def cancel(shell: Shell, args: Namespace) -> int:
    """The command: one transaction, also while the kill switch is on. The hold ends by the chain's word alone."""
    buyer, clock = Buyer.from_settings(shell.settings), SystemClock()
    sender = sender_of(shell.settings, buyer.chain)
    with buyer.store.begin() as connection:
        bought = purchase(connection, args.id)
    require_open(buyer.chain, bought, sender)
    if args.dry_run:
        shell.out.print(f"{bought.id} can be cancelled now, by one transaction; nothing was signed", soft_wrap=True)
        return 0
    if bought.cancellation is None:
        call = call_of(bought)
        raw = sender.signed(sender.unsigned(buyer.chain, call, _MEND), call)
        with buyer.store.begin() as connection:
            change_purchase(connection, bought.id, clock.now(), cancellation=raw.hex())
        broadcast(buyer.chain, raw)
    else:
        raw = bytes.fromhex(bought.cancellation)
        with suppress(ChainUnavailable):  # a node refuses what it has, or what is mined
            broadcast(buyer.chain, raw)
    mined(buyer.chain, clock, hash_of(raw))
    (outcome,) = buyer.resume(bought.id)
    show_outcome(shell.out, outcome, buyer.policy.file)
    return 0 if outcome.status == State.FAILED else STATUSES["in_doubt"]


def require_open(chain: Chain, bought: Purchase, sender: Sender) -> None:
    """It is signed, unsettled, and the wallet's own to take back. Raises AgentError and ChainUnavailable."""
    if bought.state is State.DELIVERED:
        raise AgentError(f"{bought.id} was delivered, so what was signed for it is owed", "see: paddock-agent dispute")
    if bought.state not in _OPEN:
        raise AgentError(f"{bought.id} is {bought.state}: no payment of it is open", "see: paddock-agent report")
    owed = bought.signed
    if owed.payer != sender.address:
        raise AgentError(f"{owed.payer} signed it, and this wallet is {sender.address}", "use the wallet that signed")
    chain.require(owed.network)
    if bought.cancellation is None and chain.authorization_used(owed):
        raise AgentError(f"the payment of {bought.id} was used already: the money has moved", "paddock-agent resume")


def call_of(bought: Purchase) -> Cancellation | PermitCancellation:
    """What the wallet has done, so that the payment can never be settled."""
    owed = bought.signed
    if owed.method is Method.PERMIT2:
        return PermitCancellation(nonce=owed.nonce)
    domain = token_domain(msgspec.json.decode(bought.entry or b"", type=PaymentRequirements))
    return Cancellation(
        chain_id=domain.chain_id, name=domain.name, version=domain.version, token=owed.asset, nonce=owed.nonce
    )
