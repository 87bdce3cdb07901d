"""A signer in a home of its own, with the agent's end of it."""

from pathlib import Path
from typing import Any

from litestar.testing import TestClient

from agent.account import Sender
from agent.policy import Policy
from agent.policy_file import parse
from agent.remote import RemoteSigner
from agent.signer_service import create_app
from agent.store import Store
from agent.warden import Warden
from protocol.typed_data import TokenDomain, Transfer
from tests.fakes.buyer_chain import TOKEN
from tests.fakes.seller import EXECUTOR, SpySigner, World, account, policy

TOKEN_OF_SIGNER = "a-token-that-only-the-agent-has"
MERCHANT = account("merchant").address
DOMAIN = TokenDomain("TestUSD", "1", 31337, TOKEN)
PINNED = {"pay_to": f'"{MERCHANT}"', "executors": f'"{EXECUTOR}"'}


class Vault:
    """A signer's own home: policy, budgets, key; `remote` is the agent's end of it."""

    def __init__(self, home: Path, world: World, **rules: str) -> None:
        self.signer, self.clock = SpySigner(), world.seller.clock
        self.store = Store(home / "signer.db")
        self.warden = Warden(Policy(parse(policy(**PINNED | rules))), self.store, Sender(self.signer), self.clock)
        self.client = TestClient(create_app(self.warden, TOKEN_OF_SIGNER))
        self.remote = RemoteSigner(str(self.client.base_url), TOKEN_OF_SIGNER, self.client)

    def transfer(self, **changes: Any) -> bytes:
        """Ask for a payment of 0.05 to the merchant, or for another one."""
        now = int(self.clock.now().timestamp())
        asked = Transfer(self.signer.address, MERCHANT, 50_000, 0, now + 60, b"\x01" * 32)._replace(**changes)
        return self.remote.sign_transfer(DOMAIN, asked)
