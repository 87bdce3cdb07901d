"""What a payment mode is: it recognises its entries in a 402, says what it minds, and makes the payment."""

from typing import Any, Protocol

from agent.decisions import Decision
from agent.merchant_rules import MerchantRules
from agent.terms import Terms
from agent.wallet import ApprovedTerms, Signer
from protocol.wire import PaymentRequirements

Extensions = dict[str, Any] | None


class Mode(Protocol):
    """One way to pay. None of its methods does I/O but `pay` and `extensions`, which ask the signer once at most."""

    name: str
    to_merchant: bool
    """Whether the money goes straight to the merchant: then a merchant's registered wallet has to be the recipient."""
    calls_contract: bool
    """Whether a contract is to be called for it: then it cannot be paid in x402 v1, which has no place for that."""

    def offered_in(self, entry: PaymentRequirements) -> bool:
        """Whether the entry is of this mode. Never raises."""

    def objection(self, terms: Terms, merchant: MerchantRules, payer: str) -> Decision | None:
        """What forbids these terms in this mode alone; None where nothing does."""

    def nonce(self, terms: Terms, payer: str, salt: bytes, valid_before: int) -> bytes:
        """The nonce that `pay` signs with that salt: the salt itself, where nothing is committed to by it."""

    def pay(self, signer: Signer, approved: ApprovedTerms, salt: bytes, valid_before: int) -> dict[str, object]:
        """The scheme's payload for approved terms: 32 random bytes, Unix seconds. One signature."""

    def extensions(self, signer: Signer, approved: ApprovedTerms, offered: Extensions) -> Extensions:
        """What the payment says beyond: the 402's extensions, with a second signature where the terms need one."""
