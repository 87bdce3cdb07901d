"""What ports.Chain guarantees when its node is slow, silent or talks nonsense, and its callers are impatient."""

import asyncio
import time
import traceback

import pytest
from eth_account import Account

from protocol.payment import Method
from server.adapters.chain import EvmChain
from server.adapters.clock import SystemClock
from server.domain.evidence import Spend
from server.domain.outages import ChainUnavailable
from server.ports import Call
from tests.conformance.worlds import (
    FINALITY,
)
from tests.fakes.chain import FakeChain
from tests.stack.canned import http, run_canned
from tests.stack.processes import free_port

SHOP = Account.create().address


# ---------------------------------------------------------------------------------------------------- impatient callers


@pytest.mark.parametrize("patience", [0, 0.0005, 0.001, 0.002, 0.004])
async def test_s27_a_reader_who_goes_away_harms_no_other(world, patience):
    impatient = [asyncio.create_task(world.chain.fees()) for _ in range(20)]
    await asyncio.sleep(patience)
    for task in impatient:
        task.cancel()
    await asyncio.gather(*impatient, return_exceptions=True)
    assert await asyncio.wait_for(world.chain.block_number(), 10) >= 0


# ------------------------------------------------------------------------------------------------------------ bad nodes


def every_method(chain):
    call = Call(SHOP, SHOP, b"")
    yield chain.block_number()
    yield chain.recent_block()
    yield chain.final_block()
    yield chain.block_time(0)
    yield chain.balance(SHOP)
    yield chain.token_balance(SHOP, SHOP)
    yield chain.transaction_count(SHOP)
    yield chain.code(SHOP)
    yield chain.transfers(SHOP, SHOP)
    yield chain.block_hash(0)
    yield chain.allowance(SHOP, SHOP, SHOP)
    for method in Method:
        authorization = Spend(method, SHOP, SHOP, bytes(32), SHOP, 1)
        yield chain.nonce_used(authorization)
        yield chain.spent_in(authorization, 0)
    yield chain.mined("0x" + "00" * 32)
    yield chain.call(call)
    yield chain.estimate_gas(call)
    yield chain.fees()
    yield chain.next_nonce(SHOP)
    yield chain.send(b"\x02")


async def assert_unavailable(chain):
    results = await asyncio.gather(*every_method(chain), return_exceptions=True)
    assert [type(result) for result in results] == [ChainUnavailable] * len(results)
    await chain.close() if isinstance(chain, EvmChain) else None


async def test_f18_every_method_says_when_the_chain_cannot_be_reached():
    await assert_unavailable(FakeChain(SystemClock(), unavailable=True))
    await assert_unavailable(EvmChain(f"http://127.0.0.1:{free_port()}", FINALITY))


@pytest.mark.parametrize(
    "answer",
    [
        http("500 Internal Server Error", b"oops"),
        http("502 Bad Gateway", b"<html>nginx</html>"),
        http("429 Too Many Requests", b"{}"),
        http("200 OK", b"<html>captive portal</html>"),
        http("200 OK", b"{}"),
        http("200 OK", b"[]"),
        http("200 OK", b"null"),
        http("200 OK", b'{"jsonrpc":"2.0","id":0}'),
        http("200 OK", b'{"jsonrpc":"2.0","id":0,"result":{}}'),
        http("200 OK", b'{"jsonrpc":"2.0","id":0,"result":[{}]}'),
        http("200 OK", b'{"jsonrpc":"2.0","id":0,"result":[null]}'),
        http("200 OK", b'{"jsonrpc":"2.0","id":0,"result":"x"}'),
        http("200 OK", b'{"jsonrpc":"2.0","id":0,"error":{"code":-32005,"message":"limit exceeded"}}'),
        http("200 OK", b'{"jsonrpc":"2.0","id":0,"error":"no"}'),
        http("200 OK", b'{"jsonrpc":"2.0","id":0,"result":'),
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{",
        b"",
    ],
    ids=lambda answer: answer.decode()[:90].replace("\r\n", " ") or "closed",
)
async def test_f18_every_method_says_when_a_node_talks_nonsense(answer):
    async with run_canned(answer) as node:
        await assert_unavailable(EvmChain(node.url, FINALITY, timeout=3))


async def test_a_call_and_an_estimate_are_one_request_each():
    async with run_canned(http("200 OK", b'{"jsonrpc":"2.0","id":0,"result":"0x5208"}')) as node:
        chain = EvmChain(node.url, FINALITY)
        assert await chain.estimate_gas(Call(SHOP, SHOP, b"")) == 21_000
        assert await chain.call(Call(SHOP, SHOP, b"")) == bytes.fromhex("5208")
        await chain.close()
    assert [b"eth_estimateGas" in asked or b"eth_call" in asked for asked in node.asked] == [True, True]


async def test_f18_every_method_says_when_a_node_does_not_answer_in_time():
    async with run_canned(None) as node:
        begun = time.monotonic()
        await assert_unavailable(EvmChain(node.url, FINALITY, timeout=0.5))
        assert time.monotonic() - begun < 1.5, "the timeout is the whole time that a read may take"


KEY = "k3y-of-the-operator-0123456789"


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        (
            f"/v3/{KEY}",
            http("200 OK", b'{"jsonrpc":"2.0","id":0,"error":{"code":-32005,"message":"%s is out of credit"}}'),
        ),
        (f"/rpc?apikey={KEY}", http("200 OK", b"unknown key %s")),
        (f"/{KEY}/x", http("403 Forbidden", b"no")),
        (f"/{KEY}", b""),
    ],
    ids=["error", "text", "status", "closed"],
)
async def test_s29_no_error_of_a_node_shows_the_key_in_its_url(path, answer):
    body = answer.replace(b"%s", KEY.encode()).replace(b"Content-Length", b"X-Was")  # the connection's end is its end
    async with run_canned(body) as node:
        chain = EvmChain(node.url + path, FINALITY, timeout=3)
        results = await asyncio.gather(*every_method(chain), return_exceptions=True)
        shown = "".join("".join(traceback.format_exception(result)) for result in results)
        assert KEY not in shown
        assert f"{node.port}/" not in shown, "nor the URL itself"
        assert {type(result) for result in results} == {ChainUnavailable}
        await chain.close()
