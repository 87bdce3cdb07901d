"""Paying as httpx authentication: redirects, hostile servers, lost bodies, many calls at once, sync and async."""

import asyncio
import re
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from agent import purchase_of
from agent.errors import Refused
from agent.models import State, purchases
from agent.store import purchases_in
from agent.terms import Asked
from protocol import headers
from protocol.wire import PaymentPayload
from tests.fakes.buyer_chain import NETWORK, TOKEN
from tests.fakes.seller import ORIGIN, World

URL = f"{ORIGIN}/v1/echo?text=hi"
ELSEWHERE = "http://elsewhere.test/v1/echo"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def client(world: World, **options: object) -> httpx.Client:
    return httpx.Client(transport=world.seller.transport, auth=world.buyer.auth("research"), **options)  # type: ignore[arg-type]


class Together(httpx.AsyncBaseTransport):
    """Answers nobody until everybody has asked: all unpaid requests at once, then all paid ones."""

    def __init__(self, world: World, calls: int) -> None:
        self._world, self._barrier = world, asyncio.Barrier(calls)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await self._barrier.wait()
        return await self._world.seller.transport.handle_async_request(request)


def payment_in(request: httpx.Request) -> bytes | None:
    return dict(request.headers.raw).get(headers.PAYMENT_SIGNATURE.encode())


def test_any_httpx_client_pays_in_one_line(world: World) -> None:
    response = client(world).get(URL)
    assert (response.status_code, response.content) == (200, world.seller.body)
    bought = purchase_of(response)
    assert bought is not None
    assert (bought.state, bought.task, bought.amount) == (State.DELIVERED, "research", 50_000)


async def test_the_same_auth_serves_an_async_client(world: World) -> None:
    async with httpx.AsyncClient(transport=world.seller.transport, auth=world.buyer.auth("research")) as aclient:
        response = await aclient.post(URL, json={"text": "hello"})
    assert response.content == world.seller.body
    assert len(world.signer.signed) == 1


def test_what_costs_nothing_passes_unchanged(world: World) -> None:
    response = client(world).get(f"{ORIGIN}/.well-known/x402")
    assert response.status_code == 200
    assert purchase_of(response) is None


def test_a_refused_purchase_comes_back_as_the_sellers_402_with_the_reason(world: World) -> None:
    world.seller.amount = 2_000_000
    response = client(world).get(URL)
    bought = purchase_of(response)
    assert response.status_code == 402
    assert bought is not None
    assert (bought.state, bought.rule) == (State.REFUSED, "limits.per_call")


def test_a_request_that_already_pays_is_left_alone(world: World) -> None:
    world.seller.paid.append("402")
    payment = headers.encode(PaymentPayload(x402_version=2, accepted=world.seller.entry(), payload={}))
    assert client(world).get(URL, headers={headers.PAYMENT_SIGNATURE: payment}).status_code == 402
    assert world.signer.signed == []


@pytest.mark.parametrize("follow", [False, True])
def test_a4_a_redirect_before_paying_is_never_paid(world: World, follow: bool) -> None:
    world.seller.handle_unpaid = lambda request: httpx.Response(307, headers={"location": ELSEWHERE})
    world.seller.elsewhere = world.seller.unpaid
    response = client(world, follow_redirects=follow).get(URL)
    assert response.status_code == (402 if follow else 307)
    assert world.signer.signed == []
    assert all(payment_in(request) is None for request in world.seller.leaks)


def test_a4_a_redirect_within_the_origin_is_not_paid_either(world: World) -> None:
    world.seller.handle_unpaid = lambda request: (
        httpx.Response(302, headers={"location": "/v1/other"})
        if request.url.path == "/v1/echo"
        else world.seller.unpaid(request)
    )
    response = client(world, follow_redirects=True).get(URL)
    bought = purchase_of(response)
    assert bought is not None
    assert (bought.state, bought.rule) == (State.REFUSED, "redirect")
    assert world.signer.signed == []


