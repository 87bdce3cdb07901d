"""The agent in agent frameworks: their real loops, with a scripted model, before the fake seller."""

import json
import sys
import threading

import httpx
import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, ToolMessage
from pydantic_ai import Agent
from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import FunctionModel

from agent import approvals
from agent.errors import SettingsError
from agent.frameworks import langchain_tools, pydantic_ai_tools
from agent.frameworks.desk import INSTRUCTIONS, Desk
from agent.waiting import Patience
from tests.fakes.scripted_model import Scripted
from tests.fakes.seller import ORIGIN, World, account

URL = f"{ORIGIN}/v1/echo?text=hi"
FIVE = ["search", "price", "buy", "receipts", "budget"]


class LangChain:
    """An agent of LangChain over the agent's tools."""

    def __init__(self, world, task="research"):
        self.tools = langchain_tools(world.buyer, task)

    async def run(self, *calls):
        """The results of these calls, one step of the model after the other: (whether it failed, what it says)."""
        script = [
            AIMessage("", tool_calls=[{"name": name, "args": args, "id": f"call-{number}"}])
            for number, (name, args) in enumerate(calls)
        ]
        agent = create_agent(Scripted(responses=[*script, AIMessage("done")]), self.tools)
        ended = (await agent.ainvoke({"messages": [("user", "buy it")]}))["messages"]
        assert ended[-1].content == "done"
        results = [message for message in ended if isinstance(message, ToolMessage)]
        return [
            (one.status == "error", one.content if one.status == "error" else json.loads(one.content))
            for one in results
        ]

    def schemas(self):
        return {tool.name: (tool.description, tool.tool_call_schema.model_json_schema()) for tool in self.tools}


class PydanticAi:
    """The same of Pydantic AI."""

    def __init__(self, world, task="research"):
        self.toolset = pydantic_ai_tools(world.buyer, task)

    async def run(self, *calls):
        script = [ModelResponse([ToolCallPart(name, args)]) for name, args in calls]
        script.append(ModelResponse([TextPart("done")]))

        def model(_, info):
            assert info.instructions == INSTRUCTIONS
            return script.pop(0)

        ended = await Agent(FunctionModel(model), toolsets=[self.toolset]).run("buy it")
        assert ended.output == "done"
        results = [
            part for message in ended.all_messages() for part in message.parts if isinstance(part, ToolReturnPart)
        ]
        return [
            (False, one.content.model_dump(mode="json")) if one.outcome == "success" else (True, f"{one.content}")
            for one in results
        ]

    def schemas(self):
        tools = {name: tool.tool_def for name, tool in self.toolset.tools.items()}
        return {name: (tool.description, tool.parameters_json_schema) for name, tool in tools.items()}


@pytest.fixture(params=[LangChain, PydanticAi], ids=["langchain", "pydantic-ai"])
def framework(request):
    return request.param


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


async def call(agent, name, **args):
    ((failed, said),) = await agent.run((name, args))
    assert not failed, said
    return said


def test_a7_a13_a_model_gets_the_same_five_abilities_everywhere_and_can_name_no_task(world, framework):
    schemas = framework(world).schemas()
    assert list(schemas) == FIVE
    assert {name: said for name, (said, _) in schemas.items()} == {name: getattr(Desk, name).__doc__ for name in FIVE}
    named = {name for _, schema in schemas.values() for name in schema["properties"]}
    assert named == {"query", "limit", "url", "method", "body", "receipt_id"}
    assert "the whole URL" in schemas["buy"][1]["properties"]["url"]["description"]


async def test_a_model_searches_prices_buys_and_reads_receipt_and_budget_in_one_run(world, framework):
    steps = [
        ("search", {"query": "echo"}),
        ("price", {"url": URL}),
        ("buy", {"url": URL}),
        ("receipts", {}),
        ("budget", {}),
    ]
    results = await framework(world).run(*steps)
    assert not any(failed for failed, _ in results)
    listed, quote, bought, kept, left = [said for _, said in results]
    assert [(one["url"], one["verdict"]) for one in listed["offers"]] == [(f"{ORIGIN}/v1/echo", "allow")]
    assert (quote["verdict"], quote["price"]["atomic"]) == ("allow", "50000")
    assert (bought["status"], bought["answer"], bought["paid"]["amount"]) == ("delivered", {"answer": 42}, "0.05")
    assert [(one["receipt_id"], one["proof"]) for one in kept["receipts"]] == [(bought["receipt_id"], "proven")]
    assert left["assets"][0]["left"] == {"limits.per_task": "4.95", "limits.per_day": "19.95"}
    assert len(world.signer.signed) == 1


