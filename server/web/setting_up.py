"""What is still to set up before a marketplace is one: each step a fact that was looked up, and how to take it."""

from collections.abc import Sequence
from dataclasses import dataclass

from server.application.paddock import Paddock
from server.domain.order_status import OrderFilter, OrderStatus
from server.ports import UnitOfWork


@dataclass(frozen=True, slots=True)
class Step:
    """`how` is a command or a setting; `page` the console's page that does it, or empty."""

    done: bool
    what: str
    how: str = ""
    page: str = ""


async def still_to_do(paddock: Paddock, view: UnitOfWork) -> Sequence[Step]:
    """All steps, those that are done too; empty once every one is."""
    delivered = await view.orders.recent(1, OrderFilter(status=OrderStatus.DELIVERED))
    endpoints = await view.webhooks.listed(1)
    steps = [
        Step(bool(paddock.merchants), "A merchant is there", "paddock migrate"),
        Step(bool(paddock.services), "A service is on sale", "paddock new service balance", "/console/services"),
        Step(bool(delivered), "An order was paid and delivered", "paddock-agent buy 'market signal'"),
        Step(bool(endpoints), "A merchant is told by webhook", "paddock webhook add https://…", "/console/webhooks"),
    ]
    if not paddock.custody.devnet:
        steps += _beyond_the_devnet(paddock)
    return [] if all(step.done for step in steps) else steps


def _beyond_the_devnet(paddock: Paddock) -> list[Step]:
    bare = paddock.custody.in_variables
    stem = bare[0].removesuffix("_KEY") if bare else "PADDOCK_RECEIPT"
    kept = f"{stem}_KEYSTORE with {stem}_PASSWORD_FILE, or {stem}_SIGNER"
    https = all(origin.startswith("https:") for origin in paddock.origins)
    return [
        Step(not bare, "Keys come from files or a signer, not from variables", kept),
        Step(https, "Buyers reach it by TLS", "PADDOCK_ORIGINS=https://…"),
        Step(bool(paddock.floats_at), "Refunds have a float to come from", "PADDOCK_FLOAT_ADDRESS"),
    ]
