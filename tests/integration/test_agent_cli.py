"""`paddock-agent` as its users run it: a process of its own, a person's command beside it, real sockets."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import httpx
import pytest
from eth_account import Account

from agent.cli import main
from tests.fakes.buyer_chain import RPC, TOKEN
from tests.fakes.seller import ORIGIN, FakeSeller, account, policy

URL = f"{ORIGIN}/v1/echo?text=hi"


class Ended(NamedTuple):
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


class Shell:
    """Runs the command line against the fake seller, which it reaches by way of an HTTP proxy."""

    def __init__(self, home: Path, proxy: str, seller: FakeSeller, capture: pytest.CaptureFixture[str]) -> None:
        self.home, self.seller, self._capture = home, seller, capture
        self.key_file = home / "approver.key"
        self.key_file.write_text(account("approver").key.hex())
        (home / "policy.toml").write_text(policy())
        self.environ = {
            "PATH": os.environ["PATH"],
            "HTTP_PROXY": proxy,
            "COLUMNS": "200",
            "PADDOCK_AGENT_HOME": str(home),
            "PADDOCK_AGENT_RPC": RPC,
            "PADDOCK_AGENT_SELLER": ORIGIN,
            "PADDOCK_AGENT_FINALITY": "latest",
            "PADDOCK_AGENT_KEY": account("buyer").key.hex(),
            "PADDOCK_AGENT_STACK": str(home / "no-stack.json"),
        }

    def run(self, *arguments: str, **environ: str) -> Ended:
        """In this process, with exactly that environment."""
        self._capture.readouterr()
        with mock.patch.dict(os.environ, self.environ | environ, clear=True):
            status = main(list(arguments))
        return Ended(status, *self._capture.readouterr())

    def spawn(self, *arguments: str, **environ: str) -> Ended:
        """In a process of its own, as a person would beside the agent."""
        command = [sys.executable, "-m", "agent.cli", *arguments]
        done = subprocess.run(command, env=self.environ | environ, capture_output=True, text=True, timeout=60)
        return Ended(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def shell(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Iterator[Shell]:
    seller = FakeSeller()
    seller.clock.moment = datetime.now(UTC)

    class Proxy(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            response = seller.handle(httpx.Request(self.command, self.path, headers=dict(self.headers), content=body))
            self.send_response(response.status_code)
            for name, value in response.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(response.content)

        do_GET = do_POST = answer

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Shell(tmp_path, f"http://127.0.0.1:{server.server_port}", seller, capfd)
    server.shutdown()
    thread.join()
    server.server_close()


def test_fetch_prints_the_answer_like_curl_and_one_line_about_the_payment(shell: Shell) -> None:
    done = shell.run("fetch", URL, "--task", "research")
    assert (done.returncode, done.stdout) == (0, '{"answer":42}\n')
    assert "delivered 0.05 USDC · DIRECT · proof proven" in done.stderr
    assert "0x" + account("buyer").key.hex() not in done.stderr
    report = json.loads(shell.run("report", "--json").stdout)
    assert [(line["key"], line["settled"], line["open"]) for line in report] == [("research", 50_000, 0)]
    assert "0.05 USDC" in shell.run("report", "--by", "merchant").stdout


def test_allow_says_what_permit2_may_move_and_is_refused_beyond_the_policy(shell: Shell) -> None:
    done = shell.run("allow", TOKEN, "2.50")
    assert (done.returncode, shell.seller.chain.allowed) == (0, 2_500_000)
    assert done.stdout.startswith("Permit2 may move 2.5 of ")
    assert shell.run("allow", TOKEN, "20.01").returncode == 3
    assert shell.run("allow", "usdc", "1").returncode == 1
    assert len(shell.seller.chain.sent) == 1


def test_fetch_posts_json(shell: Shell) -> None:
    assert shell.run("fetch", URL, "-d", '{"text": "hi"}').returncode == 0
    assert [request.method for request in shell.seller.requests if request.url.path == "/v1/echo"] == ["POST", "POST"]


def test_a_dear_purchase_waits_is_approved_by_a_person_and_resumed(shell: Shell) -> None:
    shell.seller.amount = 600_000
    waiting = shell.run("fetch", URL)
    assert (waiting.returncode, waiting.stdout) == (4, "")
    assert "paddock-agent approvals approve pur_" in waiting.stderr
    (question,) = json.loads(shell.run("approvals", "list", "--json").stdout)
    assert (question["amount"], question["payTo"]) == ("600000", account("merchant").address)
    assert "0.6 USDC" in shell.run("approvals", "list").stdout

    wrong = shell.run("approvals", "approve", question["id"], PADDOCK_APPROVER_KEY=account("buyer").key.hex())
    assert wrong.returncode == 1
    assert "only 0x" in wrong.stderr
    assert "takes the approver's key" in shell.run("approvals", "approve", question["id"]).stderr

    key = ("--key-file", str(shell.key_file))
    approved = shell.spawn("approvals", "approve", question["id"], *key, PADDOCK_AGENT_KEY="")
    assert approved.returncode == 0
    assert "approved: 0.6 USDC" in approved.stdout
    done = shell.run("resume", question["id"])
    assert (done.returncode, done.stdout) == (0, '{"answer":42}\n')


def test_a_denied_purchase_is_refused(shell: Shell) -> None:
    shell.seller.amount = 600_000
    shell.run("fetch", URL)
    (question,) = json.loads(shell.run("approvals", "list", "--json").stdout)
    assert shell.run("approvals", "deny", question["id"]).returncode == 0
    assert shell.run("resume", question["id"]).returncode == 3
    assert "already denied" in shell.run("approvals", "deny", question["id"]).stderr


def test_each_end_has_its_exit_status(shell: Shell) -> None:
    shell.seller.amount = 2_000_000
    refused = shell.run("fetch", URL)
    assert refused.returncode == 3
    assert "limits.per_call" in refused.stderr
    shell.seller.amount, shell.seller.mode = 50_000, "DELEGATE"
    shell.seller.paid.append("undone")
    assert shell.run("fetch", f"{URL}&n=1").returncode == 6
    shell.seller.paid.append("402")
    assert shell.run("fetch", f"{URL}&n=2").returncode == 5
    shell.seller.paid.append("garbage")
    assert shell.run("fetch", f"{URL}&n=3").returncode == 7


def test_receipts_are_listed_shown_verified_and_exported(shell: Shell) -> None:
    shell.run("fetch", URL)
    (exported,) = json.loads(shell.run("receipts", "export").stdout)
    assert exported["proof"] == "proven"
    assert exported["payment_response"]["success"] is True
    receipt = exported["receipt_id"]
    assert receipt in shell.run("receipts", "list").stdout
    assert json.loads(shell.run("receipts", "show", receipt).stdout) == exported
    verified = shell.run("receipts", "verify", receipt)
    assert verified.returncode == 0
    assert "proof proven" in verified.stdout
    shell.seller.chain.mined.clear()
    assert shell.run("receipts", "verify", receipt).returncode == 7
    assert "there is no receipt rcp_0" in shell.run("receipts", "show", "rcp_0").stderr


def test_init_writes_a_policy_that_buys_what_discovery_showed(shell: Shell) -> None:
    path = shell.home / "policy.toml"
    assert "exists already" in shell.run("init").stderr
    path.unlink()
    missing = shell.run("fetch", URL)
    assert missing.returncode == 1
    assert "paddock-agent init" in missing.stderr
    assert shell.run("init", "--approver", account("approver").address).returncode == 0
    assert "decimals = 6" in path.read_text()
    bought = shell.run("buy", "echo")
    assert (bought.returncode, bought.stdout) == (0, '{"answer":42}\n')
    assert shell.seller.requests[-1].url.path != "/v1/echo" or "text=hello" in str(shell.seller.requests[-1].url)


def test_discover_shows_offers_and_lets_no_escape_code_of_a_seller_through(shell: Shell) -> None:
    shown = shell.run("discover")
    assert "0.05 USDC" in shown.stdout
    assert "\x1b" not in shown.stdout
    (offer,) = json.loads(shell.run("discover", "echo", "--json").stdout)
    assert (offer["url"], offer["amount"]) == (f"{ORIGIN}/v1/echo", "50000")


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"PADDOCK_AGENT_KEY": "0x12"}, "not a private key"),
        ({"PADDOCK_AGENT_KEY_FILE": "missing.key"}, "cannot be read"),
        ({"PADDOCK_AGENT_TIMEOUT": "soon"}, "PADDOCK_AGENT_TIMEOUT"),
        ({"PADDOCK_AGENT_FINALITY": "never"}, "finalized or latest"),
        ({"PADDOCK_AGENT_BUGDET": "1"}, "PADDOCK_AGENT_BUGDET is not a setting"),
        ({"PADDOCK_AGENT_HOME": "/dev/null/agent", "PADDOCK_AGENT_POLICY": "{home}/policy.toml"}, "cannot be written"),
        ({"PADDOCK_AGENT_POLICY": "missing.toml"}, "there is no policy at missing.toml"),
    ],
)
def test_bad_settings_are_named_with_what_to_do(shell: Shell, environ: dict[str, str], words: str) -> None:
    done = shell.run("fetch", URL, **{name: value.format(home=shell.home) for name, value in environ.items()})
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_seller_that_is_down_and_an_rpc_that_is_down_are_named(shell: Shell) -> None:
    down = shell.run("fetch", URL, HTTP_PROXY="http://127.0.0.1:9")
    assert down.returncode == 1
    assert f"{ORIGIN} does not answer" in down.stderr
    shell.seller.chain.down = True
    shell.seller.handle_unpaid = shell.seller.unpaid
    no_rpc = shell.run("fetch", URL, PADDOCK_AGENT_RPC="http://127.0.0.1:9", NO_PROXY="127.0.0.1")
    assert no_rpc.returncode == 0
    assert "the RPC at http://127.0.0.1:9 does not answer" in no_rpc.stderr


def test_a_keystore_file_is_a_wallet(shell: Shell) -> None:
    keystore = shell.home / "keystore.json"
    encrypted = Account.encrypt(account("buyer").key, "secret", kdf="pbkdf2", iterations=10)
    keystore.write_text(json.dumps(encrypted))
    given = {"PADDOCK_AGENT_KEY_FILE": str(keystore)}
    assert "needs its password" in shell.run("fetch", URL, **given).stderr
    assert "does not open" in shell.run("fetch", URL, PADDOCK_AGENT_KEY_PASSWORD="wrong", **given).stderr
    assert shell.run("fetch", URL, PADDOCK_AGENT_KEY_PASSWORD="secret", **given).returncode == 0
