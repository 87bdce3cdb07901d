"""Screening: before anything is verified, before any money goes back, and closed when nobody can tell."""

from dataclasses import replace

import pytest

from scripts.accounts import account
from server.application.refund_by_hand import refund_by_hand
from server.domain.cases import CaseKind
from server.domain.outages import ScreeningUnavailable
from server.domain.states import MoneyBackState
from server.ports import Party, Purpose, Verdict
from tests.simulation.world import TOKEN, open_world
from tests.stack.buyer import changed, read_header, write_header

LIST = "a secret list's name"
OPERATOR = {"Authorization": f"Bearer {TOKEN}"}


class Listed:
    """Refuses one address to one party and purpose, and keeps what it was asked; `error` is raised instead."""

    def __init__(self, address="", party=Party.PAYER, purpose=Purpose.PURCHASE, error=None):
        self.refused, self.error, self.asked = (address, party, purpose), error, []

    async def check(self, address, party, purpose):
        self.asked.append((address, party, purpose))
        if self.error:
            raise self.error
        return Verdict(False, LIST) if (address, party, purpose) == self.refused else Verdict(True)


def screen(world, screening):
    world.paddock = world.app.state.paddock = replace(world.paddock, screening=screening)
    return screening


class Watched:
    """A facilitator that counts."""

    def __init__(self, honest):
        self.honest, self.verified = honest, 0

    def executors(self):
        return self.honest.executors()

    async def verify(self, payload, requirements):
        self.verified += 1
        return await self.honest.verify(payload, requirements)

    async def settle(self, payload, requirements):
        return await self.honest.settle(payload, requirements)


@pytest.fixture
async def world():
    async with open_world() as opened:
        object.__setattr__(opened.paddock, "facilitator", Watched(opened.paddock.facilitator))
        yield opened


async def nothing_happened(world):
    assert world.paddock.facilitator.verified == world.runs["echo"] == world.settlements() == 0
    assert await world.orders() == []


@pytest.mark.parametrize("party", Party)
async def test_a_refused_payer_or_payee_gets_403_before_anything_is_verified_and_no_word_of_the_list(world, party):
    address = world.buyer.account.address if party is Party.PAYER else account("merchant").address
    screen(world, Listed(address, party))
    quoted = await world.buyer.ask(world.url("echo"))
    answer = await world.buyer.present(quoted, world.buyer.pay(quoted))
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/screened")
    assert LIST not in answer.text
    assert "payment-required" not in answer.headers
    await nothing_happened(world)


@pytest.mark.parametrize("error", [ScreeningUnavailable("down"), RuntimeError("canary"), TimeoutError()])
async def test_without_a_verdict_nothing_is_sold_and_the_same_payment_may_come_again(world, error):
    screening = screen(world, Listed(error=error))
    quoted = await world.buyer.ask(world.url("echo"))
    header = world.buyer.pay(quoted)
    answer = await world.buyer.present(quoted, header)
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/screening-unavailable")
    assert answer.headers["retry-after"]
    assert "canary" not in answer.text
    await nothing_happened(world)
    screening.error = None
    assert (await world.buyer.present(quoted, header)).status_code == 200


async def test_both_parties_are_screened_once_for_a_purchase_and_not_for_what_is_bought_already(world):
    screening = screen(world, Listed())
    quoted = await world.buyer.ask(world.url("echo"))
    header = world.buyer.pay(quoted)
    assert (await world.buyer.present(quoted, header)).status_code == 200
    payer, payee = world.buyer.account.address, account("merchant").address
    asked = [(payer, Party.PAYER, Purpose.PURCHASE), (payee, Party.PAYEE, Purpose.PURCHASE)]
    assert screening.asked == asked
    screening.refused = asked[0]
    assert (await world.buyer.present(quoted, header)).status_code == 200, "it is paid for"


async def test_terms_are_checked_before_anybody_is_screened(world):
    screening = screen(world, Listed())
    quoted = await world.buyer.ask(world.url("echo"))
    cheap = changed(read_header(world.buyer.pay(quoted)), "payload.authorization.value", "1")
    assert (await world.buyer.present(quoted, write_header(cheap))).status_code == 402
    assert screening.asked == []


async def owed(world):
    """The id of an order whose money is due back, and that no worker has looked at since."""
    for _ in range(2):
        await world.work(10)
        quoted = await world.buyer.ask(world.url("launch-pass"), "POST", {})
        assert (await world.buyer.present(quoted, world.buyer.pay(quoted))).status_code == 202
    await world.work_once()
    assert (await world.order(quoted.id)).money_back is MoneyBackState.DUE
    return quoted.id


async def test_f23_a_refund_to_a_payer_who_is_listed_meanwhile_is_blocked_with_a_case_and_stays_owed(world):
    order_id = await owed(world)
    screening = screen(world, Listed(world.buyer.account.address, Party.PAYER, Purpose.REFUND))
    await world.work(20)
    order = await world.order(order_id)
    assert (order.money_back, order.owes, order.refund_tx) == (MoneyBackState.BLOCKED, True, None)
    (case,) = world.db.tables.cases.values()
    assert (case.kind, case.order_id) == (CaseKind.REFUND_BLOCKED, order_id)
    assert LIST in case.detail
    public = (await world.client.get(f"/api/orders/{order_id}")).text
    assert LIST not in public
    screening.refused = None
    await refund_by_hand(world.paddock, order_id, retry=True)
    await world.work(30)
    assert (await world.order(order_id)).money_back is MoneyBackState.REFUNDED


async def test_a_refund_waits_while_nobody_can_tell(world):
    order_id = await owed(world)
    screening = screen(world, Listed(error=ScreeningUnavailable("down")))
    await world.work(20)
    order = await world.order(order_id)
    assert (order.money_back, order.refund_tx) == (MoneyBackState.DUE, None)
    assert world.db.tables.cases == {}
    screening.error = None
    await world.work(60)
    assert (await world.order(order_id)).money_back is MoneyBackState.REFUNDED
