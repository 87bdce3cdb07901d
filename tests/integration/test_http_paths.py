"""Every way to spell a paid path, over real sockets, with and without a proxy: nothing runs that is not paid for."""

import re
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import pytest

from server.domain.states import FulfilmentState
from tests.simulation.world import TOKEN, open_world
from tests.stack.buyer import Quoted, read_header
from tests.stack.spellings import spellings
from tests.stack.wire import decodes, decodes_blindly, exchange, proxying, request, serving, strips

HOST = "paddock.test"
PREFIX = "/market"
QUERY = "?text=hi"


@asynccontextmanager
async def direct(port):
    yield port, ""


@asynccontextmanager
async def stripping(port):
    async with proxying(port, strips(PREFIX.encode())) as (proxy, _):
        yield proxy, PREFIX


@asynccontextmanager
async def decoding(port):
    async with proxying(port, decodes) as (proxy, _):
        yield proxy, ""


@asynccontextmanager
async def splitting(port):
    async with proxying(port, decodes_blindly) as (proxy, _):
        yield proxy, ""


WAYS = {"direct": direct, "strips": stripping, "decodes": decoding, "decodes blindly": splitting}


class Door:
    """The marketplace behind a server and perhaps a proxy, asked by the byte."""

    def __init__(self, world, port, prefix):
        self.world, self.port, self.prefix = world, port, prefix

    async def ask(self, target, **headers):
        return await exchange(self.port, request(target, {"Host": HOST, **headers}))

    def target(self, spelling):
        """A spelling behind the prefix, with a query."""
        if not spelling.startswith(b"/"):
            return spelling + QUERY.encode()
        return self.prefix.encode() + spelling + QUERY.encode()

    def pay(self, answer):
        """The payment for the terms of a 402."""
        required = read_header(answer.header("payment-required"))
        return self.world.buyer.pay(Quoted("", "GET", None, required, {}))


@asynccontextmanager
async def open_door(way, http="httptools"):
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(open_world())
        port, prefix = await stack.enter_async_context(
            WAYS[way](await stack.enter_async_context(serving(world.app, http)))
        )
        if prefix:
            world.paddock = world.app.state.paddock = replace(world.paddock, origins=(f"http://{HOST}{prefix}",))
        yield Door(world, port, prefix)


async def everything_was_paid(world):
    """Handler runs, released orders and Transfers are the same number."""
    released = [order for order in await world.orders() if order.fulfilment is FulfilmentState.RELEASED]
    assert world.runs["echo"] == len(released) == world.settlements()
    return len(released)


def test_s14_there_are_more_than_two_hundred_spellings():
    assert len(spellings("echo", HOST)) > 200


@pytest.mark.parametrize("http", ["httptools", "h11"])
@pytest.mark.parametrize("way", WAYS)
async def test_s14_no_spelling_of_a_paid_path_runs_its_handler_unpaid(way, http):
    async with open_door(way, http) as door:
        told = set()
        for spelling in spellings("echo", HOST):
            answer = await door.ask(door.target(spelling))
            told.add(answer.status)
            assert b'"run"' not in answer.body, spelling
        assert door.world.runs["echo"] == 0
        assert await door.world.orders() == []
        assert {402, 404} <= told, "some spellings are other names of the route, and reach its gate"
        assert (await door.ask(door.target(b"/v1/echo"))).status == 402


@pytest.mark.parametrize("way", WAYS)
async def test_s15_a_payment_runs_no_more_than_it_settles_however_the_path_is_spelt(way):
    """One payment for the plain path, tried at every other spelling; then at each the terms that it itself gives."""
    async with open_door(way) as door:
        plain = door.target(b"/v1/echo")
        header = door.pay(await door.ask(plain))
        for spelling in spellings("echo", HOST):
            await door.ask(door.target(spelling), **{"PAYMENT-SIGNATURE": header})
        assert await everything_was_paid(door.world) <= 1
        assert (await door.ask(plain, **{"PAYMENT-SIGNATURE": header})).status == 200
        assert await everything_was_paid(door.world) == 1
        sold = 1
        for spelling in spellings("echo", HOST):
            own = await door.ask(door.target(spelling))
            if own.status == 402:
                bought = await door.ask(door.target(spelling), **{"PAYMENT-SIGNATURE": door.pay(own)})
                assert bought.status == 200, spelling
                sold += 1
        assert await everything_was_paid(door.world) == sold
        assert sold > 1, "some spellings are other names of the same route, and sold as such"


