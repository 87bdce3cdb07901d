"""The desk as a toolset of Pydantic AI, which runs each tool in a thread of its own."""

from typing import Any

from pydantic_ai import FunctionToolset, ToolFailed

from agent.buyer import Buyer
from agent.frameworks.desk import INSTRUCTIONS, Desk, abilities

_RETRIES = 3
"""How often a model may get the arguments of one tool wrong before its run ends."""


def tools(buyer: Buyer, task: str) -> FunctionToolset[Any]:
    """One for each ability, with the desk's instructions. A failure is a failed result, which ends no run."""
    desk = Desk(buyer, task)
    return FunctionToolset(abilities(desk, ToolFailed), id="paddock", instructions=INSTRUCTIONS, max_retries=_RETRIES)
