"""G1, G7: what the chain shows of a payment is written down once; a facilitator's word alone is doubt."""

import dataclasses

import msgspec
import pytest

from protocol.wire import SettleResponse
from scripts.accounts import account
from server.application.deliver import owe_rest, record_settled
from server.application.pause import turn
from server.application.settle import PENDING, arrived, evidence_in, settle, stored_payment
from server.domain.deliveries import Delivery
from server.domain.errors import PaymentRefused, UnknownOrder
from server.domain.evidence import AUTHORIZATION_USED, TRANSFER, Mined, RawLog, TransferLog, topic
from server.domain.outages import ChainUnavailable, FacilitatorUnavailable, SettlementInDoubt
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
from server.payments.delegate import DELEGATE
from tests.fakes import samples
from tests.fakes.chain import DOLLAR
from tests.fakes.liars import Liar
from tests.fakes.paddocks import bare_paddock, jobs, put, stored
from tests.fakes.samples import NETWORK, NOW

P, F, M = PaymentState, FulfilmentState, MoneyBackState
PRICE, BLOCK = 50_000, 9
PAID = "0x" + "aa" * 32
UNPAID = [P.FAILED, P.EXPIRED, P.CANCELLED]


def made(**changes):
    return samples.order(**{"asset": DOLLAR.address, "amount": PRICE, "payment": P.SETTLING} | changes)


def moved(order, amount=PRICE, index=1):
    ends = order.terms.asset, order.authorization.payer, order.terms.pay_to
    return TransferLog(PAID, index, BLOCK, "0xblock", *ends, amount)


async def notes(paddock, order, state):
    """What the order's timeline says beside each move into a state."""
    async with paddock.db.read() as view:
        return [event.note for event in await view.orders.timeline(order.id) if event.new == state]


async def recorded(clock, order, *transfers, answer=True, confirmations=1, booked=()):
    """The order after its Transfers were written down, what is asked for, and the paddock."""
    paddock = bare_paddock(clock, confirmations=confirmations)
    await put(paddock, order)
    async with paddock.db.begin("made up") as work:
        if answer:
            await work.deliveries.put(Delivery(order.id, b"answer", "text/plain", NOW))
        for row in booked:
            await work.ledger.add(row)
    await record_settled(paddock, order.id, transfers)
    return await stored(paddock, order), await jobs(paddock), paddock


@pytest.mark.parametrize(
    ("changes", "fulfilment", "topics"),
    [
        ({"fulfilment": F.READY}, F.RELEASED, {"follow"}),
        ({}, F.NONE, {"perform", "follow"}),
        ({"mode": DELEGATE}, F.EXECUTING, {"execute", "follow"}),
        ({"mode": DELEGATE, "scheme": "delegate", "fulfilment": F.EXECUTING}, F.EXECUTING, {"execute", "follow"}),
        ({"mode": DELEGATE, "fulfilment": F.EXECUTING}, F.EXECUTING, {"follow"}),
        ({"fulfilment": F.RELEASED, "released_at": NOW}, F.RELEASED, {"follow"}),
        ({"fulfilment": F.RUNNING}, F.RUNNING, {"follow"}),
    ],
)
async def test_g1_a_payment_sets_off_what_was_bought(clock, changes, fulfilment, topics):
    order = made(**changes, lease_until=clock.now())
    found, asked, paddock = await recorded(clock, order, moved(order))
    assert (found.payment, found.fulfilment, found.paid_at) == (P.SETTLED, fulfilment, clock.now())
    assert (found.settlement_tx, found.settlement_block, found.lease_until) == (PAID, BLOCK, None)
    assert {topic for topic, _ in asked} == topics
    async with paddock.db.read() as view:
        assert [(row.kind, row.amount) for row in await view.ledger.of(order.id)] == [("settlement", PRICE)]
        assert (await view.receipts.get(order.id) is not None) is (fulfilment is F.RELEASED)


@pytest.mark.parametrize(("fulfilment", "ready"), [(F.READY, F.READY), (F.NONE, F.NONE)])
async def test_f17_what_needs_more_confirmations_goes_on_later(clock, fulfilment, ready):
    order = made(fulfilment=fulfilment)
    found, asked, _ = await recorded(clock, order, moved(order), confirmations=2)
    assert (found.fulfilment, {topic for topic, _ in asked}) == (ready, {"advance", "follow"})


async def test_g1_a_payment_is_written_down_once(clock):
    order = made()
    _, _, paddock = await recorded(clock, order, moved(order))
    await record_settled(paddock, order.id, [moved(order, index=2)])
    async with paddock.db.read() as view:
        assert len(await view.ledger.of(order.id)) == 1


