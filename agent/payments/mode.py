"""What a payment mode is: it recognises its entries in a 402, says what it minds, and makes the payment."""

from typing import Protocol

from agent.decisions import Decision
from agent.policy_file import MerchantRules
from agent.terms import Terms
from agent.wallet import ApprovedTerms, Signer
from protocol.wire import PaymentRequirements


class Mode(Protocol):
    """One way to pay. None of its methods does I/O but `pay`, which asks the signer exactly once."""

    name: str

    def offered_in(self, entry: PaymentRequirements) -> bool:
        """Whether the entry is of this mode. Never raises."""

    def objection(self, terms: Terms, merchant: MerchantRules, payer: str) -> Decision | None:
        """What forbids these terms in this mode alone; None where nothing does."""

    def pay(self, signer: Signer, approved: ApprovedTerms, nonce: bytes, valid_before: int) -> dict[str, object]:
        """The scheme's payload for approved terms: 32-byte nonce, Unix seconds. One signature."""