@pytest.mark.parametrize("follow", [False, True])
async def test_a5_a_redirect_after_paying_takes_no_payment_header_along(world: World, follow: bool) -> None:
    world.seller.paid.append("redirect")
    cookies = httpx.Cookies()
    cookies.set("session", "secret", domain="seller.test")
    response = client(world, follow_redirects=follow, cookies=cookies).get(URL)
    bought = purchase_of(response)
    assert bought is not None
    assert bought.state is State.IN_DOUBT
    assert len(world.seller.leaks) == int(follow)
    world.seller.paid.append("redirect")
    async with httpx.AsyncClient(
        transport=world.seller.transport, auth=world.buyer.auth("async"), follow_redirects=follow
    ) as aclient:
        await aclient.get(URL)
    for request in world.seller.leaks:
        assert payment_in(request) is None
        assert not [value for _, value in request.headers.raw if len(value) > 200]
        assert b"cookie" not in [name.lower() for name, _ in request.headers.raw]
    assert len(world.seller.payments) == 2


def test_a5_buy_never_follows_a_redirect(world: World) -> None:
    world.seller.paid.extend(["redirect"] * 9)
    outcome = world.buyer.buy(URL)
    assert outcome.status == "in_doubt"
    assert world.seller.leaks == []


HOSTILE = ["402", "400", "409", "500", "202", "reset", "redirect", "garbage", "silent"]


@pytest.mark.parametrize("retries", [0, 2])
@pytest.mark.parametrize("behaviour", HOSTILE)
def test_a8_one_signature_per_purchase_whatever_the_server_does(world: World, behaviour: str, retries: int) -> None:
    world.seller.paid.extend([behaviour] * 20)
    caller = client(world)
    for _ in range(1 + retries):
        try:
            caller.get(URL)
        except httpx.HTTPError:
            continue
    assert len(world.signer.signed) == 1
    assert len(set(world.seller.payments)) == 1
    assert len(world.seller.chain.used) <= 1


@pytest.mark.parametrize("behaviour", HOSTILE)
def test_a8_buying_the_same_again_and_again_signs_once_too(world: World, behaviour: str) -> None:
    world.seller.paid.extend([behaviour] * 60)
    outcomes = [world.buyer.buy(URL) for _ in range(3)]
    assert len(world.signer.signed) == 1
    assert len(set(world.seller.payments)) == 1
    assert {outcome.status for outcome in outcomes} <= {"in_doubt", "refused", "delivered", "failed"}


def test_a8_after_a_restart_the_same_bytes_are_sent(world: World) -> None:
    world.seller.paid.append("lost")
    with pytest.raises(httpx.ReadError):
        client(world).get(URL)
    with world.buyer.store.begin() as connection:
        assert [bought.state for bought in purchases_in(connection, *State)] == [State.IN_DOUBT]
    response = httpx.Client(transport=world.seller.transport, auth=world.restarted().auth("research")).get(URL)
    assert response.content == world.seller.body
    assert response.headers[headers.IDEMPOTENT_REPLAYED] == "true"
    assert len(set(world.seller.payments)) == 1
    assert len(world.signer.signed) == 1


def test_who_says_again_buys_anew_although_an_earlier_attempt_is_in_doubt_and_both_are_counted(world: World) -> None:
    world.seller.paid.append("402")
    assert world.buyer.buy(URL).status == "in_doubt"
    assert world.buyer.buy(URL, again=True).status == "delivered"
    assert len(world.signer.signed) == len(set(world.seller.payments)) == 2
    assert world.buyer.budgets(NETWORK, TOKEN)["limits.per_day"].spent == 100_000


