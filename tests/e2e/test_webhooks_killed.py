"""kill −9 of a worker around a webhook: the receiver that the guide prints has each event once, in order."""

import httpx
import pytest

from server.settings import DEVNET_SECRETS
from tests.stack.buyer import Buyer
from tests.stack.funds import fund
from tests.stack.guide import guide_receiver
from tests.stack.invariants import assert_invariants, assert_no_secrets
from tests.stack.marketplace import Marketplace
from tests.stack.processes import free_port
from tests.stack.waiting import eventually

KEY = {"Authorization": f"Bearer {DEVNET_SECRETS['PADDOCK_MERCHANT_KEY']}"}


@pytest.fixture
def place(own_anvil, sqlite_url, deployments, tmp_path):
    allowed = {"PADDOCK_WEBHOOK_ALLOW_PRIVATE": "1"}
    marketplace = Marketplace(tmp_path, own_anvil.url, sqlite_url, deployments, more=allowed)
    yield marketplace
    marketplace.stop()


@pytest.mark.parametrize("point", ["webhook recorded:before", "webhook recorded:after"])
async def test_w6_a_worker_killed_around_a_webhook_tells_everything_once_in_effect(
    place, own_anvil, market, tmp_path, point
):
    place.start_server()
    port = free_port()
    async with httpx.AsyncClient(timeout=60) as client:
        buyer = Buyer(client)
        fund(own_anvil, market, buyer.account.address, 100_000_000)
        registered = await client.post(
            f"{place.url}/api/merchants/paddock/webhooks", headers=KEY, json={"url": f"http://127.0.0.1:{port}/"}
        )
        assert registered.status_code == 201, registered.text
        secret = registered.json()["secret"]
        log = f"{place.url}/api/merchants/paddock/webhooks/{registered.json()['id']}/deliveries"
        with guide_receiver(tmp_path, [secret], port) as receiver:
            worker = place.start_worker(dies_at=point)
            quoted = await buyer.ask(f"{place.url}/v1/market-signal?symbol=DEMO-TREND&window=20")
            assert (await buyer.present(quoted, buyer.pay(quoted))).status_code == 200
            await eventually(lambda: _dead(worker), 30, f"the worker dies at {point}")
            assert len(receiver.events()) == 1, "the message arrived, and the worker died"
            place.start_worker()

            async def all_delivered():
                rows = (await client.get(log, headers=KEY)).json()["deliveries"]
                return len(rows) == 3 and {row["state"] for row in rows} == {"delivered"}

            await eventually(all_delivered, 60, "everything is delivered", every=0.3)
            kinds = ("order.settled", "order.delivered", "order.final")
            assert receiver.events() == [(quoted.id, number, kind) for number, kind in enumerate(kinds, 1)]
            posts = receiver.child.log().count("POST")
    assert posts == (4 if point.endswith("before") else 3)
    async with place.parts() as parts:
        await assert_invariants(parts, paid=1)
    assert_no_secrets(place.logs(), buyer.signed, [secret.removeprefix("whsec_")])


async def _dead(child):
    return not child.running
