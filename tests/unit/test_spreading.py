"""Several addresses behind one name: each gets requests, one that is away is passed over, and nothing is sent twice."""

from collections import Counter

import httpx
import pytest

from server.adapters.spreading import CONNECT_SECONDS, SpreadingTransport


class Place:
    """Addresses that a name has, and what happens at each of them."""

    def __init__(self, *addresses, failing=()):
        self.addresses, self.failing = addresses, dict(failing)
        self.asked = []

    async def resolve(self, host, port):
        if isinstance(self.addresses[0], Exception):
            raise self.addresses[0]
        self.looked_up = (host, port)
        return self.addresses

    def answer(self, request):
        self.asked.append(request)
        if error := self.failing.get(request.url.host):
            raise error
        return httpx.Response(200)

    async def send(self, times=1, url="http://facilitator:8402/settle"):
        transport = SpreadingTransport(httpx.MockTransport(self.answer), self.resolve)
        async with httpx.AsyncClient(transport=transport, timeout=30) as client:
            for _ in range(times):
                await client.post(url, content=b"{}")

    @property
    def hosts(self):
        return Counter(request.url.host for request in self.asked)


async def test_each_address_of_a_name_gets_requests_under_that_name():
    place = Place("10.0.0.5", "10.0.0.8")
    await place.send(200)
    assert place.looked_up == ("facilitator", 8402)
    assert sum(place.hosts.values()) == 200
    assert set(place.hosts) == {"10.0.0.5", "10.0.0.8"}
    assert {request.headers["host"] for request in place.asked} == {"facilitator:8402"}
    assert {request.extensions["sni_hostname"] for request in place.asked} == {"facilitator"}
    assert {request.extensions["timeout"]["connect"] for request in place.asked} == {CONNECT_SECONDS}
    assert {request.extensions["timeout"]["read"] for request in place.asked} == {30}


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ConnectTimeout])
async def test_who_cannot_be_connected_to_is_passed_over(error):
    place = Place("10.0.0.5", "10.0.0.8", failing={"10.0.0.5": error("away")})
    await place.send(50)
    assert place.hosts["10.0.0.8"] == 50
    assert place.hosts["10.0.0.5"] > 0


@pytest.mark.parametrize("error", [httpx.ReadError, httpx.ReadTimeout, httpx.RemoteProtocolError, httpx.WriteError])
async def test_what_may_have_arrived_is_not_sent_elsewhere(error):
    place = Place("10.0.0.5", "10.0.0.8", failing={one: error("cut") for one in ("10.0.0.5", "10.0.0.8")})
    with pytest.raises(error):
        await place.send()
    assert len(place.asked) == 1


async def test_where_nobody_can_be_connected_to_the_last_reason_is_given():
    place = Place("10.0.0.5", "10.0.0.8", failing={one: httpx.ConnectError(one) for one in ("10.0.0.5", "10.0.0.8")})
    with pytest.raises(httpx.ConnectError):
        await place.send()
    assert place.hosts == {"10.0.0.5": 1, "10.0.0.8": 1}


@pytest.mark.parametrize(
    "addresses", [("10.0.0.5",), ("::1", "127.0.0.1"), (OSError("no such name"),), (TimeoutError(),)], ids=str
)
async def test_a_name_without_several_addresses_of_one_family_is_left_to_the_connection(addresses):
    place = Place(*addresses)
    await place.send()
    assert place.hosts == {"facilitator": 1}
    assert place.asked[0].extensions["timeout"]["connect"] == 30


async def test_an_address_is_not_looked_up():
    place = Place(AssertionError("looked up"))
    await place.send(url="http://127.0.0.1:8402/settle")
    await place.send(url="http://[::1]:8402/settle")
    assert place.hosts == {"127.0.0.1": 1, "::1": 1}
