"""The Model Context Protocol: every service on sale as a tool, paid for as its HTTP route is, at /mcp."""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec
from litestar import Litestar, asgi
from litestar.enums import HttpMethod, ScopeType
from litestar.exceptions import MethodNotAllowedException
from litestar.types import Receive, Scope, Send
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp_types import (
    BlobResourceContents,
    CallToolRequestParams,
    CallToolResult,
    ContentBlock,
    EmbeddedResource,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
)

from protocol import headers as names
from protocol.intent import Intent
from protocol.wire import PaymentRequired, SettleResponse
from server.application.paddock import Paddock
from server.application.pay import Sold, pay
from server.application.present import PaidCall
from server.application.tracing import HEADER, purchased
from server.application.use_key import ask_by_key
from server.domain.errors import BadArguments, CallbackFailed, Misdirected, PaddockError, PaymentRefused
from server.domain.orders import Order
from server.services.arguments import MAX_BODY, json_schema
from server.services.service import Service
from server.web.offering import failure, offered, require_askable, terms
from server.web.origins import origin_of
from server.web.outcomes import OUTCOMES, count_refusal
from server.web.price import price_of

PATH = "/mcp"
Context = ServerRequestContext[Any, Any]


def resource_of(service: Service) -> str:
    """The URL of a tool in x402's words."""
    return f"mcp://tool/{service.slug}"


async def list_tools(context: Context, _params: PaginatedRequestParams | None) -> ListToolsResult:
    """Every service, its price in its description."""
    paddock = _paddock(context)
    return ListToolsResult(tools=[_tool(service, paddock) for service in paddock.services.values()])


async def call_tool(context: Context, params: CallToolRequestParams) -> CallToolResult:
    """The terms, or the answer to a payment; an error is a result that says so, with our problem's members."""
    paddock = _paddock(context)
    try:
        service = await offered(paddock, params.name)
        call = _call(paddock, service, context, params)
        if not call.v2:
            await ask_by_key(paddock, call)
            require_askable(service, call, given=bool(params.arguments))
            return _error(await terms(paddock, service, call))
        with purchased(paddock.tracing, service.slug, _traceparents(context)):
            return await _bought(paddock, service, call)
    except PaddockError as error:
        return _problem(error)


async def _bought(paddock: Paddock, service: Service, call: PaidCall) -> CallToolResult:
    try:
        sold = await pay(paddock, service, call)
    except PaymentRefused as error:
        count_refusal(service.slug, error)
        return _error(await terms(paddock, service, call, error), failure(paddock, error))
    except CallbackFailed as error:
        OUTCOMES.labels(service.slug, "callback_failed").inc()
        return _problem(error, error.members["settlement"])
    except PaddockError as error:
        OUTCOMES.labels(service.slug, error.slug).inc()
        raise
    OUTCOMES.labels(service.slug, "sold").inc()
    return _sold(call, sold)


def _traceparents(context: Context) -> list[tuple[bytes, bytes]]:
    """The trace that a call names in its `_meta`, as MCP has it, else those of the HTTP request."""
    named = (context.meta or {}).get(HEADER)
    if isinstance(named, str):
        return [(HEADER.encode(), named.encode())]
    given: list[tuple[bytes, bytes]] = _asked(context).scope["headers"]
    return given


def _call(paddock: Paddock, service: Service, context: Context, params: CallToolRequestParams) -> PaidCall:
    """A tool's call as the request for its route that it stands for, so that both are one purchase's."""
    host = _asked(context).headers.get("host", "")
    origin = origin_of(paddock, host)
    if origin is None:
        raise Misdirected(f"the request's host is {host[:100]!r}")
    given, query, body = params.arguments or {}, b"", b""
    if service.method == "POST":
        body = msgspec.json.encode(given, order="sorted")
    elif given:
        query = urlencode([(name, _text(name, value)) for name, value in sorted(given.items())]).encode()
    target = f"{paddock.prefix}/v1/{service.slug}".encode() + (b"?" + query if query else b"")
    intent = Intent(
        method=service.method,
        authority=urlsplit(origin).netloc,
        target=target,
        content_type="application/json" if body else "",
        body=body,
        tenant=service.merchant,
    )
    paid = (context.meta or {}).get(names.MCP_PAYMENT)
    header = (names.encode(paid).encode(),) if isinstance(paid, dict) else ()
    keys = tuple(key.encode("latin-1") for key in _asked(context).headers.getlist(names.BUYER_KEY))
    return PaidCall(intent, origin, query, v2=header, keys=keys, resource=resource_of(service))


