"""The server's error tree; `web.problems` maps it to problem+json.

PaddockError
├── RequestRefused          the request itself
│   ├── UnknownService, UnknownOrder, UnknownMerchant, UnknownProblem
│   ├── NotAllowed (FacilitatorTokenMissing, BadApiSignature)
│   ├── BadArguments, TooLarge, Misdirected, OrderRefused, OtherMerchant
│   ├── the services of providers: see `listing_errors`
│   └── MalformedPayment, SignInRefused, SignatureNotAwaited, FeedbackRefused
├── PaymentRefused          the payment: answered with 402 and fresh terms
│   └── BindingMismatch, QuoteExpired
├── PaymentConflict         a payment that is in use
│   └── PaymentInProgress (IdentifierInProgress), IdentifierInUse, AlreadyDelivered
├── HandlerFailed           the service could not answer; the buyer is not charged, or is refunded
│   └── RunAgain
├── CallbackFailed          money moved, the contract call failed; a refund is on its way
├── TooBusy, Unavailable    not now: see `outages`
└── InternalError
    └── IllegalTransition, StaleWrite, DuplicateClaim, EntryRefused, Reverted, ConfigurationError
"""

from typing import Any, ClassVar


class PaddockError(Exception):
    """Everything the server raises on purpose. `detail` says what was wrong, `action` what to do about it."""

    slug: ClassVar[str] = "internal"
    title: ClassVar[str] = "Something went wrong inside"
    status: int = 500
    action: ClassVar[str] = "Try again; if it stays, tell the operator the order id and the time."
    retry_after: int | None = None
    """Seconds after which the same request is worth another try; None where it is not."""

    def __init__(self, detail: str = "", **members: Any) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.members = members


class RequestRefused(PaddockError):
    slug, title, status = "bad-request", "The request cannot be answered", 400
    action = "Correct the request and send it again; nothing was charged."


class UnknownService(RequestRefused):
    slug, title, status = "unknown-service", "There is no such service", 404
    action = "See /api/services for what is on sale."


class UnknownOrder(RequestRefused):
    slug, title, status = "unknown-order", "There is no such order", 404
    action = "Use the quote id or order id exactly as the 402 or the answer gave it."


class UnknownProblem(RequestRefused):
    slug, title, status = "unknown-problem", "There is no such problem", 404
    action = "See /problems for all of them."


class UnknownMerchant(RequestRefused):
    slug, title, status = "unknown-merchant", "There is no such merchant", 404
    action = "Use the merchant's id as /api/services and receipts give it."


class NotAllowed(RequestRefused):
    slug, title, status = "not-allowed", "That needs a credential", 401
    action = "Send the operator's token or the merchant's key as 'Authorization: Bearer …'."


class FacilitatorTokenMissing(NotAllowed):
    slug, title = "facilitator-token", "This facilitator wants its token"
    action = "Send PADDOCK_FACILITATOR_TOKEN as 'Authorization: Bearer …'; ask its operator for it."


class BadApiSignature(NotAllowed):
    slug, title = "api-signature", "The request is not signed as it should be"
    action = "Sign this very request anew, with a fresh timestamp and nonce; docs/guides/goat.md shows both ways."


class OtherMerchant(RequestRefused):
    slug, title, status = "other-merchant", "That is another merchant's", 403
    action = "Name the merchant whose API key signs, or none."


class OrderRefused(RequestRefused):
    slug, title = "order-refused", "There can be no such order"
    action = "Correct what the detail names; nothing was changed."


class UnknownCase(RequestRefused):
    slug, title, status = "unknown-case", "There is no such case", 404
    action = "See /api/cases for those that you may read."


class RotationPending(RequestRefused):
    slug, title, status = "rotation-pending", "The rotation before this one is not over", 409
    action = "Wait until the former key has ended, or end it at once with --overlap-hours 0."


class MerchantKnown(RequestRefused):
    slug, title, status = "merchant-known", "There is such a merchant already", 409
    action = "Choose another id, or change the one that is there."


class OperatorOnly(RequestRefused):
    slug, title, status = "operator-only", "Only the operator decides that", 403
    action = "Ask the operator of the marketplace, or decide otherwise."


class BadSignedRequest(RequestRefused):
    slug, title = "bad-signed-request", "The payer's signed request cannot be used"
    action = "Sign a new PaddockRequest for exactly this action and this order, and send it within five minutes."


class BadArguments(RequestRefused):
    slug, title, status = "bad-arguments", "The service cannot work with these arguments", 422
    action = "Compare with the example in /api/services; nothing was charged."

    def __init__(self, detail: str, status: int = 422) -> None:
        super().__init__(detail)
        self.status = status


class TooLarge(RequestRefused):
    slug, title, status = "too-large", "The request is too large", 413
    action = "Send less; the limit is in the detail."


class Misdirected(RequestRefused):
    slug, title, status = "misdirected", "This marketplace does not answer for that host", 421
    action = "Use one of the origins in /.well-known/x402, or add yours to PADDOCK_ORIGINS."


class MalformedPayment(RequestRefused):
    slug, title = "malformed-payment", "The payment header cannot be read"
    action = "Send one PAYMENT-SIGNATURE (v2) or one X-PAYMENT (v1) header: padded base64 of JSON. Nothing was charged."


