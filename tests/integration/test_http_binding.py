"""What a payment binds, what it does not, and when an answer's first byte leaves: read off the socket."""

import asyncio
import socket
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from protocol.headers import decode_json
from protocol.wire import FacilitatorRequest
from scripts.accounts import account
from server.adapters.facilitator_client import RemoteFacilitator
from server.adapters.signers import LocalSigner
from tests.fakes.facilitator import FakeFacilitator
from tests.simulation.test_threats_limits import Slow, turns
from tests.simulation.world import open_world
from tests.stack.buyer import Quoted, read_header
from tests.stack.waiting import eventually
from tests.stack.wire import exchange, parse, request, serving

HOST, ALIAS = "paddock.test", "alias.test"
TARGET = "/v1/echo-post"
BODY = b'{"text": "hello there"}'
TYPE = "application/json"


@pytest.fixture
async def door():
    """(world, port) of a marketplace behind a real server."""
    async with open_world() as world, serving(world.app) as port:
        yield world, port


def asked(headers=None, *, method="POST", target=TARGET, body=BODY, host=HOST, kind=TYPE):
    return request(target, {"Host": host, "Content-Type": kind, **(headers or {})}, method, body)


def pay(world, answer):
    return world.buyer.pay(Quoted("", "POST", None, read_header(answer.header("payment-required")), {}))


def one_byte_off(text):
    """Every byte replaced by another one, every byte left out, and one more at the end."""
    for place, byte in enumerate(text):
        other = bytes([byte ^ 1]) if 33 <= byte ^ 1 < 127 else b"~"
        yield text[:place] + other + text[place + 1 :]
        yield text[:place] + text[place + 1 :]
    yield text + b"~"


async def assert_unsold(world, port, others):
    """None of these requests is sold for a payment that was quoted for another one."""
    for other in others:
        answer = await exchange(port, other)
        assert answer.status in (0, 400, 402, 404, 405, 415, 421, 422), other
        if answer.status == 402:
            assert "binding_mismatch" in read_header(answer.header("payment-required"))["error"], other
    assert await world.orders() == []
    assert world.runs["echo"] == world.settlements() == 0


async def test_s2_one_byte_of_body_type_method_or_authority_and_it_is_another_request(door):
    world, port = door
    paid = {"PAYMENT-SIGNATURE": pay(world, await exchange(port, asked()))}
    others = [asked(paid, body=body) for body in one_byte_off(BODY)]
    others += [asked(paid, kind=kind.decode()) for kind in one_byte_off(TYPE.encode())]
    others += [asked(paid, host=host.decode()) for host in one_byte_off(HOST.encode())]
    others += [asked(paid, method=method) for method in ("GET", "PUT", "HEAD", "POSTS", "post", "POS")]
    others += [asked(paid, host=ALIAS), asked(paid, body=b""), asked(paid, target=TARGET + "?x")]
    assert len(others) > 100
    await assert_unsold(world, port, others)
    assert (await exchange(port, asked(paid))).status == 200


async def test_s2_one_byte_of_path_or_query_and_it_is_another_request(door):
    world, port = door
    target = "/v1/echo?text=hello"
    paid = {"Host": HOST, "PAYMENT-SIGNATURE": pay(world, await exchange(port, request(target, {"Host": HOST})))}
    spelt = [one for one in one_byte_off(target.encode()) if one.startswith(b"/")]
    spelt += [target.encode() + more for more in (b"&", b"&text=hello", b"%20")]
    spelt += [target.encode().replace(b"hello", other) for other in (b"hell%6f", b"hell%6F", b"HELLO")]
    assert len(spelt) > 35
    await assert_unsold(world, port, [request(one, paid) for one in spelt])
    assert (await exchange(port, request(target, paid))).status == 200


def chunked(header):
    """The paid request with its body in chunks of three bytes."""
    lines = [f"Host: {HOST}", f"Content-Type: {TYPE}", f"PAYMENT-SIGNATURE: {header}", "Transfer-Encoding: chunked"]
    head = f"POST {TARGET} HTTP/1.1\r\n" + "\r\n".join([*lines, "Connection: close", "", ""])
    parts = [BODY[at : at + 3] for at in range(0, len(BODY), 3)]
    return [head.encode(), *(b"%x\r\n%s\r\n" % (len(part), part) for part in parts), b"0\r\n\r\n"]


