"""F14, F18: a chain that is slow, and a node that is away for a while in the middle of each step."""

import asyncio
import time

import httpx
import pytest

from scripts.accounts import account
from server.domain.states import PaymentState
from tests.stack.buyer import Buyer
from tests.stack.cut_line import run_cut_line
from tests.stack.funds import fund
from tests.stack.invariants import assert_invariants, assert_no_secrets
from tests.stack.marketplace import Marketplace
from tests.stack.waiting import eventually

SIGNAL, PASS, LAUNCH = "market-signal?symbol=DEMO-TREND&window=20", "access-pass", "launch-pass"
SEND, RECEIPT, LOGS = "eth_sendRawTransaction", "eth_getTransactionReceipt", "eth_getLogs"
WAITS = (202, 409, 503)
"""Answers that ask for the same payment again; none of them blames the buyer."""
STEPS = (
    ("verifying", SIGNAL, 200, "eth_call", 1, False),
    ("estimating the settlement", SIGNAL, 200, "eth_estimateGas", 1, False),
    ("sending the settlement", SIGNAL, 200, SEND, 1, False),
    ("hearing that it was sent", SIGNAL, 200, SEND, 1, True),
    ("reading its outcome", SIGNAL, 200, RECEIPT, 1, True),
    ("looking for the Transfer", SIGNAL, 200, LOGS, 1, False),
    ("estimating the callback", PASS, 200, "eth_estimateGas", 2, False),
    ("sending the callback", PASS, 200, SEND, 2, False),
    ("hearing that the callback was sent", PASS, 200, SEND, 2, True),
    ("sending the refund", LAUNCH, 502, SEND, 2, False),
    ("hearing that the refund was sent", LAUNCH, 502, SEND, 2, True),
)
"""In the middle of what the line breaks: service, last answer, which request by number, whether it still arrives."""


@pytest.fixture
def line(own_anvil):
    with run_cut_line(own_anvil.port) as found:
        yield found


@pytest.fixture
def place(line, sqlite_url, deployments, tmp_path):
    quiet = {"PADDOCK_ANCHOR_SECONDS": "3600"}
    marketplace = Marketplace(tmp_path, line.url, sqlite_url, deployments, more=quiet)
    marketplace.start_server()
    marketplace.start_worker()
    yield marketplace
    marketplace.stop()


@pytest.fixture
async def buyer(own_anvil, market, place):
    async with httpx.AsyncClient(timeout=60) as client:
        one = Buyer(client)
        fund(own_anvil, market, one.account.address, 1_000_000_000)
        yield one
    assert_no_secrets(place.logs(), one.signed)


async def ask(place, buyer, service):
    """Terms: of a pass by POST, of anything else by GET."""
    url = f"{place.url}/v1/{service}"
    return await (buyer.ask(url) if service == SIGNAL else buyer.ask(url, "POST", {}))


async def patiently(buyer, quoted, header, problems):
    """The same payment until it is answered for good: its status. `problems` gets what was answered on the way."""

    async def answered():
        answer = await buyer.present(quoted, header)
        if answer.status_code in WAITS:
            problems.append(answer)
            return None
        return answer

    return (await eventually(answered, 90, f"{quoted.id} is answered", every=0.3)).status_code


async def test_f18_a_node_that_is_away_in_the_middle_of_any_step_costs_nobody_anything(
    place, own_anvil, market, buyer, line
):
    health = f"{place.url}/health/ready"

    async def ready():
        return (await buyer.client.get(health)).status_code == 200

    async def away():
        return line.broken and (await buyer.client.get(health)).status_code == 503

    status = await patiently(buyer, first := await ask(place, buyer, LAUNCH), buyer.pay(first), [])
    assert status == 200
    for step, service, last, words, number, delivers in STEPS:
        await eventually(ready, 30, f"{step}: everything is there", every=0.1)
        quoted = await ask(place, buyer, service)
        line.break_at(words, number, delivers=delivers)
        buying = asyncio.create_task(patiently(buyer, quoted, buyer.pay(quoted), []))
        await eventually(away, 30, f"{step}: the node is away", every=0.1)
        during = await ask(place, buyer, SIGNAL)
        refused = await buyer.present(during, buyer.pay(during))
        assert (refused.status_code, "retry-after" in refused.headers) == (503, True), f"{step}: {refused.text}"
        line.mend()
        assert await buying == last, step
    async with place.parts() as parts:

        async def all_ended():
            async with parts.db.read() as view:
                return all(order.ended for order in await view.orders.recent(100) if order.paid_at)

        await eventually(all_ended, 30, "every paid order has ended", every=0.2)
        await assert_invariants(parts, paid=len(STEPS) + 1)
        sent = {
            role: await parts.home.chain.transaction_count(account(role).address) for role in ("settler", "delegate")
        }
    assert sent == {"settler": len(STEPS) + 1, "delegate": 6}, "no nonce was used for nothing"


async def test_f14_with_thirty_seconds_between_blocks_a_payment_is_pending_with_its_hash_and_settled_later(
    place, own_anvil, buyer
):
    direct, delegate = await ask(place, buyer, SIGNAL), await ask(place, buyer, PASS)
    own_anvil.rpc("evm_setAutomine", False)
    own_anvil.rpc("evm_setIntervalMining", 30)
    began = time.monotonic()
    problems = []
    buying = [
        asyncio.create_task(patiently(buyer, one, buyer.pay(one), into))
        for one, into in ((direct, problems), (delegate, []))
    ]
    async with place.parts() as parts:

        async def order_of(quoted):
            async with parts.db.read() as view:
                return await view.orders.get(quoted.id)

        async def called():
            order = await order_of(delegate)
            return order and order.callback_tx

        async def told():
            return {one.json().get("transaction") for one in problems if one.status_code == 503} - {None, ""}

        await eventually(called, 120, "the callback is on its way", every=0.1)
        own_anvil.hold()  # or the next block comes between this and the look at it
        assert (await order_of(delegate)).shown == "pending"
        await eventually(told, 60, "the payment's hash is told", every=0.1)
        own_anvil.rpc("evm_setIntervalMining", 30)
        own_anvil.mine()  # rather than wait for half a minute once more
        assert (await buying[0], time.monotonic() - began > 15) == (200, True)
        settled = await order_of(direct)
        assert await told() == {settled.settlement_tx}, "the hash was told while nobody knew the outcome"
        assert settled.payment is PaymentState.SETTLED
        assert await buying[1] == 200
        own_anvil.mine(3)
        await assert_invariants(parts, paid=2)