class SignInRefused(RequestRefused):
    slug, title = "sign-in-refused", "This sign-in cannot be accepted"
    action = "Ask again without SIGN-IN-WITH-X, and sign the fresh challenge in the 402. Nothing was charged."


class SignatureNotAwaited(RequestRefused):
    slug, title, status = "signature-not-awaited", "This order awaits no signature", 409
    action = "Look at the order: it says what its callback does or did, and where the money is."


class BadUrl(RequestRefused):
    slug, title, status = "bad-url", "That URL cannot be used", 422
    action = "Correct the URL as the detail says, and send the request again."


class BadWebhook(RequestRefused):
    slug, title, status = "bad-webhook", "The endpoint cannot be like that", 422
    action = "Correct the request as the detail says, and send it again."


class UnknownWebhook(RequestRefused):
    slug, title, status = "unknown-webhook", "This merchant has no such endpoint or delivery", 404
    action = "See GET /api/merchants/{id}/webhooks for the endpoints, and …/deliveries for what was sent."


class WebhookConflict(RequestRefused):
    slug, title, status = "webhook-conflict", "Not while the endpoint is as it is", 409
    action = "Do what the detail says first."


class FeedbackRefused(RequestRefused):
    slug, title, status = "feedback-refused", "This feedback cannot be counted", 409
    action = "Feedback counts once, for a payment in a final block: if yours is newer, send it again in a minute."


class PaymentRefused(PaddockError):
    """`reason` is the x402 error code; `transaction` names a failed chain transaction, if there was one."""

    slug, title, status = "payment-refused", "The payment was refused", 402
    action = "Read the fresh terms in PAYMENT-REQUIRED and pay those; nothing was charged."

    def __init__(self, reason: str, detail: str = "", **members: Any) -> None:
        super().__init__(detail or reason, **members)
        self.reason = reason


class BindingMismatch(PaymentRefused):
    slug, title = "binding-mismatch", "This payment was quoted for something else"

    def __init__(self, detail: str) -> None:
        super().__init__("binding_mismatch", detail)


class QuoteExpired(PaymentRefused):
    slug, title = "quote-expired", "The quote has expired"

    def __init__(self, detail: str) -> None:
        super().__init__("quote_expired", detail)


class PaymentConflict(PaddockError):
    slug, title, status = "payment-conflict", "This payment or quote is already in use", 409
    action = "Ask for fresh terms without a payment header, and pay those."


class PaymentInProgress(PaymentConflict):
    slug, title = "payment-in-progress", "This payment is being worked on"
    action = "Send the same request with the same payment again after Retry-After seconds; it is charged once."
    retry_after = 2


class IdentifierInProgress(PaymentInProgress):
    action = "Send the payment that came first with this identifier, or follow it at status_url; this was not settled."


class IdentifierInUse(PaymentConflict):
    slug, title = "identifier-in-use", "This payment identifier belongs to another payment"
    action = "See status_url for that payment; for another purchase use a new identifier. This one was not settled."


class AlreadyDelivered(PaymentConflict):
    slug, title = "already-delivered", "This payment's answer was delivered and is no longer kept"
    action = "The receipt is at the status URL; for a new answer ask for fresh terms."


class CaseConflict(PaddockError):
    slug, title, status = "case-conflict", "The case cannot be decided so now", 409
    action = "Look at the case again, and decide by how it stands."


class AllowlistConflict(CaseConflict):
    slug, title = "allowlist-conflict", "The list of actions cannot be changed so now"
    action = "Look at the list again, and decide by how it stands."


class RefundRefused(CaseConflict):
    slug, title = "refund-refused", "This order's money cannot be sent back now"
    action = "Look at the order; the detail says what stands in the way. Nothing was changed."


class Screened(PaddockError):
    slug, title, status = "screened", "This payment is not accepted here", 403
    action = "Nothing was charged. Ask the operator of the marketplace if you think that this is a mistake."


class HandlerFailed(PaddockError):
    slug, title, status = "service-failed", "The service could not answer", 502
    action = "Nothing was charged. The same payment may be sent again until it expires."


class RunAgain(HandlerFailed):
    """The handler says that nothing has happened, and that it may succeed later."""


class CallbackFailed(PaddockError):
    slug, title, status = "callback-failed", "The payment arrived and the contract call failed", 502
    action = "The money goes back to the payer on chain; follow the refund at the status URL."


class InternalError(PaddockError):
    pass


class IllegalTransition(InternalError):
    """An order was asked to move where its tables do not allow."""


class StaleWrite(InternalError):
    """Somebody else changed the row first; read again and decide anew."""


class DuplicateClaim(InternalError):
    """The payment or the quote is claimed by another order already."""


class EntryRefused(InternalError):
    """The ledger takes no such entry: it moves nothing, reverses none, or gives back more than came."""


class Reverted(InternalError):
    """A contract call reverted. `data` is the returned revert data."""

    def __init__(self, detail: str, data: bytes = b"") -> None:
        super().__init__(detail)
        self.data = data


class ConfigurationError(InternalError):
    """The settings cannot work; the message says which one and what to set."""
