"""Requests to paid routes as metrics: their outcomes, and why payments were refused."""

from prometheus_client import Counter

from server.domain.errors import PaymentRefused

OUTCOMES = Counter("paddock_paid_route_total", "Requests to paid routes by outcome", ["service", "outcome"])
REFUSALS = Counter("paddock_payments_refused_total", "Payments refused, by x402's reason or ours", ["reason"])
OTHER = "other"
REASONS = frozenset(
    {
        "binding_mismatch",
        "callback_would_fail",
        "eip6492_factory_not_allowed",
        "insufficient_funds",
        "invalid_amount",
        "invalid_exact_evm_nonce_already_used",
        "invalid_exact_evm_payload_authorization_valid_after",
        "invalid_exact_evm_payload_authorization_valid_before",
        "invalid_exact_evm_payload_authorization_value_mismatch",
        "invalid_exact_evm_payload_recipient_mismatch",
        "invalid_exact_evm_payload_signature",
        "invalid_exact_evm_payload_undeployed_smart_wallet",
        "invalid_network",
        "invalid_payload",
        "invalid_payment_requirements",
        "invalid_permit2_recipient_mismatch",
        "invalid_permit2_signature",
        "invalid_permit2_spender",
        "invalid_scheme",
        "invalid_transaction_state",
        "invalid_upto_evm_payload_settlement_exceeds_amount",
        "invalid_x402_version",
        "payer_cooling_off",
        "permit2_allowance_required",
        "permit2_amount_mismatch",
        "permit2_deadline_expired",
        "permit2_not_yet_valid",
        "permit2_token_mismatch",
        "quote_expired",
        "service_off_sale",
        "unexpected_settle_error",
        "unexpected_verify_error",
        "unsupported_scheme",
        "upto_facilitator_mismatch",
    }
)
"""A facilitator, or a contract's revert, may give any text as its reason: a metric's label takes none but these."""

for _reason in (*REASONS, OTHER):  # a counter that begins with its first event hides it from its increase
    REFUSALS.labels(_reason)


def count_refusal(slug: str, error: PaymentRefused) -> None:
    """A payment for a service that was answered with fresh terms."""
    OUTCOMES.labels(slug, "refused").inc()
    REFUSALS.labels(error.reason if error.reason in REASONS else OTHER).inc()