async def test_a1_a13_what_is_too_dear_or_over_the_budget_is_refused_in_words_and_without_a_signature(
    tmp_path, framework
):
    world = World(tmp_path, per_task="0.04")
    refused = await call(framework(world), "buy", url=URL)
    assert (refused["status"], refused["rule"]) == ("refused", "limits.per_task")
    assert "only a person can change the policy" in refused["next"]
    world.seller.amount = 2_000_000
    assert (await call(framework(world), "buy", url=URL))["rule"] == "limits.per_call"
    assert world.signer.signed == []


async def test_a13_the_budget_is_the_programs_task_whatever_the_model_says(tmp_path, framework):
    world = World(tmp_path, per_task="0.08")
    await call(framework(world), "buy", url=URL)
    results = await framework(world).run(
        ("buy", {"url": URL + "2", "task": "other"}),
        ("buy", {"url": URL + "2", "again": True}),
        ("buy", {"url": URL + "2"}),
    )
    assert results[-1][1]["rule"] == "limits.per_task"
    assert len(world.signer.signed) == 1


async def test_a7_a_dear_purchase_waits_for_a_person_and_an_equal_call_goes_on_with_it(world, framework):
    world.seller.amount = 600_000
    agent = framework(world)
    waiting = await call(agent, "buy", url=URL)
    assert waiting["status"] == "waiting"
    assert f"paddock-agent approvals approve {waiting['purchase_id']}" in waiting["next"]
    assert (await call(agent, "buy", url=URL))["purchase_id"] == waiting["purchase_id"]
    assert world.signer.signed == []
    with world.buyer.store.begin() as connection:
        approvals.approve(connection, waiting["purchase_id"], account("approver"), world.buyer.clock.now())
    done = await call(agent, "buy", url=URL)
    assert (done["status"], done["purchase_id"]) == ("delivered", waiting["purchase_id"])
    assert len(world.signer.signed) == 1


async def test_a_buyer_with_patience_waits_for_the_person_within_the_call(world, framework):
    world.seller.amount = 600_000

    def say_yes(outcome):
        with world.buyer.store.begin() as connection:
            approvals.approve(connection, outcome.purchase_id, account("approver"), world.buyer.clock.now())

    world.buyer.patience = Patience(60, say_yes)
    bought = await call(framework(world), "buy", url=URL)
    assert (bought["status"], bought["rule"]) == ("delivered", "approval")
    assert len(world.signer.signed) == 1


@pytest.mark.parametrize(
    ("url", "rule"),
    [("http://169.254.169.254/latest/meta-data", "merchant.unknown"), (f"{ORIGIN}/console", "route.unknown")],
)
async def test_a16_nothing_is_asked_of_a_place_that_the_policy_does_not_list(world, framework, url, rule):
    for tool in ("price", "buy"):
        assert (await call(framework(world), tool, url=url))["rule"] == rule
    assert (world.seller.requests, world.seller.leaks) == ([], [])


async def test_what_went_wrong_is_told_in_words_and_the_run_goes_on(world, framework):
    world.seller.transport.handler = broken
    results = await framework(world).run(
        ("buy", {"url": URL}),
        ("buy", {"url": "http://seller.test:port/"}),
        ("receipts", {"receipt_id": "rcp_0"}),
        ("budget", {}),
    )
    assert [failed for failed, _ in results] == [True, True, True, False]
    assert "does not answer (ConnectError): start it, or check the URL" in results[0][1]
    assert "give one like https://host/path" in results[1][1]
    assert "paddock-agent receipts list" in results[2][1]


async def test_arguments_that_do_not_fit_end_no_run(world, framework):
    results = await framework(world).run(("receipts", {"limit": 1000}), ("receipts", {"limit": 1}))
    assert results[-1] == (False, {"kept": 0, "receipts": []})


async def test_a_langchain_model_is_told_which_argument_did_not_fit(world):
    ((failed, said),) = await LangChain(world).run(("receipts", {"limit": 1000}))
    assert failed
    assert said == "limit: Input should be less than or equal to 100"


async def test_a_purchase_holds_no_event_loop_up(world, framework):
    here, loops = threading.get_ident(), []
    answered = world.seller.unpaid

    def unpaid(request):
        loops.append(threading.get_ident() == here)
        return answered(request)

    world.seller.handle_unpaid = unpaid
    await call(framework(world), "buy", url=URL)
    assert loops == [False]


@pytest.mark.parametrize(
    ("offer", "package", "extra"),
    [(langchain_tools, "langchain_core", "langchain"), (pydantic_ai_tools, "pydantic_ai", "pydantic-ai")],
)
def test_a_missing_framework_is_an_error_that_names_the_extra(world, monkeypatch, offer, package, extra):
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, f"agent.frameworks.{extra.replace('-', '_')}", raising=False)
    with pytest.raises(SettingsError, match=f"needs the Python package {package}") as missing:
        offer(world.buyer, "research")
    assert missing.value.mend == f"install it with: pip install 'paddock[{extra}]'"


def broken(request):
    raise httpx.ConnectError("refused", request=request)
