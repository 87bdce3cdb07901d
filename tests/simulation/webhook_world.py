"""A merchant's side of the world: an endpoint that checks every message with the published verifier, and keeps it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from protocol.webhooks import WebhookMessage, WebhookReplayed, verify
from server.application.paddock import Paddock
from server.ports import Reply
from tests.simulation.world import MERCHANT_KEY, World
from tests.stack.buyer import Quoted

URL = "https://hooks.example.com/paddock"
API = "/api/merchants/paddock/webhooks"


@dataclass
class Merchant:
    """Handles each message once. `answers` are given before it works well: a status, or None for no answer at all."""

    world: World
    url: str = URL
    endpoint: str = ""
    secrets: list[str] = field(default_factory=list)
    answers: list[int | None] = field(default_factory=list)
    broken: int | None = 200
    received: list[str] = field(default_factory=list)
    handled: dict[str, WebhookMessage] = field(default_factory=dict)

    def __call__(self, headers: Mapping[str, str], body: bytes) -> Reply:
        self.received.append(headers["webhook-id"])
        answer = self.answers.pop(0) if self.answers else self.broken
        if answer is None:
            return Reply(None, 10.0, error="no answer within 10 s")
        if not 200 <= answer < 300:
            return Reply(answer, 0.01, "not now")
        try:
            now = self.world.clock.now().timestamp()
            message = verify(self.secrets, headers, body, self.handled.__contains__, now)
            self.handled[headers["webhook-id"]] = message
        except WebhookReplayed:
            pass
        return Reply(answer, 0.01, "thanks")

    def types(self, order_id: str) -> list[str]:
        """What was told of an order, in the order in which it was handled."""
        return [one.type for one in self.handled.values() if one.order and one.order["id"] == order_id]

    async def api(self, method: str, path: str = "", **more: Any) -> httpx.Response:
        """A request with the merchant's key."""
        more.setdefault("headers", {"Authorization": f"Bearer {MERCHANT_KEY}"})
        return await self.world.client.request(method, f"{API}{path}", **more)

    async def log(self) -> list[dict[str, Any]]:
        """The endpoint's deliveries as the merchant sees them, oldest first."""
        answer = await self.api("GET", f"/{self.endpoint}/deliveries")
        assert answer.status_code == 200, answer.text
        return list(reversed(answer.json()["deliveries"]))

    async def health(self) -> dict[str, Any]:
        """The endpoint as the merchant sees it."""
        found = (await self.api("GET")).json()["webhooks"]
        return next(one for one in found if one["id"] == self.endpoint)


async def listening(world: World, url: str = URL) -> Merchant:
    """A merchant that has registered an endpoint by the API."""
    merchant = Merchant(world, url)
    answer = await merchant.api("POST", json={"url": url})
    assert answer.status_code == 201, answer.text
    merchant.endpoint, merchant.secrets = answer.json()["id"], [answer.json()["secret"]]
    world.courier.receivers[url] = merchant
    return merchant


async def buy(world: World, service: str, query: str = "") -> tuple[Quoted, httpx.Response]:
    """One purchase; with workers where it takes them."""
    if service == "echo":
        quoted = await world.buyer.ask(world.url(service, query))
        return quoted, await world.buyer.present(quoted, world.buyer.pay(quoted))
    quoted = await world.buyer.ask(world.url(service), "POST", {})
    async with world.workers():
        return quoted, await world.buyer.present(quoted, world.buyer.pay(quoted))


def with_other_parts(world: World, **changes: Any) -> Paddock:
    """Another worker of this marketplace, whose post has other parts."""
    assert world.paddock.post is not None
    return replace(world.paddock, post=replace(world.paddock.post, **changes))
