"""`paddock-agent mcp` and `paddock-agent tool` at the edges: what is loaded, what is printed, what is refused."""

import json
import os
import subprocess
import sys

import pytest

from agent.cli import main
from agent.mcp.client import Servers
from tests.fakes.buyer_chain import RPC
from tests.fakes.seller import ORIGIN, FakeSeller, account, policy
from tests.fakes.tool_seller import MERCHANT, FakeToolSeller


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """The command line in this process, on a home of its own: its status, its output, its complaints."""
    for name in [name for name in os.environ if name.startswith("PADDOCK_")]:
        monkeypatch.delenv(name)
    given = {"HOME": tmp_path, "RPC": RPC, "SELLER": ORIGIN, "STACK": tmp_path / "none.json"}
    given |= {"KEY": "0x" + account("buyer").key.hex()}
    for name, value in given.items():
        monkeypatch.setenv(f"PADDOCK_AGENT_{name}", str(value))
    (tmp_path / "policy.toml").write_text(policy(more=MERCHANT))
    tools = FakeToolSeller(FakeSeller())
    monkeypatch.setattr(Servers, "_place", lambda _self, _server: tools.server())

    def command(*arguments):
        status = main(list(arguments))
        return status, *capsys.readouterr()

    return command


def test_the_rest_of_the_agent_loads_nothing_of_mcp():
    script = "import sys, agent, agent.cli; print([n for n in ('mcp', 'mcp_types') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"


def test_the_configuration_is_one_line_of_absolute_paths_without_a_secret(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, shown, _ = run("mcp", "--show-config", "--task", "desk", "--approver-key-file", "approver.key")
    paddock = json.loads(shown)["mcpServers"]["paddock"]
    assert (status, shown.count("\n")) == (0, 1)
    assert paddock["args"][2:] == ["mcp", "--task", "desk", "--approver-key-file", str(tmp_path / "approver.key")]
    assert paddock["env"]["PADDOCK_AGENT_HOME"] == str(tmp_path)
    assert account("buyer").key.hex() not in shown


@pytest.mark.parametrize(("role", "words"), [("stranger", "the policy's approver is"), (None, "cannot be read")])
def test_a7_a_key_that_is_not_the_approvers_is_refused_at_the_start(run, tmp_path, role, words):
    if role is not None:
        (tmp_path / "some.key").write_text(account(role).key.hex())
    status, shown, told = run("mcp", "--approver-key-file", str(tmp_path / "some.key"))
    assert (status, shown) == (1, "")
    assert words in told


def test_a_servers_tools_are_listed_and_its_words_made_harmless(run):
    status, shown, _ = run("tool", "mcp://shop")
    assert status == 0
    assert ("echo" in shown, "text" in shown) == (True, True)
    assert "\x1b" not in shown


def test_a_free_tool_is_called_and_answers_on_standard_output(run):
    status, shown, _ = run("tool", "mcp://shop", "free")
    assert (status, json.loads(shown)["content"][0]["text"]) == (0, "for nothing")


def test_a15_what_a_server_writes_to_its_error_output_reaches_no_terminal(tmp_path):
    loud = [sys.executable, "-c", "import sys; print('\x1b[2J loud', file=sys.stderr)"]
    entry = MERCHANT.replace('["never-started"]', json.dumps(loud))
    (tmp_path / "policy.toml").write_text(policy(more=entry))
    environ = {"PATH": os.environ["PATH"], "PADDOCK_AGENT_HOME": str(tmp_path), "COLUMNS": "200"}
    command = [sys.executable, "-m", "agent.cli", "tool", "mcp://shop"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert "mcp://shop does not answer" in done.stderr
    assert "loud" not in done.stderr


@pytest.mark.parametrize("server", ["shop", "file:///bin/sh", "sh -c true"])
def test_a_command_or_another_url_is_no_server(run, server):
    status, _, told = run("tool", server, "echo")
    assert status == 1
    assert "is no MCP server" in told
