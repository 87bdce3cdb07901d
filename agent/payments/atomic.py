"""Scheme delegate: payment and contract call in one chain transaction, by one signature whose nonce commits to both."""

import msgspec

from agent import actions
from agent.decisions import Decision, deny
from agent.merchant_rules import MerchantRules
from agent.terms import Terms
from agent.wallet import ApprovedTerms, Signer, require_signed
from protocol.delegate import Commitment, action_in
from protocol.delegate_permit2 import permit_digest
from protocol.payment import Method
from protocol.typed_data import RECEIVE_TYPE, TokenDomain, authorization_digest
from protocol.wire import (
    DelegatePayload,
    DelegatePermit,
    DelegatePermit2Payload,
    ExactAuthorization,
    TokenPermissions,
)

FLOW = "ATOMIC"


def objection(terms: Terms, merchant: MerchantRules) -> Decision | None:
    """What forbids paying these terms atomically; None where nothing does. The executor is judged as the recipient."""
    if terms.entry.extra.get("flow") != FLOW:
        return deny("mode.delegate.flow", f"only the flow {FLOW} can be paid by scheme delegate")
    return actions.objection(terms, merchant)


def nonce(terms: Terms, payer: str, salt: bytes, deadline: int) -> bytes:
    """The commitment to all of these terms: 32 bytes of salt, a deadline in Unix seconds."""
    return _committed(terms, payer, salt, deadline).nonce()


def pay(signer: Signer, approved: ApprovedTerms, salt: bytes, deadline: int) -> dict[str, object]:
    """Sign exactly the approved terms, once: only their executor can use it, and only for what they say.

    By the token's EIP-3009, or by Permit2. Raises WalletError like `agent.wallet.authorize`.
    """
    terms = approved.terms
    committed = _committed(terms, signer.address, salt, deadline)
    by_permit2 = terms.method is Method.PERMIT2
    payload = _permit(signer, committed) if by_permit2 else _authorization(signer, terms, committed)
    made: dict[str, object] = msgspec.to_builtins(payload)
    return made


def _committed(terms: Terms, payer: str, salt: bytes, deadline: int) -> Commitment:
    action = action_in(terms.entry, payer, salt)
    return Commitment(terms.chain_id, terms.pay_to, payer, terms.asset, terms.amount, action, deadline)


def _authorization(signer: Signer, terms: Terms, committed: Commitment) -> DelegatePayload:
    domain = TokenDomain(terms.token_name or "", terms.token_version or "", terms.chain_id, terms.asset)
    transfer = committed.transfer
    signature = signer.sign_receive(domain, committed)
    require_signed(signer, authorization_digest(domain, transfer, RECEIVE_TYPE), signature)
    authorization = ExactAuthorization(
        from_=transfer.payer,
        to=transfer.to,
        value=str(transfer.value),
        valid_after="0",
        valid_before=str(transfer.valid_before),
        nonce="0x" + transfer.nonce.hex(),
    )
    return DelegatePayload("0x" + signature.hex(), authorization, "0x" + committed.action.salt.hex())


def _permit(signer: Signer, committed: Commitment) -> DelegatePermit2Payload:
    signature = signer.sign_commitment(committed)
    require_signed(signer, permit_digest(committed), signature)
    permit = DelegatePermit(
        permitted=TokenPermissions(committed.token, str(committed.amount)),
        from_=committed.payer,
        spender=committed.executor,
        nonce=str(int.from_bytes(committed.nonce(), "big")),
        deadline=str(committed.deadline),
    )
    return DelegatePermit2Payload("0x" + signature.hex(), permit, "0x" + committed.action.salt.hex())
