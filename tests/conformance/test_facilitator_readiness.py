"""When our client trusts somebody else's facilitator with a payment, and what it gives it."""

import asyncio
import json
import logging

import pytest
from eth_account import Account

from server.adapters import facilitator_client
from server.adapters.facilitator_client import MOST_BYTES, Kind, RemoteFacilitator
from server.domain.errors import ConfigurationError
from server.domain.outages import FacilitatorUnavailable
from tests.conformance.counters import SHOP, read
from tests.conformance.worlds import fake_world
from tests.stack import buyer
from tests.stack.canned import Canned, http, run_canned

NETWORK = "eip155:31337"
WANTED = (Kind("exact", NETWORK),)
PAID = b'{"success":true,"transaction":"0x1","network":"eip155:31337","isValid":true}'
ACCOUNT = Account.create()


def kinds(*found: tuple[int, str, str]) -> bytes:
    listed = [{"x402Version": version, "scheme": scheme, "network": network} for version, scheme, network in found]
    return http("200 OK", json.dumps({"kinds": listed, "extensions": [], "signers": {}}).encode())


def offering(server: Canned, *found: tuple[int, str, str]) -> None:
    server.answers["/supported"] = kinds(*found)


def a_payment():
    return read(buyer.payment(ACCOUNT, fake_world().entry(SHOP)))


def paths(server: Canned) -> list[str]:
    return [asked.decode("latin-1").split(" ")[1] for asked in server.asked]


UNFIT = {
    "another network": [(2, "exact", "eip155:1")],
    "another scheme": [(2, "upto", NETWORK)],
    "another version": [(1, "exact", NETWORK)],
    "nothing": [],
}


@pytest.mark.parametrize("name", UNFIT)
async def test_s30_a_facilitator_that_does_not_settle_here_is_refused_at_the_start(name):
    async with run_canned(http("200 OK", PAID)) as server:
        offering(server, *UNFIT[name])
        remote = RemoteFacilitator(server.url, wanted=WANTED)
        with pytest.raises(ConfigurationError, match="exact on eip155:31337"):
            await remote.require_fit()
        with pytest.raises(FacilitatorUnavailable, match="exact on eip155:31337"):
            await remote.verify(*a_payment())
        await remote.close()
        assert set(paths(server)) == {"/supported"}, "no payment went there"


NO_ANSWERS = {
    "down": b"",
    "an error": http("500 Internal Server Error", b"{}"),
    "a redirect": http("302 Found", b"{}", "Location: http://127.0.0.1:9/supported"),
    "not JSON": http("200 OK", b"<html>"),
    "no kinds": http("200 OK", b"{}"),
    "kinds of another shape": http("200 OK", b'{"kinds":{"x402Version":2}}'),
    "nested too deep": http("200 OK", b'{"kinds":' + b"[" * 9999 + b"]" * 9999 + b"}"),
    "without end": http("200 OK", b'{"kinds":[],"x":"' + b"x" * MOST_BYTES + b'"}'),
}


@pytest.mark.parametrize("name", NO_ANSWERS)
async def test_s30_while_it_does_not_answer_the_server_starts_and_no_payment_goes_there(name, caplog):
    async with run_canned(http("200 OK", PAID)) as server:
        server.answers["/supported"] = NO_ANSWERS[name]
        remote = RemoteFacilitator(server.url, wanted=WANTED)
        with caplog.at_level(logging.WARNING):
            await remote.require_fit()
        assert "no purchase is possible until the facilitator is there" in caplog.text
        for call in (remote.verify, remote.settle):
            with pytest.raises(FacilitatorUnavailable):
                await call(*a_payment())
        with pytest.raises(FacilitatorUnavailable):
            await remote.ready()
        await remote.close()
        assert set(paths(server)) == {"/supported"}


async def test_s30_once_it_is_there_purchases_go_on_by_themselves(monkeypatch):
    monkeypatch.setattr(facilitator_client, "PATIENCE", 0.0)
    async with run_canned(http("200 OK", PAID)) as server:
        server.answers["/supported"] = http("503 Service Unavailable", b"{}")
        remote = RemoteFacilitator(server.url, wanted=WANTED)
        await remote.require_fit()
        with pytest.raises(FacilitatorUnavailable):
            await remote.verify(*a_payment())
        offering(server, (1, "exact", NETWORK), (2, "exact", NETWORK))
        assert (await remote.verify(*a_payment())).is_valid
        assert (await remote.settle(*a_payment())).success
        await remote.ready()
        await remote.close()
        assert paths(server)[-3:] == ["/supported", "/verify", "/settle"], "and it is not asked again for each payment"


