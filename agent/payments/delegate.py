"""DELEGATE in two steps: `exact` to the delegate wallet, which then calls one contract on the payer's behalf.

The action is fixed by the service, so nothing but the ordinary transfer is signed; what the buyer checks is which
contract gets the money, that it acts for the payer, and (with the receipt) that it did.
"""

from agent.decisions import Decision, deny
from agent.policy_file import MerchantRules
from agent.terms import Terms
from agent.wallet import ApprovedTerms, Signer, authorize
from protocol.payment import Method
from protocol.wire import SCHEME_EXACT, PaymentRequirements

FLOW = "ERC20_3009"


class Delegate:
    """Implements mode.Mode."""

    name = "DELEGATE"

    def offered_in(self, entry: PaymentRequirements) -> bool:
        return entry.scheme == SCHEME_EXACT and entry.extra.get("mode") == self.name

    def objection(self, terms: Terms, merchant: MerchantRules, payer: str) -> Decision | None:
        if terms.entry.extra.get("flow") != FLOW or terms.method is not Method.EIP3009:
            return deny("mode.delegate.flow", f"only the flow {FLOW} can be paid by this agent")
        if terms.callback is None or terms.callback not in merchant.callbacks:
            named = terms.callback or "no contract at all"
            return deny("mode.delegate.callback", f"{named} is not among the merchant's callbacks in the policy")
        if terms.beneficiary not in ("payer", payer):
            return deny("mode.delegate.beneficiary", "the contract would act for somebody else than the payer")
        return None

    def pay(self, signer: Signer, approved: ApprovedTerms, nonce: bytes, valid_before: int) -> dict[str, object]:
        return authorize(signer, approved, nonce, valid_before)
