"""x402 v1 messages, which deployed clients still speak: a 402 body, and the `X-PAYMENT` header."""

from typing import Any

import msgspec

from protocol.errors import ProtocolError
from protocol.networks import V1_NAMES, from_v1, v1_name
from protocol.wire import (
    FacilitatorRequest,
    PaymentPayload,
    PaymentRequired,
    PaymentRequirements,
    Resource,
    SettleResponse,
)


class RequirementsV1(msgspec.Struct, rename="camel", kw_only=True):
    """One entry of a v1 `accepts`; `network` is a fixed name such as base-sepolia."""

    scheme: str
    network: str
    max_amount_required: str
    asset: str
    pay_to: str
    resource: str
    description: str
    mime_type: str = "application/json"
    max_timeout_seconds: int
    extra: dict[str, Any] | None = None

    def modern(self) -> PaymentRequirements:
        """The same in v2's words. Raises ProtocolError for a network that has no v1 name and is not in CAIP-2 form."""
        return PaymentRequirements(
            scheme=self.scheme,
            network=from_v1(self.network),
            amount=self.max_amount_required,
            asset=self.asset,
            pay_to=self.pay_to,
            max_timeout_seconds=self.max_timeout_seconds,
            extra=self.extra or {},
        )


class PaymentRequiredV1(msgspec.Struct, rename="camel", kw_only=True):
    """The v1 402 body."""

    x402_version: int = msgspec.field(name="x402Version", default=1)
    error: str | None = None
    accepts: list[RequirementsV1]

    def modern(self) -> PaymentRequired:
        """The same in v2's words: the entries for the first one's resource. Raises ProtocolError, also without any."""
        if not self.accepts:
            raise ProtocolError("invalid_payment_requirements", "the 402 accepts nothing")
        resource = self.accepts[0].resource
        entries = [entry.modern() for entry in self.accepts if entry.resource == resource]
        return PaymentRequired(x402_version=1, error=self.error, resource=Resource(url=resource), accepts=entries)


class PaymentPayloadV1(msgspec.Struct, rename="camel", kw_only=True):
    """The v1 `X-PAYMENT` header's content; it echoes no terms and no quote."""

    x402_version: int = msgspec.field(name="x402Version")
    scheme: str
    network: str
    payload: dict[str, Any]


class SettleResponseV1(msgspec.Struct, rename="camel", kw_only=True):
    """The v1 `X-PAYMENT-RESPONSE` header's content."""

    success: bool
    transaction: str | None = None
    network: str | None = None
    payer: str | None = None
    error_reason: str | None = None

    def modern(self) -> SettleResponse:
        """The same in v2's words. Raises ProtocolError for a network that nobody knows."""
        return SettleResponse(
            success=self.success,
            transaction=self.transaction or "",
            network=from_v1(self.network) if self.network else "",
            payer=self.payer,
            error_reason=self.error_reason,
        )


def required_v1(required: PaymentRequired) -> PaymentRequiredV1:
    """The same terms in v1's words; only entries that v1 clients can read."""
    return PaymentRequiredV1(
        error=required.error or "X-PAYMENT header is required",
        accepts=[_entry(entry, required) for entry in required.accepts if entry.scheme == "exact"],
    )


def _entry(entry: PaymentRequirements, required: PaymentRequired) -> RequirementsV1:
    return RequirementsV1(
        scheme=entry.scheme,
        network=v1_name(entry.network),
        max_amount_required=entry.amount,
        asset=entry.asset,
        pay_to=entry.pay_to,
        resource=required.resource.url,
        description=required.resource.description or "",
        mime_type=required.resource.mime_type or "application/json",
        max_timeout_seconds=entry.max_timeout_seconds,
        extra=entry.extra,
    )


def payment_v1(payment: PaymentPayload) -> PaymentPayloadV1:
    """The same payment in v1's words, without terms and extensions."""
    accepted = payment.accepted
    return PaymentPayloadV1(
        x402_version=1, scheme=accepted.scheme, network=v1_name(accepted.network), payload=payment.payload
    )


def settle_v1(response: SettleResponse) -> SettleResponseV1:
    """The same outcome in v1's words."""
    return SettleResponseV1(
        success=response.success,
        transaction=response.transaction,
        network=v1_name(response.network),
        payer=response.payer,
        error_reason=response.error_reason,
    )


class TermsV1(msgspec.Struct, rename="camel", kw_only=True):
    """What a facilitator needs of the v1 requirements that a resource server sends it."""

    scheme: str
    network: str
    max_amount_required: str
    asset: str
    pay_to: str
    max_timeout_seconds: int
    extra: dict[str, Any] | None = None


class FacilitatorRequestV1(msgspec.Struct, rename="camel", kw_only=True):
    """Body of `POST /verify` and `POST /settle` from a v1 resource server."""

    payment_payload: PaymentPayloadV1
    payment_requirements: TermsV1

    def modern(self) -> FacilitatorRequest:
        """The same in v2's words. A network that v1 has no name for keeps it, and is refused as any unknown one."""
        terms, paid = self.payment_requirements, self.payment_payload
        asked = PaymentRequirements(
            scheme=terms.scheme,
            network=V1_NAMES.get(terms.network, terms.network),
            amount=terms.max_amount_required,
            asset=terms.asset,
            pay_to=terms.pay_to,
            max_timeout_seconds=terms.max_timeout_seconds,
            extra=terms.extra or {},
        )
        accepted = msgspec.structs.replace(asked, scheme=paid.scheme, network=V1_NAMES.get(paid.network, paid.network))
        payload = PaymentPayload(x402_version=2, accepted=accepted, payload=paid.payload)
        return FacilitatorRequest(x402_version=2, payment_payload=payload, payment_requirements=asked)
