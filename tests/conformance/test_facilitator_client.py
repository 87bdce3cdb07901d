"""What our client makes of the answers of somebody else's facilitator."""

import pytest
from eth_account import Account

from server.adapters.facilitator_client import RemoteFacilitator
from server.domain.errors import FacilitatorUnavailable
from tests.conformance.counters import SHOP, read
from tests.conformance.worlds import fake_world
from tests.stack import buyer
from tests.stack.canned import http, run_canned

NONSENSE = {
    "a server error": http("500 Internal Server Error", b"{}"),
    "a redirect": http("307 Temporary Redirect", b"", "Location: http://127.0.0.1:1/settle"),
    "not JSON": http("200 OK", b"<html>"),
    "nothing": http("200 OK", b""),
    "null": http("200 OK", b"null"),
    "a list": http("200 OK", b"[]"),
    "an empty object": http("200 OK", b"{}"),
    "success as text": http("200 OK", b'{"success":"true","transaction":"0x","network":"n","isValid":"true"}'),
    "success as a number": http("200 OK", b'{"success":1,"transaction":"0x","network":"n","isValid":1}'),
    "transaction missing": http("200 OK", b'{"success":true,"network":"n"}'),
    "transaction null": http("200 OK", b'{"success":true,"transaction":null,"network":"n"}'),
    "cut short": b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{",
    "a closed connection": b"",
    "not HTTP": b"SSH-2.0-OpenSSH_9.6\r\n",
}


@pytest.mark.parametrize("name", NONSENSE)
async def test_s8_f22_an_answer_that_makes_no_sense_is_no_answer(name):
    payment = read(buyer.payment(Account.create(), fake_world().entry(SHOP)))
    async with run_canned(NONSENSE[name]) as server:
        remote = RemoteFacilitator(server.url, timeout=5)
        for call in (remote.verify, remote.settle):
            with pytest.raises(FacilitatorUnavailable) as raised:
                await call(*payment)
            assert payment[0].payload["signature"] not in raised.value.detail
        await remote.close()
        assert len(server.asked) == 2, "each was asked once: nothing is sent anywhere else, nor again"


async def test_s8_a_facilitator_that_does_not_answer_in_time_is_unavailable():
    payment = read(buyer.payment(Account.create(), fake_world().entry(SHOP)))
    async with run_canned(None) as server:
        remote = RemoteFacilitator(server.url, timeout=0.2)
        with pytest.raises(FacilitatorUnavailable):
            await remote.settle(*payment)
        await remote.close()
