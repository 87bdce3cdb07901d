"""The guide's examples for agent frameworks: their real loops, a scripted model, and the real marketplace."""

import json
import re
from pathlib import Path

import pytest
from langchain_core.messages import AIMessage, ToolMessage
from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import FunctionModel

from agent import Buyer, approvals
from scripts.accounts import account
from tests.fakes.scripted_model import Scripted
from tests.stack.policies import policy

GUIDE = Path(__file__).parents[2] / "docs/guides/frameworks.md"


@pytest.fixture
def home(tmp_path, place, payer, market, anvil, monkeypatch):
    """A policy and a wallet, named in the environment as for any program."""
    limits = {"per_task": "0.06", "above": "0.01", "approver": account("approver").address}
    tmp_path.joinpath("policy.toml").write_text(policy(market.network, market.asset, place.url, **limits))
    settings = {"HOME": tmp_path, "RPC": anvil.url, "SELLER": place.url, "FINALITY": "latest", "KEY": payer.key.hex()}
    for name, value in (settings | {"STACK": tmp_path / "none.json"}).items():
        monkeypatch.setenv(f"PADDOCK_AGENT_{name}", str(value))
    return tmp_path


def example(name):
    """A function of the guide."""
    (code,) = [block for block in re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL) if name in block]
    names = {}
    exec(compile(code, str(GUIDE), "exec"), names)  # noqa: S102 - our own text
    return names[name]


async def by_langchain(calls):
    script = [AIMessage("", tool_calls=[{"name": name, "args": args, "id": name}]) for name, args in calls]
    messages = example("ask_langchain")(Scripted(responses=[*script, AIMessage("done")]), "buy it")
    return [json.loads(one.content) for one in messages if isinstance(one, ToolMessage)]


async def by_pydantic_ai(calls):
    script = [ModelResponse([ToolCallPart(name, args)]) for name, args in calls] + [ModelResponse([TextPart("done")])]
    messages = await example("ask_pydantic_ai")(FunctionModel(lambda *_: script.pop(0)), "buy it")
    parts = [part for message in messages for part in message.parts]
    return [one.content.model_dump(mode="json") for one in parts if isinstance(one, ToolReturnPart)]


@pytest.mark.parametrize("run", [by_langchain, by_pydantic_ai])
async def test_an_agent_of_a_framework_buys_waits_for_a_person_is_refused_and_reads_the_receipts(
    home, place, market, run
):
    signal = {"url": f"{place.url}/v1/market-signal?symbol=DEMO-TREND&window=20"}
    dear = {"url": f"{place.url}/v1/contract-risk", "body": {"address": market.asset.address}}
    listed, quote, bought, waiting = await run(
        [("search", {"query": "market signal"}), ("price", signal), ("buy", signal), ("buy", dear)]
    )
    assert f"{place.url}/v1/market-signal" in [one["url"] for one in listed["offers"]]
    assert (quote["verdict"], quote["price"]["amount"]) == ("allow", "0.005")
    assert (bought["status"], bought["answer"]["symbol"], bought["proof"]) == ("delivered", "DEMO-TREND", "proven")
    assert (waiting["status"], waiting["paid"]) == ("waiting", None)

    buyer = Buyer.from_settings()
    with buyer.store.begin() as connection:
        approvals.approve(connection, waiting["purchase_id"], account("approver"), buyer.clock.now())
    buyer.close()
    over = dear | {"body": {"address": market.contracts["AccessPass"].address}}
    done, refused, kept, left = await run([("buy", dear), ("buy", over), ("receipts", {}), ("budget", {})])
    assert (done["status"], done["purchase_id"], done["paid"]["amount"]) == (
        "delivered",
        waiting["purchase_id"],
        "0.05",
    )
    assert (refused["status"], refused["rule"], refused["paid"]) == ("refused", "limits.per_task", None)
    assert [one["receipt_id"] for one in kept["receipts"]] == [done["receipt_id"], bought["receipt_id"]]
    assert left["assets"][0]["left"]["limits.per_task"] == "0.005"
