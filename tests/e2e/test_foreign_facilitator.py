"""Our server settles through the official Python facilitator, and catches it when it lies."""

import asyncio
import json
from dataclasses import replace

import httpx
import pytest

from tests.conformance.worlds import ETHER
from tests.stack.buyer import Buyer
from tests.stack.canned import http, run_canned
from tests.stack.foreign_facilitator import ForeignFacilitator, Lie
from tests.stack.marketplace import Marketplace
from tests.stack.processes import ChildDied, free_port
from tests.stack.served import run_served
from tests.stack.waiting import eventually

SIGNAL = "/v1/market-signal?symbol=DEMO-TREND&window=20"
TOKEN = "canary-facilitator-token"


@pytest.fixture(scope="module")
def foreign(anvil, market):
    made = ForeignFacilitator(anvil.url, market.network)
    anvil.set_balance(made.key.address, ETHER)
    return made


def beside(place, url):
    """A server like `place`, on its database and with its worker, that settles elsewhere."""
    more = {"PADDOCK_FACILITATOR_URL": url, "PADDOCK_FACILITATOR_TOKEN": TOKEN}
    return replace(place, more=more, port=free_port(), children=[])


@pytest.fixture(scope="module")
def shop(place, foreign) -> Marketplace:
    """Our server with the foreign facilitator."""
    with run_served(foreign) as url:
        made = beside(place, url)
        try:
            made.start_server()
            yield made
        finally:
            made.stop()


@pytest.fixture
async def buyer(payer):
    async with httpx.AsyncClient(timeout=60) as client:
        yield Buyer(client, payer)


async def transfers(place, buyer):
    """Every Transfer that the buyer paid, with the chain transactions' senders."""
    async with place.parts() as parts:
        logs = await parts.home.chain.transfers(parts.home.market.asset.address, buyer.account.address)
    return [log for log in logs if log.sender == buyer.account.address]


async def delivered(buyer, quoted, header):
    """The answer to the same payment, asked for again until it is there."""

    async def look():
        again = await buyer.present(quoted, header)
        assert again.status_code in (200, 409, 503), f"{again.status_code}: {again.text}"
        return again if again.status_code == 200 else None

    return await eventually(look, 30, "the same payment is answered", every=0.2)


# -------------------------------------------------------------------------------------------------- when it is honest


async def test_our_server_sells_through_the_official_facilitator(shop, foreign, buyer, anvil):
    answer = await buyer.buy(shop.url + SIGNAL)
    assert answer.status_code == 200, answer.text
    (transfer,) = await transfers(shop, buyer)
    sent = anvil.rpc("eth_getTransactionByHash", transfer.transaction)
    assert sent["from"] == foreign.key.address.lower()


async def test_a_callback_runs_on_money_that_the_official_facilitator_settled(shop, buyer):
    answer = await buyer.buy(f"{shop.url}/v1/access-pass", "POST", {})
    assert answer.status_code == 200, answer.text
    assert answer.json()["holder"] == buyer.account.address


async def test_twenty_purchases_at_once_settle_once_each(shop, buyer):
    async def buy():
        quoted = await buyer.ask(shop.url + SIGNAL)
        return await delivered(buyer, quoted, buyer.pay(quoted))  # a slow machine may be told to ask again

    answers = await asyncio.gather(*(buy() for _ in range(20)))
    assert len({answer.content for answer in answers}) == 1
    assert len(await transfers(shop, buyer)) == 20


async def test_what_it_refuses_is_refused_with_its_reason_and_never_claimed(shop, buyer):
    quoted = await buyer.ask(shop.url + SIGNAL)
    forger = Buyer(buyer.client)
    answer = await forger.present(quoted, forger.pay(quoted, from_=buyer.account.address))
    assert answer.status_code == 402
    assert "signature" in answer.json()["error"]
    assert await status(buyer, quoted) == "quoted"


async def status(buyer, quoted) -> str:
    found = await buyer.client.get(quoted.entry["extra"]["statusUrl"])
    return str(found.json()["status"])


# -------------------------------------------------------------------------------------------------------- when it lies

BIG = json.dumps({"success": True, "transaction": "0x1", "network": "eip155:31337", "errorMessage": "x" * 2**20})
STRANGER = "0x14dC79964da2C08b23698B3D3cc7Ca32193d9955"
NONSENSE = {
    "not JSON": Lie(b"<html>"),
    "nothing": Lie(b""),
    "a list": Lie(b"[]"),
    "an empty object": Lie(b"{}"),
    "nested too deep": Lie(b'{"extensions":' + b"[" * 9999 + b"]" * 9999 + b"}"),
    "without end": Lie(BIG.encode()),
    "a server error that looks good": Lie({}, status=500),
    "payment required, and looks good": Lie({}, status=402),
}
NOTHING_MOVED = {
    "success without a transaction": Lie({"transaction": ""}),
    "success with the transaction left out": Lie({"transaction": None}),
    "success with a transaction that nobody has seen": Lie({}),
    "success on another network": Lie({"network": "eip155:1"}),
    "success for another payer": Lie({"payer": STRANGER}),
    "pending for ever": Lie({"success": False, "errorReason": "settlement_pending"}),
}
MOVED = {
    "no success": Lie({"success": False, "errorReason": "insufficient_funds"}, moves=True),
    "another network": Lie({"network": "eip155:1"}, moves=True),
    "another payer": Lie({"payer": STRANGER}, moves=True),
    "no transaction": Lie({"transaction": ""}, moves=True),
    "its answer is lost": Lie(b"", status=502, moves=True),
}
LIES = NONSENSE | NOTHING_MOVED | {f"it settles and says: {name}": lie for name, lie in MOVED.items()}


