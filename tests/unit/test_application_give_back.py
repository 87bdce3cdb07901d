"""What an escrow holds goes back by the escrow's own call, once, and ends as the chain shows: also by its payer."""

import pytest

from protocol.typed_data import order_nonce
from scripts.accounts import account
from server.application.refund import GIVE_BACK, SEND, UNTIL_FINAL, refund
from server.application.send import call_of
from server.domain.calls import encode_call
from server.domain.cases import CaseKind
from server.domain.refunds import BLOCKED
from server.domain.sending import TransactionState
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
from server.domain.transfers import SCHEME
from tests.fakes.escrow import ESCROW
from tests.fakes.paddocks import cases, stored
from tests.unit.hold_samples import (
    ENDED,
    ENDING,
    MARKET,
    OVER,
    PAID,
    PAYER,
    PRICE,
    Chain,
    begun,
    given_back,
    made,
    mined,
    released,
    signed_for,
)

F, M = FulfilmentState, MoneyBackState
OTHER = account("stranger").address


def due(**changes):
    usual = {"fulfilment": F.FAILED, "money_back": M.DUE, "failure": "no"}
    return made("order", **usual | changes)


async def sent(paddock, order, purpose=GIVE_BACK):
    async with paddock.db.read() as view:
        return await view.transactions.of(purpose, order.refund_name)


async def rows(paddock, order):
    async with paddock.db.read() as view:
        return await view.ledger.of(order.id)


async def test_w9_what_the_escrow_holds_is_given_back_by_its_own_call_once(clock):
    order, chain = due(), Chain()
    paddock = await begun(clock, order, chain)
    assert await refund(paddock, order.id) == 0.1
    for _ in range(2):
        assert await refund(paddock, order.id) == 0.2
    found, call = await stored(paddock, order), call_of(await sent(paddock, order))
    assert (found.money_back, chain.asked["send"], await sent(paddock, order, SEND)) == (M.SENDING, 1, None)
    assert (call.to, call.data) == (ESCROW, encode_call("giveBack(bytes32)", order_nonce(order.id)))


@pytest.mark.parametrize("logged", [True, False])
@pytest.mark.parametrize("to", [PAYER, OTHER])
async def test_w9_what_went_back_is_booked_with_the_address_that_has_it(clock, to, logged):
    """Our own transaction is believed before a search shows what it logged."""
    order, chain = due(money_back=M.SENDING), Chain(OVER)
    chain.show(mined(ENDING, ENDED, *given_back(order, to=to)), logged=logged)
    paddock = await begun(clock, order, chain)
    await signed_for(paddock, order, GIVE_BACK)
    assert await refund(paddock, order.id) is None
    found = await stored(paddock, order)
    assert (found.fulfilment, found.money_back, found.refund_tx) == (F.FAILED, M.REFUNDED, ENDING)
    row = (await rows(paddock, order))[-1]
    assert (row.kind, row.debit, row.credit, row.amount) == ("refund", f"payer:{to}", f"callback:{ESCROW}", PRICE)


@pytest.mark.parametrize("state", [M.DUE, M.SENDING])
async def test_w4_what_its_payer_released_meanwhile_is_the_merchants_and_delivered(clock, state):
    order, chain = due(money_back=state), Chain(OVER)
    chain.show(mined(ENDING, ENDED, *released(order)))
    paddock = await begun(clock, order, chain)
    assert await refund(paddock, order.id) is None
    found = await stored(paddock, order)
    assert (found.fulfilment, found.money_back, chain.asked["send"]) == (F.RELEASED, M.NONE, 0)
    assert [row.kind for row in await rows(paddock, order)] == ["settlement", "payout"]
    async with paddock.db.read() as view:
        assert ENDING.encode() in (await view.deliveries.get(order.id)).body


async def test_a_hold_that_is_over_is_looked_for_until_the_chain_shows_how(clock):
    order, chain = due(), Chain(OVER)
    paddock = await begun(clock, order, chain)
    assert await refund(paddock, order.id) == UNTIL_FINAL
    assert ((await stored(paddock, order)).money_back, chain.asked["send"]) == (M.DUE, 0)


async def test_f17_nothing_is_given_back_for_a_payment_that_is_not_in_its_block(clock):
    order, chain = due(settlement_block=PAID - 1), Chain()
    paddock = await begun(clock, order, chain)
    assert await refund(paddock, order.id) == UNTIL_FINAL
    assert ((await stored(paddock, order)).money_back, chain.asked["send"]) == (M.DUE, 0)


@pytest.mark.parametrize(
    ("money_back", "state", "anew"),
    [
        (M.SENDING, TransactionState.SIGNED, False),
        (M.SENDING, TransactionState.REVERTED, False),
        (M.DUE, TransactionState.REVERTED, True),
    ],
)
async def test_f23_a_call_that_reverted_is_blocked_and_sent_anew_when_somebody_asked(clock, money_back, state, anew):
    order, chain = due(money_back=money_back), Chain()
    chain.show(mined(ENDING, ENDED, succeeded=False))
    paddock = await begun(clock, order, chain)
    await signed_for(paddock, order, GIVE_BACK, state=state)
    assert await refund(paddock, order.id) == (0.1 if anew else None)
    found = await stored(paddock, order)
    assert (found.money_back, chain.asked["send"]) == ((M.SENDING, 1) if anew else (M.BLOCKED, 0))
    if not anew:
        [case] = await cases(paddock, order)
        assert (case.kind, case.detail) == (CaseKind.REFUND_BLOCKED, "the contract did not give the payment back")
        assert found.failure == f"no; {BLOCKED}"
        assert (await sent(paddock, order)).state is TransactionState.REVERTED


async def test_w9_what_the_escrow_never_had_goes_back_from_the_delegate_wallet(clock):
    order, chain = due(), Chain(OVER, nonce_used=False)
    paddock = await begun(clock, order, chain, since=None)
    assert await refund(paddock, order.id) == 0.1
    assert (await sent(paddock, order, SEND)).sender == MARKET.delegate
    assert await sent(paddock, order) is None


async def test_w9_what_came_too_much_beside_a_callback_that_holds_nothing_goes_back_from_the_delegate_wallet(clock):
    more = {"scheme": SCHEME, "received": PRICE + 1, "released_at": clock.now(), "arguments": b"{}"}
    order = due(service="access-pass", fulfilment=F.RELEASED, payment=PaymentState.SETTLED, **more)
    chain = Chain(nonce_used=False, final_block=ENDED)
    paddock = await begun(clock, order, chain)
    assert await refund(paddock, order.id) == 0.1
    assert (await sent(paddock, order, SEND)).sender == MARKET.delegate
    assert await sent(paddock, order) is None
