"""A foreign MCP server whose tool is paid for, in this process: honest by default, hostile when told to be."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from mcp.server.lowlevel import Server
from mcp_types import CallToolResult, ListToolsResult, TextContent, Tool

from protocol import schemes
from protocol.headers import MCP_PAYMENT, MCP_RESPONSE
from protocol.wire import PaymentPayload, PaymentRequired, Resource, SettleResponse
from protocol.wire_v1 import required_v1, settle_v1
from tests.fakes.buyer_chain import NETWORK
from tests.fakes.seller import FakeSeller

SHOP = "mcp://shop"
MERCHANT = f"""
[[merchants]]
origin = "{SHOP}"
command = ["never-started"]
routes = ["/*"]
"""
"""For `policy(more=…)`."""


@dataclass
class FakeToolSeller:
    """Sells the tool `echo` on the terms of a FakeSeller, whose chain it settles on.

    `paid` queues how the next paid calls are answered; `alter` changes the terms that an unpaid call gets. A `legacy`
    one speaks x402 v1.
    """

    seller: FakeSeller
    alter: Callable[[dict[str, Any]], dict[str, Any]] = lambda terms: terms
    in_text_only: bool = False
    legacy: bool = False
    paid: deque[Any] = field(default_factory=deque)
    calls: list[Any] = field(default_factory=list)
    payments: list[str] = field(default_factory=list)
    connections: int = 0

    def server(self) -> Server[Any]:
        """A fresh one, to connect to."""
        self.connections += 1
        return Server("shop", on_list_tools=self._list, on_call_tool=self._call)

    async def _list(self, _: Any, __: Any) -> ListToolsResult:
        schema = {"type": "object", "properties": {"text": {"type": "string"}}}
        free = Tool(name="free", description="nothing to pay", input_schema=schema)
        return ListToolsResult(tools=[Tool(name="echo", description="\x1b[2Jthe best", input_schema=schema), free])

    async def _call(self, _: Any, params: Any) -> CallToolResult:
        self.calls.append(params)
        payment = (params.meta or {}).get(MCP_PAYMENT)
        if params.name == "free":
            return CallToolResult(content=[TextContent(type="text", text="for nothing")])
        if payment is None:
            return self.unpaid(params.name)
        self.payments.append(msgspec.json.encode(payment).decode())
        how = self.paid.popleft() if self.paid else self.settled
        return how(payment)

    def unpaid(self, tool: str = "echo") -> CallToolResult:
        """What a call without a payment gets."""
        resource = Resource(url=f"mcp://tool/{tool}")
        required = PaymentRequired(x402_version=2, resource=resource, accepts=[self.seller.entry()])
        terms = self.alter(msgspec.to_builtins(required_v1(required) if self.legacy else required))
        text = msgspec.json.encode(terms).decode()
        return CallToolResult(
            content=[TextContent(type="text", text=text)],
            structured_content=None if self.in_text_only else terms,
            is_error=True,
        )

    def settled(self, payment: dict[str, Any], **said: Any) -> CallToolResult:
        """The honest answer; `said` changes the settlement that it tells of."""
        accepted = self.seller.entry() if self.legacy else msgspec.convert(payment, PaymentPayload).accepted
        bought = schemes.read(accepted, payment["payload"])
        schemes.check_terms(bought, accepted, int(self.seller.clock.now().timestamp()))
        schemes.check_signature(bought)
        transaction = self.seller.chain.move(bought.transfer)
        settle = SettleResponse(success=True, transaction=transaction, network=NETWORK, payer=bought.payer)
        return CallToolResult(
            content=[TextContent(type="text", text="forty-two")],
            _meta={MCP_RESPONSE: msgspec.to_builtins(settle_v1(settle) if self.legacy else settle) | said},
        )
