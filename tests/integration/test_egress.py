"""Requests to strangers' URLs: no connection goes inside however it is spelt, named or moved, and none lasts."""

import asyncio
import socket
import threading
import time

import httpx
import pytest

from server.adapters.egress import GuardedClient, GuardedTransport, SystemResolver, Unreachable
from server.domain.addresses import EgressRules
from tests.stack.receiver import Receiver, response, tls_client, tls_server
from tests.unit.test_domain_addresses import INSIDE, SPELLINGS

NEAR = EgressRules(https_only=False, allow_private=True)
PUBLIC = "93.184.215.14"


def resolving(*addresses):
    """A resolver that gives these for every name, and counts how often it is asked."""

    async def resolve(host, port):
        resolve.asked.append((host, port))
        return addresses

    resolve.asked = []
    return resolve


async def ok(_headers, _body):
    return response(200, b"thanks")


@pytest.fixture
async def receiver():
    async with Receiver(ok) as opened:
        yield opened


async def fetch(url, rules=NEAR, resolve=None, verify=None, **given):
    client = GuardedClient(rules, resolve=resolve, verify=verify)
    try:
        return await client.fetch("POST", url, headers={"X-Test": "1"}, content=b"hello", **{"seconds": 5.0, **given})
    finally:
        await client.close()


async def test_a_request_arrives_as_it_was_sent(receiver):
    fetched = await fetch(receiver.url)
    assert (fetched.status, fetched.body) == (200, b"thanks")
    ((line, headers, body),) = receiver.requests
    assert (line, headers["x-test"], body) == ("POST /hook HTTP/1.1", "1", b"hello")
    assert headers["host"] == f"127.0.0.1:{receiver.port}"


# ------------------------------------------------------------------------------------------------------ no way inside


@pytest.mark.parametrize("address", [*(f"[{one}]" if ":" in one else one for one in INSIDE), *SPELLINGS, "localhost"])
async def test_w7_no_spelling_of_an_address_inside_is_connected_to(receiver, address):
    """By the machine's own resolver, which reads decimal, octal, hexadecimal and shortened addresses."""
    with pytest.raises(Unreachable) as caught:
        await fetch(f"http://{address}:{receiver.port}/hook", EgressRules(https_only=False))
    assert receiver.connections == 0
    assert "127.0" not in str(caught.value)


async def test_the_machines_resolver_does_read_such_spellings():
    """Else the test above would show nothing."""
    resolve = SystemResolver()
    for spelling in ("2130706433", "017700000001", "0x7f000001", "127.1", "0177.0.0.1", "localhost"):
        assert "127.0.0.1" in await resolve(spelling, 80)


@pytest.mark.parametrize("address", INSIDE)
async def test_w7_a_name_that_resolves_inside_is_not_connected_to(receiver, address):
    with pytest.raises(Unreachable, match="public addresses"):
        await fetch(f"http://hooks.test:{receiver.port}/", EgressRules(https_only=False), resolving(address))
    assert receiver.connections == 0


@pytest.mark.parametrize("addresses", [(PUBLIC, "127.0.0.1"), (PUBLIC,) * 9 + ("10.0.0.1",), ("::1", PUBLIC)])
async def test_w7_one_address_inside_among_many_is_enough_to_refuse(addresses):
    seen = []
    transport = GuardedTransport(EgressRules(), resolving(*addresses), httpx.MockTransport(seen.append))
    with pytest.raises(httpx.ConnectError, match="public addresses"):
        await httpx.AsyncClient(transport=transport).post("https://hooks.test/")
    assert seen == []


async def test_w7_a_name_that_moves_inside_after_the_check_gains_nothing():
    """The connection goes to the address that was checked; nobody resolves a second time."""
    answers = [[PUBLIC], ["127.0.0.1"]]
    seen = []

    async def rebinding(_host, _port):
        return answers.pop(0)

    def inner(request):
        seen.append(request)
        return httpx.Response(200)

    transport = GuardedTransport(EgressRules(), rebinding, httpx.MockTransport(inner))
    async with httpx.AsyncClient(transport=transport) as client:
        assert (await client.post("https://hooks.test:8443/x?y=1", content=b"z")).status_code == 200
        with pytest.raises(httpx.ConnectError):
            await client.post("https://hooks.test:8443/x?y=1", content=b"z")
    (request,) = seen
    assert str(request.url) == f"https://{PUBLIC}:8443/x?y=1"
    assert request.headers["host"] == "hooks.test:8443"
    assert request.extensions["sni_hostname"] == "hooks.test"