async def test_g1_a_transfer_pays_one_order_and_the_next_one_another(clock):
    order, other = made(), made()
    known = samples.entry(other, block_hash="0xblock", log_index=1)
    paddock = bare_paddock(clock)
    for one in (order, other):
        await put(paddock, one)
    async with paddock.db.begin("booked") as work:
        await work.ledger.add(known)
    assert (await record_settled(paddock, order.id, [moved(order, index=1)])).payment is P.SETTLING
    assert (await record_settled(paddock, order.id, [])).payment is P.SETTLING
    assert (
        await record_settled(paddock, order.id, [moved(order, index=1), moved(order, index=2)])
    ).payment is P.SETTLED
    with pytest.raises(UnknownOrder):
        await record_settled(paddock, "none", [])


@pytest.mark.parametrize("payment", UNPAID)
@pytest.mark.parametrize(
    ("fulfilment", "answer", "after", "money_back"),
    [
        (F.FAILED, True, F.RELEASED, M.NONE),
        (F.FAILED, False, F.FAILED, M.DUE),
        (F.NONE, True, F.FAILED, M.DUE),
        (F.NONE, False, F.FAILED, M.DUE),
    ],
)
async def test_w4_late_money_pays_for_an_answer_that_is_there_and_else_goes_back(
    clock, payment, fulfilment, answer, after, money_back
):
    order = made(payment=payment, fulfilment=fulfilment)
    found, asked, _ = await recorded(clock, order, moved(order), answer=answer)
    assert (found.payment, found.fulfilment, found.money_back) == (P.SETTLED, after, money_back)
    assert (("refund", order.id) in asked) is (money_back is M.DUE)


async def test_w4_late_money_of_an_atomic_order_brought_its_action_with_it(clock):
    order = made(payment=P.FAILED, fulfilment=F.EXECUTING, mode=DELEGATE, scheme="delegate")
    found, asked, _ = await recorded(clock, order, moved(order))
    assert (found.fulfilment, found.money_back, ("execute", order.id) in asked) == (F.EXECUTING, M.NONE, True)


async def test_a_payment_that_is_settled_again_keeps_the_moment_when_it_was_paid(clock):
    order = made(payment=P.IN_DOUBT, paid_at=NOW)
    clock.advance(5)
    assert (await recorded(clock, order, moved(order)))[0].paid_at == NOW


@pytest.mark.parametrize(
    ("changes", "due"),
    [
        ({}, True),
        ({"fulfilment": F.FAILED, "received": 1}, True),
        ({"money_back": M.REFUNDED, "returned": 6}, True),
        ({"money_back": M.REFUNDED, "returned": 7}, False),
        ({"received": PRICE}, False),
        ({"received": None}, False),
        ({"payment": P.CREATED}, False),
        ({"fulfilment": F.RUNNING}, False),
        ({"money_back": M.SENDING}, False),
        ({"money_back": M.BLOCKED}, False),
    ],
)
async def test_w4_the_rest_is_due_once_an_order_has_ended_and_nothing_is_on_its_way(clock, changes, due):
    usual = {"payment": P.SETTLED, "fulfilment": F.RELEASED, "received": PRICE + 7, "final_at": NOW}
    order, paddock = made(**usual | changes), bare_paddock(clock)
    await put(paddock, order)
    before = order.money_back
    async with paddock.db.begin("rest") as work:
        await owe_rest(paddock, work, order)
    assert (order.money_back, order.final_at) == ((M.DUE, None) if due else (before, NOW))
    assert {topic for topic, _ in await jobs(paddock)} == ({"refund", "follow"} if due else set())


# ---------------------------------------------------------------------------------------------------------- evidence


class Chain(Liar):
    """Shows a payment of so much in block 9, which arrived less a fee; `used` says whether its nonce is used."""

    def __init__(self, order, amount=PRICE, fee=0, used=False, shown=True):
        transfer = moved(order, amount)
        payer, nonce = order.authorization.payer, order.authorization.nonce
        logs = (
            RawLog(transfer.asset, (AUTHORIZATION_USED, topic(payer), nonce), b"", 0),
            RawLog(transfer.asset, (TRANSFER, topic(payer), topic(transfer.recipient)), amount.to_bytes(32, "big"), 1),
        )
        mined = Mined(PAID, True, BLOCK, "0xblock", 21_000, logs)
        super().__init__(
            None,
            mined=lambda one: mined if shown and one == PAID else None,
            transfers=[transfer],
            token_balance=lambda _asset, _who, block: (amount - fee) * (block >= BLOCK),
            nonce_used=used,
        )


