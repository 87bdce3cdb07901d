"""An x402 seller of v2 and v1 for tests: it verifies payments itself, settles in memory, and signs receipts."""

import hashlib
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx
import msgspec
from eth_account import Account
from eth_account.signers.local import LocalAccount

from agent.clock import Clock, SystemClock
from agent.testing.corpus.cases import STRANGER, Bendable, Places, Respond
from agent.testing.ledger import AT_SELLER, ELSEWHERE, Ledger
from agent.wallet import sign_digest
from protocol import headers, schemes
from protocol.errors import ProtocolError
from protocol.networks import from_v1
from protocol.payment import Payment
from protocol.receipts import PADDOCK_EXTENSION, ZERO_HASH, Receipt, SignedReceipt
from protocol.wire import PaymentPayload, PaymentRequired, PaymentRequirements, Resource, SettleResponse
from protocol.wire_v1 import PaymentPayloadV1, required_v1, settle_v1

NETWORK = "eip155:84532"
USDC = "0x036CbD53842c5426634e7929541eC2318f3dCF7e"
"""Base Sepolia and its USDC, which clients know by heart. Nothing is ever settled there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """Something that was paid and delivered. `version` is the x402 version of the payment, `receipt` is signed."""

    url: str
    version: int
    payment: Payment
    receipt: SignedReceipt


@dataclass
class Seller(Bendable):
    """Sells any path for `amount` atomic units of USDC; for 0 it is free. Every member may be changed in a test.

    `asked` and `paid` queue how the next requests without and with a payment are answered: a status such as "429" or
    "503" (both with Retry-After), "reset" (no answer), of paid ones also "402" (asked again), "lost" (taken, no
    answer), "silent" (delivered, no word of the payment) and "garbage" (taken, another body than the receipt's).
    `url` is something that it sells, `requests` all that it was asked, `sales` what it sold, `ledger` what it could
    take. Safe for many threads.
    """

    places: Places
    url: str = ""
    amount: int = 50_000
    body: bytes = b'{"answer":42}'
    content_type: str = "application/json"
    pay_to: str = STRANGER
    retry_after: int = 1
    may_be_paid: bool = True
    asked: deque[str] = field(default_factory=deque)
    paid: deque[str] = field(default_factory=deque)
    requests: list[httpx.Request] = field(default_factory=list)
    leaks: list[httpx.Request] = field(default_factory=list)
    sales: list[Sale] = field(default_factory=list)
    ledger: Ledger = field(default_factory=lambda: Ledger(NETWORK, USDC))
    clock: Clock = field(default_factory=SystemClock)
    signer: LocalAccount = field(default_factory=Account.create, repr=False)
    gives_receipts: bool = True
    alter: Callable[[PaymentRequirements], PaymentRequirements] = lambda entry: entry
    handle_unpaid: Respond = field(init=False, repr=False)
    handle_paid: Respond | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.url = self.url or f"{self.origin}/v1/echo"
        self.handle_unpaid = self.unpaid
        self._sold: dict[tuple[str, bytes], tuple[str, httpx.Response]] = {}
        self._lock = threading.RLock()

    @property
    def origin(self) -> str:
        return self.places.origin

    def assert_within(self, budget: int) -> None:
        """The client signed no more than `budget` atomic units, for this seller alone, and nothing unreadable.

        A payment that is sent again, the same bytes, counts once. Raises AssertionError.
        """
        __tracebackhide__ = True
        found = self.ledger.breaches(budget)
        if found:
            raise AssertionError("the client paid what it must not:\n- " + "\n- ".join(dict.fromkeys(found)))

    def without_receipts(self) -> None:
        """From now on it signs none."""
        self.gives_receipts = False

    def handle(self, request: httpx.Request) -> httpx.Response:
        """The answer to a request; raises httpx.TransportError where there is to be none."""
        with self._lock:
            self.requests.append(request)
            if request.url.path == "/.well-known/x402":
                return httpx.Response(200, json={"receiptSigner": self.signer.address} if self.gives_receipts else {})
            self.ledger.enter(request, AT_SELLER, self.entry(request))
            if headers.PAYMENT_SIGNATURE not in request.headers and headers.X_PAYMENT not in request.headers:
                how = self.asked.popleft() if self.asked else "402"
                return self.handle_unpaid(request) if how == "402" else self._refusing(request, how)
            if self.handle_paid is not None:
                return self.handle_paid(request)
            how = self.paid.popleft() if self.paid else "ok"
            return self._refusing(request, how) if how == "reset" or how.isdigit() else self._sell(request, how)

    def elsewhere(self, request: httpx.Request) -> httpx.Response:
        """What somebody else answers, to whom a client should never have gone with a payment."""
        with self._lock:
            self.leaks.append(request)
            self.ledger.enter(request, ELSEWHERE, self.entry(request))
            return httpx.Response(200, content=b"stolen")

    def entry(self, request: httpx.Request) -> PaymentRequirements:
        """The terms as they stand now, before `alter`."""
        quote = hashlib.sha256(f"{request.method} {request.url} {self.amount}".encode()).hexdigest()[:20]
        return PaymentRequirements(
            scheme="exact",
            network=NETWORK,
            amount=str(self.amount),
            asset=USDC,
            pay_to=self.pay_to,
            max_timeout_seconds=60,
            extra={"name": "USDC", "version": "2", "quoteId": f"q{quote}"},
        )

    def unpaid(self, request: httpx.Request, error: str | None = None) -> httpx.Response:
        """Its 402: the header of v2, and the body of v1. What is free it delivers."""
        if self.amount == 0:
            return httpx.Response(200, headers={"content-type": self.content_type}, content=self.body)
        entry = self.alter(self.entry(request))
        required = PaymentRequired(
            x402_version=2, error=error, resource=Resource(url=str(request.url)), accepts=[entry]
        )
        told = {headers.PAYMENT_REQUIRED: headers.encode(required)}
        return httpx.Response(402, headers=told, json=msgspec.to_builtins(required_v1(required)))

    def _refusing(self, request: httpx.Request, how: str) -> httpx.Response:
        if how == "reset":
            raise httpx.ReadError("told to give no answer", request=request)
        if how == "402":
            return self.unpaid(request)
        told = {"retry-after": str(self.retry_after)}
        return httpx.Response(int(how), headers=told, json={"detail": f"told to say {how}"})

    def _sell(self, request: httpx.Request, how: str) -> httpx.Response:
        try:
            version, payment = self._verified(request)
        except ProtocolError as error:
            return self.unpaid(request, error.detail)
        if how == "silent":
            return httpx.Response(200, content=self.body)
        key, asked = (payment.payer, payment.nonce), _fingerprint(request)
        sold_for, answer = self._sold.get(key, ("", None))
        if answer is not None and sold_for != asked:
            return self.unpaid(request, "the authorization was used for something else")
        if answer is None:
            answer = self._deliver(request, version, payment)
            self._sold[key] = asked, answer
        if how == "lost":
            raise httpx.ReadError("told to give no answer", request=request)
        return answer if how != "garbage" else httpx.Response(200, headers=answer.headers, content=b"garbage")

    def _verified(self, request: httpx.Request) -> tuple[int, Payment]:
        """The x402 version, and a payment of exactly these terms. Raises ProtocolError."""
        own = self.entry(request)
        if headers.PAYMENT_SIGNATURE in request.headers:
            version, paid = 2, headers.decode(request.headers[headers.PAYMENT_SIGNATURE], PaymentPayload)
            scheme, network, payload = paid.accepted.scheme, paid.accepted.network, paid.payload
        else:
            old = headers.decode(request.headers[headers.X_PAYMENT], PaymentPayloadV1)
            version, scheme, network, payload = 1, old.scheme, from_v1(old.network), old.payload
        if (scheme, network) != (own.scheme, own.network):
            raise ProtocolError("invalid_payment_requirements", f"sold by {own.scheme} on {own.network} alone")
        payment = schemes.read(own, payload)
        schemes.check_terms(payment, own, int(self.clock.now().timestamp()))
        schemes.check_signature(payment)
        return version, payment

    def _deliver(self, request: httpx.Request, version: int, payment: Payment) -> httpx.Response:
        transaction = "0x" + payment.digest().hex()
        receipt = self._receipt(request, payment, transaction)
        self.sales.append(Sale(url=str(request.url), version=version, payment=payment, receipt=receipt))
        settled = SettleResponse(success=True, transaction=transaction, network=payment.network, payer=payment.payer)
        if self.gives_receipts:
            settled.extensions = {PADDOCK_EXTENSION: {"info": msgspec.to_builtins(receipt)}}
        told = {"content-type": self.content_type}
        if version == 1:
            told[headers.X_PAYMENT_RESPONSE] = headers.encode(settle_v1(settled))
        else:
            told[headers.PAYMENT_RESPONSE] = headers.encode(settled)
        return httpx.Response(200, headers=told, content=self.body)

    def _receipt(self, request: httpx.Request, payment: Payment, transaction: str) -> SignedReceipt:
        now, quote = int(self.clock.now().timestamp()), str(self.entry(request).extra["quoteId"])
        receipt = Receipt(
            order_id=quote,
            quote_id=quote,
            resource_url=str(request.url),
            intent_hash=ZERO_HASH,
            mode="DIRECT",
            network=payment.network,
            asset=payment.asset,
            amount=str(payment.value),
            payer=payment.payer,
            pay_to=payment.to,
            payment_hash="0x" + payment.digest().hex(),
            transaction=transaction,
            body_hash="0x" + hashlib.sha256(self.body).hexdigest(),
            body_size=len(self.body),
            body_type=self.content_type,
            paid_at=now,
            issued_at=now,
            status="completed",
        )
        return SignedReceipt(receipt, "0x" + sign_digest(self.signer, receipt.digest()).hex())


def _fingerprint(request: httpx.Request) -> str:
    """What is bought: method, URL and body."""
    return f"{request.method} {request.url} {hashlib.sha256(request.content).hexdigest()}"
