"""What ports.OrderTraces guarantees, on the fake, SQLite and PostgreSQL."""

from tests.fakes import samples

FIRST, SECOND = (f"00-{n * 32}-{n * 16}-01" for n in "ab")


async def test_an_order_keeps_the_first_trace_that_it_was_given(database):
    order, other = samples.order(), samples.order()
    async with database.begin("order") as work:
        await work.orders.add(order)
        await work.orders.add(other)
        await work.traces.put(order.id, FIRST)
    async with database.begin("again") as work:
        await work.traces.put(order.id, SECOND)
    async with database.read() as view:
        assert await view.traces.of([order.id, other.id, "unknown"]) == {order.id: FIRST}
        assert await view.traces.of([]) == {}