@pytest.mark.parametrize(("fee", "whole"), [(0, True), (1, False), (-1, False)])
async def test_f11_a_payment_counts_only_where_the_payees_balance_says_so_too(clock, fee, whole):
    order = made()
    chain = Chain(order, fee=fee)
    assert await arrived(chain, moved(order)) is whole
    found = await evidence_in(bare_paddock(clock, chain), order, PAID)
    assert bool(found) is whole


async def test_what_the_payee_sent_in_the_same_block_is_counted_too():
    order = made()
    sent = dataclasses.replace(moved(order, 20_000), sender=order.terms.pay_to, recipient=account("float").address)
    chain = Chain(order, fee=20_000)
    chain.lies["transfers"] = [moved(order), sent]
    assert await arrived(chain, moved(order))


async def test_a_balance_that_is_shown_a_moment_late_is_looked_at_twice():
    order, looks = made(), iter((0, 0, 0, PRICE))
    chain = Chain(order)
    chain.lies["token_balance"] = lambda *_: next(looks)
    assert await arrived(chain, moved(order))


async def test_a_transaction_that_is_not_shown_is_no_evidence(clock):
    order = made()
    assert await evidence_in(bare_paddock(clock, Chain(order)), order, "0xother") == []


async def test_no_transaction_is_no_evidence_and_no_node_is_asked_for_it(clock):
    order = made()
    chain = Chain(order)
    assert await evidence_in(bare_paddock(clock, chain), order, "") == []
    assert not chain.asked


@pytest.mark.parametrize("amount", [PRICE - 1, PRICE + 1])
async def test_another_amount_is_no_evidence(clock, amount):
    order = made()
    assert await evidence_in(bare_paddock(clock, Chain(order, amount)), order, PAID) == []


# ------------------------------------------------------------------------------------------------------ facilitators


class Facilitator:
    def __init__(self, answer):
        self.answer = answer

    async def settle(self, *_payment):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def said(success, reason=None):
    transaction = PAID if success else ""
    return SettleResponse(success=success, error_reason=reason, transaction=transaction, network=NETWORK)


def payable(**changes):
    request = msgspec.json.decode(samples.settlement().request)
    return made(payload=msgspec.json.encode(request["paymentPayload"]), **changes)


async def settled(clock, order, answer, **lies):
    """The order after its settlement, and what was raised."""
    chain = Chain(order, **lies)
    paddock = bare_paddock(clock, chain, facilitator=Facilitator(answer))
    await put(paddock, order)
    raised = None
    try:
        await settle(paddock, order)
    except (PaymentRefused, SettlementInDoubt) as error:
        raised = type(error)
    return await stored(paddock, order), raised, await jobs(paddock)


async def test_g7_a_settlement_that_the_chain_shows_is_believed(clock):
    found, raised, _ = await settled(clock, payable(), said(True))
    assert (found.payment, raised) == (P.SETTLED, None)


@pytest.mark.parametrize("lies", [{"shown": False}, {"amount": PRICE - 1}, {"fee": 1}])
async def test_g7_a_facilitators_word_without_the_chains_is_doubt(clock, lies):
    found, raised, asked = await settled(clock, payable(), said(True), **lies)
    assert (found.payment, raised, asked) == (P.IN_DOUBT, SettlementInDoubt, [])


@pytest.mark.parametrize(("fulfilment", "after"), [(F.READY, F.FAILED), (F.NONE, F.NONE)])
async def test_g7_a_refusal_that_the_chain_does_not_contradict_ends_the_order(clock, fulfilment, after):
    order = payable(fulfilment=fulfilment, lease_until=clock.now())
    found, raised, asked = await settled(clock, order, said(False, "insufficient_funds"))
    assert (found.payment, found.fulfilment, raised) == (P.FAILED, after, PaymentRefused)
    assert (found.failure, found.lease_until, asked) == ("insufficient_funds", None, [("follow", order.id)])


@pytest.mark.parametrize(
    ("changes", "answer", "used"),
    [
        ({}, said(False, PENDING), False),
        ({}, said(False, "insufficient_funds"), True),
        ({"payment": P.IN_DOUBT}, said(False, "insufficient_funds"), False),
        ({}, FacilitatorUnavailable("away"), False),
        ({}, ChainUnavailable("away"), False),
    ],
    ids=["pending", "the nonce is used", "in doubt before", "no facilitator", "no chain"],
)
async def test_g7_any_other_refusal_is_doubt_until_the_chain_has_decided(clock, changes, answer, used):
    found, raised, asked = await settled(clock, payable(**changes), answer, used=used)
    assert (found.payment, found.lease_until, raised, asked) == (P.IN_DOUBT, None, SettlementInDoubt, [])


