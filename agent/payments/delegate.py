"""DELEGATE: `exact` to the delegate wallet, which then calls one contract for the payer; or both at once (`atomic`).

Where the action is fixed by the service nothing but the ordinary transfer is signed: what the buyer checks is which
contract gets the money, that it acts for the payer, and (with the receipt) that it did. Where the buyer chose the
calldata, it is decoded by the policy's own list of functions, and signed beside the payment.
"""

from agent import actions
from agent.decisions import Decision, deny
from agent.merchant_rules import MerchantRules
from agent.payments import atomic, permit2
from agent.payments.mode import Extensions
from agent.terms import Terms
from agent.wallet import ApprovedTerms, Signer, authorize, choose
from protocol.actions import EXTENSION
from protocol.payment import Method
from protocol.wire import SCHEME_DELEGATE, SCHEME_EXACT, PaymentRequirements

FLOWS = {Method.EIP3009: "ERC20_3009", Method.PERMIT2: "ERC20_APPROVE_XFER"}
"""What a seller calls the two steps, by how the token moves in both of them."""


class Delegate:
    """Implements mode.Mode."""

    name = "DELEGATE"
    to_merchant = False
    calls_contract = True

    def offered_in(self, entry: PaymentRequirements) -> bool:
        return entry.scheme in (SCHEME_EXACT, SCHEME_DELEGATE) and entry.extra.get("mode") == self.name

    def objection(self, terms: Terms, merchant: MerchantRules, payer: str) -> Decision | None:
        flow = FLOWS.get(terms.method)
        if not terms.atomic and terms.entry.extra.get("flow") != flow:
            return deny("mode.delegate.flow", f"only the flow {flow} can be paid by {terms.method} by this agent")
        if terms.callback is None or terms.callback not in merchant.callbacks:
            named = terms.callback or "no contract at all"
            return deny("mode.delegate.callback", f"{named} is not among the merchant's callbacks in the policy")
        if terms.calldata is None and terms.beneficiary not in ("payer", payer):
            return deny("mode.delegate.beneficiary", "the contract would act for somebody else than the payer")
        return atomic.objection(terms, merchant) if terms.atomic else actions.objection(terms, merchant)

    def nonce(self, terms: Terms, payer: str, salt: bytes, valid_before: int) -> bytes:
        return atomic.nonce(terms, payer, salt, valid_before) if terms.atomic else salt

    def pay(self, signer: Signer, approved: ApprovedTerms, salt: bytes, valid_before: int) -> dict[str, object]:
        terms = approved.terms
        in_two_steps = permit2.permit if terms.method is Method.PERMIT2 else authorize
        return (atomic.pay if terms.atomic else in_two_steps)(signer, approved, salt, valid_before)

    def extensions(self, signer: Signer, approved: ApprovedTerms, offered: Extensions) -> Extensions:
        if approved.terms.calldata is None or approved.terms.atomic:
            return offered
        signature = choose(signer, approved, actions.action(approved.terms, signer.address))
        extension = (offered or {}).get(EXTENSION, {"info": {}})
        info = extension["info"] | {"signature": "0x" + signature.hex()}
        return (offered or {}) | {EXTENSION: extension | {"info": info}}
