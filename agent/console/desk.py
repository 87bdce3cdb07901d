"""What the console's pages work with: the agent's home, its clock, who may come in, and whose key approves."""

from collections.abc import Callable
from dataclasses import dataclass

import httpx
from eth_account.signers.local import LocalAccount

from agent.chain import Chain
from agent.clock import Clock
from agent.console.sessions import Sessions
from agent.errors import ApprovalError, WalletError
from agent.policy_file import PolicyFile
from agent.remote import signer_of
from agent.settings import Settings
from agent.store import Store


@dataclass(slots=True)
class Desk:
    """`wallet` is the agent's address, empty where it is not known. `approver` is the person's key, where this process
    was given it. `ending` says that the process is about to end."""

    settings: Settings
    store: Store
    clock: Clock
    sessions: Sessions
    wallet: str = ""
    approver: LocalAccount | None = None
    ending: Callable[[], bool] = bool

    def policy(self) -> PolicyFile:
        """As the file is now. Raises PolicyError."""
        return self.settings.load_policy()


def wallet_of(settings: Settings) -> str:
    """The agent's address; empty where there is no wallet, or its signer cannot be asked."""
    with httpx.Client(timeout=settings.timeout) as client:
        try:
            return signer_of(settings, Chain(client, settings.rpc, settings.finality)).address
        except WalletError:
            return ""


def require_another(approver: LocalAccount, policy: PolicyFile, wallet: str) -> None:
    """The key given is the approver's whom the policy names, and not the agent's own. Raises ApprovalError."""
    pinned = policy.approval.approver
    if approver.address == wallet:
        raise ApprovalError("the approver's key is the agent's own wallet", "have another key approve")
    if approver.address != pinned:
        raise ApprovalError(
            f"the key is {approver.address}; the policy's approver is {pinned or 'nobody'}",
            "mend approval.approver, or give that key",
        )
