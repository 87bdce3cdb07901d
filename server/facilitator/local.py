"""The facilitator's front: admits each payment once, and waits for its outcome."""

from datetime import timedelta

import msgspec

from protocol import exact
from protocol.errors import ProtocolError
from protocol.exact import ExactPayment
from protocol.wire import (
    FacilitatorRequest,
    PaymentPayload,
    PaymentRequirements,
    SettleResponse,
    VerifyResponse,
)
from server.application.pause import PauseWatch
from server.domain.errors import DuplicateClaim, StaleWrite
from server.domain.market import Market
from server.domain.settlements import Settlement, SettlementState, settlement_id
from server.facilitator.cool_off import USUAL, CoolOff
from server.facilitator.settler import Settler
from server.facilitator.verify import check, check_on_chain
from server.ports import Chain, Clock, Database

QUEUE_LEASE = timedelta(seconds=20)


class LocalFacilitator:
    """Implements ports.Facilitator on the settler of this process. `wait` is how long a settle call may take."""

    def __init__(
        self,
        db: Database,
        chain: Chain,
        clock: Clock,
        market: Market,
        settler: Settler,
        wait: float = 20.0,
        cool_off: CoolOff = USUAL,
    ) -> None:
        self._db, self._chain, self._clock, self._market, self._settler = db, chain, clock, market, settler
        self._wait, self._cool_off = timedelta(seconds=wait), cool_off
        self._pause = PauseWatch()

    async def verify(self, payload: PaymentPayload, requirements: PaymentRequirements) -> VerifyResponse:
        await self._pause.require_running(self._db, self._clock)
        try:
            payment = check(self._market, payload, requirements, self._now())
            await self._cool_off.require_none(self._db, self._clock, payment.transfer.payer)
            await check_on_chain(self._chain, payment)
        except ProtocolError as error:
            return VerifyResponse(is_valid=False, invalid_reason=error.reason, invalid_message=error.detail)
        return VerifyResponse(is_valid=True, payer=payment.transfer.payer)

    async def settle(self, payload: PaymentPayload, requirements: PaymentRequirements) -> SettleResponse:
        try:
            payment = exact.read(requirements, payload.payload)
            settlement = await self._known(payment)
            if settlement is None or settlement.state is SettlementState.FAILED:
                payment = check(self._market, payload, requirements, self._now())
                await self._cool_off.require_none(self._db, self._clock, payment.transfer.payer)
                if await self._pause.paused(self._db, self._clock):
                    return self._failure("settlement_pending", "settlement is paused; ask again for the same payment")
        except ProtocolError as error:
            return self._failure(error.reason, error.detail)
        if settlement is None:
            settlement = await self._admit(payment, payload, requirements)
        elif settlement.state is SettlementState.FAILED:
            settlement = await self._again(settlement)
        if settlement.payment != payment:
            return self._failure("invalid_exact_evm_nonce_already_used", "another payment has this nonce")
        return self._response(await self._ended(settlement))

    async def _known(self, payment: ExactPayment) -> Settlement | None:
        async with self._db.read() as view:
            return await view.settlements.get(_id(payment))

    async def _admit(
        self, payment: ExactPayment, payload: PaymentPayload, requirements: PaymentRequirements
    ) -> Settlement:
        request = FacilitatorRequest(
            x402_version=payload.x402_version, payment_payload=payload, payment_requirements=requirements
        )
        settlement = Settlement(
            id=_id(payment),
            payment=payment,
            request=msgspec.json.encode(request),
            lease_until=self._clock.now() + QUEUE_LEASE,
            since_block=await self._chain.recent_block(),
        )
        try:
            async with self._db.begin("settlement admitted") as work:
                await work.settlements.add(settlement)
        except DuplicateClaim:
            return await self._known(payment) or settlement
        self._settler.offer(settlement)
        return settlement

    async def _again(self, settlement: Settlement) -> Settlement:
        """A failed payment is tried again when it is asked for again: the chain may take it now."""
        settlement.move(SettlementState.QUEUED)
        settlement.lease_until = self._clock.now() + QUEUE_LEASE
        try:
            async with self._db.begin("settlement queued again") as work:
                await work.settlements.save(settlement)
        except StaleWrite:
            return await self._known(settlement.payment) or settlement
        self._settler.offer(settlement)
        return settlement

    async def _ended(self, settlement: Settlement) -> Settlement:
        """The settlement with its outcome, or as it is when the time to wait is over."""
        until = self._clock.now() + self._wait
        while True:
            async with self._db.read() as view:
                current = await view.settlements.get(settlement.id)
            assert current is not None
            if current.ended or self._clock.now() >= until:
                return current
            await self._clock.sleep(0.02)

    def _response(self, settlement: Settlement) -> SettleResponse:
        if settlement.state is SettlementState.SETTLED:
            return SettleResponse(
                success=True,
                transaction=settlement.transaction or "",
                network=self._market.network,
                payer=settlement.payment.transfer.payer,
            )
        reason = settlement.reason if settlement.state is SettlementState.FAILED else "settlement_pending"
        return self._failure(reason or "unexpected_settle_error", "", settlement)

    def _failure(self, reason: str, detail: str, settlement: Settlement | None = None) -> SettleResponse:
        return SettleResponse(
            success=False,
            error_reason=reason,
            error_message=detail or None,
            transaction=(settlement.transaction if settlement else None) or "",
            network=self._market.network,
            payer=settlement.payment.transfer.payer if settlement else None,
        )

    def _now(self) -> int:
        return int(self._clock.now().timestamp())


def _id(payment: ExactPayment) -> str:
    return settlement_id(payment.network, payment.asset, payment.transfer.payer, payment.transfer.nonce)
