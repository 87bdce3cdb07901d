"""What a purchase must pass beside its payment: the switch, the breakers around what is outside, its payer's places."""

import pytest

from scripts.accounts import account
from server.application.admission import SETTLE, VERIFY
from server.application.admit import require_open, require_place, require_settling, watching
from server.application.pause import turn
from server.domain.outages import (
    ChainUnavailable,
    CircuitOpen,
    FacilitatorRefused,
    FacilitatorUnavailable,
    Paused,
    TooManyOrders,
)
from server.domain.states import PaymentState
from tests.fakes import samples
from tests.fakes.liars import Liar
from tests.fakes.paddocks import bare_paddock, put
from tests.fakes.samples import NETWORK

AWAY = {name: FacilitatorUnavailable("away") for name in (VERIFY, SETTLE)} | {NETWORK: ChainUnavailable("away")}


def opened(clock, **lies):
    return bare_paddock(clock, Liar(None, **{"block_number": 7} | lies))


def fail(paddock, asked, times=None):
    for _ in range(paddock.admission.failures if times is None else times):
        with pytest.raises(type(AWAY[asked])), watching(paddock, asked, NETWORK):
            raise AWAY[asked]


async def test_where_nothing_fails_a_purchase_costs_the_chain_no_question(clock):
    paddock = opened(clock)
    await require_open(paddock, NETWORK)
    require_settling(paddock)
    assert not paddock.chain.asked


async def test_while_settlement_is_paused_nothing_is_let_in(clock):
    paddock = opened(clock)
    await turn(paddock.db, clock, on=True, reason="test", by="operator")
    with pytest.raises(Paused):
        await require_open(paddock, NETWORK)


@pytest.mark.parametrize("asked", [NETWORK, VERIFY])
async def test_while_chain_or_facilitator_keep_failing_nothing_is_let_in(clock, asked):
    paddock = opened(clock)
    fail(paddock, asked, paddock.admission.failures - 1)
    await require_open(paddock, NETWORK)
    fail(paddock, asked, 1)
    with pytest.raises(CircuitOpen):
        await require_open(paddock, NETWORK)
    assert not paddock.chain.asked


async def test_while_settlements_go_unanswered_nothing_is_claimed(clock):
    paddock = opened(clock)
    fail(paddock, SETTLE)
    await require_open(paddock, NETWORK)
    with pytest.raises(CircuitOpen):
        require_settling(paddock)


async def test_after_its_rest_a_chain_is_tried_by_a_question_of_our_own(clock):
    paddock = opened(clock, block_number=ChainUnavailable("still away"))
    fail(paddock, NETWORK)
    for error in (ChainUnavailable, CircuitOpen):
        clock.advance(0 if error is CircuitOpen else paddock.admission.rest.total_seconds())
        with pytest.raises(error):
            await require_open(paddock, NETWORK)
    clock.advance(paddock.admission.rest.total_seconds())
    paddock.chain.lies["block_number"] = 7
    for _ in range(2):
        await require_open(paddock, NETWORK)
    assert paddock.chain.asked["block_number"] == 2


@pytest.mark.parametrize("refused", [False, True], ids=["accepted", "refused"])
@pytest.mark.parametrize("asked", [VERIFY, SETTLE])
def test_an_answer_of_whatever_kind_counts_as_one_so_bad_payments_shut_nothing(clock, asked, refused):
    paddock = opened(clock)
    breaker = paddock.admission.breaker(asked)
    fail(paddock, asked, paddock.admission.failures - 1)
    try:
        with watching(paddock, asked, NETWORK):
            if refused:
                raise FacilitatorRefused("a bad payment")
    except FacilitatorRefused:
        assert refused
    fail(paddock, asked, paddock.admission.failures - 1)
    assert not breaker.open
    fail(paddock, asked, 1)
    assert breaker.open


def test_a_chain_that_a_facilitators_question_needed_is_counted_as_the_chain(clock):
    paddock = opened(clock)
    for _ in range(paddock.admission.failures):
        with pytest.raises(ChainUnavailable), watching(paddock, VERIFY, NETWORK):
            raise AWAY[NETWORK]
    assert (paddock.admission.breaker(NETWORK).open, paddock.admission.breaker(VERIFY).open) == (True, False)


@pytest.mark.parametrize(("most", "taken"), [(3, True), (2, False)])
async def test_a_payer_has_so_many_orders_in_flight_with_the_one_that_is_claimed(clock, most, taken):
    paddock = opened(clock)
    paddock.admission.orders_per_payer = most
    orders = [await put(paddock, samples.order(payment=PaymentState.SETTLING)) for _ in range(3)]
    await put(paddock, samples.order(payment=PaymentState.SETTLING, payer=account("stranger").address))
    await put(paddock, samples.order(payment=PaymentState.FAILED))
    async with paddock.db.read() as view:
        if taken:
            await require_place(paddock, view, orders[0])
        else:
            with pytest.raises(TooManyOrders, match=f"{most} orders of this payer"):
                await require_place(paddock, view, orders[0])