async def test_s30_a_crowd_before_a_facilitator_that_is_down_asks_it_once():
    async with run_canned(http("503 Service Unavailable", b"{}")) as server:
        remote = RemoteFacilitator(server.url, wanted=WANTED)
        answers = await asyncio.gather(*(remote.verify(*a_payment()) for _ in range(50)), return_exceptions=True)
        assert {type(answer) for answer in answers} == {FacilitatorUnavailable}
        await remote.close()
        assert paths(server) == ["/supported"]


async def test_it_is_found_out_when_it_goes_away_or_stops_settling_here(monkeypatch):
    monkeypatch.setattr(facilitator_client, "FRESH", 0.0)
    monkeypatch.setattr(facilitator_client, "PATIENCE", 0.0)
    async with run_canned(http("200 OK", PAID)) as server:
        offering(server, (2, "exact", NETWORK))
        remote = RemoteFacilitator(server.url, wanted=WANTED)
        await remote.ready()
        for answer in (b"", kinds((2, "exact", "eip155:1"))):
            server.answers["/supported"] = answer
            with pytest.raises(FacilitatorUnavailable):
                await remote.ready()
            with pytest.raises(FacilitatorUnavailable):
                await remote.verify(*a_payment())
        offering(server, (2, "exact", NETWORK))
        await remote.ready()
        await remote.close()


# ------------------------------------------------------------------------------------------------ what it is given


async def test_f22_the_token_and_the_payment_go_to_the_configured_origin_alone():
    async with run_canned(http("200 OK", PAID)) as elsewhere:
        for status in ("301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"):
            async with run_canned(http(status, PAID, f"Location: {elsewhere.url}/settle")) as server:
                offering(server, (2, "exact", NETWORK))
                remote = RemoteFacilitator(server.url, token="canary", wanted=WANTED)
                await remote.ready()
                for call in (remote.verify, remote.settle):
                    with pytest.raises(FacilitatorUnavailable) as raised:
                        await call(*a_payment())
                    assert "canary" not in raised.value.detail
                await remote.close()
                assert len(server.asked) == 3
                assert all(b"authorization: bearer canary" in asked.lower() for asked in server.asked)
        assert elsewhere.asked == []


async def test_f22_no_proxy_of_the_environment_sees_a_payment(monkeypatch):
    async with run_canned(http("200 OK", PAID)) as proxy, run_canned(http("200 OK", PAID)) as server:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        remote = RemoteFacilitator(server.url, token="canary")
        assert (await remote.verify(*a_payment())).is_valid
        await remote.close()
        assert (len(server.asked), proxy.asked) == (1, [])


async def test_without_a_token_no_credential_is_sent():
    async with run_canned(http("200 OK", PAID)) as server:
        remote = RemoteFacilitator(server.url)
        await remote.settle(*a_payment())
        await remote.close()
        assert b"authorization:" not in server.asked[0].lower()


# ------------------------------------------------------------------------------------------------ what it says


@pytest.mark.parametrize(
    ("field", "value"), [("network", "eip155:1"), ("network", ""), ("payer", SHOP), ("payer", "somebody")]
)
async def test_s8_a_success_for_another_network_or_payer_is_no_answer(field, value):
    said = json.loads(PAID) | {"payer": ACCOUNT.address, field: value}
    async with run_canned(http("200 OK", json.dumps(said).encode())) as server:
        remote = RemoteFacilitator(server.url)
        with pytest.raises(FacilitatorUnavailable, match=field):
            await remote.settle(*a_payment())
        if field == "payer":
            with pytest.raises(FacilitatorUnavailable, match=field):
                await remote.verify(*a_payment())
        await remote.close()


async def test_the_payer_is_the_same_in_any_case():
    said = json.loads(PAID) | {"payer": ACCOUNT.address.lower()}
    async with run_canned(http("200 OK", json.dumps(said).encode())) as server:
        remote = RemoteFacilitator(server.url)
        assert (await remote.settle(*a_payment())).success
        assert (await remote.verify(*a_payment())).is_valid
        await remote.close()


async def test_f22_an_answer_without_end_is_cut_short():
    endless = json.dumps(json.loads(PAID) | {"errorMessage": "x" * MOST_BYTES}).encode()
    async with run_canned(http("200 OK", endless)) as server:
        remote = RemoteFacilitator(server.url)
        with pytest.raises(FacilitatorUnavailable, match="more than"):
            await remote.settle(*a_payment())
        await remote.close()