async def test_every_address_is_tried_and_the_last_failure_is_told():
    tried = []

    def closed(request):
        tried.append(request.url.host)
        raise httpx.ConnectError(f"{request.url.host} is closed")

    transport = GuardedTransport(EgressRules(), resolving(PUBLIC, "93.184.215.15"), httpx.MockTransport(closed))
    async with httpx.AsyncClient(transport=transport) as client:
        with pytest.raises(httpx.ConnectError, match=r"93\.184\.215\.15 is closed"):
            await client.post("https://hooks.test/x")
    assert tried == [PUBLIC, "93.184.215.15"]


async def test_w7_the_name_is_looked_up_once_for_a_connection(receiver, monkeypatch):
    asked, real = [], socket.getaddrinfo

    def look_up(host, *rest, **more):
        if host == "hooks.test":
            asked.append(host)
            host = "127.0.0.1"
        return real(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    fetched = await fetch(f"http://hooks.test:{receiver.port}/hook")
    assert fetched.status == 200
    assert asked == ["hooks.test"]
    assert receiver.requests[0][1]["host"] == f"hooks.test:{receiver.port}"


@pytest.mark.parametrize("error", [OSError("no such name"), UnicodeError("label too long")])
async def test_w7_what_does_not_resolve_reads_like_what_resolves_inside(error):
    async def fail(_host, _port):
        raise error

    texts = set()
    for resolve in (fail, resolving(), resolving("10.0.0.1")):
        with pytest.raises(Unreachable) as caught:
            await fetch("https://hooks.test/", EgressRules(), resolve)
        texts.add(str(caught.value))
    assert len(texts) == 1


async def test_w7_plain_http_is_refused_where_https_is_asked_for(receiver):
    resolve = resolving("127.0.0.1")
    with pytest.raises(Unreachable, match="https"):
        await fetch(f"http://hooks.test:{receiver.port}/", EgressRules(allow_private=True), resolve)
    assert resolve.asked == []
    assert receiver.connections == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_w7_a_redirect_to_inside_is_not_followed(receiver, status):
    async def away(_headers, _body):
        return response(status, Location=receiver.url)

    async with Receiver(away) as outside:
        assert (await fetch(outside.url)).status == status
    assert receiver.connections == 0


async def test_w7_no_proxy_of_the_environment_is_used(receiver, monkeypatch):
    async with Receiver(ok) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        assert (await fetch(receiver.url)).status == 200
        assert proxy.connections == 0


async def test_the_next_address_is_tried_when_the_first_does_not_connect(receiver):
    url = f"http://hooks.test:{receiver.port}/"
    assert (await fetch(url, resolve=resolving("127.0.0.2", "127.0.0.1"))).status == 200
    with pytest.raises(Unreachable, match="no connection"):
        await fetch(url, resolve=resolving("127.0.0.2"))


# -------------------------------------------------------------------------------------------------------------- TLS


async def test_w7_the_certificate_is_checked_against_the_name_and_not_the_address():
    names = []
    context = tls_server()
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    async with Receiver(ok, tls=context) as receiver:
        url = f"https://hooks.test:{receiver.port}/hook"
        near = resolving("127.0.0.1")
        assert (await fetch(url, resolve=near, verify=tls_client())).status == 200
        assert names == ["hooks.test"]
        for other, verify in ((url.replace("hooks.test", "other.test"), tls_client()), (url, None)):
            with pytest.raises(Unreachable, match="certificate"):
                await fetch(other, resolve=near, verify=verify)
        assert len(receiver.requests) == 1


async def test_two_hosts_at_one_address_share_no_connection():
    """A kept one would carry the second host's message to whoever proved to be the first."""

    async def kept(_headers, _body):
        return b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

    async with Receiver(kept, hold=True) as receiver:
        client = GuardedClient(NEAR, resolve=resolving("127.0.0.1"))
        for host in ("one.test", "two.test"):
            await client.fetch("POST", f"http://{host}:{receiver.port}/", headers={})
        await client.close()
        assert receiver.connections == 2


# --------------------------------------------------------------------------------------------------- no longer, no more


@pytest.mark.parametrize("answer", [b"HTTP/1.1 200 OK\r\nX: " + b"x" * 10_000, b"HTTP/1.1 100 Continue\r\n\r\n" * 500])
async def test_w7_a_server_that_drips_headers_is_left_when_the_time_is_over(answer):
    async def slowly(_headers, _body):
        return answer

    async with Receiver(slowly, drip=True) as receiver:
        started = time.monotonic()
        with pytest.raises(Unreachable, match=r"no answer within 0\.4 s"):
            await fetch(receiver.url, seconds=0.4)
        assert time.monotonic() - started < 3


async def test_w7_a_body_that_drips_ends_with_the_time_and_the_status_counts():
    async def slowly(_headers, _body):
        return b"HTTP/1.1 204 No\r\n\r\n".replace(b"204 No", b"200 OK")

    async with Receiver(slowly, drip=True) as receiver:
        started = time.monotonic()
        fetched = await fetch(receiver.url, seconds=2.5)
        assert fetched.status == 200
        assert fetched.body.strip(b"x") == b""
        assert time.monotonic() - started < 6


async def test_w7_a_server_that_says_nothing_is_left_when_the_time_is_over():
    async def silent(_headers, _body):
        await asyncio.Event().wait()

    async with Receiver(silent) as receiver:
        with pytest.raises(Unreachable, match=r"no answer within 0\.3 s"):
            await fetch(receiver.url, seconds=0.3)


async def test_w7_a_resolver_that_hangs_is_left_when_the_time_is_over():
    async def hang(_host, _port):
        await asyncio.Event().wait()

    with pytest.raises(Unreachable, match=r"no answer within 0\.2 s"):
        await fetch("https://hooks.test/", EgressRules(), hang, seconds=0.2)


async def test_w7_name_servers_that_hang_hold_up_no_other_look_up(monkeypatch):
    """Those of the chain and the database go by the event loop's own threads, of which there are few."""
    gate, real = threading.Event(), socket.getaddrinfo

    def look_up(host, *rest, **more):
        if host == "slow.test":
            gate.wait(20)
        return real("127.0.0.1" if host == "slow.test" else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    resolve = SystemResolver()
    slow = [asyncio.create_task(resolve("slow.test", 80)) for _ in range(64)]
    try:
        await asyncio.sleep(0)
        async with asyncio.timeout(10):
            assert await asyncio.get_running_loop().getaddrinfo("localhost", 80)
        assert not any(task.done() for task in slow)
    finally:
        gate.set()
        await asyncio.gather(*slow)


async def test_w7_of_a_long_answer_only_the_beginning_is_read():
    """Nobody waits for the rest, which never comes."""

    async def flood(_headers, _body):
        return b"HTTP/1.1 500 No\r\nContent-Length: 1000000000\r\n\r\n" + b"y" * 100_000

    async with Receiver(flood, hold=True) as receiver:
        fetched = await fetch(receiver.url, seconds=30)
    assert (fetched.status, fetched.body) == (500, b"y" * 4096)
    assert fetched.seconds < 20


async def test_w7_a_compressed_answer_is_not_blown_up():
    async def packed(headers, _body):
        assert headers["accept-encoding"] == "identity"
        return response(200, b"\x1f\x8b\x08" + b"\0" * 100, Content_Encoding="gzip")

    async with Receiver(packed) as receiver:
        assert (await fetch(receiver.url)).body.startswith(b"\x1f\x8b\x08")


async def test_a_reset_connection_is_told_in_plain_words():
    async def reset(_headers, _body):
        return None

    async with Receiver(reset) as receiver:
        with pytest.raises(Unreachable, match="the connection broke before an answer came"):
            await fetch(receiver.url)


async def test_what_is_not_http_is_told_in_plain_words():
    async def nonsense(_headers, _body):
        return b"SSH-2.0-OpenSSH_9.6\r\n"

    async with Receiver(nonsense) as receiver:
        with pytest.raises(Unreachable, match="the connection broke"):
            await fetch(receiver.url)


@pytest.mark.parametrize("url", ["https://", "https://[::1", "https://a b/", "nonsense", "https://" + "a" * 300])
async def test_a_url_that_is_none_is_told_in_plain_words(url):
    with pytest.raises(Unreachable):
        await fetch(url, EgressRules())


async def test_a_caller_that_is_cancelled_is_not_held_up():
    async def silent(_headers, _body):
        await asyncio.Event().wait()

    async with Receiver(silent) as receiver:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(fetch(receiver.url, seconds=30), 0.2)


@pytest.mark.parametrize(("most", "whole"), [(5, False), (6, True), (7, True)])
async def test_a_body_is_whole_if_nothing_of_it_was_left_whatever_pieces_it_comes_in(most, whole):
    async def pieces():
        for piece in (b"abc", b"de", b"f"):
            yield piece

    client = GuardedClient(NEAR)
    await client._client.aclose()
    client._client = httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(200, content=pieces())))
    fetched = await client.fetch("GET", "http://hooks.test/", headers={}, most=most)
    await client.close()
    assert (fetched.body, fetched.whole) == (b"abcdef"[:most], whole)
