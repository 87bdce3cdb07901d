"""A facilitator that is honest until it is told otherwise, for one settlement each time."""

import secrets
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from protocol.wire import PaymentPayload, PaymentRequirements, SettleResponse, VerifyResponse
from server.domain.outages import FacilitatorUnavailable
from server.ports import Facilitator
from tests.fakes.facilitator import How


@dataclass
class Moody:
    """Implements ports.Facilitator over an honest one; `script` is used up."""

    honest: Facilitator
    script: deque[How] = field(default_factory=deque)

    async def verify(self, payload: PaymentPayload, requirements: PaymentRequirements) -> VerifyResponse:
        return await self.honest.verify(payload, requirements)

    async def settle(self, payload: PaymentPayload, requirements: PaymentRequirements) -> SettleResponse:
        how = self.script.popleft() if self.script else How.HONEST
        network = requirements.network
        if how is How.DOWN:
            raise FacilitatorUnavailable("/settle did not get through: ConnectError")
        if how is How.REFUSES:
            return SettleResponse(success=False, error_reason="insufficient_funds", transaction="", network=network)
        if how is How.NO_TRANSACTION:
            return SettleResponse(success=True, transaction="", network=network)
        if how is How.PENDING_AND_NEVER:
            unknown = "0x" + secrets.token_hex(32)
            return SettleResponse(
                success=False, error_reason="settlement_pending", transaction=unknown, network=network
            )
        said = await self.honest.settle(payload, requirements)
        if how is How.DOWN_AFTER:
            raise FacilitatorUnavailable("/settle did not get through: ReadTimeout")
        if how is How.REFUSES_AND_SETTLES:
            return SettleResponse(success=False, error_reason="insufficient_funds", transaction="", network=network)
        return said

    def settlers(self) -> Mapping[str, str]:
        return self.honest.settlers()

    def executors(self) -> Mapping[str, str]:
        return self.honest.executors()

    async def ready(self) -> None:
        await self.honest.ready()
