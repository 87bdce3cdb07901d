"""Agent, server and worker as processes, and a real chain: one trace from the agent's search to the anchor."""

import pytest

from agent import Buyer, Settings
from agent.tracing import during
from scripts.accounts import account
from tests.stack.collector import run_collector
from tests.stack.funds import fund
from tests.stack.marketplace import Marketplace
from tests.stack.policies import policy

FUNDS = 10_000_000


@pytest.fixture
def collector():
    with run_collector() as running:
        yield running


@pytest.fixture
def place(own_anvil, sqlite_url, deployments, tmp_path, collector):
    more = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "200"}
    marketplace = Marketplace(tmp_path, own_anvil.url, sqlite_url, deployments, more=more)
    marketplace.start_server()
    marketplace.start_worker()
    yield marketplace
    marketplace.stop()


def test_a_purchase_is_one_trace_from_the_agents_search_to_the_anchor(place, collector, own_anvil, market, tmp_path):
    payer = account("buyer")
    fund(own_anvil, market, payer.address, FUNDS)
    callback = market.contracts["AccessPass"].address
    more = f'modes = ["DELEGATE"]\npay_to = ["{market.delegate}"]\ncallbacks = ["{callback}"]'
    text = policy(market.network, market.asset, place.url, more)
    places = {"rpc": own_anvil.url, "seller": place.url, "finality": "latest"}
    buyer = Buyer(Settings(home=tmp_path / "agent", policy_text=text, key=payer.key.hex(), **places))
    with during("errand") as traceparent:
        offers = buyer.market.discover(place.url)
        (wanted,) = [offer.url for offer in offers if offer.url.endswith("/v1/access-pass")]
        outcome = buyer.buy(wanted, "POST", json={})
    buyer.close()
    assert outcome.status == "delivered", outcome.detail
    found = collector.named("purchase", "verify", "claim", "settle", "job execute", "job follow", "chained", "anchored")
    spans = [span for one in found.values() for span in one]
    assert {span.trace for span in spans} == {traceparent.split("-")[1]}
    assert {span.attributes["paddock.order.id"] for span in spans} == {outcome.order_id}
    by = {name: {span.service for span in one} for name, one in found.items()}
    assert by == {name: {f"paddock-{'worker' if name[0] in 'jca' and name != 'claim' else 'server'}"} for name in by}
    (settle,) = found["settle"]
    assert settle.attributes["paddock.chain.transaction"] == outcome.settlement
    assert outcome.callback in [span.attributes.get("paddock.chain.transaction") for span in found["job execute"]]
    place.stop()
    lines = [line for line in place.logs().splitlines() if f"order {outcome.order_id}, " in line]
    assert len(lines) > 3
    assert all(line.endswith(f"trace_id={traceparent.split('-')[1]}") for line in lines)
