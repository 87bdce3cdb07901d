"""The buyer console in this process, and a browser's side of it without a browser."""

import re
from typing import Any

import httpx
from eth_account.signers.local import LocalAccount

from agent import Settings
from agent.console.app import create_app
from agent.console.desk import Desk
from agent.console.sessions import Sessions
from tests.fakes.seller import World, policy

HOST = "127.0.0.1:8498"
HERE = f"http://{HOST}"


class Visit:
    """A console over a world's home. `links` are the published tokens, `withdrawn` counts those that ended."""

    def __init__(self, world: World, approver: LocalAccount | None = None, **rules: str) -> None:
        self.world, self.links, self.withdrawn = world, [], 0
        settings = Settings(home=world.home, policy_text=policy(**rules))
        self.sessions = Sessions(world.seller.clock, self.links.append, self._withdraw)
        wallet = world.signer.address
        self.desk = Desk(settings, world.buyer.store, world.seller.clock, self.sessions, wallet, approver)
        self.app = create_app(self.desk, frozenset({HOST}))
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=HERE)
        self.sessions.open_link()

    def _withdraw(self) -> None:
        self.withdrawn += 1

    async def enter(self) -> "Visit":
        """Come in by the link."""
        answer = await self.client.get("/enter", params={"token": self.links[-1]})
        assert answer.status_code == 303, answer.text
        return self

    async def read(self, path: str) -> str:
        """A page's text."""
        answer = await self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text

    async def send(self, path: str, origin: str | None = HERE, **given: Any) -> httpx.Response:
        """A form, with its token unless another one is given."""
        if "csrf" not in given:
            given["csrf"] = field(await self.read("/"), "csrf")
        headers = {} if origin is None else {"Origin": origin}
        return await self.client.post(path, data=given, headers=headers)

    async def answer(self, question: str, how: str, **given: Any) -> httpx.Response:
        """What the person says to a question that the inbox shows."""
        shown = part(await self.read("/approvals"), question)
        return await self.send(f"/approvals/{question}/{how}", **({"digest": field(shown, "digest")} | given))


def field(page: str, name: str) -> str:
    """The value of a form's hidden field: the first of that name."""
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found, f"no field {name}"
    return found[1]


def part(page: str, question: str) -> str:
    """A question in the inbox."""
    found = re.search(rf'<article class="question[^"]*" id="{question}".*?</article>', page, re.DOTALL)
    assert found, f"{question} is not in the inbox"
    return found[0]
