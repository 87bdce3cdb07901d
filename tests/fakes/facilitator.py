"""A facilitator that does as it is told: honest by default, and every kind of liar on request."""

import secrets
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from protocol import schemes
from protocol.errors import ProtocolError
from protocol.payment import Payment
from protocol.wire import PaymentPayload, PaymentRequirements, SettleResponse, VerifyResponse
from server.application.paddock import Ground
from server.domain.errors import Reverted
from server.domain.market import Market
from server.domain.outages import FacilitatorUnavailable
from server.domain.payment_calls import payment_call
from server.facilitator.bare_keys import BareKeys
from server.facilitator.verify import amount_of, check, check_on_chain
from server.ports import Call, Chain, Clock, TransactionSigner


class How(StrEnum):
    """What the next settle call does."""

    HONEST = "settles, and says so"
    REFUSES = "success false, and nothing moved"
    REFUSES_AND_SETTLES = "success false, although it settled"
    NO_TRANSACTION = "success without a transaction, and nothing moved"
    UNKNOWN_TRANSACTION = "success with a transaction that nobody has seen"
    FOREIGN_TRANSACTION = "success with the transaction of another payment"
    WRONG_NETWORK = "settles, and names another network"
    WRONG_PAYER = "settles, and names another payer"
    PENDING = "broadcast, outcome unknown"
    PENDING_AND_NEVER = "says it was broadcast, and it was not"
    DOWN = "cannot be reached, and nothing moved"
    DOWN_AFTER = "settles, and its answer is lost"


LIES_ABOUT_SUCCESS = (How.NO_TRANSACTION, How.UNKNOWN_TRANSACTION, How.FOREIGN_TRANSACTION)


@dataclass
class FakeFacilitator:
    """Implements ports.Facilitator, sending with `signer`. `script` and `verdicts` are used up, then it is honest.

    `gullible` accepts every payment without a look. `takes`: what it moves of an upto payment, whatever is asked.
    `settled` are the transactions by payment digest.
    """

    chain: Chain
    clock: Clock
    market: Market
    signer: TransactionSigner
    script: deque[How | SettleResponse | Exception] = field(default_factory=deque)
    verdicts: deque[VerifyResponse | Exception] = field(default_factory=deque)
    gullible: bool = False
    takes: int | None = None
    asked: list[str] = field(default_factory=list)
    settled: dict[bytes, str] = field(default_factory=dict)

    async def verify(self, payload: PaymentPayload, requirements: PaymentRequirements) -> VerifyResponse:
        self.asked.append("verify")
        if self.verdicts:
            verdict = self.verdicts.popleft()
            if isinstance(verdict, Exception):
                raise verdict
            return verdict
        if self.gullible:
            return VerifyResponse(is_valid=True)
        try:
            payment = self._check(payload, requirements)
            await check_on_chain(Ground(self.market, self.chain), payment, self.signer.address, BareKeys(self.clock))
        except ProtocolError as error:
            return VerifyResponse(is_valid=False, invalid_reason=error.reason, invalid_message=error.detail)
        return VerifyResponse(is_valid=True, payer=payment.payer)

    def settlers(self) -> Mapping[str, str]:
        return {self.market.network: self.signer.address}

    def executors(self) -> Mapping[str, str]:
        return {}

    async def settle(self, payload: PaymentPayload, requirements: PaymentRequirements) -> SettleResponse:
        self.asked.append("settle")
        how = self.script.popleft() if self.script else How.HONEST
        if isinstance(how, Exception):
            raise how
        if isinstance(how, SettleResponse):
            return how
        if how is How.DOWN:
            raise FacilitatorUnavailable("/settle did not get through: ConnectError")
        if how is How.REFUSES:
            return self._failure("insufficient_funds")
        if how is How.PENDING_AND_NEVER:
            return self._failure("settlement_pending", "0x" + secrets.token_hex(32))
        if how in LIES_ABOUT_SUCCESS:
            return self._success(self._made_up(how))
        return await self._settle(payload, requirements, how)

    async def ready(self) -> None:
        """Always."""

    async def _settle(self, payload: PaymentPayload, requirements: PaymentRequirements, how: How) -> SettleResponse:
        """All the ways in which the money moves, if it can."""
        try:
            payment = schemes.read(requirements, payload.payload)
            if payment.digest() not in self.settled:
                self._check(payload, requirements)
                await check_on_chain(
                    Ground(self.market, self.chain), payment, self.signer.address, BareKeys(self.clock)
                )
            transaction = await self._move(payment, amount_of(requirements) if self.takes is None else self.takes)
        except ProtocolError as error:
            return self._failure(error.reason)
        except Reverted:
            return self._failure("invalid_transaction_state")
        if how is How.DOWN_AFTER:
            raise FacilitatorUnavailable("/settle did not get through: ReadTimeout")
        if how is How.PENDING:
            return self._failure("settlement_pending", transaction)
        if how is How.REFUSES_AND_SETTLES:
            return self._failure("insufficient_funds")
        response = self._success(transaction, payment.payer)
        if how is How.WRONG_NETWORK:
            response.network = "eip155:1"
        if how is How.WRONG_PAYER:
            response.payer = self.market.delegate
        return response

    async def _move(self, payment: Payment, amount: int) -> str:
        """Send once for each payment; on a chain that mines at once it is mined afterwards."""
        digest = payment.digest()
        if digest not in self.settled:
            call = Call(self.signer.address, *payment_call(payment, amount))
            gas = await self.chain.estimate_gas(call)
            nonce = await self.chain.next_nonce(self.signer.address)
            signed = await self.signer.sign(self.market.chain_id, nonce, call, 2 * gas, await self.chain.fees())
            self.settled[digest] = signed.hash
            await self.chain.send(signed.raw)
        return self.settled[digest]

    def _check(self, payload: PaymentPayload, requirements: PaymentRequirements) -> Payment:
        if requirements.network != self.market.network:
            raise ProtocolError("invalid_network", f"this facilitator settles on {self.market.network}")
        return check(self.market, payload, requirements, int(self.clock.now().timestamp()))

    def _made_up(self, how: How) -> str:
        if how is How.NO_TRANSACTION:
            return ""
        others = list(self.settled.values())
        return others[-1] if how is How.FOREIGN_TRANSACTION and others else "0x" + secrets.token_hex(32)

    def _success(self, transaction: str, payer: str | None = None) -> SettleResponse:
        return SettleResponse(success=True, transaction=transaction, network=self.market.network, payer=payer)

    def _failure(self, reason: str, transaction: str = "") -> SettleResponse:
        return SettleResponse(success=False, error_reason=reason, transaction=transaction, network=self.market.network)
