"""`paddock-agent mcp` and `paddock-agent tool` as processes: official client before them, official seller behind."""

import json
import subprocess
import sys
from contextlib import asynccontextmanager

import pytest
from mcp import Client, StdioServerParameters
from mcp_types import ElicitResult

from scripts.accounts import account
from tests.stack import foreign_tools
from tests.stack.policies import policy
from tests.stack.processes import ROOT, free_port, start_python

TOOLS = """modes = ["DIRECT", "DELEGATE"]
[[merchants]]
origin = "{tools}"
routes = ["/**"]
pay_to = ["{seller}"]
command = {command}
"""
SELLER = account("stranger").address


class Home:
    """A folder with policy and keys, and the environment in which the agent runs on it."""

    def __init__(self, folder, place, payer, market, anvil):
        self.folder, self.place, self.market = folder, place, market
        self.approver = folder / "approver.key"
        self.approver.write_text(account("approver").key.hex())
        wallet = folder / "wallet.key"
        wallet.write_text(payer.key.hex())
        self.environ = {
            "PADDOCK_AGENT_HOME": str(folder),
            "PADDOCK_AGENT_RPC": anvil.url,
            "PADDOCK_AGENT_SELLER": place.url,
            "PADDOCK_AGENT_FINALITY": "latest",
            "PADDOCK_AGENT_KEY_FILE": str(wallet),
            "PADDOCK_AGENT_STACK": str(folder / "none.json"),
        }
        self.allow("mcp://reports", [sys.executable, *self.sold()])

    def sold(self, port=0):
        """The arguments of a foreign server that settles at the marketplace's facilitator."""
        return foreign_tools.arguments(f"{self.place.url}/facilitator", self.market, SELLER, port)

    def allow(self, tools, command=()):
        """Write the policy, with this MCP server beside the marketplace."""
        limits = {"per_task": "0.06", "above": "0.01", "approver": account("approver").address}
        more = TOOLS.format(tools=tools, seller=SELLER, command=json.dumps(list(command)))
        text = policy(self.market.network, self.market.asset, self.place.url, more, **limits)
        self.folder.joinpath("policy.toml").write_text(text)

    def run(self, *arguments):
        """`paddock-agent …`, to its end."""
        command = [sys.executable, "-m", "agent.cli", *arguments]
        return subprocess.run(command, cwd=ROOT, env=self.environ, capture_output=True, text=True, timeout=120)

    @asynccontextmanager
    async def assistant(self, person=None, *arguments):
        """The official client with `paddock-agent mcp` behind it, started as its line of configuration says."""
        (configured,) = json.loads(self.run("mcp", "--show-config", *arguments).stdout)["mcpServers"].values()
        process = StdioServerParameters(**configured, cwd=ROOT)
        async with Client(process, elicitation_callback=person, read_timeout_seconds=120) as session:
            yield session


@pytest.fixture
def home(tmp_path, place, payer, market, anvil):
    return Home(tmp_path, place, payer, market, anvil)


async def call(session, tool, **arguments):
    result = await session.call_tool(tool, arguments)
    assert not result.is_error, result.content
    return result.structured_content


async def test_an_assistant_searches_buys_is_refused_is_approved_by_a_person_and_reads_the_receipt(home, market):
    asked = []

    async def person(_, params):
        asked.append(params.message)
        return ElicitResult(action="accept", content={"approve": True})

    risk = {"url": f"{home.place.url}/v1/contract-risk", "body": {"address": market.asset.address}}
    async with home.assistant(person, "--approver-key-file", str(home.approver), "--task", "desk") as session:
        listed = await call(session, "search", query="market signal")
        (signal,) = [one for one in listed["offers"] if one["url"].endswith("/v1/market-signal")]
        assert (signal["verdict"], signal["price"]["amount"]) == ("allow", "0.005")
        url = f"{signal['url']}?symbol=DEMO-TREND&window=20"
        assert (await call(session, "price", url=url))["price"]["amount"] == "0.005"

        bought = await call(session, "buy", url=url)
        assert (bought["status"], bought["answer"]["symbol"], bought["proof"]) == ("delivered", "DEMO-TREND", "proven")
        assert asked == []

        dear = await call(session, "buy", **risk)
        assert (dear["status"], dear["rule"], dear["paid"]["amount"]) == ("delivered", "approval", "0.05"), dear
        assert len(set(asked)) == 1
        assert "price: 0.05" in asked[0]

        over = await call(session, "buy", **risk | {"body": {"address": home.market.contracts["AccessPass"].address}})
        assert (over["status"], over["rule"], over["paid"]) == ("refused", "limits.per_task", None)
        assert len(set(asked)) == 1

        receipts = (await call(session, "receipts"))["receipts"]
        assert [one["receipt_id"] for one in receipts] == [dear["receipt_id"], bought["receipt_id"]]
        assert {one["proof"] for one in receipts} == {"proven"}
        (left,) = (await call(session, "budget"))["assets"]
        assert left["left"]["limits.per_task"] == "0.005"


async def test_a_paid_tool_of_the_official_sdk_is_bought_on_the_command_line(home):
    listed = home.run("tool", "mcp://reports")
    assert "report" in listed.stdout, listed.stderr
    done = home.run("tool", "mcp://reports", "report", "-d", '{"topic": "goats"}')
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["content"][0]["text"] == f"{foreign_tools.REPORT}: goats"
    assert "delivered 0.007" in done.stderr


async def test_a_paid_tool_behind_http_is_bought_by_the_assistant(home, tmp_path):
    port = free_port()
    foreign = start_python("foreign-tools", home.sold(port), tmp_path, {})
    try:
        foreign.wait_to_listen(port)
        origin = f"mcp+http://127.0.0.1:{port}"
        home.allow(origin)
        async with home.assistant() as session:
            bought = await call(session, "buy", url=f"{origin}/mcp/report", body={"topic": "milk"})
        assert (bought["status"], bought["paid"]["atomic"]) == ("delivered", str(foreign_tools.PRICE)), bought
        assert bought["answer"]["content"][0]["text"] == f"{foreign_tools.REPORT}: milk"
    finally:
        foreign.stop()
