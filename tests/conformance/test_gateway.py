"""What ports.Gateway guarantees, of the fake and of the one over HTTP."""

from contextlib import asynccontextmanager

import pytest

from server.adapters.gateway import open_gateway
from server.domain.addresses import EgressRules
from server.domain.upstreams import MOST_ANSWER
from server.ports import Forwarded, Reached
from tests.fakes.gateway import FakeGateway
from tests.stack.processes import free_port
from tests.stack.receiver import Receiver, response

NEAR = EgressRules(https_only=False, allow_private=True)
BODY = b'{"a": 1}'


def request(url, method="POST", seconds=5.0):
    body = BODY if method == "POST" else b""
    return Forwarded(method, url + "?b=c", {"Paddock-Order": "ord1"}, body, seconds)


@asynccontextmanager
async def over_http(status, body, kind):
    async def answer(_headers, _body):
        return response(status, body, Content_Type=kind)

    async with Receiver(answer) as receiver, open_gateway(NEAR) as gateway:
        got = receiver.requests
        yield (
            gateway,
            receiver.url,
            f"http://127.0.0.1:{free_port()}/",
            lambda: [(h["paddock-order"], b) for _, h, b in got],
        )


@asynccontextmanager
async def in_memory(status, body, kind):
    gateway = FakeGateway()
    gateway.upstreams["http://here/"] = lambda _request: Reached(status, body, kind.partition(";")[0].lower())
    yield (
        gateway,
        "http://here/",
        "http://nowhere/",
        lambda: [(a.headers["Paddock-Order"], a.body) for a in gateway.asked],
    )


@pytest.fixture(params=[in_memory, over_http])
def opened(request):
    return request.param


@pytest.mark.parametrize("status", [200, 302, 404, 500])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_answer_is_given_as_it_came_with_its_media_type(opened, status, method):
    async with opened(status, b"\xff\x00", "Image/PNG; x=y") as (gateway, url, _nowhere, got):
        reached = await gateway.forward(request(url, method))
    assert reached == Reached(status, b"\xff\x00", "image/png")
    assert got() == [("ord1", BODY if method == "POST" else b"")]


async def test_where_nobody_is_nothing_was_begun(opened):
    async with opened(200, b"", "text/plain") as (gateway, _url, nowhere, _got):
        reached = await gateway.forward(request(nowhere))
    assert (reached.status, reached.begun, reached.error) == (None, False, "no connection")


async def test_over_http_the_request_line_is_the_urls():
    async with Receiver(_silent) as receiver, open_gateway(NEAR) as gateway:
        await gateway.forward(request(receiver.url, "GET", 0.2))
        assert [line for line, *_ in receiver.requests] == ["GET /hook?b=c HTTP/1.1"]


async def _silent(_headers, _body):
    return None


async def test_over_http_what_may_have_been_worked_on_was_begun():
    async with Receiver(_silent) as receiver, open_gateway(NEAR) as gateway:
        reset = await gateway.forward(request(receiver.url))
    assert (reset.status, reset.begun) == (None, True)

    async def nothing(_headers, _body):
        return b""

    async with Receiver(nothing, hold=True) as receiver, open_gateway(NEAR) as gateway:
        slow = await gateway.forward(request(receiver.url, seconds=0.3))
    assert (slow.status, slow.begun, slow.error) == (None, True, "no answer within 0.3 s")


@pytest.mark.parametrize("more", [0, 1])
async def test_over_http_an_answer_is_whole_up_to_the_most_and_not_beyond(more):
    async with over_http(200, b"x" * (MOST_ANSWER + more), "text/plain") as (gateway, url, *_):
        reached = await gateway.forward(request(url))
    assert (reached.whole, len(reached.body)) == (not more, MOST_ANSWER)


async def test_over_http_an_answer_that_breaks_off_is_not_whole():
    async def cut(_headers, _body):
        return response(200, b"whole")[:-2]

    async with Receiver(cut) as receiver, open_gateway(NEAR) as gateway:
        reached = await gateway.forward(request(receiver.url))
    assert (reached.status, reached.body, reached.whole) == (200, b"who", False)


async def test_over_http_no_upstream_inside_is_connected_to():
    async with over_http(200, b"x", "text/plain") as (_gateway, url, _nowhere, got):
        async with open_gateway(EgressRules(https_only=False)) as guarded:
            reached = await guarded.forward(request(url))
        assert (reached.status, reached.begun, got()) == (None, False, [])
