"""A purchase in every mode that something is sold in, by the bundled agent, on real processes and a real devnet."""

import pytest

from agent import Buyer, Settings
from agent.payments import MODES
from server.services import on_sale
from tests.stack.policies import policy


def cheapest():
    """For each mode the cheapest that is sold in it, and needs nothing but a wallet."""
    plain = [
        one for one in on_sale(samples=True) if not (one.metered or one.tariff or one.held_seconds or one.needs_browser)
    ]
    found = {}
    for service in sorted(plain, key=lambda one: one.amount):
        found.setdefault(service.mode, service)
    return list(found.values())


@pytest.mark.parametrize("service", cheapest(), ids=lambda service: service.mode)
def test_the_bundled_agent_buys_in_the_mode_and_proves_it(place, anvil, market, payer, tmp_path, service):
    callbacks = f'["{market.contracts[service.callback].address}"]' if service.callback else "[]"
    more = f"modes = {[mode.name for mode in MODES]}\ncallbacks = {callbacks}\n"
    text = policy(market.network, market.asset, place.url, more, per_call="5.00", per_task="5.00", above="5.00")
    where = {"rpc": anvil.url, "seller": place.url, "finality": "latest"}
    buyer = Buyer(Settings(home=tmp_path, policy_text=text, key=payer.key.hex(), **where))
    before = buyer.chain.balance(market.asset.address, payer.address)
    told = {"params" if service.method == "GET" else "json": service.example}
    outcome = buyer.buy(f"{place.url}/v1/{service.slug}", service.method, **told)
    assert (outcome.status, outcome.proof, outcome.mode) == ("delivered", "proven", service.mode), outcome.detail
    assert before - buyer.chain.balance(market.asset.address, payer.address) == outcome.amount > 0
    buyer.close()
