"""An MCP server whose tool the official Python SDK of x402 sells, by whatever facilitator it is given; a process.

The SDK does all of x402 here; this file only lends it MCP, by standard input and output, or by HTTP on a port.
"""

import asyncio
import json
import sys
from typing import Any

import uvicorn
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp_types import CallToolResult, ListToolsResult, TextContent, Tool
from x402 import x402ResourceServer
from x402.http import FacilitatorConfig, HTTPFacilitatorClient
from x402.mcp.server_async import PaymentWrapperConfig, create_payment_wrapper
from x402.mcp.types import MCPToolResult
from x402.mechanisms.evm.exact import register_exact_evm_server
from x402.schemas import PaymentRequirements

from server.domain.market import Market

PRICE = 7_000
REPORT = "sold over MCP by the official SDK"
_SCHEMA = {"type": "object", "properties": {"topic": {"type": "string"}}, "required": ["topic"]}


def arguments(facilitator: str, market: Market, pay_to: str, port: int = 0) -> list[str]:
    """How to start it with this interpreter; a port makes it serve HTTP at `/mcp`."""
    asset = market.asset
    terms = {"network": market.network, "asset": asset.address, "payTo": pay_to, "amount": str(PRICE)}
    terms |= {"scheme": "exact", "maxTimeoutSeconds": 60, "extra": {"name": asset.name, "version": asset.version}}
    return ["-m", "tests.stack.foreign_tools", facilitator, json.dumps(terms), str(port)]


async def report(given: dict[str, Any], _: Any) -> MCPToolResult:
    """The tool itself."""
    return MCPToolResult(content=[{"type": "text", "text": f"{REPORT}: {given['topic']}"}])


def server(facilitator: str, terms: PaymentRequirements) -> Server[Any]:
    """The MCP server. Asks the facilitator what it supports."""
    core = x402ResourceServer(HTTPFacilitatorClient(FacilitatorConfig(url=facilitator)))
    register_exact_evm_server(core, terms.network)
    core.initialize()
    sold = create_payment_wrapper(core, PaymentWrapperConfig(accepts=[terms]))(report)

    async def listed(_: Any, __: Any) -> ListToolsResult:
        return ListToolsResult(tools=[Tool(name="report", description="A report", input_schema=_SCHEMA)])

    async def called(_: Any, params: Any) -> CallToolResult:
        result: Any = sold(params.arguments, {"_meta": dict(params.meta or {}), "toolName": params.name})
        done = await result
        return CallToolResult(
            content=[TextContent(type="text", text=part["text"]) for part in done.content],
            structured_content=done.structured_content,
            is_error=done.is_error,
            _meta=done.meta or None,
        )

    return Server("foreign-tools", on_list_tools=listed, on_call_tool=called)


async def _serve(made: Server[Any]) -> None:
    async with stdio_server() as (incoming, outgoing):
        await made.run(incoming, outgoing, made.create_initialization_options())


def main(facilitator: str, terms: str, port: str) -> None:
    """Serve until the input ends, or the process is ended."""
    made = server(facilitator, PaymentRequirements.model_validate_json(terms))
    if int(port):
        uvicorn.run(made.streamable_http_app(), host="127.0.0.1", port=int(port), log_level="warning")
    else:
        asyncio.run(_serve(made))


if __name__ == "__main__":
    main(*sys.argv[1:])
