"""W1: a worker that is told to end ends, at whatever turn of its work that comes, and others end what it left."""

import asyncio

from server.services.service import Answer, Fulfilment
from tests.simulation.world import open_world, service

TURNS = 150
"""More than a purchase's jobs take."""
GIVEN = 400
"""In which a cancelled task has to end."""


async def turn(times, done=lambda: False):
    for _ in range(times):
        if done():
            return
        await asyncio.sleep(0)


async def test_w1_a_worker_that_is_cancelled_at_any_turn_ends():
    async def handle(_arguments, _context):
        return Answer(b"x", "text/plain")

    async with open_world(service("effect", handle, fulfilment=Fulfilment.AFTER_SETTLEMENT)) as world:

        async def works():
            while True:
                await world.work_once()
                await world.clock.sleep(0.1)

        for number in range(TURNS):
            quoted = await world.buyer.ask(world.url("effect", f"?text={number}"))
            bought = asyncio.create_task(world.buyer.present(quoted, world.buyer.pay(quoted)))
            await turn(60)
            worker = asyncio.create_task(works())
            await turn(number)
            worker.cancel()
            await turn(GIVEN, worker.done)
            ended = worker.done()
            worker.cancel()  # or its world would not end
            await asyncio.gather(bought, worker, return_exceptions=True)
            assert ended, f"it went on after {number} turns"
            await world.work()
        await world.assert_invariants()
