"""The buyer's side of Paddock: an agent that pays for HTTP resources within a policy, and keeps proof.

    import agent, httpx
    client = httpx.Client(auth=agent.Buyer.from_settings().auth(task="research"))
    client.get("http://127.0.0.1:8402/v1/market-signal?symbol=DEMO-TREND")

Reading order: disclosure (the filter is agent/privacy/) → terms → policy → checkout (budgets, approvals, wallet,
payments) → auth → records, receipts → delivery, proofs → buyer. Settings are listed in agent/settings.py, errors in
agent/errors.py.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.auth import PaddockAuth, purchase_of
    from agent.buyer import Buyer
    from agent.errors import AgentError
    from agent.outcome import Outcome
    from agent.settings import Settings

_HOMES = {
    "AgentError": "agent.errors",
    "Buyer": "agent.buyer",
    "Outcome": "agent.outcome",
    "PaddockAuth": "agent.auth",
    "Settings": "agent.settings",
    "purchase_of": "agent.auth",
}
__all__ = ["AgentError", "Buyer", "Outcome", "PaddockAuth", "Settings", "purchase_of"]


def __getattr__(name: str) -> object:
    """Names above, loaded at their first use: pytest loads a plugin of this package in every project that has it."""
    if name not in _HOMES:
        raise AttributeError(f"module 'agent' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
