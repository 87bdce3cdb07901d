"""The facilitator's front: admits each payment once, and waits for its outcome."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

import msgspec

from protocol.errors import ProtocolError
from protocol.payment import Payment
from protocol.wire import (
    SCHEME_UPTO,
    FacilitatorRequest,
    PaymentPayload,
    PaymentRequirements,
    SettleResponse,
    VerifyResponse,
)
from server.application.paddock import Ground
from server.application.pause import PauseWatch
from server.domain.errors import DuplicateClaim, StaleWrite
from server.domain.settlements import Settlement, SettlementState, settlement_id
from server.facilitator.bare_keys import BareKeys
from server.facilitator.cool_off import USUAL, CoolOff
from server.facilitator.settler import LEASE, Settler
from server.facilitator.verify import amount_of, check, check_on_chain, check_signature, read
from server.ports import Clock, Database

PENDING = "settlement_pending"
LOOK_EVERY, LOOK_FOR_EACH = 0.25, 0.01
"""Seconds between two looks at a settlement that another process may record; and, so that all of them together look no
more than a hundred times a second, for each that waits. Those that this process records need none."""


class LocalFacilitator:
    """Implements ports.Facilitator on this process's settlers, by network. `wait`: seconds that a settle may take."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        grounds: Mapping[str, Ground],
        settlers: Mapping[str, Sequence[Settler]],
        wait: float = 15.0,
        cool_off: CoolOff = USUAL,
    ) -> None:
        self._db, self._clock, self._grounds, self._settlers = db, clock, grounds, settlers
        self._wait, self._cool_off = timedelta(seconds=wait), cool_off
        self._pause, self._bare = PauseWatch(), BareKeys(clock)
        self._waiting = 0

    def settlers(self) -> Mapping[str, str]:
        return {network: settlers[0].address for network, settlers in self._settlers.items()}

    def executors(self) -> Mapping[str, str]:
        found = {network: ground.market.executor for network, ground in self._grounds.items()}
        return {network: executor for network, executor in found.items() if executor}

    async def verify(self, payload: PaymentPayload, requirements: PaymentRequirements) -> VerifyResponse:
        await self._pause.require_running(self._db, self._clock)
        try:
            payment = self._check(payload, requirements)
            await check_on_chain(*self._place(payment), self._bare)
            await self._cool_off.require_none(self._db, self._clock, payment.payer)
        except ProtocolError as error:
            return VerifyResponse(is_valid=False, invalid_reason=error.reason, invalid_message=error.detail)
        return VerifyResponse(is_valid=True, payer=payment.payer)

    async def settle(self, payload: PaymentPayload, requirements: PaymentRequirements) -> SettleResponse:
        network = requirements.network
        try:
            payment = read(payload, requirements)
            settlement = await self._known(payment)
            if settlement is None or settlement.state is SettlementState.FAILED:
                payment = self._check(payload, requirements)
                await check_signature(*self._place(payment), self._bare)
                await self._cool_off.require_none(self._db, self._clock, payment.payer)
                if await self._pause.paused(self._db, self._clock):
                    return _failure(network, PENDING, "settlement is paused; ask again for the same payment")
        except ProtocolError as error:
            return _failure(network, error.reason, error.detail)
        if settlement is None:
            settlement = await self._admit(payment, payload, requirements)
        elif settlement.payment == payment:
            settlement = await self._revived(settlement)
        if settlement.payment != payment:
            return _failure(network, "invalid_exact_evm_nonce_already_used", "another payment has this nonce")
        return _response(await self._ended(settlement))

    async def ready(self) -> None:
        """It is as ready as its process; database and chain answer for themselves."""

    def _check(self, payload: PaymentPayload, requirements: PaymentRequirements) -> Payment:
        ground = self._grounds.get(requirements.network)
        if ground is None:
            raise ProtocolError("invalid_network", f"this facilitator settles on {', '.join(self._grounds)}")
        return check(ground.market, payload, requirements, int(self._clock.now().timestamp()))

    def _place(self, payment: Payment) -> tuple[Ground, Payment, str]:
        """Where it is settled, and by whom."""
        return self._grounds[payment.network], payment, self._settler_for(payment).address

    def _settler_for(self, payment: Payment) -> Settler:
        """The key that a permit names, where it names one; else the one with least to do."""
        settlers = self._settlers[payment.network]
        if payment.facilitator is None:
            return min(settlers, key=lambda settler: settler.load)
        for settler in settlers:
            if settler.address == payment.facilitator:
                return settler
        raise ProtocolError("upto_facilitator_mismatch", "the permit names another facilitator")

    async def _known(self, payment: Payment) -> Settlement | None:
        async with self._db.read() as view:
            return await view.settlements.get(settlement_id(payment))

    async def _revived(self, settlement: Settlement) -> Settlement:
        """Queued again if it failed: the chain may take it now. So is what lost its transaction to a reorganisation."""
        undone = settlement.state is SettlementState.FAILED or await self._is_undone(settlement)
        return await self._again(settlement) if undone else settlement

    async def _is_undone(self, settlement: Settlement) -> bool:
        """Whether somebody else's transaction settled it and is gone; our own ones their settler broadcasts again."""
        if settlement.state is not SettlementState.SETTLED or settlement.transaction is None:
            return False
        async with self._db.read() as view:
            own = await view.transactions.get(settlement.sent_in) if settlement.sent_in else None
        if own and settlement.transaction in {attempt.hash for attempt in own.attempts}:
            return False
        return await self._grounds[settlement.payment.network].chain.mined(settlement.transaction) is None

    async def _admit(self, payment: Payment, payload: PaymentPayload, requirements: PaymentRequirements) -> Settlement:
        request = FacilitatorRequest(
            x402_version=payload.x402_version, payment_payload=payload, payment_requirements=requirements
        )
        amount = amount_of(requirements)
        nothing = amount == 0 and payment.scheme == SCHEME_UPTO
        settlement = Settlement(
            id=settlement_id(payment),
            payment=payment,
            amount=amount,
            state=SettlementState.SETTLED if nothing else SettlementState.QUEUED,
            request=msgspec.json.encode(request),
            lease_until=self._clock.now() + LEASE,
            since_block=await self._grounds[payment.network].chain.recent_block(),
        )
        try:
            async with self._db.begin("settlement admitted") as work:
                await work.settlements.add(settlement)
        except DuplicateClaim:
            return await self._known(payment) or settlement
        if not nothing:
            self._settler_for(payment).offer(settlement)
        return settlement

    async def _again(self, settlement: Settlement) -> Settlement:
        settlement.move(SettlementState.QUEUED)
        settlement.lease_until = self._clock.now() + LEASE
        try:
            async with self._db.begin("settlement queued again") as work:
                await work.settlements.save(settlement)
        except StaleWrite:
            return await self._known(settlement.payment) or settlement
        self._settler_for(settlement.payment).offer(settlement)
        return settlement

    async def _ended(self, settlement: Settlement) -> Settlement:
        """The settlement with its outcome, or as it is when the time to wait is over."""
        until = self._clock.now() + self._wait
        settler = self._settler_for(settlement.payment)
        self._waiting += 1
        try:
            while not settlement.ended and (left := (until - self._clock.now()).total_seconds()) > 0:
                look = max(LOOK_EVERY, self._waiting * LOOK_FOR_EACH)
                found = await settler.recorded(settlement.id, min(left, look)) or await self._known(settlement.payment)
                assert found is not None
                settlement = found
        finally:
            self._waiting -= 1
        return settlement


def _response(settlement: Settlement) -> SettleResponse:
    network = settlement.payment.network
    if settlement.state is SettlementState.SETTLED:
        return SettleResponse(
            success=True,
            transaction=settlement.transaction or "",
            network=network,
            payer=settlement.payment.payer,
            amount=str(settlement.amount),
        )
    reason = settlement.reason if settlement.state is SettlementState.FAILED else PENDING
    return _failure(network, reason or "unexpected_settle_error", "", settlement)


def _failure(network: str, reason: str, detail: str, settlement: Settlement | None = None) -> SettleResponse:
    return SettleResponse(
        success=False,
        error_reason=reason,
        error_message=detail or None,
        transaction=(settlement.transaction or settlement.sent_in if settlement else None) or "",
        network=network,
        payer=settlement.payment.payer if settlement else None,
    )
