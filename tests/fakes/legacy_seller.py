"""The fake seller as one of x402 v1: terms in the 402's body, the payment in X-PAYMENT, nothing of Paddock's."""

import httpx
import msgspec

from protocol import headers
from protocol.wire import PaymentPayload, PaymentRequired, SettleResponse
from protocol.wire_v1 import PaymentPayloadV1, PaymentRequiredV1, required_v1, settle_v1
from tests.fakes.seller import FakeSeller


class LegacySeller:
    """Between a buyer and a seller: translates both ways. `alter` changes the body of every 402."""

    def __init__(self, seller: FakeSeller) -> None:
        self.seller = seller
        self.transport = httpx.MockTransport(self.handle)
        self.alter = lambda required: required
        self.paid: list[PaymentPayloadV1] = []

    def handle(self, request: httpx.Request) -> httpx.Response:
        raw = dict(request.headers.raw)
        assert headers.PAYMENT_SIGNATURE.encode() not in raw, "a v1 seller was paid in v2"
        if headers.X_PAYMENT.encode() in raw:
            payment = headers.decode(raw[headers.X_PAYMENT.encode()], PaymentPayloadV1)
            self.paid.append(payment)
            accepted = self.seller.entry(request.url.path)
            modern = PaymentPayload(x402_version=2, accepted=accepted, payload=payment.payload)
            request.headers[headers.PAYMENT_SIGNATURE] = headers.encode(modern)
        answer = self.seller.handle(request)
        if answer.status_code == 402:
            return httpx.Response(402, json=msgspec.to_builtins(self.alter(self._terms(answer))))
        told = answer.headers.pop(headers.PAYMENT_RESPONSE, None)
        if told is not None:
            settled = headers.decode(told, SettleResponse)
            answer.headers[headers.X_PAYMENT_RESPONSE] = headers.encode(settle_v1(settled))
        return answer

    def _terms(self, answer: httpx.Response) -> PaymentRequiredV1:
        return required_v1(headers.decode(answer.headers[headers.PAYMENT_REQUIRED], PaymentRequired))
