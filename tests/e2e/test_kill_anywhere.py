"""kill −9 of server and worker at every labelled point: afterwards every paid order is released or refunded."""

import asyncio

import httpx
import pytest

from tests.stack.buyer import Buyer
from tests.stack.funds import fund
from tests.stack.invariants import assert_invariants, assert_no_secrets
from tests.stack.marketplace import Marketplace
from tests.stack.waiting import eventually

DIRECT = ("claim", "ready", "settlement admitted", "settlement signed", "broadcast", "settlement recorded", "settled")
DELEGATE = ("claim", "settlement signed", "broadcast", "settled")
CALLBACK = ("jobs taken", "callback signed", "broadcast", "callback done", "job", "final", "proof")
PROOF = ("proof", "chained", "anchor signed", "broadcast", "anchored")
REFUND = ("callback failed", "refund signed", "broadcast", "refunded")


def points(units):
    return [f"{unit}:{side}" for unit in units for side in ("before", "after")]


@pytest.fixture
def place(own_anvil, sqlite_url, deployments, tmp_path):
    quiet = {"PADDOCK_ANCHOR_SECONDS": "3600"}  # so that the broadcast at which a process dies is no anchor's
    marketplace = Marketplace(tmp_path, own_anvil.url, sqlite_url, deployments, more=quiet)
    yield marketplace
    marketplace.stop()


@pytest.fixture
async def buyer(own_anvil, market, place):
    async with httpx.AsyncClient(timeout=60) as client:
        one = Buyer(client)
        fund(own_anvil, market, one.account.address, 100_000_000)
        yield one
    assert_no_secrets(place.logs(), one.signed)


@pytest.mark.parametrize("point", points(DIRECT))
async def test_a_server_killed_anywhere_in_a_direct_purchase_loses_and_doubles_nothing(place, buyer, point):
    server = place.start_server(dies_at=point)
    place.start_worker()
    url = f"{place.url}/v1/market-signal?symbol=DEMO-TREND&window=20"
    await crash_and_recover(place, buyer, server, url, "GET", None)


@pytest.mark.parametrize("point", points(DELEGATE))
async def test_a_server_killed_anywhere_in_a_delegate_purchase_loses_and_doubles_nothing(place, buyer, point):
    server = place.start_server(dies_at=point)
    place.start_worker()
    await crash_and_recover(place, buyer, server, f"{place.url}/v1/access-pass", "POST", {})


@pytest.mark.parametrize("point", points(CALLBACK))
async def test_a_worker_killed_anywhere_in_a_callback_loses_and_doubles_nothing(place, buyer, point):
    place.start_server()
    worker = place.start_worker(dies_at=point)
    quoted = await buyer.ask(f"{place.url}/v1/access-pass", "POST", {})
    header = buyer.pay(quoted)
    first = asyncio.create_task(buyer.present(quoted, header))
    await eventually(lambda: dead(worker), 30, f"the worker dies at {point}")
    place.start_worker()
    answer = await first
    assert answer.status_code == 200, answer.text
    await all_ended(place, paid=1)


@pytest.mark.parametrize("point", points(PROOF))
async def test_w11_a_worker_killed_anywhere_in_a_proof_chains_and_anchors_the_receipt_once(place, buyer, point):
    place.more = {"PADDOCK_ANCHOR_SECONDS": "0"}
    place.start_server()
    answer = await buyer.buy(f"{place.url}/v1/market-signal?symbol=DEMO-TREND&window=20")
    assert answer.status_code == 200, answer.text
    worker = place.start_worker(dies_at=point)
    await eventually(lambda: dead(worker), 30, f"the worker dies at {point}")
    place.start_worker()
    async with place.parts() as parts:

        async def anchored():
            async with parts.db.read() as view:
                return await view.anchors.covering("paddock", 0)

        await eventually(anchored, 60, "the receipt is anchored", every=0.2)
        async with parts.db.read() as view:
            assert len(await view.receipt_chain.entries("paddock", 0, 10)) == 1
        assert (await parts.home.chain.mined((await anchored()).transaction)).succeeded
        assert await parts.home.chain.transaction_count(parts.home.market.delegate) == 1, "sent once"
    await all_ended(place, paid=1)


@pytest.mark.parametrize("point", points(REFUND))
async def test_a_worker_killed_anywhere_in_a_refund_gives_the_money_back_once(place, buyer, point):
    place.start_server()
    first_worker = place.start_worker()
    sold = await buyer.buy(f"{place.url}/v1/launch-pass", "POST", {})
    assert sold.status_code == 200, sold.text
    first_worker.stop()
    worker = place.start_worker(dies_at=point)
    quoted = await buyer.ask(f"{place.url}/v1/launch-pass", "POST", {})
    late = asyncio.create_task(buyer.present(quoted, buyer.pay(quoted)))
    await eventually(lambda: dead(worker), 30, f"the worker dies at {point}")
    place.start_worker()
    answer = await late
    assert answer.status_code == 502, answer.text
    assert answer.json()["order_id"] == quoted.id
    await all_ended(place, paid=2)
    status = (await buyer.client.get(f"{place.url}/api/orders/{quoted.id}")).json()
    assert status["money_back"] == "refunded"


async def crash_and_recover(place, buyer, server, url, method, body):
    """The payment hits a server that dies on it. Without the buyer, all paid orders end; with it, it is answered."""
    quoted = await buyer.ask(url, method, body)
    header = buyer.pay(quoted)
    with pytest.raises(httpx.TransportError):
        await buyer.present(quoted, header)
    await eventually(lambda: dead(server), 10, "the server is dead")
    place.start_server()
    await all_ended(place, paid=None)

    async def answered():
        again = await buyer.present(quoted, header)
        return again if again.status_code == 200 else None

    await eventually(answered, 60, "the same payment is answered", every=0.3)
    await all_ended(place, paid=1)


async def all_ended(place, paid):
    """Wait until every order that money moved for has ended, then hold the books and the chain against each other."""
    async with place.parts() as parts:

        async def quiet():
            async with parts.db.read() as view:
                orders = await view.orders.recent(100)
            return all([order.ended or not await moved(parts, order) for order in orders])

        await eventually(quiet, 60, "every paid order is released or refunded", every=0.2)
        await assert_invariants(parts, paid=paid)


async def moved(parts, order):
    return await parts.home.chain.nonce_used(order.spend)


async def dead(child):
    return not child.running
