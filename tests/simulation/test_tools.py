"""Services as tools: the official MCP client lists them, learns their price, pays, and gets the answer once."""

import base64
import json
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from protocol.headers import MCP_PAYMENT, MCP_RESPONSE, decode
from server.application.pause import turn
from server.services.service import Answer
from server.web.tools import tool_sessions
from tests.simulation.world import ORIGIN, open_world, refuse, service
from tests.stack import siwe
from tests.stack.buyer import Quoted

PNG = b"\x89PNG\r\n\x1a\n\x00\xff"


@pytest.fixture
async def world():
    picture = service("picture", lambda *_: Answer(PNG, "image/png"), answers="image/png")
    async with open_world(picture, service("refusing", refuse(422))) as opened:
        yield opened


@asynccontextmanager
async def connected(world, host=ORIGIN):
    transport = httpx2.ASGITransport(app=world.app)
    async with (
        tool_sessions(world.app),
        httpx2.AsyncClient(transport=transport, base_url=host) as http,
        Client(streamable_http_client(f"{host}/mcp", http_client=http)) as client,
    ):
        yield client


def quoted_in(result, tool="echo"):
    """The terms of an unpaid call, as the tests' buyer signs them."""
    assert result.is_error
    assert json.loads(result.content[0].text) == result.structured_content
    return Quoted(f"mcp://tool/{tool}", "GET", None, result.structured_content, {})


def paid(world, quoted, **changes):
    return {MCP_PAYMENT: decode(world.buyer.pay(quoted, **changes), dict)}


async def buy(world, client, tool="echo", arguments=None):
    """The terms, the payment, and what it buys."""
    quoted = quoted_in(await client.call_tool(tool, arguments), tool)
    meta = paid(world, quoted)
    return quoted, meta, await client.call_tool(tool, arguments, meta=meta)


async def test_every_service_is_a_tool_with_its_price_and_its_schema(world):
    async with connected(world) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert set(tools) == set(world.paddock.services)
    assert tools["echo"].description == "For tests. Costs 0.01 USDC per call, paid by x402."
    assert tools["echo"].input_schema["properties"]["text"] == {"type": "string", "default": "hello"}


@pytest.mark.parametrize("tool", ["echo", "echo-post"])
async def test_a_tool_is_paid_for_and_answers_once(world, tool):
    async with connected(world) as client:
        quoted, meta, sold = await buy(world, client, tool, {"text": "hi"})
        assert quoted.required["resource"]["url"] == f"mcp://tool/{tool}"
        assert (sold.is_error, sold.structured_content) == (False, {"text": "hi", "run": 1})
        assert json.loads(sold.content[0].text) == sold.structured_content
        assert sold.meta[MCP_RESPONSE]["success"] is True
        again = await client.call_tool(tool, {"text": "hi"}, meta=meta)
    assert (again.structured_content, again.meta) == (sold.structured_content, sold.meta)
    assert (world.settlements(), world.runs["echo"]) == (1, 1)
    order = await world.order(quoted.id)
    assert order.terms.resource_url == f"mcp://tool/{tool}"


async def test_s1_a_payment_buys_the_arguments_that_it_was_quoted_for_and_no_others(world):
    async with connected(world) as client:
        quoted = quoted_in(await client.call_tool("echo", {"text": "hi"}))
        meta = paid(world, quoted)
        for tool, arguments in (("echo", {"text": "ho"}), ("echo", {}), ("echo-post", {"text": "hi"})):
            refused = await client.call_tool(tool, arguments, meta=meta)
            assert "binding_mismatch" in refused.structured_content["error"]
            assert refused.meta[MCP_RESPONSE]["success"] is False
        assert world.settlements() == 0
        assert (await client.call_tool("echo", {"text": "hi"}, meta=meta)).is_error is False


async def test_what_a_tool_was_paid_for_is_given_again_at_its_route_to_the_same_wallet(world):
    async with connected(world) as client:
        _, _, sold = await buy(world, client, "echo", {"text": "hi"})
    url = world.url("echo", "?text=hi")
    world.clock.advance(1)
    required = (await world.buyer.ask(url)).required
    header = siwe.header(siwe.proof(world.buyer.account, required))
    again = await world.client.get(url, headers={"SIGN-IN-WITH-X": header})
    assert (again.status_code, again.json()) == (200, sold.structured_content)
    assert world.settlements() == 1


async def test_what_is_no_text_comes_as_a_resource(world):
    async with connected(world) as client:
        _, _, sold = await buy(world, client, "picture")
    (content,) = sold.content
    assert (content.type, content.resource.mime_type) == ("resource", "image/png")
    assert base64.b64decode(content.resource.blob) == PNG


