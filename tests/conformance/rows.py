"""What the database's suites have in common: adding, reading and racing."""

import asyncio

from server.domain.errors import DuplicateClaim, MerchantKnown, StaleWrite
from server.domain.orders import Order


async def add(database, order: Order) -> Order:
    async with database.begin("claim") as work:
        await work.orders.add(order)
    return order


async def get(database, order_id: str) -> Order | None:
    async with database.read() as view:
        return await view.orders.get(order_id)


async def race(*attempts) -> list[str]:
    """Run them all at once; for each "won" or the name of its error."""

    async def outcome(attempt):
        try:
            await attempt
        except (DuplicateClaim, MerchantKnown, StaleWrite) as error:
            return type(error).__name__
        return "won"

    return await asyncio.gather(*(outcome(attempt) for attempt in attempts))
