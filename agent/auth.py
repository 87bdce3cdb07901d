"""Paying as httpx authentication: 402 → decide → sign → once more with the same body."""

from collections.abc import Generator

import httpx

from agent.checkout import NO_SOURCES, Checkout, Sources
from agent.clock import Clock
from agent.disclosure import Gate
from agent.models import Purchase, State
from agent.records import record
from agent.store import Store, purchase
from agent.terms import Asked
from agent.tracing import mark
from protocol.headers import PAYMENT_SIGNATURE, X_PAYMENT

EXTENSION = "paddock"


class PaymentHeaders(httpx.Headers):
    """Headers of one request that pays; a copy of them does not pay.

    A client that follows redirects builds the next request from a copy, so the signature cannot travel to another
    origin, which no Auth could prevent otherwise. Transports read `raw`.
    """

    def __init__(self, headers: httpx.Headers, payment: str, name: str = PAYMENT_SIGNATURE) -> None:
        super().__init__(headers)
        self._payment = (name.encode("ascii"), payment.encode("ascii"))

    @property
    def raw(self) -> list[tuple[bytes, bytes]]:
        return [*super().raw, self._payment]


class PaddockAuth(httpx.Auth):
    """`httpx.Client(auth=buyer.auth(task="research"))`, or AsyncClient: pays what the policy allows.

    Refused and waiting purchases come back as the seller's 402; `purchase_of(response)` says why. A payment whose
    answer never came is sent again, the same bytes, by the next equal request; it is never signed twice, except for who
    says `again`. A request that the gate holds back raises Refused.
    """

    requires_request_body = True
    requires_response_body = True

    def __init__(
        self,
        checkout: Checkout,
        store: Store,
        clock: Clock,
        task: str,
        *,
        again: bool = False,
        sources: Sources = NO_SOURCES,
        gate: Gate | None = None,
    ) -> None:
        self._checkout, self._store, self._clock = checkout, store, clock
        self._task, self._again, self._sources, self._gate = task, again, sources, gate

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """See httpx.Auth: yields the request, and at most one more that pays."""
        if PAYMENT_SIGNATURE in request.headers or X_PAYMENT in request.headers:
            yield request
            return
        if self._gate is not None:
            request = self._gate.vet(request, self._task)
        mark(request)
        asked = Asked.of(request, self._task)
        bought = None if self._again else self._checkout.unfinished(asked)
        if bought is None:
            response = yield request
            if response.status_code != 402:
                return
            bought = self._checkout.consider(asked, response, again=self._again, sources=self._sources)
            response.extensions[EXTENSION] = bought
        if bought.state not in (State.SENT, State.IN_DOUBT):
            return
        with self._checkout.sending(bought):
            response = yield paying(request, bought)
            record(self._store, bought, response, self._clock.now())
        with self._store.begin() as connection:
            response.extensions[EXTENSION] = purchase(connection, bought.id)


def paying(request: httpx.Request, bought: Purchase) -> httpx.Request:
    """The same request, byte for byte, with the purchase's signed payment."""
    assert bought.payment is not None
    again = httpx.Request(
        request.method,
        request.url,
        headers=request.headers,
        content=request.content or None,
        extensions=request.extensions,
    )
    name = X_PAYMENT if bought.version == 1 else PAYMENT_SIGNATURE
    again.headers = PaymentHeaders(again.headers, bought.payment, name)
    return again


def purchase_of(response: httpx.Response) -> Purchase | None:
    """What the agent did about a response; None where nothing was to pay."""
    found = response.extensions.get(EXTENSION)
    return found if isinstance(found, Purchase) else None