# ------------------------------------------------------------------------------------------------------ under a prefix


async def test_s17_under_a_prefix_everything_names_the_public_url():
    async with open_door("strips") as door:
        public = f"http://{HOST}{PREFIX}"
        answer = await door.ask(f"{PREFIX}/v1/echo{QUERY}")
        required = read_header(answer.header("payment-required"))
        assert required["resource"]["url"] == f"{public}/v1/echo{QUERY}"
        status_url = required["accepts"][0]["extra"]["statusUrl"]
        assert status_url.startswith(f"{public}/api/orders/")
        bought = await door.ask(f"{PREFIX}/v1/echo{QUERY}", **{"PAYMENT-SIGNATURE": door.pay(answer)})
        receipt = read_header(bought.header("payment-response"))["extensions"]["paddock-receipt"]["info"]["receipt"]
        assert receipt["resourceUrl"] == f"{public}/v1/echo{QUERY}"
        shown = await door.ask(status_url.removeprefix(f"http://{HOST}"))
        assert (shown.status, b"completed" in shown.body) == (200, True)
        listed = await door.ask(f"{PREFIX}/api/services")
        assert f"{public}/v1/echo".encode() in listed.body
        well_known = await door.ask(f"{PREFIX}/.well-known/x402")
        assert public.encode() in well_known.body


async def test_s17_whoever_gets_past_the_proxy_is_sold_the_same_public_resource():
    async with open_world() as world, serving(world.app) as port:
        world.paddock = world.app.state.paddock = replace(world.paddock, origins=(f"http://{HOST}{PREFIX}",))
        door = Door(world, port, "")
        answer = await door.ask(f"/v1/echo{QUERY}")
        assert (
            read_header(answer.header("payment-required"))["resource"]["url"] == f"http://{HOST}{PREFIX}/v1/echo{QUERY}"
        )
        assert (await door.ask(f"/v1/echo{QUERY}", **{"PAYMENT-SIGNATURE": door.pay(answer)})).status == 200


async def test_s17_a_payment_for_a_prefix_buys_nothing_at_another_mount():
    async with open_world() as world, serving(world.app) as port:
        door = Door(world, port, "")
        header = door.pay(await door.ask(f"/v1/echo{QUERY}"))
        world.paddock = world.app.state.paddock = replace(world.paddock, origins=(f"http://{HOST}{PREFIX}",))
        assert (await door.ask(f"/v1/echo{QUERY}", **{"PAYMENT-SIGNATURE": header})).status == 402
        assert await world.orders() == []


PAGES = (
    "/",
    "/?q=pass",
    "/docs",
    "/services/access-pass",
    "/services/nope",
    "/console",
    "/console/orders/{}",
    "/console/cases",
)
_LINKS = re.compile(r'(?:href|src|action|data-events)="(/[^"]*)"')


async def test_s17_under_a_prefix_every_link_form_cookie_and_redirect_stays_under_it():
    async with open_door("strips") as door:
        token = {"Authorization": f"Bearer {TOKEN}"}
        answer = await door.ask(f"{PREFIX}/v1/echo{QUERY}")
        bought = await door.ask(f"{PREFIX}/v1/echo{QUERY}", **{"PAYMENT-SIGNATURE": door.pay(answer)})
        assert bought.status == 200
        (order,) = await door.world.orders()
        links = set()
        for path in PAGES:
            page = await door.ask(PREFIX + path.format(order.id), **token)
            assert page.status in (200, 404), path
            links |= set(_LINKS.findall(page.body.decode()))
        assert len(links) > 20
        assert {link for link in links if not link.startswith(f"{PREFIX}/")} == set()
        for link in sorted(
            links - {link for link in links if "/events" in link or "/enter" in link or "/leave" in link}
        ):
            followed = await door.ask(link.replace("&amp;", "&"), **token)
            assert followed.status in (200, 402, 404, 405), link
            assert followed.status != 404 or "/services/nope" in link, link
        entered = await door.ask(f"{PREFIX}/console/enter?token={TOKEN}")
        assert entered.header("location") == f"{PREFIX}/console"
        assert f"Path={PREFIX}/console" in entered.header("set-cookie")
        found = await door.ask(f"{PREFIX}/console?find={order.id}", **token)
        assert found.header("location") == f"{PREFIX}/console/orders/{order.id}"
