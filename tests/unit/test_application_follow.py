"""An order is watched until all that the chain says of it is final; what a reorganisation took is taken back once."""

from dataclasses import replace

import msgspec
import pytest

from server.application.confirm import is_confirmed
from server.application.follow import LATE_LOOK_EVERY, LOOK_EVERY, follow
from server.application.waive import LOOK_EVERY as LOOK_AT_WAIVED
from server.domain import ledger
from server.domain.cases import CaseKind
from server.domain.evidence import Mined, TransferLog
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
from server.payments.delegate import DELEGATE
from tests.fakes import samples
from tests.fakes.chain import DOLLAR
from tests.fakes.liars import Liar
from tests.fakes.paddocks import bare_paddock, cases, jobs, put, stored

P, F, M = PaymentState, FulfilmentState, MoneyBackState
FINAL, PRICE = 10, 50_000
OURS, OTHERS = "0x" + "aa" * 32, "0x" + "bb" * 32
DELIVERED = {"payment": P.SETTLED, "fulfilment": F.RELEASED}


def made(**changes):
    return samples.order(**{"asset": DOLLAR.address, "amount": PRICE} | changes)


def row(order, kind="settlement", block=FINAL, **changes):
    return samples.entry(order, kind, **{"block": block, "block_hash": OURS, "transaction": f"0x{kind}"} | changes)


class Chain(Liar):
    """Shows a transaction of any hash in a block, and names each block; None for what it does not show."""

    def __init__(self, block=FINAL, block_hash=OURS, there=OURS, **more):
        self.at = None if block is None else (block, block_hash)
        told = {"final_block": FINAL, "mined": self._mined, "block_hash": there, "nonce_used": False, "block_time": 0}
        super().__init__(None, **told | more)

    def _mined(self, transaction):
        return Mined(transaction, True, *self.at, 21_000, ()) if self.at else None


async def followed(clock, order, *rows, chain=None, **changes):
    """The order after one look, the seconds until the next one, and the paddock."""
    paddock = bare_paddock(clock, chain or Chain(), **changes)
    await put(paddock, order)
    async with paddock.db.begin("rows made up") as work:
        for one in rows:
            await work.ledger.add(one)
    again = await follow(paddock, order.id)
    return await stored(paddock, order), again, paddock


async def rows_of(paddock, order):
    async with paddock.db.read() as view:
        return [(one.kind, one.reversal) for one in await view.ledger.of(order.id)]


async def proof_of(paddock, order):
    """The kinds of the rows in the proof that is stored, None without one."""
    async with paddock.db.read() as view:
        record = await view.proofs.get(order.id)
    return record and [one["kind"] for one in msgspec.json.decode(record)["ledger"]]


@pytest.mark.parametrize(("block", "again"), [(FINAL, None), (FINAL + 1, LOOK_EVERY)])
async def test_an_order_is_final_with_the_last_block_of_its_rows(clock, block, again):
    order = made(**DELIVERED)
    found, later, paddock = await followed(clock, order, row(order, block=block), chain=Chain(block))
    assert (later, found.final_at) == (again, None if again else clock.now())
    assert await proof_of(paddock, order) == (None if again else ["settlement"])


async def test_an_order_that_is_final_is_not_looked_at_again(clock):
    order = made(**DELIVERED, final_at=clock.now())
    _, again, paddock = await followed(clock, order, row(order), chain=Liar(None))
    assert (again, await jobs(paddock)) == (None, [])


@pytest.mark.parametrize(
    ("columns", "again", "proven"),
    [
        ({"fulfilment": F.FAILED, "money_back": M.DUE}, LOOK_EVERY, None),
        ({"fulfilment": F.EXECUTING}, LOOK_EVERY, None),
        ({"fulfilment": F.FAILED, "money_back": M.BLOCKED}, None, None),
        ({"fulfilment": F.FAILED, "money_back": M.REFUNDED}, None, ["settlement"]),
    ],
)
async def test_an_order_is_proven_once_it_has_ended_and_owes_nothing(clock, columns, again, proven):
    order = made(payment=P.SETTLED, **columns)
    found, later, paddock = await followed(clock, order, row(order))
    assert (later, await proof_of(paddock, order), await jobs(paddock)) == (again, proven, [])
    assert (found.final_at is None) == bool(again)


@pytest.mark.parametrize(("when", "both"), [("begin", False), ("commit", False), ("committed", True)])
async def test_an_order_is_never_final_without_its_proof(clock, when, both):
    def die(name, moment):
        if (name, moment) == ("final", when):
            raise LookupError

    order = made(**DELIVERED)
    paddock = bare_paddock(clock, Chain())
    await put(paddock, order)
    paddock.db.hooks.append(die)
    with pytest.raises(LookupError):
        await follow(paddock, order.id)
    assert (await stored(paddock, order)).final_at == (clock.now() if both else None)
    assert await proof_of(paddock, order) == ([] if both else None)
    paddock.db.hooks.clear()
    assert await follow(paddock, order.id) is None
    assert await proof_of(paddock, order) == []


