"""Verifying and settling payments."""

from collections.abc import Mapping
from typing import Protocol

from protocol.wire import PaymentPayload, PaymentRequirements, SettleResponse, VerifyResponse


class Facilitator(Protocol):
    """Verifies and settles payments. Raises FacilitatorUnavailable when it cannot answer."""

    def settlers(self) -> Mapping[str, str]:
        """By network, the address that a permit of scheme upto has to name; networks without upto are left out.

        As it was last learnt: nothing is asked for it.
        """

    def executors(self) -> Mapping[str, str]:
        """By network, the executor through which it settles scheme delegate; networks without one are left out.

        As it was last learnt: nothing is asked for it.
        """

    async def verify(self, payload: PaymentPayload, requirements: PaymentRequirements) -> VerifyResponse:
        """Whether the payment would settle now. Changes nothing."""

    async def settle(self, payload: PaymentPayload, requirements: PaymentRequirements) -> SettleResponse:
        """Move the money, at most once for a payment however often it is called.

        `errorReason` settlement_pending means that the outcome is not known yet; the same call may be repeated.
        """

    async def ready(self) -> None:
        """Raises FacilitatorUnavailable while no payment can be verified or settled here. Changes nothing."""