@pytest.mark.parametrize("name", LIES)
async def test_s8_f22_no_answer_leaves_on_a_lie_about_the_settlement_and_none_is_lost(shop, foreign, buyer, name):
    quoted = await buyer.ask(shop.url + SIGNAL)
    header = buyer.pay(quoted)
    foreign.lies["/settle"].append(LIES[name])
    lied_to = await buyer.present(quoted, header)
    assert lied_to.status_code == 503, lied_to.text
    assert lied_to.headers["retry-after"]
    assert "DEMO-TREND" not in lied_to.text
    answer = await delivered(buyer, quoted, header)
    assert answer.json()["symbol"] == "DEMO-TREND"
    assert len(await transfers(shop, buyer)) == 1


async def test_s8_the_transaction_of_another_payment_settles_nothing(shop, foreign, buyer):
    first = await buyer.buy(shop.url + SIGNAL)
    assert first.status_code == 200
    (paid,) = await transfers(shop, buyer)
    quoted = await buyer.ask(shop.url + SIGNAL)
    header = buyer.pay(quoted)
    foreign.lies["/settle"].append(Lie({"transaction": paid.transaction, "payer": buyer.account.address}))
    assert (await buyer.present(quoted, header)).status_code == 503
    await delivered(buyer, quoted, header)
    assert len(await transfers(shop, buyer)) == 2


async def test_s8_a_refusal_without_a_transfer_is_final_for_this_payment_and_costs_nothing(shop, foreign, buyer):
    foreign.lies["/settle"].append(Lie({"success": False, "errorReason": "insufficient_funds", "transaction": ""}))
    refused = await buyer.buy(shop.url + SIGNAL)
    assert refused.status_code == 402
    assert await transfers(shop, buyer) == []


@pytest.mark.parametrize("name", [*NONSENSE, "success for another payer"])
async def test_s8_f22_nothing_is_claimed_on_a_senseless_verdict(shop, foreign, buyer, name):
    quoted = await buyer.ask(shop.url + SIGNAL)
    header = buyer.pay(quoted)
    foreign.lies["/verify"].append(LIES[name])
    assert (await buyer.present(quoted, header)).status_code == 503
    assert await status(buyer, quoted) == "quoted"
    assert (await buyer.present(quoted, header)).status_code == 200


@pytest.mark.parametrize("code", [301, 302, 307, 308])
@pytest.mark.parametrize("path", ["/verify", "/settle"])
async def test_f22_neither_payment_nor_token_follows_a_redirect(shop, foreign, buyer, path, code):
    async with run_canned(http("200 OK", b'{"success":true,"transaction":"0x1","network":"n"}')) as elsewhere:
        quoted = await buyer.ask(shop.url + SIGNAL)
        header = buyer.pay(quoted)
        foreign.lies[path].append(Lie({}, status=code, headers={"location": elsewhere.url + path}))
        assert (await buyer.present(quoted, header)).status_code == 503
        assert (await delivered(buyer, quoted, header)).status_code == 200
        assert elsewhere.asked == []


async def test_g8_the_token_goes_with_every_request_and_into_no_log_or_answer(shop, foreign, buyer):
    foreign.lies["/settle"].append(Lie(b"", status=401))
    quoted = await buyer.ask(shop.url + SIGNAL)
    failed = await buyer.present(quoted, buyer.pay(quoted))
    assert failed.status_code == 503
    assert {headers.get("authorization") for _, headers in foreign.asked} == {f"Bearer {TOKEN}"}
    assert TOKEN not in shop.logs() + failed.text + str(failed.headers)


# ------------------------------------------------------------------------------------------------------- at the start


async def test_s30_a_server_whose_facilitator_is_down_starts_closed_and_opens_by_itself(place, foreign, buyer):
    port = free_port()
    made = beside(place, f"http://127.0.0.1:{port}")
    try:
        made.start_server(answers="/health/live")
        ready = await buyer.client.get(f"{made.url}/health/ready")
        assert ready.status_code == 503
        assert ready.json()["checks"]["facilitator"]["action"] == "check PADDOCK_FACILITATOR_URL"
        quoted = await buyer.ask(made.url + SIGNAL)
        header = buyer.pay(quoted)
        closed = await buyer.present(quoted, header)
        assert (closed.status_code, closed.json()["type"].split("/")[-1]) == (503, "facilitator-unavailable")
        assert closed.headers["retry-after"]
        assert await status(buyer, quoted) == "quoted"
        with run_served(foreign, port):
            assert (await delivered(buyer, quoted, header)).status_code == 200
            assert (await buyer.client.get(f"{made.url}/health/ready")).status_code == 200
        assert len(await transfers(place, buyer)) == 1
    finally:
        made.stop()


def test_s30_a_server_refuses_to_start_with_a_facilitator_that_does_not_settle_here(place, anvil):
    with run_served(ForeignFacilitator(anvil.url, "eip155:1")) as url:
        made = beside(place, url)
        with pytest.raises(
            ChildDied, match=r"status 2:\npaddock: the facilitator .* does not settle exact on eip155:31337"
        ):
            made.start_server()


def test_f22_a_server_refuses_to_start_with_a_facilitator_at_a_host_that_nobody_named(place):
    with pytest.raises(ChildDied, match=r"status 2:\npaddock: PADDOCK_FACILITATOR_URL is at facilitator.example"):
        beside(place, "https://facilitator.example/").start_server()