async def test_an_order_that_waits_for_plain_transfers_is_watched_by_another(clock):
    order = made(payment=P.CREATED, received=0)
    _, again, paddock = await followed(clock, order, chain=Liar(None))
    assert (again, await jobs(paddock)) == (None, [])


@pytest.mark.parametrize(("block", "stands"), [(FINAL, True), (FINAL + 1, False), (None, False)])
async def test_a_row_that_names_no_block_stands_once_its_transactions_block_is_final(clock, block, stands):
    order = made(**DELIVERED)
    _, again, paddock = await followed(clock, order, row(order, block_hash=""), chain=Chain(block))
    assert again == (None if stands else LOOK_EVERY)
    assert await rows_of(paddock, order) == [("settlement", False)]


@pytest.mark.parametrize(
    "chain",
    [Chain(None, there=None), Chain(None), Chain(block_hash=OTHERS, there=OURS), Chain(block_hash=OTHERS, there=None)],
    ids=["a node that lags", "a lost receipt", "our block is there", "another receipt of a node that lags"],
)
async def test_f18_nothing_is_taken_back_unless_another_block_stands_there(clock, chain):
    order = made(**DELIVERED)
    found, again, paddock = await followed(clock, order, row(order), chain=chain)
    assert (again, found.round, found.payment) == (LOOK_EVERY, 0, P.SETTLED)
    assert await rows_of(paddock, order) == [("settlement", False)]


def gone():
    return Chain(None, there=OTHERS)


async def test_f17_a_payment_in_a_block_that_was_replaced_is_in_doubt_again(clock):
    order = made(payment=P.SETTLED, fulfilment=F.EXECUTING)
    found, again, paddock = await followed(clock, order, row(order), chain=gone())
    assert (again, found.payment, found.round) == (LOOK_EVERY, P.IN_DOUBT, 1)
    assert await rows_of(paddock, order) == [("settlement", False), ("settlement", True)]
    assert await jobs(paddock) == [("resolve", order.id)]
    assert [(case.kind, case.detail) for case in await cases(paddock, order)] == [
        (CaseKind.REVERSED, "a reorganisation took back its settlement")
    ]


async def test_f17_a_refund_in_a_block_that_was_replaced_is_on_its_way_again(clock):
    order = made(payment=P.SETTLED, fulfilment=F.FAILED, money_back=M.REFUNDED)
    found, _, paddock = await followed(clock, order, row(order, "refund"), chain=gone())
    assert (found.money_back, found.payment) == (M.SENDING, P.SETTLED)
    assert await jobs(paddock) == [("refund", order.id)]


async def test_f17_of_plain_transfers_a_refund_that_was_taken_back_counts_no_more(clock):
    order = made(**DELIVERED, money_back=M.REFUNDED, received=PRICE + 7, returned=7, refunds=1)
    found, _, _ = await followed(clock, order, row(order, "refund", amount=7), chain=gone())
    assert (found.returned, found.refunds, found.due_back) == (0, 0, 7)


@pytest.mark.parametrize(
    ("columns", "after", "topic"),
    [
        ({"fulfilment": F.RELEASED}, F.EXECUTING, "execute"),
        ({"fulfilment": F.EXECUTING}, F.EXECUTING, "execute"),
        ({"fulfilment": F.FAILED, "money_back": M.DUE}, F.FAILED, "refund"),
    ],
)
async def test_f17_a_payout_in_a_block_that_was_replaced_happens_again_where_it_still_should(
    clock, columns, after, topic
):
    order = made(payment=P.SETTLED, mode=DELEGATE, **columns)
    found, _, paddock = await followed(clock, order, row(order, "payout"), chain=gone())
    assert (found.fulfilment, await jobs(paddock)) == (after, [(topic, order.id)])


async def test_f17_what_a_callback_gave_back_is_taken_back_with_its_payout_and_nothing_else_is(clock):
    order = made(payment=P.SETTLED, fulfilment=F.FAILED, money_back=M.REFUNDED, mode=DELEGATE)
    payout = row(order, "payout", debit="callback:0x1")
    given = row(order, "refund", credit="callback:0x1", block=FINAL - 1)
    found, _, paddock = await followed(clock, order, payout, given, chain=gone())
    assert found.money_back is M.SENDING
    assert ("refund", True) in await rows_of(paddock, order)
    other = made(payment=P.SETTLED, fulfilment=F.FAILED, money_back=M.REFUNDED, mode=DELEGATE)
    elsewhere = row(other, "refund", credit="callback:0x2", log_index=5)
    found, _, paddock = await followed(
        clock, other, row(other, "payout", debit="callback:0x1"), elsewhere, chain=gone()
    )
    assert found.money_back is M.REFUNDED
    assert ("refund", True) not in await rows_of(paddock, other)


