"""Reputation on a devnet: a merchant registers, buyers pay and review, by signature and in the registry."""

import json
import os
import subprocess
import sys
from unittest import mock

import httpx
import pytest

from agent import Buyer, Settings
from protocol.feedback import GIVE_FEEDBACK, as_uri, file_hash
from scripts.accounts import account
from server.application.read_reputation import summary
from server.domain.calls import encode_call
from server.domain.reputation import IDENTITY_REGISTRY, REPUTATION_REGISTRY
from server.identity_commands import Desk
from tests.conformance.worlds import ETHER, anvil_world
from tests.stack.commands import paddock
from tests.stack.processes import ROOT
from tests.stack.waiting import until

SERVICE = "market-signal"


@pytest.fixture
def agent(place, payer, market, anvil, tmp_path):
    """Runs the agent's command line as the payer's; status and words."""
    stack = {
        "server": place.url,
        "rpc": anvil.url,
        "chain_id": market.chain_id,
        "asset": {"symbol": market.asset.symbol},
        "contracts": {name: contract.address for name, contract in market.contracts.items()},
        "accounts": {"buyer": {"private_key": "0x" + payer.key.hex()}},
    }
    (tmp_path / "stack.json").write_text(json.dumps(stack))
    environ = {
        "PATH": os.environ["PATH"],
        "COLUMNS": "300",
        "PADDOCK_AGENT_HOME": str(tmp_path / "agent"),
        "PADDOCK_AGENT_STACK": str(tmp_path / "stack.json"),
    }

    def run(*words):
        command = [sys.executable, "-m", "agent.cli", *words]
        done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stdout + done.stderr

    def bought():
        """The purchase's id, when its Transfer is final."""
        with mock.patch.dict(os.environ, environ, clear=True):
            buyer = Buyer(Settings.from_env())
        try:
            url = f"{place.url}/v1/{SERVICE}"
            outcome = buyer.buy(url, params={"symbol": "DEMO-TREND"}, again=True)
        finally:
            buyer.close()
        assert outcome.status == "delivered", outcome
        anvil.mine(3)
        return outcome.purchase_id

    run.bought = bought
    assert run("init")[0] == 0
    return run


def asked(place, path):
    return httpx.get(f"{place.url}{path}").json()


def standing(place):
    return asked(place, "/api/merchants/paddock/reputation")


async def test_a_merchant_registers_and_what_its_buyers_say_counts(place, payer, market, anvil, agent, tmp_path):
    key = tmp_path / "merchant.key"
    key.write_text("0x" + account("merchant").key.hex())
    status, words = paddock(place, "merchant", "identity", "register", "paddock", "--key-file", str(key))
    assert status == 0, words
    assert words.rstrip().endswith(": verified"), words
    again = paddock(place, "merchant", "identity", "register", "paddock", "--key-file", str(key))
    assert again == (0, words), "a second one is not made"
    registry = market.contracts[IDENTITY_REGISTRY].address
    badge = until(lambda: standing(place)["identity"], 20, "the badge")
    assert badge["agentRegistry"] == f"{market.network}:{registry}"
    served = asked(place, "/merchants/paddock/agent.json")
    assert served["registrations"] == [{"agentId": badge["agentId"], "agentRegistry": badge["agentRegistry"]}]

    anvil.set_balance(payer.address, 0)
    first = agent.bought()
    told = agent("review", first, "--score", "80")
    assert told[0] == 0, told
    assert "signed for the marketplace" in told[1]
    assert until(lambda: standing(place)["reviews"] == 1, 20, "the signed review counts")

    anvil.set_balance(payer.address, ETHER)
    second = agent.bought()
    told = agent("review", second, "--score", "61")
    assert told[0] == 0, told
    assert "in the registry, by 0x" in told[1]
    anvil.mine(3)
    assert until(lambda: standing(place)["reviews"] == 2, 60, "the review in the registry counts")
    assert standing(place)["services"][SERVICE] == {"rating": 70, "reviews": 2}

    await _praise(anvil, market, badge["agentId"])
    shown = paddock(place, "merchant", "identity", "show", "paddock")[1]
    assert "2 checked reviews, rated 70" in shown
    assert "feedback in its registry: 1 by checked reviewers, on average 61e-0" in shown
    assert agent("review", second, "--score", "1", "--signed")[0] == 1, "one payment, one review"
    assert standing(place)["rating"] == 70
    discovered = json.loads(agent("discover", "--json")[1])
    found = {one["url"].rpartition("/")[2]: one["standing"] for one in discovered}
    assert found[SERVICE] == {"reviews": 2, "rating": 70}
    async with place.parts() as parts, parts.db.read() as view:
        (identity,) = await view.reputation.identities()
        made = await summary(Desk(parts, {}), identity)
    assert made is not None
    assert made.feedback == 1


async def _praise(anvil, market, agent_id):
    """A stranger who paid nothing is full of praise in the registry."""
    from_stranger = anvil_world(anvil, market)
    content = b"{}"
    texts = ("", "", "", as_uri(content), bytes.fromhex(file_hash(content)[2:]))
    data = encode_call(GIVE_FEEDBACK, agent_id, 100, 0, *texts)
    try:
        mined = await from_stranger.transact(market.contracts[REPUTATION_REGISTRY].address, data)
    finally:
        await from_stranger.chain.close()
    assert mined.succeeded