def _text(name: str, value: object) -> str:
    """An argument of a GET as it stands in a query. Raises BadArguments for what cannot."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    raise BadArguments(f"{name[:64]}: this tool takes text, numbers and booleans alone")


def _sold(call: PaidCall, sold: Sold) -> CallToolResult:
    """The answer as content of its kind, or where the order stands while its callback still runs: that is none."""
    if sold.delivery is None:
        return _error(_pending(sold.order, call.origin), sold.settlement)
    body, kind = sold.delivery.body, sold.delivery.content_type
    value = json.loads(body) if kind == "application/json" else None
    return CallToolResult(
        content=[_content(body, kind, f"{call.origin}/api/orders/{sold.order.id}")],
        structured_content=value if isinstance(value, dict) else None,
        _meta=_meta(sold.settlement),
    )


def _content(body: bytes, kind: str, url: str) -> ContentBlock:
    """Text as text, and anything else as a resource in base64."""
    if kind == "application/json" or kind.startswith("text/"):
        return TextContent(type="text", text=body.decode("utf-8", "replace"))
    blob = BlobResourceContents(uri=url, mime_type=kind, blob=base64.b64encode(body).decode())
    return EmbeddedResource(type="resource", resource=blob)


def _problem(error: PaddockError, settlement: SettleResponse | None = None) -> CallToolResult:
    """One of our errors: title, detail, what to do, and its members."""
    members = {name: value for name, value in error.members.items() if name != "settlement"}
    told = {"type": f"/problems/{error.slug}", "title": error.title, "status": error.status, "detail": error.detail}
    return _error(told | {"action": error.action} | members, settlement)


def _pending(order: Order, origin: str) -> dict[str, Any]:
    """For a call whose callback still runs, in the members of a problem."""
    return {
        "type": "/problems/pending",
        "title": "The payment is taken, and what it sets off still runs",
        "status": 202,
        "detail": f"order {order.id} is {order.shown}",
        "action": "Call again with the same payment in two seconds, or ask status_url.",
        "order_id": order.id,
        "status_url": f"{origin}/api/orders/{order.id}",
    }


def _error(told: PaymentRequired | dict[str, Any], settlement: SettleResponse | None = None) -> CallToolResult:
    """A result that is no answer: what is told stands in both places that the specification names."""
    text = names.to_json(told).decode()
    return CallToolResult(
        content=[TextContent(type="text", text=text)],
        structured_content=json.loads(text),
        is_error=True,
        _meta=_meta(settlement),
    )


def _meta(settlement: SettleResponse | None) -> dict[str, Any] | None:
    return None if settlement is None else {names.MCP_RESPONSE: json.loads(names.to_json(settlement))}


def _tool(service: Service, paddock: Paddock) -> Tool:
    price = price_of(service, paddock.market.asset).words
    return Tool(
        name=service.slug,
        title=service.title,
        description=f"{service.summary} Costs {price}, paid by x402.",
        input_schema=json_schema(service.arguments),
        output_schema=None,
    )


def _paddock(context: Context) -> Paddock:
    found: Paddock = _asked(context).scope["litestar_app"].state.paddock
    return found


def _asked(context: Context) -> Any:
    """The HTTP request that carries a message: this transport always has one."""
    assert context.request is not None
    return context.request


@asgi(PATH, is_mount=True, copy_scope=True)
async def mcp_endpoint(scope: Scope, receive: Receive, send: Send) -> None:
    """Streamable HTTP without sessions and without streams of its own: any server answers any POST."""
    if scope["type"] != ScopeType.HTTP or scope["method"] != HttpMethod.POST:
        raise MethodNotAllowedException("tools are called with POST", headers={"Allow": "POST"})
    await scope["litestar_app"].state.tools.handle_request(scope, receive, send)


@asynccontextmanager
async def tool_sessions(app: Litestar) -> AsyncIterator[None]:
    """The transport, as long as the application runs."""
    server: Server[Any] = Server("Paddock", on_list_tools=list_tools, on_call_tool=call_tool)
    app.state.tools = StreamableHTTPSessionManager(
        server, json_response=True, stateless=True, max_request_body_size=MAX_BODY
    )
    async with app.state.tools.run():
        yield
