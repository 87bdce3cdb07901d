"""DIRECT: straight to the merchant's address, by EIP-3009 or Permit2: what every x402 seller offers."""

from agent.decisions import Decision, deny
from agent.merchant_rules import MerchantRules
from agent.payments import permit2
from agent.payments.mode import Extensions
from agent.terms import Terms
from agent.wallet import ApprovedTerms, Signer, authorize
from protocol.payment import Method
from protocol.wire import SCHEME_EXACT, SCHEME_UPTO, PaymentRequirements


class Direct:
    """Implements mode.Mode."""

    name = "DIRECT"
    to_merchant = True
    calls_contract = False

    def offered_in(self, entry: PaymentRequirements) -> bool:
        """An entry that names no mode is a foreign seller's, and direct."""
        return entry.scheme in (SCHEME_EXACT, SCHEME_UPTO) and entry.extra.get("mode", self.name) == self.name

    def objection(self, terms: Terms, merchant: MerchantRules, payer: str) -> Decision | None:
        if terms.callback is not None:
            return deny("mode.direct", "the terms say DIRECT and name a contract to call; that is not a direct payment")
        return permit2.objection(terms, merchant) if terms.method is Method.PERMIT2 else None

    def nonce(self, terms: Terms, payer: str, salt: bytes, valid_before: int) -> bytes:
        return salt

    def pay(self, signer: Signer, approved: ApprovedTerms, salt: bytes, valid_before: int) -> dict[str, object]:
        by_permit2 = approved.terms.method is Method.PERMIT2
        return (permit2.permit if by_permit2 else authorize)(signer, approved, salt, valid_before)

    def extensions(self, signer: Signer, approved: ApprovedTerms, offered: Extensions) -> Extensions:
        return offered