@pytest.mark.parametrize(("of_payment", "taken"), [(True, True), (False, False)])
async def test_f17_with_an_atomic_payment_goes_what_its_own_transaction_did(clock, of_payment, taken):
    order = made(**DELIVERED, mode=DELEGATE, scheme="delegate", callback_tx="0xcc")
    settled = row(order)
    payout = row(order, "payout", log_index=1, transaction=settled.transaction if of_payment else "0xother")
    found, _, paddock = await followed(clock, order, settled, payout, chain=gone())
    assert (found.payment, found.fulfilment, found.callback_tx) == (P.IN_DOUBT, F.EXECUTING, None)
    assert (("payout", True) in await rows_of(paddock, order)) is taken


# --------------------------------------------------------------------------------------------------------- late money

unpaid = pytest.mark.parametrize("payment", [P.FAILED, P.EXPIRED, P.CANCELLED])


@unpaid
@pytest.mark.parametrize(("beyond", "again"), [(0, LATE_LOOK_EVERY), (1, None)])
async def test_w4_an_ended_order_is_watched_through_the_last_second_of_its_authorization(clock, payment, beyond, again):
    order = made(payment=payment)
    time = int(order.authorization.valid_before.timestamp()) + beyond
    found, later, _ = await followed(clock, order, chain=Chain(block_time=time))
    assert (later, found.payment) == (again, payment)


@pytest.mark.parametrize(("final", "again"), [(False, LATE_LOOK_EVERY), (True, None)])
async def test_w4_a_nonce_that_moved_nothing_is_watched_until_that_is_final(clock, final, again):
    def used(_spend, block=None):
        return final or block is None

    _, later, _ = await followed(clock, made(payment=P.EXPIRED), chain=Chain(nonce_used=used, spent_in=[]))
    assert later == again


async def test_w4_late_money_is_written_down(clock):
    order = made(payment=P.EXPIRED)
    ends = order.terms.asset, order.authorization.payer, order.terms.pay_to
    moved = TransferLog("0xlate", 0, 9, OURS, *ends, PRICE)
    chain = Chain(nonce_used=True, spent_in=[moved], transfers=[moved], token_balance=lambda *a: PRICE * (a[2] >= 9))
    found, again, _ = await followed(clock, order, chain=chain)
    assert (again, found.payment, found.settlement_tx) == (None, P.SETTLED, "0xlate")


@pytest.mark.parametrize("payment", [P.AUTHORIZED, P.SETTLING, P.IN_DOUBT])
async def test_an_order_that_did_not_end_is_not_watched_for_late_money(clock, payment):
    _, again, _ = await followed(clock, made(payment=payment), chain=Liar(None, final_block=FINAL))
    assert again is None


# ------------------------------------------------------------------------------------------------------ waived calls


@pytest.mark.parametrize(("beyond", "again"), [(0, LOOK_AT_WAIVED), (1, None)])
async def test_a_call_that_cost_nothing_is_watched_while_its_authorization_can_be_used(clock, beyond, again):
    order = made(**DELIVERED, charged=0)
    time = int(order.authorization.valid_before.timestamp()) + beyond
    found, later, paddock = await followed(clock, order, chain=Chain(block_time=time))
    assert (later, found.final_at is None, await cases(paddock, order)) == (again, beyond == 0, [])


async def test_who_takes_money_for_a_call_that_cost_nothing_makes_a_case(clock):
    order = made(**DELIVERED, charged=0)
    _, again, paddock = await followed(clock, order, chain=Chain(nonce_used=True))
    assert again is None
    assert [case.kind for case in await cases(paddock, order)] == [CaseKind.MISCHARGED]


# ------------------------------------------------------------------------------------------------------ confirmations


@pytest.mark.parametrize(("confirmations", "confirmed"), [(1, True), (3, True), (4, False)])
async def test_a_payment_is_confirmed_with_its_block_as_the_first_of_so_many(clock, confirmations, confirmed):
    order = made(payment=P.SETTLED, settlement_tx="0xaa", settlement_block=8)
    paddock = bare_paddock(clock, Chain(8, block_number=10), confirmations=confirmations)
    assert await is_confirmed(paddock, order) is confirmed


@pytest.mark.parametrize(
    "changes", [{"payment": P.IN_DOUBT}, {"settlement_tx": None}, {"settlement_block": 7}, {"settlement_block": None}]
)
async def test_what_is_not_settled_in_that_block_is_not_confirmed(clock, changes):
    order = made(**{"payment": P.SETTLED, "settlement_tx": "0xaa", "settlement_block": 8} | changes)
    assert not await is_confirmed(bare_paddock(clock, Chain(8, block_number=100)), order)


async def test_a_payment_that_the_chain_does_not_show_is_not_confirmed(clock):
    order = made(payment=P.SETTLED, settlement_tx="0xaa", settlement_block=8)
    assert not await is_confirmed(bare_paddock(clock, Chain(None, block_number=100)), order)


def test_the_rows_that_stand_are_those_that_nothing_took_back():
    order = made()
    first, second = row(order), replace(row(order), round=1)
    assert ledger.standing([first, ledger.reversed_entry(first), second]) == [second]
    assert ledger.numbered(first, [first, second, row(order, "refund")]).round == 2
    assert ledger.numbered(first, []).round == 0
