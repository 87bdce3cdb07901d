"""A seller of the official Python SDK: its resource server sells a report through whatever facilitator it is given.

The SDK does all of x402 here; this file only lends it HTTP, as its FastAPI middleware does.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from x402 import x402ResourceServer
from x402.http import (
    FacilitatorConfig,
    HTTPFacilitatorClient,
    HTTPRequestContext,
    HTTPResponseInstructions,
    PaymentOption,
    RouteConfig,
    x402HTTPResourceServer,
)
from x402.mechanisms.evm.exact import register_exact_evm_server
from x402.mechanisms.evm.upto.server import UptoEvmScheme
from x402.schemas import AssetAmount

from server.domain.market import Market
from tests.stack.served import answer, live, read_body

PATH, BROKEN = "/report", "/broken"
ROUTES = (f"GET {PATH}", f"POST {PATH}", f"GET {BROKEN}")
PRICE = 7_000
REPORT = b'{"report":"sold by the official SDK"}'


@dataclass(frozen=True)
class Request:
    """Implements the SDK's HTTPAdapter on an ASGI scope."""

    scope: dict[str, Any]

    def get_header(self, name: str) -> str | None:
        found = [value for key, value in self.scope["headers"] if key == name.lower().encode()]
        return found[0].decode("latin-1") if found else None

    def get_method(self) -> str:
        return str(self.scope["method"])

    def get_path(self) -> str:
        return str(self.scope["path"])

    def get_url(self) -> str:
        return f"http://{self.get_header('host')}{self.get_path()}"

    def get_accept_header(self) -> str:
        return self.get_header("accept") or ""

    def get_user_agent(self) -> str:
        return self.get_header("user-agent") or ""

    def get_query_params(self) -> dict[str, str | list[str]] | None:
        return None

    def get_query_param(self, name: str) -> str | list[str] | None:
        return None

    def get_body(self) -> Any:
        return None


@dataclass
class Seller:
    """The ASGI application. `open` asks the facilitator what it supports and checks the route by it.

    With a `charge` it sells by scheme upto: `PRICE` is the ceiling, and so much is settled. A POST is answered with its
    own body, and what is broken fails after the payment was found good. `asked` has a line for every request.
    """

    facilitator_url: str
    market: Market
    pay_to: str
    charge: int | None = None
    delivered: int = 0
    asked: list[str] = field(default_factory=list)
    _http: Any = None
    _facilitator: Any = None

    def open(self) -> None:
        """Raises the SDK's RouteConfigurationError if the facilitator does not support the route."""
        asset = self.market.asset
        price = AssetAmount(
            amount=str(PRICE), asset=asset.address, extra={"name": asset.name, "version": asset.version}
        )
        scheme = "exact" if self.charge is None else "upto"
        option = PaymentOption(scheme=scheme, pay_to=self.pay_to, price=price, network=self.market.network)
        self._facilitator = HTTPFacilitatorClient(FacilitatorConfig(url=self.facilitator_url))
        core = x402ResourceServer(self._facilitator)
        register_exact_evm_server(core, self.market.network)
        core.register(self.market.network, UptoEvmScheme())
        offer = RouteConfig(accepts=option, description="A report")
        self._http = x402HTTPResourceServer(core, dict.fromkeys(ROUTES, offer))
        self._http.initialize()

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await live(receive, send, self._facilitator.aclose)
            return
        self.asked.append(f"{scope['method']} {scope['path']}")
        context = HTTPRequestContext(adapter=Request(scope), path=scope["path"], method=scope["method"])
        result = await self._http.process_http_request(context)
        if result.type == "no-payment-required":
            await answer(send, 404, b'{"error":"nothing is sold here"}')
            return
        if result.type != "payment-verified":
            await _refuse(send, result.response)
            return
        if scope["path"] == BROKEN:
            await answer(send, 500, b'{"error":"out of order"}')
            return
        sold = await read_body(receive) or REPORT
        charge = None if self.charge is None else {"amount": str(self.charge)}
        settled = await self._http.process_settlement(
            result.payment_payload, result.payment_requirements, context=context, settlement_overrides=charge
        )
        if not settled.success:
            await _refuse(send, settled.response)
            return
        self.delivered += 1
        await answer(send, 200, sold, settled.headers)


async def _refuse(send: Any, response: HTTPResponseInstructions) -> None:
    body = str(response.body) if response.is_html else json.dumps(response.body or {})
    await answer(send, response.status, body.encode(), response.headers)