async def test_g7_what_a_facilitator_calls_pending_is_doubt_whatever_transaction_it_names(clock):
    answer = msgspec.structs.replace(said(False, PENDING), transaction=PAID)
    found, raised, _ = await settled(clock, payable(), answer)
    assert (found.payment, raised) == (P.IN_DOUBT, SettlementInDoubt)


async def test_g7_a_refusal_is_told_in_the_facilitators_words_to_the_buyer_and_on_the_timeline(clock):
    order = payable()
    answer = msgspec.structs.replace(said(False, "insufficient_funds"), error_message="too poor")
    paddock = bare_paddock(clock, Chain(order), facilitator=Facilitator(answer))
    await put(paddock, order)
    with pytest.raises(PaymentRefused) as caught:
        await settle(paddock, order)
    assert (caught.value.reason, caught.value.detail) == ("insufficient_funds", "too poor")
    assert await notes(paddock, order, P.FAILED) == ["insufficient_funds"]


async def test_g7_a_settlement_that_the_chain_does_not_show_yet_is_told_by_its_transaction(clock):
    order = payable()
    paddock = bare_paddock(clock, Chain(order, shown=False), facilitator=Facilitator(said(True)))
    await put(paddock, order)
    with pytest.raises(SettlementInDoubt) as caught:
        await settle(paddock, order)
    assert caught.value.members == {"order_id": order.id, "transaction": PAID}
    assert await notes(paddock, order, P.IN_DOUBT) == ["the facilitator shows no Transfer that pays this order"]


async def test_g1_a_facilitator_that_shows_the_transfer_of_another_order_has_settled_nothing(clock):
    order, other = payable(lease_until=clock.now()), made()
    paddock = bare_paddock(clock, Chain(order), facilitator=Facilitator(said(True)))
    for one in (order, other):
        await put(paddock, one)
    async with paddock.db.begin("booked") as work:
        await work.ledger.add(samples.entry(other, block_hash="0xblock", log_index=1))
    with pytest.raises(SettlementInDoubt) as caught:
        await settle(paddock, order)
    found = await stored(paddock, order)
    assert (found.payment, found.lease_until, caught.value.members) == (P.IN_DOUBT, None, {"order_id": order.id})


async def test_while_settlement_is_paused_nothing_is_asked_of_a_facilitator(clock):
    order = payable()
    paddock = bare_paddock(clock, Chain(order), facilitator=Facilitator(AssertionError("it was asked")))
    await put(paddock, order)
    await turn(paddock.db, clock, on=True, reason="test", by="operator")
    with pytest.raises(SettlementInDoubt):
        await settle(paddock, order)
    assert (await stored(paddock, order)).payment is P.IN_DOUBT


def test_what_is_asked_to_settle_is_the_payment_as_it_came_over_what_it_costs():
    payload, terms = stored_payment(payable(charged=7))
    assert (payload.accepted.amount, terms.amount, terms.pay_to) == ("50000", "7", payload.accepted.pay_to)


@pytest.mark.parametrize(
    ("changes", "account_"),
    [
        ({}, "merchant:paddock"),
        ({"mode": DELEGATE}, f"delegate:{account('merchant').address}"),
        (
            {"mode": DELEGATE, "scheme": "delegate", "fulfilment": F.EXECUTING},
            f"executor:{account('merchant').address}",
        ),
    ],
    ids=["direct", "delegate", "atomic"],
)
async def test_g4_a_payment_is_booked_with_whoever_got_it(clock, changes, account_):
    order = made(**changes)
    _, _, paddock = await recorded(clock, order, moved(order))
    async with paddock.db.read() as view:
        [row] = await view.ledger.of(order.id)
    assert (row.debit, row.credit) == (account_, f"payer:{order.authorization.payer}")


@pytest.mark.parametrize(("payment", "note"), [(P.SETTLING, PAID), (P.IN_DOUBT, PAID), (P.EXPIRED, "late")])
async def test_the_timeline_says_whether_a_payment_was_late(clock, payment, note):
    order = made(payment=payment)
    _, _, paddock = await recorded(clock, order, moved(order))
    assert await notes(paddock, order, P.SETTLED) == [note]


async def test_the_standard_receipt_names_the_transaction_that_paid_if_there_is_one(clock):
    order = made(fulfilment=F.READY)
    _, _, paddock = await recorded(clock, order, moved(order))
    free, other = made(fulfilment=F.READY, charged=0), bare_paddock(clock)
    await put(other, free)
    async with other.db.begin("answer") as work:
        await work.deliveries.put(Delivery(free.id, b"answer", "text/plain", NOW))
    await settle(other, free)
    told = []
    for one, kept in ((order, paddock), (free, other)):
        async with kept.db.read() as view:
            told.append(msgspec.json.decode((await view.receipts.get(one.id))[1])["payload"].get("transaction"))
    assert told == [PAID, None]
