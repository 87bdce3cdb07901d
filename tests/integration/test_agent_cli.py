"""`paddock-agent` as its users run it: a process of its own, a person's command beside it, real sockets."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import pytest
from eth_account import Account

from agent.cli import main
from tests.fakes.buyer_chain import TOKEN
from tests.fakes.seller import ORIGIN, FakeSeller, account, policy
from tests.stack.processes import free_port, start
from tests.stack.proxied import agent_environment, run_proxied

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
        self.environ = agent_environment(home, proxy)

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
    with run_proxied(seller) as proxy:
        yield Shell(tmp_path, proxy, seller, capfd)


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


def test_stop_stops_what_another_process_buys_and_start_lets_it_go_on(shell: Shell) -> None:
    assert "odd prices" in shell.spawn("stop", "odd prices").stdout
    refused = shell.run("fetch", URL)
    assert refused.returncode == 3
    assert "switch.stopped" in refused.stderr
    assert shell.seller.payments == []
    assert "odd prices" in shell.run("start").stdout
    assert "was not stopped" in shell.run("start").stdout
    assert shell.run("fetch", URL).returncode == 0


def test_policy_commands_say_what_would_be_decided_and_pay_nothing(shell: Shell) -> None:
    strict = shell.home / "strict.toml"
    strict.write_text(policy(per_call="0.01"))
    allowed = shell.run("policy", "explain", URL)
    assert (allowed.returncode, "merchants[0].routes[0]" in allowed.stdout) == (0, True)
    refused = shell.run("policy", "explain", URL, "--policy", str(strict))
    assert (refused.returncode, "limits.per_call" in refused.stdout) == (3, True)
    tested = shell.run("policy", "test", "--policy", str(strict))
    assert "limits.per_call" in tested.stdout
    assert f"GET {URL.partition('?')[0]}" in tested.stdout
    assert shell.seller.payments == []


def test_policy_replay_names_what_a_stricter_policy_would_have_stopped(shell: Shell) -> None:
    strict = shell.home / "strict.toml"
    strict.write_text(policy(per_call="0.01"))
    assert "0 purchases" in shell.run("policy", "replay").stdout
    shell.run("fetch", URL)
    same = shell.run("policy", "replay")
    assert (same.returncode, "1 would pass" in same.stdout) == (0, True)
    stopped = shell.run("policy", "replay", "--policy", str(strict))
    assert (stopped.returncode, "limits.per_call" in stopped.stdout, "1 would be stopped" in stopped.stdout) == (
        3,
        True,
        True,
    )
    assert len(shell.seller.payments) == 1


def test_a_denied_purchase_is_refused(shell: Shell) -> None:
    shell.seller.amount = 600_000
    shell.run("fetch", URL)
    (question,) = json.loads(shell.run("approvals", "list", "--json").stdout)
    assert shell.run("approvals", "deny", question["id"]).returncode == 0
    assert shell.run("resume", question["id"]).returncode == 3
    assert "already denied" in shell.run("approvals", "deny", question["id"]).stderr


def test_a_person_says_always_lists_what_stands_and_takes_it_back(shell: Shell) -> None:
    shell.seller.amount = 600_000
    shell.run("fetch", URL)
    (question,) = json.loads(shell.run("approvals", "list", "--json").stdout)
    key = ("--key-file", str(shell.key_file))
    refused = shell.spawn("approvals", "always", question["id"], *key)
    assert (refused.returncode, "approval.standing_days" in refused.stderr) == (1, True)
    (shell.home / "policy.toml").write_text(policy(approval=", standing_days = 30"))
    assert "30 days at most" in shell.spawn("approvals", "always", question["id"], "--days", "31", *key).stderr
    given = shell.spawn("approvals", "always", question["id"], "--days", "7", *key)
    assert (given.returncode, "for up to 0.6 USDC each" in given.stdout) == (0, True), given.stderr
    assert shell.run("resume", question["id"]).returncode == 0
    assert shell.run("fetch", f"{URL}&n=2").returncode == 0
    (standing,) = json.loads(shell.run("approvals", "standing", "--json").stdout)
    assert (standing["path"], standing["until"] - standing["since"]) == ("/v1/echo", 7 * 86_400)
    assert "1 in force" in shell.run("approvals", "standing").stdout
    assert shell.run("approvals", "revoke", standing["id"]).returncode == 0
    assert shell.run("fetch", f"{URL}&n=3").returncode == 4
    assert shell.run("approvals", "revoke", standing["id"]).returncode == 1
    assert len(shell.seller.payments) == 2


def test_wait_ends_as_waiting_after_its_seconds_and_takes_no_nonsense(shell: Shell) -> None:
    shell.seller.amount = 600_000
    done = shell.run("fetch", URL, "--wait", "0.3")
    assert done.returncode == 4
    assert done.stderr.count("a person decides: paddock-agent approvals approve") == 2
    for nonsense in ("soon", "-1", "nan", "1e9"):
        with pytest.raises(SystemExit):
            shell.run("fetch", URL, f"--wait={nonsense}")


def test_a_wait_that_is_interrupted_leaves_the_purchase_waiting(shell: Shell) -> None:
    shell.seller.amount = 600_000
    child = start("fetch", [sys.executable, "-m", "agent.cli", "fetch", URL, "--wait"], shell.home, shell.environ)
    try:
        child.wait_to_say("a person decides")
        child.process.send_signal(signal.SIGINT)
        assert child.process.wait(20) == 130
    finally:
        child.stop()
    assert "paddock-agent resume" in child.log()
    assert "Traceback" not in child.log()
    (question,) = json.loads(shell.run("approvals", "list", "--json").stdout)
    assert shell.run("approvals", "approve", question["id"], "--key-file", str(shell.key_file)).returncode == 0
    assert shell.run("resume", question["id"]).returncode == 0
    assert len(shell.seller.payments) == 1


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
    header, row = shell.run("receipts", "export", "--csv").stdout.splitlines()
    assert (header.split(",")[1], row.split(",")[1]) == ("receipt_id", receipt)
    header, row = shell.run("report", "--csv").stdout.splitlines()
    assert dict(zip(header.split(","), row.split(","), strict=True))["paid"] == "0.05"
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
    assert shown.stdout.startswith(f"on sale at {ORIGIN}")
    assert "GET /v1/echo " in shown.stdout
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


def test_wallet_shows_balance_allowance_and_what_the_budgets_leave(shell: Shell) -> None:
    shell.seller.chain.allowed = 2_500_000
    shell.run("fetch", URL)
    told = json.loads(shell.run("wallet", "--json").stdout)
    (held,) = told["holdings"]
    assert told["address"] == account("buyer").address
    assert (held["balance"], held["permit2"]) == ("99.95", "2.5")
    assert held["left"] == {"limits.per_task": "4.95", "limits.per_day": "19.95"}
    assert (
        json.loads(shell.run("wallet", "--json", "--task", "new").stdout)["holdings"][0]["left"]["limits.per_task"]
        == "5"
    )
    shell.seller.chain.allowed = 2**256 - 1
    assert json.loads(shell.run("wallet", "--json").stdout)["holdings"][0]["permit2"] == "any amount"
    shell.seller.chain.down = True
    shown = shell.run("wallet")
    assert (shown.returncode, "not asked" in shown.stdout, "19.95" in shown.stdout) == (0, True, True)


def test_a_job_is_planned_done_and_not_done_twice(shell: Shell) -> None:
    job = shell.home / "job.toml"
    job.write_text(
        'task = "job"\nbudget = "0.10"\n[[steps]]\nid = "one"\nwant = "echo"\ninput = { text = "hi" }\n'
        '[[steps]]\nid = "two"\nwant = "echo"\ninput = { text = "{one.answer}" }\noptional = true\n'
    )
    planned = shell.run("run", str(job), "--plan")
    assert (planned.returncode, planned.stdout.count("GET http://seller.test/v1/echo")) == (0, 2)
    assert shell.seller.payments == []
    done = shell.run("run", str(job))
    assert (done.returncode, json.loads(done.stdout)) == (0, {"one": {"answer": 42}, "two": {"answer": 42}})
    texts = [request.url.params["text"] for request in shell.seller.requests if "text" in request.url.params]
    assert list(dict.fromkeys(texts)) == ["hi", "42"]
    assert len(shell.seller.payments) == 2
    again = shell.run("run", str(job))
    assert (again.returncode, again.stdout) == (0, done.stdout)
    assert len(shell.seller.payments) == 2
    assert shell.run("run", str(shell.home / "none.toml")).returncode == 1


def test_a_signer_in_a_process_of_its_own_signs_what_its_policy_allows_and_ends_by_a_signal(shell: Shell) -> None:
    vault = shell.home / "signer"
    vault.mkdir()
    pinned, friend = f'"{account("merchant").address}"', account("stranger").address
    more = f'[[transfers]]\nto = "{friend}"\n[signer]\ngas_per_day = "0.01"\n'
    (vault / "policy.toml").write_text(policy(pay_to=pinned, per_day="0.08", more=more))
    (shell.home / "policy.toml").write_text(policy(more=more))
    token, port = "a-token-of-this-test-only", free_port()
    environ = shell.environ | {"PADDOCK_AGENT_HOME": str(vault), "PADDOCK_AGENT_SIGNER_TOKEN": token}
    signer = start("signer", [sys.executable, "-m", "agent.cli", "signer", "--port", str(port)], vault, environ)
    try:
        signer.wait_to_listen(port)
        keyless = {"PADDOCK_AGENT_SIGNER": f"http://127.0.0.1:{port}", "PADDOCK_AGENT_SIGNER_TOKEN": token}
        del shell.environ["PADDOCK_AGENT_KEY"]
        bought = shell.run("fetch", URL, **keyless)
        assert (bought.returncode, bought.stdout.strip()) == (0, '{"answer":42}')
        refused = shell.run("fetch", f"{URL}&n=2", **keyless)
        assert (refused.returncode, "the signer" in refused.stderr) == (3, True)
        sent, too_much = (shell.run("transfer", TOKEN, friend, amount, **keyless) for amount in ("0.03", "0.01"))
        assert (sent.returncode, too_much.returncode, "the signer" in too_much.stderr) == (0, 3, True)
        assert shell.run("allow", TOKEN, "0.08", **keyless).returncode == 0
        assert [one.sender for one in shell.seller.chain.sent] == [account("buyer").address] * 2
    finally:
        signer.stop()
    assert signer.process.returncode in (0, -15)
    assert account("buyer").key.hex() not in signer.log()
    away = shell.run("fetch", f"{URL}&n=3", **keyless)
    assert (away.returncode, "cannot be asked" in away.stderr) == (1, True)


def test_a_signer_without_a_token_worth_the_name_does_not_start(shell: Shell) -> None:
    refused = shell.run("signer", PADDOCK_AGENT_SIGNER_TOKEN="short")
    assert (refused.returncode, "PADDOCK_AGENT_SIGNER_TOKEN" in refused.stderr) == (1, True)
