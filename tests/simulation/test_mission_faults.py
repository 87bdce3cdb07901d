"""Every way in which a paid call is known to fail, provoked: the test that does it, and those that stand here."""

from dataclasses import replace

import pytest

from protocol.headers import to_json
from tests import threats
from tests.fakes.moody import Moody
from tests.simulation.test_threats_secrets import logged
from tests.simulation.webhook_world import listening
from tests.simulation.world import open_world
from tests.stack.buyer import changed, read_header, write_header

HERE = "simulation/test_mission_faults.py::"
SIMULATION = "simulation/test_"
FAULTS = {
    "replay": [
        SIMULATION + "threats_long.py::test_s4_five_hundred_replays_over_a_day_three_processes_and_restarts_sell_once"
    ],
    "underbinding": [
        SIMULATION + "threats_server.py::test_s22_a_payment_with_any_field_of_its_terms_changed_or_removed_is_refused",
        SIMULATION + "fuzz.py::test_an_edited_payment_buys_nothing_that_was_not_signed",
    ],
    "paid but denied": [
        SIMULATION
        + "cases.py::test_a_paid_and_failed_order_opens_paid_but_denied_and_redelivery_runs_its_handler_once_more"
    ],
    "delivered but unpaid": [
        SIMULATION + "threats_money.py::test_s8_a_facilitators_word_without_a_transfer_on_chain_releases_nothing",
    ],
    "duplicate retry": [
        "unit/test_agent_auth.py::test_a8_one_signature_per_purchase_whatever_the_server_does",
        SIMULATION
        + "threats_server.py::test_s5_fifty_identical_requests_at_once_are_one_run_one_settlement_and_one_fresh_answer",
    ],
    "metadata leakage": [HERE + "test_metadata_leakage_what_a_buyer_asked_reaches_nobody_but_the_service"],
    "callback abuse": [
        "contracts/forge/callback/C1_Caller.t.sol::test_forge_suite_passes[C1CallerTest]",
        "contracts/forge/callback/C2_Selectors.t.sol::test_forge_suite_passes[C2SelectorsTest]",
    ],
    "budget drift": ["unit/test_agent_budgets.py::test_a13_the_task_budget_ends_many_small_calls"],
    "price race": [
        SIMULATION
        + "threats_checks.py::test_s24_a_quote_is_honoured_once_at_its_own_price_and_then_the_new_one_is_asked"
    ],
    "stale quote": [SIMULATION + "threats_server.py::test_s3_an_expired_quote_gets_fresh_terms_and_no_claim"],
    "substituted quote": [HERE + "test_substituted_quote_another_purchases_quote_buys_nothing_and_spoils_neither"],
    "ambiguous settlement": [SIMULATION + "doubt.py::test_s8_g7_a_facilitator_that_refuses_and_settles"],
    "wrong buyer": [
        SIMULATION + "threats_sign_in.py::test_s31_another_wallet_gets_the_terms_like_anybody",
        SIMULATION
        + "readers.py::test_s31_the_richer_views_are_for_payer_merchant_and_operator_and_unknown_to_everybody_else",
    ],
}

CANARY = "jane.roe@example.com"


def test_every_fault_has_its_test():
    written = set(threats.written())
    assert [fault for fault, tests in FAULTS.items() if not tests or not written.issuperset(tests)] == []


class Overheard(Moody):
    """A facilitator that keeps what it is told."""

    def __init__(self, honest):
        super().__init__(honest)
        self.told = b""

    async def verify(self, payload, requirements):
        self.told += to_json([payload, requirements])
        return await super().verify(payload, requirements)

    async def settle(self, payload, requirements):
        self.told += to_json([payload, requirements])
        return await super().settle(payload, requirements)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_metadata_leakage_what_a_buyer_asked_reaches_nobody_but_the_service(method):
    async with open_world() as world:
        overheard = Overheard(world.paddock.facilitator)
        world.paddock = replace(world.paddock, facilitator=overheard)
        world.app.state.paddock = world.paddock
        merchant = await listening(world)
        with logged() as log:
            if method == "GET":
                quoted = await world.buyer.ask(world.url("echo", f"?text={CANARY}"))
            else:
                quoted = await world.buyer.ask(world.url("echo-post"), "POST", {"text": CANARY})
            answer = await world.buyer.present(quoted, world.buyer.pay(quoted))
            await world.work(60)
        assert CANARY in answer.text
        assert overheard.told
        assert merchant.types(quoted.id)[-1] == "order.final"
        sent = [sent.data for block in world.chain.blocks for sent in block.transactions]
        paths = (f"/api/orders/{quoted.id}", "/api/services", "/discovery/resources", "/metrics")
        places = {path: (await world.client.get(path)).text for path in paths}
        places |= {"the facilitator": overheard.told.decode(), "the log": log.getvalue(), "the chain": str(sent)}
        places |= {"the merchant": str(merchant.handled), "the terms": str(quoted.required["accepts"])}
        assert [place for place, text in places.items() if CANARY in text] == []


@pytest.mark.parametrize(
    ("other", "query"),
    [("echo", "?text=another"), ("echo-dear", "?text=hi"), ("echo", "?text=hi")],
    ids=["another request", "a dearer service", "the same request, asked twice"],
)
async def test_substituted_quote_another_purchases_quote_buys_nothing_and_spoils_neither(other, query):
    async with open_world() as world:
        quoted = await world.buyer.ask(world.url("echo", "?text=hi"))
        second = await world.buyer.ask(world.url(other, query))
        paid, extra = read_header(world.buyer.pay(quoted)), second.entry["extra"]
        for substituted in (
            changed(paid, "accepted.extra.quote", extra["quote"]),
            changed(paid, "accepted.extra.quoteId", second.id),
            changed(changed(paid, "accepted.extra.quote", extra["quote"]), "accepted.extra.quoteId", second.id),
        ):
            answer = await world.buyer.present(quoted, write_header(substituted))
            assert answer.status_code == 402
            assert "binding_mismatch" in read_header(answer.headers["payment-required"])["error"]
        assert (world.runs["echo"], world.settlements(), await world.orders()) == (0, 0, [])
        for one in (quoted, second):
            assert (await world.buyer.present(one, world.buyer.pay(one))).status_code == 200
