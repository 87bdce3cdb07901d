"""What ports.Courier guarantees, of the fake and of the one over HTTP."""

from contextlib import asynccontextmanager

import pytest

from server.adapters.courier import HttpCourier
from server.adapters.egress import GuardedClient
from server.domain.addresses import EgressRules
from server.ports import Reply
from tests.fakes.courier import FakeCourier
from tests.stack.processes import free_port
from tests.stack.receiver import Receiver, response


@asynccontextmanager
async def over_http(status, body):
    got = []

    async def answer(headers, received):
        got.append((headers, received))
        return response(status, body.encode())

    courier = HttpCourier(GuardedClient(EgressRules(https_only=False, allow_private=True)))
    async with Receiver(answer) as receiver:
        yield courier, receiver.url, f"http://127.0.0.1:{free_port()}/", got
    await courier.close()


@asynccontextmanager
async def in_memory(status, body):
    got = []

    def answer(headers, received):
        got.append((headers, received))
        return Reply(status, 0.01, body)

    courier = FakeCourier()
    courier.receivers["http://here/"] = answer
    yield courier, "http://here/", "http://nowhere/", got


@pytest.fixture(params=[in_memory, over_http])
def opened(request):
    return request.param


@pytest.mark.parametrize("status", [200, 302, 410, 500])
async def test_an_answer_is_reported_with_its_status_and_words(opened, status):
    async with opened(status, "thanks – danke") as (courier, url, _nowhere, got):
        reply = await courier.post(url, b'{"a": 1}', {"webhook-id": "msg_1"})
    assert (reply.status, reply.excerpt, reply.error) == (status, "thanks – danke", "")
    assert 0 <= reply.seconds < 5
    ((headers, body),) = got
    assert (headers["webhook-id"], body) == ("msg_1", b'{"a": 1}')


async def test_nobody_there_is_a_reply_without_a_status(opened):
    async with opened(200, "") as (courier, _url, nowhere, got):
        reply = await courier.post(nowhere, b"{}", {})
    assert (reply.status, reply.error, got) == (None, "no connection", [])


async def test_what_is_kept_of_an_answer_is_short_and_printable():
    async with over_http(200, "a\0b\x1b[2J\ud7ff😀" + "x" * 5_000) as (courier, url, _nowhere, _got):
        reply = await courier.post(url, b"{}", {})
    assert reply.excerpt == "a�b�[2J\ud7ff�" + "x" * 491