@pytest.mark.parametrize(
    ("tool", "arguments", "problem"),
    [
        ("nothing", {}, "unknown-service"),
        ("echo", {"txt": "hi"}, "bad-arguments"),
        ("echo", {"text": {"a": 1}}, "bad-arguments"),
        ("echo-post", {"text": 7}, "bad-arguments"),
        ("echo-post", {"text": 2**70}, "bad-arguments"),
        ("echo-post", {"text": {"a": 2**70}}, "bad-arguments"),
        ("echo", {"text": None}, "bad-arguments"),
        ("echo-post", {"t" * 5_000: 1}, "bad-arguments"),
        ("echo", {"text": "a" * 5_000}, "bad-arguments"),
    ],
)
async def test_a_call_that_cannot_be_is_told_so_before_any_price(world, tool, arguments, problem):
    async with connected(world) as client:
        refused = await client.call_tool(tool, arguments)
    assert refused.is_error
    assert refused.structured_content["type"] == f"/problems/{problem}"
    assert "accepts" not in refused.structured_content


@pytest.mark.parametrize("tool", ["echo", "echo-post"])
@pytest.mark.parametrize("text", [r"\ud800", "\0", "[" * 100_000])
async def test_s21_a_message_that_no_client_would_write_is_refused_and_not_stumbled_over(world, tool, text):
    """Written by hand: a lone surrogate, an escape that is none, and what nests without end."""
    argument = text if text.startswith("[") else f'"{text}"'
    params = {"name": tool, "arguments": {"text": "HERE"}}
    message = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    async with connected(world):
        answer = await world.client.post("/mcp", content=message.replace('"HERE"', argument).encode(), headers=headers)
    assert answer.status_code in (200, 400)
    told = answer.json()
    assert "error" in told or told["result"]["isError"]
    assert "Traceback" not in answer.text
    assert world.settlements() == 0


async def test_a_tool_that_fails_costs_nothing(world):
    async with connected(world) as client:
        _, _, failed = await buy(world, client, "refusing")
    assert failed.is_error
    assert failed.structured_content["detail"] == "these arguments are no good"
    assert world.settlements() == 0


async def test_a_call_whose_callback_still_runs_is_no_answer_yet(world):
    async with connected(world) as client:
        quoted, meta, running = await buy(world, client, "access-pass")
        assert (running.is_error, running.structured_content["status"]) == (True, 202)
        assert running.structured_content["order_id"] == quoted.id
        assert running.meta[MCP_RESPONSE]["success"] is True
        await world.work(30)
        sold = await client.call_tool("access-pass", meta=meta)
    assert (sold.is_error, world.settlements()) == (False, 1)


async def test_an_edited_payment_buys_nothing(world):
    async with connected(world) as client:
        quoted = quoted_in(await client.call_tool("echo"))
        for meta in (
            paid(world, quoted, value="9999"),
            {MCP_PAYMENT: {"x402Version": 2}},
            {MCP_PAYMENT: {"x402Version": 1}},
            {MCP_PAYMENT: {}},
        ):
            assert (await client.call_tool("echo", meta=meta)).is_error
    assert (world.settlements(), await world.orders()) == (0, [])


async def test_a_service_off_sale_has_no_terms_and_still_answers_who_paid(world):
    async with connected(world) as client:
        _, meta, sold = await buy(world, client, "echo", {"text": "hi"})
        world.paddock.off_sale["echo"] = replace(world.paddock.services.pop("echo"), on_sale=False)
        refused = await client.call_tool("echo", {"text": "hi"})
        assert refused.structured_content["type"] == "/problems/off-sale"
        assert "echo" not in {tool.name for tool in (await client.list_tools()).tools}
        again = await client.call_tool("echo", {"text": "hi"}, meta=meta)
    assert again.structured_content == sold.structured_content


async def test_while_settlement_is_paused_the_terms_say_so(world):
    async with connected(world) as client:
        await turn(world.db, world.clock, on=True, reason="a drill", by="test")
        world.clock.advance(1)
        quoted = quoted_in(await client.call_tool("echo"))
        refused = await client.call_tool("echo", meta=paid(world, quoted))
    assert "paused" in quoted.required["error"]
    assert (refused.structured_content["status"], world.settlements()) == (503, 0)


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
async def test_there_is_no_stream_to_hold_open(world, method):
    async with connected(world):
        answer = await world.client.request(method, "/mcp", headers={"Accept": "text/event-stream"})
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_s21_a_foreign_host_is_told_nothing(world):
    async with connected(world, "http://elsewhere.test") as client:
        refused = await client.call_tool("echo")
    assert refused.structured_content["type"] == "/problems/misdirected"