def test_what_was_bought_anew_is_taken_up_by_no_equal_request_any_more_and_resumed_all_the_same(world: World) -> None:
    world.seller.paid.extend(["402"] * 3)
    doubtful = world.buyer.buy(URL)
    assert world.buyer.buy(URL).purchase_id == doubtful.purchase_id
    assert world.buyer.buy(URL, again=True).status == "in_doubt"
    newest = world.buyer.buy(URL)
    assert newest.status == "delivered"
    assert newest.purchase_id != doubtful.purchase_id
    assert len(world.signer.signed) == 2
    assert world.buyer.buy(URL).status == "delivered"
    assert len(world.signer.signed) == 3
    assert [outcome.purchase_id for outcome in world.buyer.resume()] == [doubtful.purchase_id]


def test_a_signer_that_refuses_to_buy_anew_leaves_the_attempt_in_doubt_to_equal_requests(world: World) -> None:
    def refuse(*_: object) -> bytes:
        raise Refused("signer.budget", "spent")

    world.seller.paid.append("402")
    doubtful = world.buyer.buy(URL)
    world.signer.sign_transfer = refuse  # type: ignore[method-assign]
    assert world.buyer.buy(URL, again=True).status == "refused"
    assert world.buyer.buy(URL).purchase_id == doubtful.purchase_id


def test_a9_an_endless_402_ends(world: World) -> None:
    world.seller.paid.extend(["402"] * 100)
    outcome = world.buyer.buy(URL)
    assert outcome.status == "in_doubt"
    assert len(world.seller.payments) <= 5


def test_a10_the_paid_retry_carries_the_same_body(world: World) -> None:
    def chunks() -> object:
        yield b'{"text":'
        yield b'"streamed"}'

    response = client(world).post(URL, content=chunks(), headers={"content-type": "application/json"})  # type: ignore[arg-type]
    assert response.status_code == 200
    first, second = [request for request in world.seller.requests if request.method == "POST"]
    assert first.content == second.content == b'{"text":"streamed"}'
    assert (first.url, first.headers["content-type"]) == (second.url, second.headers["content-type"])


async def test_a11_a_hundred_concurrent_calls_on_one_client_get_a_hundred_answers(world: World) -> None:
    auth = world.buyer.auth("research")
    async with httpx.AsyncClient(transport=Together(world, 100), auth=auth) as aclient:
        responses = await asyncio.gather(*(aclient.get(URL) for _ in range(100)))
    assert [response.status_code for response in responses] == [200] * 100
    assert len({transfer.nonce for transfer in world.signer.signed}) == 100


def test_a11_an_equal_call_while_the_first_is_being_paid_is_a_purchase_of_its_own(world: World) -> None:
    caller, honest = client(world), world.seller.handle

    def meanwhile(request: httpx.Request) -> httpx.Response:
        if payment_in(request) is not None:
            world.seller.transport.handler = honest
            assert caller.get(URL).status_code == 200
        return honest(request)

    world.seller.transport.handler = meanwhile
    assert caller.get(URL).status_code == 200
    assert len({transfer.nonce for transfer in world.signer.signed}) == 2


def test_no_signature_is_in_a_repr_or_an_error(world: World) -> None:
    """G8: what can move money shows nowhere."""
    world.seller.paid.append("reset")
    with pytest.raises(httpx.ReadError):
        client(world).get(URL)
    with world.buyer.store.begin() as connection:
        row = connection.execute(select(purchases)).one()
    bought = world.buyer._checkout.unfinished(Asked.of(httpx.Request("GET", URL), "research"))
    assert row.payment is not None
    assert row.payment not in repr(bought)
    assert not re.search(r"0x[0-9a-f]{130}", repr(bought) + repr(world.buyer.settings) + row.detail)


def test_a_password_in_the_url_is_not_kept(world: World) -> None:
    bought = purchase_of(client(world).get("http://name:secret@seller.test/v1/echo"))
    assert bought is not None
    assert bought.url == f"{ORIGIN}/v1/echo"


def test_the_database_is_for_its_owner_only(world: World) -> None:
    assert (world.home / "agent.db").stat().st_mode & 0o077 == 0