async def test_s2_case_and_order_of_headers_chunks_and_segments_make_no_other_request(door):
    world, port = door
    header = pay(world, await exchange(port, asked()))
    first = await exchange(port, asked({"PAYMENT-SIGNATURE": header}))
    assert first.status == 200
    whole = asked({"PAYMENT-SIGNATURE": header})
    head, _, body = whole.partition(b"\r\n\r\n")
    line, *rest = head.split(b"\r\n")
    same = [
        [asked({"payment-signature": header})],
        [asked({"pAyMeNt-SiGnAtUrE": header})],
        [asked({"PAYMENT-SIGNATURE": header}, host=HOST.upper())],
        [asked({"PAYMENT-SIGNATURE": header}, kind=TYPE.upper())],
        [b"\r\n".join([line, *reversed(rest)]) + b"\r\n\r\n" + body],
        [asked({"PAYMENT-SIGNATURE": header, "Accept-Language": "xx", "User-Agent": "y", "Cookie": "z"})],
        [whole[at : at + 100] for at in range(0, len(whole), 100)],
        chunked(header),
    ]
    for pieces in same:
        again = await exchange(port, *pieces)
        assert (again.status, again.header("idempotent-replayed")) == (200, "true"), pieces[0]
        assert again.body.endswith(first.body) or again.header("transfer-encoding") == "chunked"
    assert world.runs["echo"] == world.settlements() == 1


# ---------------------------------------------------------------------------------------------- nothing before money


async def test_s9_not_one_byte_leaves_while_the_settlement_is_on_its_way(door):
    world, port = door
    slow = Slow(world.paddock.facilitator, world.buyer.account.address)
    world.paddock = world.app.state.paddock = replace(world.paddock, facilitator=slow)
    header = pay(world, await exchange(port, asked()))
    world.clock.held = True
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(client, asked({"PAYMENT-SIGNATURE": header}))
        await eventually(lambda: asyncio.sleep(0, slow.waiting), 20, "the settlement is on its way")
        await turns(500)
        assert world.runs["echo"] == 1, "the answer is made"
        with pytest.raises(BlockingIOError):
            client.recv(1)
        slow.go.set()
        world.clock.held = False
        received = b""
        while chunk := await loop.sock_recv(client, 65_536):
            received += chunk
    assert parse(received).status == 200
    assert b'"run":' in received


@pytest.mark.parametrize("ending", ["refused", "in doubt"])
async def test_s9_nothing_of_an_answer_leaves_when_its_settlement_does_not_come(door, ending):
    world, port = door
    header = pay(world, await exchange(port, asked()))
    if ending == "refused":
        world.chain.state.paused = True
    else:
        world.chain.automine, world.chain.block_seconds = False, 10_000
    answer = await exchange(port, asked({"PAYMENT-SIGNATURE": header}))
    world.chain.state.paused = False
    assert answer.status == (402 if ending == "refused" else 503)
    assert world.runs["echo"] == 1
    assert b"hello there" not in answer.head + answer.body


# ------------------------------------------------------------------------------ a facilitator whose answers get lost


