"""What our client makes of the answers of somebody else's facilitator."""

import pytest
from eth_account import Account

from server.adapters.facilitator_client import RemoteFacilitator
from server.domain.outages import FacilitatorRefused, FacilitatorUnavailable
from tests.conformance.counters import SHOP, read
from tests.conformance.worlds import fake_world
from tests.stack import buyer
from tests.stack.canned import http, run_canned

GOOD = b'{"success":true,"transaction":"0x1","network":"eip155:31337","isValid":true}'
NONSENSE = {
    "a server error": http("500 Internal Server Error", b"{}"),
    "a server error that looks good": http("500 Internal Server Error", GOOD),
    "not found, and looks good": http("404 Not Found", GOOD),
    "accepted for later, and looks good": http("202 Accepted", GOOD),
    "payment required, and looks good": http("402 Payment Required", GOOD),
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


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("400 Bad Request", FacilitatorRefused),
        ("422 Unprocessable Content", FacilitatorRefused),
        ("401 Unauthorized", FacilitatorUnavailable),
        ("403 Forbidden", FacilitatorUnavailable),
    ],
)
async def test_only_what_a_payment_is_at_fault_for_is_a_refusal(status, kind):
    payment = read(buyer.payment(Account.create(), fake_world().entry(SHOP)))
    async with run_canned(http(status, b"{}")) as server:
        remote = RemoteFacilitator(server.url, timeout=5)
        for call in (remote.verify, remote.settle):
            with pytest.raises(FacilitatorUnavailable) as raised:
                await call(*payment)
            assert type(raised.value) is kind
        await remote.close()


async def test_f22_a_redirect_is_not_followed_whoever_it_names():
    payment = read(buyer.payment(Account.create(), fake_world().entry(SHOP)))
    async with run_canned(http("200 OK", GOOD)) as elsewhere:
        for status in ("301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary Redirect"):
            async with run_canned(http(status, GOOD, f"Location: {elsewhere.url}/settle")) as server:
                remote = RemoteFacilitator(server.url, timeout=5)
                for call in (remote.verify, remote.settle):
                    with pytest.raises(FacilitatorUnavailable):
                        await call(*payment)
                await remote.close()
        assert elsewhere.asked == [], "the signed payment went to another origin"


async def test_a_good_answer_is_taken_as_it_is():
    payment = read(buyer.payment(Account.create(), fake_world().entry(SHOP)))
    async with run_canned(http("200 OK", GOOD)) as server:
        remote = RemoteFacilitator(server.url + "/", timeout=5)
        assert (await remote.verify(*payment)).is_valid
        response = await remote.settle(*payment)
        assert (response.success, response.transaction) == (True, "0x1")
        await remote.close()
        assert [asked.split(b" ")[:2] for asked in server.asked] == [[b"POST", b"/verify"], [b"POST", b"/settle"]]
