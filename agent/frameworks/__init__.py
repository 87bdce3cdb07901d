"""What a model may do with the agent: one desk with five abilities, and these as tools of agent frameworks.

    tools = langchain_tools(agent.Buyer.from_settings(), task="research")

The program fixes buyer and task; the policy, approvals and the wallet are out of the model's reach. What is refused,
waits for a person or went wrong comes back as words that the model can act on, and ends no run. The desk is `desk`,
what it answers `shapes`; `agent.mcp.server` gives the same desk to assistants. Each framework is an extra of its own.
"""

from typing import TYPE_CHECKING, Any

from agent import optional
from agent.buyer import Buyer

if TYPE_CHECKING:
    from langchain_core.tools import StructuredTool
    from pydantic_ai import FunctionToolset


def langchain_tools(buyer: Buyer, task: str) -> "list[StructuredTool]":
    """For `create_agent(model, tools)`, or any of LangChain's models by `bind_tools`.

    Raises SettingsError where LangChain is not installed.
    """
    tools: list[StructuredTool] = optional.load(
        "agent.frameworks.langchain", "langchain", "langchain_core", "pydantic"
    ).tools(buyer, task)
    return tools


def pydantic_ai_tools(buyer: Buyer, task: str) -> "FunctionToolset[Any]":
    """For `Agent(model, toolsets=[…])` of Pydantic AI, with the desk's instructions.

    Raises SettingsError where Pydantic AI is not installed.
    """
    tools: FunctionToolset[Any] = optional.load(
        "agent.frameworks.pydantic_ai", "pydantic-ai", "pydantic_ai", "pydantic"
    ).tools(buyer, task)
    return tools
