"""What nobody wrote down ends in a case: a transfer that no order knows, a job that is gone from the outbox."""

import httpx
import pytest
from sqlalchemy import delete

from server.adapters.models import outbox
from tests.stack.buyer import Buyer
from tests.stack.funds import fund
from tests.stack.invariants import assert_invariants
from tests.stack.marketplace import TOKEN, Marketplace
from tests.stack.waiting import eventually

STAFF = {"Authorization": f"Bearer {TOKEN}"}
SIGNAL = "/v1/market-signal?symbol=DEMO-TREND&window=20"
STRAY = 777


@pytest.fixture
def place(own_anvil, database_url, deployments, tmp_path):
    marketplace = Marketplace(tmp_path, own_anvil.url, database_url, deployments)
    yield marketplace
    marketplace.stop()


@pytest.fixture
async def client():
    async with httpx.AsyncClient(timeout=60) as one:
        yield one


async def case_of(client, place, kind):
    """The one open case of a kind, once there is one."""

    async def found():
        answer = await client.get(f"{place.url}/api/cases?only=open", headers=STAFF)
        assert answer.status_code == 200, answer.text
        return [case for case in answer.json() if case["kind"] == kind]

    (case,) = await eventually(found, 60, f"a case of kind {kind}", every=0.3)
    return case


async def test_a_transfer_to_the_delegate_wallet_that_no_order_knows_ends_in_a_case(place, own_anvil, market, client):
    place.start_server()
    before = own_anvil.block_number()
    fund(own_anvil, market, market.delegate, STRAY)
    own_anvil.travel(600)  # a younger one may still be a settlement on its way into the books
    place.start_worker()
    case = await case_of(client, place, "untracked_transfer")
    async with place.parts() as parts:
        (stray,) = await parts.home.chain.transfers(market.asset.address, market.delegate, before)
        assert (stray.amount, case["subject"]) == (
            STRAY,
            f"{market.network}:{stray.transaction}:{stray.log_index}",
        )
        await assert_invariants(parts, paid=0, foreign={stray.transaction})


async def test_w1_a_job_that_is_gone_from_the_outbox_ends_in_a_case_and_is_done_all_the_same(
    place, own_anvil, market, client
):
    place.start_server()
    buyer = Buyer(client)
    fund(own_anvil, market, buyer.account.address, 1_000_000)
    quoted = await buyer.ask(f"{place.url}{SIGNAL}")
    assert (await buyer.present(quoted, buyer.pay(quoted))).status_code == 200
    async with place.parts() as parts:
        async with parts.db.change() as connection:
            gone = await connection.execute(delete(outbox).where(outbox.c.id == f"follow:{quoted.id}"))
            assert gone.rowcount == 1
        place.start_worker()
        case = await case_of(client, place, "missing_job")
        assert (case["order_id"], "'follow'" in case["detail"]) == (quoted.id, True), case

        async def proven():
            async with parts.db.read() as view:
                return await view.proofs.get(quoted.id)

        await eventually(proven, 30, "the order is final and proven", every=0.2)
        await assert_invariants(parts, paid=1)
