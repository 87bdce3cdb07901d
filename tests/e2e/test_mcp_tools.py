"""Services as MCP tools over HTTP: bought by the official x402 client for MCP, and by the agent as a process."""

import json
import subprocess
import sys
from types import SimpleNamespace

from mcp import Client
from x402.mcp import x402MCPClient

from scripts.accounts import account
from tests.stack import official
from tests.stack.policies import policy
from tests.stack.processes import ROOT

SIGNAL = {"symbol": "DEMO-TREND", "window": 20}
TOOLS = """
[[merchants]]
origin = "mcp+{origin}"
routes = ["/mcp/*"]
pay_to = ["{pay_to}"]
"""


class Session:
    """The official MCP client as the official x402 client, made for an earlier one, calls it and reads its results."""

    def __init__(self, client):
        self._client = client

    async def call_tool(self, params, read_timeout_seconds):
        name, arguments, seconds = params["name"], params["arguments"], read_timeout_seconds.total_seconds()
        result = await self._client.call_tool(name, arguments, meta=params.get("_meta"), read_timeout_seconds=seconds)
        return SimpleNamespace(**result.model_dump(by_alias=True))


async def test_the_official_client_buys_a_tool(place, payer, market):
    async with Client(f"{place.url}/mcp") as client:
        bought = await x402MCPClient(Session(client), official.payments(payer, market)).call_tool(
            "market-signal", SIGNAL
        )
    assert (bought.is_error, bought.payment_made) == (False, True)
    assert json.loads(bought.content[0]["text"])["symbol"] == "DEMO-TREND"
    assert bought.payment_response.success
    assert bought.payment_response.network == market.network


def test_the_agent_buys_a_tool_and_proves_it(place, payer, market, anvil, tmp_path):
    wallet = tmp_path / "wallet.key"
    wallet.write_text(payer.key.hex())
    more = TOOLS.format(origin=place.url, pay_to=account("merchant").address)
    (tmp_path / "policy.toml").write_text(policy(market.network, market.asset, place.url, more))
    environ = {
        "PADDOCK_AGENT_HOME": str(tmp_path),
        "PADDOCK_AGENT_RPC": anvil.url,
        "PADDOCK_AGENT_SELLER": place.url,
        "PADDOCK_AGENT_FINALITY": "latest",
        "PADDOCK_AGENT_KEY_FILE": str(wallet),
        "PADDOCK_AGENT_STACK": str(tmp_path / "none.json"),
    }

    def agent(*arguments):
        command = [sys.executable, "-m", "agent.cli", *arguments]
        return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120)

    listed = agent("tool", f"mcp+{place.url}/mcp")
    assert "market-signal" in listed.stdout, listed.stderr
    done = agent("tool", f"mcp+{place.url}/mcp", "market-signal", "-d", json.dumps(SIGNAL))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["structuredContent"]["symbol"] == "DEMO-TREND"
    assert "delivered 0.005" in done.stderr
