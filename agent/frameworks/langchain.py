"""The desk as tools of LangChain: sync and async alike, since LangChain runs a tool in a thread where it must."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from langchain_core.tools import StructuredTool, ToolException
from pydantic import BaseModel, ValidationError

from agent.buyer import Buyer
from agent.frameworks.desk import Desk, abilities


def tools(buyer: Buyer, task: str) -> list[StructuredTool]:
    """One for each ability. What they answer is JSON; a failure is a message of status error, which ends no run."""
    return [_tool(ability) for ability in abilities(Desk(buyer, task), ToolException)]


def _tool(ability: Callable[..., BaseModel]) -> StructuredTool:
    @wraps(ability)
    def answer(*given: Any, **named: Any) -> Any:
        return ability(*given, **named).model_dump(mode="json")

    return StructuredTool.from_function(
        answer,
        description=ability.__doc__,
        handle_tool_error=True,
        handle_validation_error=_mend,
    )


def _mend(error: Any) -> str:
    """What was wrong with the arguments of a call."""
    assert isinstance(error, ValidationError)
    return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
