"""The buyer's side of Paddock: an agent that pays for HTTP resources within a policy, and keeps proof.

    import agent, httpx
    client = httpx.Client(auth=agent.Buyer.from_settings().auth(task="research"))
    client.get("http://127.0.0.1:8402/v1/market-signal?symbol=DEMO-TREND")

Reading order: terms → policy → checkout (budgets, approvals, wallet, payments) → auth → records, receipts →
delivery, proofs → buyer. Settings are listed in agent/settings.py, errors in agent/errors.py.
"""

from agent.auth import PaddockAuth, purchase_of
from agent.buyer import Buyer
from agent.errors import AgentError
from agent.outcome import Outcome
from agent.settings import Settings

__all__ = ["AgentError", "Buyer", "Outcome", "PaddockAuth", "Settings", "purchase_of"]
