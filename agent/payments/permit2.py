"""Permit2: a token without EIP-3009, or a metered call, paid by a witnessed permit for one x402 proxy.

The proxies are the ones this agent knows, whatever the terms say. A permit of scheme upto names a ceiling, and the one
facilitator that may say what is taken of it.
"""

import msgspec

from agent.decisions import Decision, deny
from agent.merchant_rules import MerchantRules
from agent.terms import Terms
from agent.wallet import ApprovedTerms, Signer, require_signed
from protocol.permit2 import Permit, permit_digest
from protocol.wire import Permit2Authorization, Permit2Payload, Permit2Witness, TokenPermissions


def objection(terms: Terms, merchant: MerchantRules) -> Decision | None:
    """What forbids paying these terms by Permit2; None where nothing does."""
    if terms.metered and terms.facilitator not in merchant.facilitators:
        named = terms.facilitator or "nobody"
        detail = f"{named} would say what a metered call costs, and is not among the merchant's facilitators"
        return deny("facilitator.unknown", f"{detail} in the policy")
    return None


def permit(signer: Signer, approved: ApprovedTerms, nonce: bytes, deadline: int) -> dict[str, object]:
    """Sign exactly the approved terms, once: the x402 payload of schemes exact and upto by Permit2.

    `nonce` is 32 random bytes, `deadline` Unix seconds. Raises WalletError like `agent.wallet.authorize`.
    """
    terms = approved.terms
    unsigned = Permit(
        payer=signer.address,
        token=terms.asset,
        amount=terms.amount,
        nonce=int.from_bytes(nonce, "big"),
        deadline=deadline,
        to=terms.pay_to,
        valid_after=0,
        facilitator=terms.facilitator if terms.metered else None,
    )
    signature = signer.sign_permit(terms.chain_id, unsigned)
    require_signed(signer, permit_digest(terms.chain_id, unsigned), signature)
    authorization = Permit2Authorization(
        permitted=TokenPermissions(unsigned.token, str(unsigned.amount)),
        from_=unsigned.payer,
        spender=unsigned.spender,
        nonce=str(unsigned.nonce),
        deadline=str(unsigned.deadline),
        witness=Permit2Witness(to=unsigned.to, facilitator=unsigned.facilitator, valid_after=str(unsigned.valid_after)),
    )
    payload: dict[str, object] = msgspec.to_builtins(Permit2Payload("0x" + signature.hex(), authorization))
    return payload