@dataclass
class Lossy:
    """An honest facilitator over HTTP that settles, and then spoils its answer as often as it is told how."""

    honest: FakeFacilitator
    spoil: list[str] = field(default_factory=list)

    async def handle(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
        )
        asked = decode_json(await reader.readexactly(length), FacilitatorRequest)
        if b"/verify" in head.split(b"\r\n")[0]:
            await self._answer(writer, b"200 OK", b'{"isValid":true}')
            return
        settled = await self.honest.settle(asked.payment_payload, asked.payment_requirements)
        body = b'{"success":true,"transaction":"%s","network":"%s"}' % (
            settled.transaction.encode(),
            settled.network.encode(),
        )
        how = self.spoil.pop(0) if self.spoil else "well"
        if how == "timeout":
            await reader.read()
            writer.close()
        elif how == "reset":
            writer.transport.abort()
        elif how == "500":
            await self._answer(writer, b"500 Internal Server Error", b"oops")
        elif how == "truncated":
            await self._answer(writer, b"200 OK", body[:20], len(body))
        elif how == "no json":
            await self._answer(writer, b"200 OK", b"<html>it works</html>")
        else:
            await self._answer(writer, b"200 OK", body)

    async def _answer(self, writer, status, body, length=None):
        head = b"HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (status, length or len(body))
        writer.write(head + body)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def lossy(world, timeout=30.0):
    """The world's facilitator is now a remote one that loses answers."""
    signer = LocalSigner(account("stranger").key.hex())
    facilitator = Lossy(FakeFacilitator(world.chain, world.clock, world.paddock.market, signer))
    server = await asyncio.start_server(facilitator.handle, "127.0.0.1", 0)
    client = RemoteFacilitator(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", timeout=timeout)
    world.paddock = world.app.state.paddock = replace(world.paddock, facilitator=client)
    async with server:
        yield facilitator
        await client.close()
        server.close()


@pytest.mark.parametrize("how", ["500", "timeout", "reset", "truncated", "no json"])
async def test_s11_a_settlement_whose_answer_is_lost_is_503_and_the_same_payment_gets_the_answer_once(door, how):
    world, port = door
    async with lossy(world, 0.3 if how == "timeout" else 30) as facilitator:
        facilitator.spoil.append(how)
        header = pay(world, await exchange(port, asked()))
        lost = await exchange(port, asked({"PAYMENT-SIGNATURE": header}))
        assert (lost.status, lost.header("content-type")) == (503, "application/problem+json")
        assert int(lost.header("retry-after")) >= 1
        order_id = read_header(header)["accepted"]["extra"]["quoteId"]
        assert f'"order_id":"{order_id}"'.encode() in lost.body
        assert b"hello there" not in lost.body
        again = await exchange(port, asked({"PAYMENT-SIGNATURE": header}))
        assert again.status == 200
        assert b"hello there" in again.body
        assert world.runs["echo"] == world.settlements() == 1


async def test_s27_more_slow_settlements_than_a_connection_pool_holds_do_not_hold_up_another_payer():
    """A hundred and twenty settlements of one payer hang at a remote facilitator; another one's goes past them."""
    async with open_world() as world:
        world.paddock.admission.orders_per_payer = 200
        world.paddock.admission.runs_per_route = 200
        async with lossy(world) as facilitator:
            slow = Slow(facilitator.honest, world.buyer.account.address)
            facilitator.honest = slow
            world.clock.held = True
            tasks = []
            for _ in range(120):
                quoted = await world.buyer.ask(world.url("echo"))
                tasks.append(asyncio.create_task(world.buyer.present(quoted, world.buyer.pay(quoted))))
            await eventually(lambda: asyncio.sleep(0, slow.waiting == 120), 30, "all settlements are on their way")
            other = type(world.buyer)(world.client, clock=world.clock)
            world.chain.give(other.account.address, 10_000)
            assert (await other.buy(world.url("echo"))).status_code == 200
            assert not any(task.done() for task in tasks)
            slow.go.set()
            assert {answer.status_code for answer in await asyncio.gather(*tasks)} == {200}
            world.clock.held = False


# ------------------------------------------------------------------------------------- methods, headers, caches, start


@pytest.mark.parametrize("method", ["get", "gET", "HEAD", "TRACE", "CONNECT", "OPTIONS", "PROPFIND", "GETS", "QUERY"])
async def test_s16_no_other_method_runs_a_handler_whatever_headers_say(door, method):
    world, port = door
    answer = await exchange(port, request("/v1/echo", {"Host": HOST}))
    header = pay(world, answer)
    override = {"X-HTTP-Method-Override": "GET", "X-HTTP-Method": "GET", "X-Method-Override": "GET"}
    told = await exchange(port, request("/v1/echo", {"Host": HOST, "PAYMENT-SIGNATURE": header, **override}, method))
    assert told.status in (0, 200, 204, 400, 404, 405)
    assert b'"run"' not in told.body
    assert world.runs["echo"] == world.settlements() == 0
    assert await world.orders() == []


async def test_s18_payments_that_come_in_pieces_or_twice_are_refused_on_the_wire_too(door):
    world, port = door
    header = pay(world, await exchange(port, asked()))
    half = len(header) // 2
    twice = asked({"PAYMENT-SIGNATURE": header}).replace(
        b"Host:", b"payment-signature: " + header.encode() + b"\r\nHost:"
    )
    folded = asked({"PAYMENT-SIGNATURE": f"{header[:half]}\r\n {header[half:]}"})
    spaced = asked({"PAYMENT-SIGNATURE ": header})
    under = asked({"PAYMENT_SIGNATURE": header, "PAYMENT-SIGNATURE": header})
    joined = asked({"PAYMENT-SIGNATURE": f"{header},{header}"})
    for sent in (twice, folded, spaced, under, joined):
        assert (await exchange(port, sent)).status in (0, 400), sent[:200]
    assert await world.orders() == []


async def test_s20_s19_every_answer_of_a_paid_route_varies_by_payment_and_is_stored_nowhere(door):
    world, port = door
    unpaid = await exchange(port, asked())
    header = pay(world, unpaid)
    sold = await exchange(port, asked({"PAYMENT-SIGNATURE": header}))
    replayed = await exchange(port, asked({"PAYMENT-SIGNATURE": header, "Accept": "text/html", "Range": "bytes=0-3"}))
    wrong = await exchange(port, asked(body=b'{"wrong": 1}'))
    broken = await exchange(port, asked({"PAYMENT-SIGNATURE": "%"}))
    conditional = await exchange(port, asked({"If-None-Match": "*", "Range": "bytes=0-1"}))
    answers = [unpaid, sold, replayed, wrong, broken, conditional]
    assert [one.status for one in answers] == [402, 200, 200, 422, 400, 402]
    for answer in answers:
        vary = {name.strip().lower() for name in answer.header("vary").split(",")}
        assert {"accept", "payment-signature", "x-payment"} <= vary
        assert "no-store" in answer.header("cache-control")
    assert replayed.body == sold.body, "what Accept asks for changes nothing that was paid for"


async def test_s21_hosts_that_only_look_like_ours_get_no_quote(door):
    _, port = door
    forged = {"X-Forwarded-Host": HOST, "Forwarded": f"host={HOST}", "X-Forwarded-Proto": "https"}
    for host in ("evil.test", f"{HOST}.evil.test", f"evil.test:{HOST}", f"{HOST}:81", f" {HOST}@evil.test", ""):
        answer = await exchange(port, request("/v1/echo", {"Host": host, **forged}))
        assert answer.status in (0, 400, 421)
        assert not answer.header("payment-required")


async def test_s25_a_header_larger_than_the_server_takes_is_refused_before_it_is_all_read(door):
    world, port = door
    for size in (17_000, 70_000):
        answer = await exchange(port, asked({"PAYMENT-SIGNATURE": "A" * size}))
        assert answer.status in (0, 400, 431)
    assert await world.orders() == []


async def test_s30_requests_before_the_parts_are_put_together_are_told_to_wait(door):
    world, port = door
    header = pay(world, await exchange(port, asked()))
    paddock, settling = world.app.state.pop("paddock"), world.app.state.pop("settling")
    early = [asked(), asked({"PAYMENT-SIGNATURE": header}), request("/api/services", {"Host": HOST})]
    early.append(request("/facilitator/settle", {"Host": HOST}, "POST", b"{}"))
    for answer in await asyncio.gather(*(exchange(port, one) for one in early * 5)):
        assert (answer.status, answer.header("retry-after")) == (503, "2")
        assert b"/problems/starting" in answer.body
    world.app.state.paddock, world.app.state.settling = paddock, settling
    assert world.runs["echo"] == world.settlements() == 0
    assert (await exchange(port, asked({"PAYMENT-SIGNATURE": header}))).status == 200
