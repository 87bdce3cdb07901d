"""DIRECT: x402 `exact` with EIP-3009, straight to the merchant's address; what every x402 seller offers."""

from agent.decisions import Decision, deny
from agent.policy_file import MerchantRules
from agent.terms import Terms
from agent.wallet import ApprovedTerms, Signer, authorize
from protocol.wire import SCHEME_EXACT, PaymentRequirements


class Direct:
    """Implements mode.Mode."""

    name = "DIRECT"

    def offered_in(self, entry: PaymentRequirements) -> bool:
        """An entry that names no mode is a foreign seller's, and direct; Permit2 is another mode."""
        method = entry.extra.get("assetTransferMethod", "eip3009")
        return entry.scheme == SCHEME_EXACT and method == "eip3009" and entry.extra.get("mode", self.name) == self.name

    def objection(self, terms: Terms, merchant: MerchantRules, payer: str) -> Decision | None:
        if terms.callback is None:
            return None
        return deny("mode.direct", "the terms say DIRECT and name a contract to call; that is not a direct payment")

    def pay(self, signer: Signer, approved: ApprovedTerms, nonce: bytes, valid_before: int) -> dict[str, object]:
        return authorize(signer, approved, nonce, valid_before)
