"""`paddock-agent cancel`: take back a signed payment that nobody has settled, so that nobody can any more."""

from argparse import Namespace
from contextlib import suppress

import msgspec

from agent.account import Sender, sender_of
from agent.buyer import Buyer
from agent.cancellations import place_of
from agent.chain import Chain, call_data, encode_call
from agent.clock import SystemClock
from agent.commands import STATUSES, Shell
from agent.errors import AgentError, ChainUnavailable
from agent.models import Purchase, State
from agent.printing import show_outcome
from agent.sending import broadcast, hash_of, mined, signed, unsigned
from agent.store import change_purchase, purchase
from protocol.eip3009 import token_domain
from protocol.payment import PERMIT2, Method
from protocol.signatures import parse_hex
from protocol.typed_data import cancellation_digest
from protocol.wire import PaymentRequirements

_OPEN = (State.RESERVED, State.SENT, State.IN_DOUBT)
_MEND = "it may have been settled in this moment: see paddock-agent resume"


def cancel(shell: Shell, args: Namespace) -> int:
    """The command: one transaction, also while the kill switch is on. The hold ends by the chain's word alone."""
    sender, clock = sender_of(shell.settings), SystemClock()
    buyer = Buyer.from_settings(shell.settings)
    with buyer.store.begin() as connection:
        bought = purchase(connection, args.id)
    require_open(buyer.chain, bought, sender)
    if args.dry_run:
        shell.out.print(f"{bought.id} can be cancelled now, by one transaction; nothing was signed", soft_wrap=True)
        return 0
    if bought.cancellation is None:
        made = unsigned(buyer.chain, str(sender.key.address), *call_of(bought, sender), _MEND)
        raw = signed(sender.key, made)
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


def call_of(bought: Purchase, sender: Sender) -> tuple[str, str]:
    """Whom to call, and with what, so that the payment can never be settled. Raises WalletError."""
    owed = bought.signed
    if owed.method is Method.PERMIT2:
        word, mask = place_of(owed.nonce)
        data = call_data("invalidateUnorderedNonces(uint256,uint256)", hex(word), hex(mask))
        return sender.envelope(PERMIT2, data)
    domain = token_domain(msgspec.json.decode(bought.entry or b"", type=PaymentRequirements))
    nonce = parse_hex(owed.nonce, "nonce", 32)
    signature = sender.sign(domain.chain_id, cancellation_digest(domain, owed.payer, nonce))
    return owed.asset, "0x" + _cancellation(owed.payer, nonce, signature, by_bytes=sender.is_account).hex()


def _cancellation(authorizer: str, nonce: bytes, signature: bytes, *, by_bytes: bool) -> bytes:
    if by_bytes:
        return encode_call("cancelAuthorization(address,bytes32,bytes)", authorizer, nonce, signature)
    parts = signature[64], signature[:32], signature[32:64]
    return encode_call("cancelAuthorization(address,bytes32,uint8,bytes32,bytes32)", authorizer, nonce, *parts)
