"""Tasks that are charged only when they succeed, on real processes, the real contract, and by the bundled agent."""

import asyncio
from contextlib import asynccontextmanager

import httpx
import pytest
from eth_account import Account

from agent import Buyer, Settings
from protocol.payment import PERMIT2
from protocol.typed_data import order_nonce
from server.domain.states import MoneyBackState
from server.services.chain_watch import SERVICE
from tests.contracts.devnet import Devnet
from tests.e2e.conftest import FUNDS
from tests.stack.buyer import Buyer as Client
from tests.stack.funds import fund
from tests.stack.invariants import assert_invariants
from tests.stack.marketplace import Marketplace
from tests.stack.policies import policy
from tests.stack.waiting import eventually

TRUE = {"until": [{"kind": "code", "address": PERMIT2}], "within": 60}
NOBODY = Account.create().address


def never(seconds):
    """A task that cannot come true."""
    return {"until": [{"kind": "code", "address": NOBODY}], "within": seconds}


@pytest.fixture
def place(own_anvil, deployments, sqlite_url, tmp_path):
    marketplace = Marketplace(tmp_path, own_anvil.url, sqlite_url, deployments)
    try:
        marketplace.start_server()
        yield marketplace
    finally:
        marketplace.stop()


@pytest.fixture
def escrow(own_anvil, market):
    row = market.contracts["EscrowRelease"]
    return Devnet(own_anvil, {"contracts": {"Escrow": {"address": row.address, "abi": row.abi}}}).contract("Escrow")


def kept(escrow, quoted):
    """The amount that the contract holds for a quote."""
    return escrow.functions.holds(order_nonce(quoted.id)).call()[1]


@asynccontextmanager
async def bought(place, own_anvil, market, body):
    """A buyer with money, its quote, and the request that pays it, under way while the block does something."""
    async with httpx.AsyncClient(timeout=90) as client:
        buyer = Client(client)
        fund(own_anvil, market, buyer.account.address, FUNDS)
        quoted = await buyer.ask(f"{place.url}/v1/chain-watch", "POST", body)
        request = asyncio.create_task(buyer.present(quoted, buyer.pay(quoted)))
        try:
            yield buyer, quoted, request
        finally:
            await asyncio.gather(request, return_exceptions=True)


async def ended(place, order_id):
    async def look():
        async with place.parts() as parts, parts.db.read() as view:
            order = await view.orders.get(order_id)
        return order if order and order.ended else None

    return await eventually(look, 60, "the order has ended", every=0.2)


def test_the_bundled_agent_pays_for_what_came_true_and_has_back_what_did_not(
    place, own_anvil, market, escrow, tmp_path
):
    place.start_worker()
    key = Account.create()
    fund(own_anvil, market, key.address, FUNDS)
    more = f'modes = ["DELEGATE"]\ncallbacks = ["{escrow.address}"]\nsigned_offers = true\n'
    text = policy(market.network, market.asset, place.url, more)
    settings = Settings(
        home=tmp_path / "home", policy_text=text, key=key.key.hex(), rpc=own_anvil.url, seller=place.url,
        finality="latest",
    )  # fmt: skip
    buyer = Buyer(settings)
    done = buyer.buy(f"{place.url}/v1/chain-watch", "POST", json=TRUE)
    assert (done.status, done.proof) == ("delivered", "proven"), done.detail
    assert escrow.functions.revenue(market.asset.address).call() == SERVICE.amount
    failed = buyer.buy(f"{place.url}/v1/chain-watch", "POST", json=never(2))
    assert (failed.status, failed.proof) == ("refunded", "proven"), failed.detail
    assert failed.refund is not None
    assert buyer.chain.balance(market.asset.address, key.address) == FUNDS - SERVICE.amount
    assert escrow.functions.liabilities(market.asset.address).call() == 0
    buyer.close()


@pytest.mark.parametrize(
    ("point", "body", "status"),
    [("release signed:after", TRUE, 200), ("refund signed:after", never(2), 502)],
    ids=["released", "given back"],
)
async def test_w1_a_worker_that_is_killed_ends_a_hold_once(place, own_anvil, market, escrow, point, body, status):
    worker = place.start_worker(dies_at=point)
    async with bought(place, own_anvil, market, body) as (buyer, quoted, request):
        await eventually(lambda: _dead(worker), 30, f"the worker dies at {point}")
        place.start_worker()
        assert (await request).status_code == status
        order = await ended(place, quoted.id)
    assert order.money_back is (MoneyBackState.NONE if status == 200 else MoneyBackState.REFUNDED)
    assert kept(escrow, quoted) == 0
    async with place.parts() as parts:
        left = await parts.home.chain.token_balance(market.asset.address, buyer.account.address)
        assert left == FUNDS - (SERVICE.amount if status == 200 else 0)
        await assert_invariants(parts, paid=1)


async def _dead(child):
    return not child.running


async def test_with_every_server_dead_the_payer_takes_it_back_and_the_books_know_it(place, own_anvil, market, escrow):
    worker = place.start_worker(dies_at="payment held:after")
    async with bought(place, own_anvil, market, never(3_600)) as (buyer, quoted, _):
        await eventually(lambda: _dead(worker), 30, "the worker dies")
        place.stop()
    assert kept(escrow, quoted) == SERVICE.amount
    own_anvil.travel(SERVICE.held_seconds + 1)
    own_anvil.set_balance(buyer.account.address, 10**18)
    taken = escrow.functions.reclaim(order_nonce(quoted.id), NOBODY)
    devnet = Devnet(own_anvil, {"contracts": {}})
    made = taken.build_transaction(
        {"from": buyer.account.address, "nonce": devnet.web3.eth.get_transaction_count(buyer.account.address)}
    )
    sent = devnet.web3.eth.send_raw_transaction(buyer.account.sign_transaction(made).raw_transaction)
    assert devnet.web3.eth.wait_for_transaction_receipt(sent, poll_latency=0.02)["status"] == 1
    place.start_worker()
    order = await ended(place, quoted.id)
    assert order.money_back is MoneyBackState.REFUNDED
    async with place.parts() as parts:
        assert await parts.home.chain.token_balance(market.asset.address, NOBODY) == SERVICE.amount
        await assert_invariants(parts, paid=1)
