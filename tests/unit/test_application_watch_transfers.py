"""Each block is read once for plain Transfers, as deep as it must be, and what came goes to its order."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from scripts.accounts import account
from server.application.deliver import sign_again
from server.application.take_transfer import end_unpaid, take_back_transfer, take_transfer
from server.application.watch_transfers import LOOK_EVERY, MOST_BLOCKS, SAY_EVERY, watch_transfers
from server.domain import fees, ledger
from server.domain.anchors import Kind
from server.domain.cases import CaseKind
from server.domain.deliveries import Delivery
from server.domain.evidence import AUTHORIZATION_USED, DEEPEST_REORG, TRANSFER, Mined, RawLog, TransferLog, topic
from server.domain.market import Merchant
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
from server.domain.transfers import SCHEME, Arrival, Cursor, paid_by
from server.payments.delegate import DELEGATE
from tests.fakes import samples
from tests.fakes.chain import DOLLAR
from tests.fakes.liars import Liar
from tests.fakes.paddocks import bare_paddock, jobs, put, stored
from tests.fakes.samples import NETWORK, NOW

P, F, M = PaymentState, FulfilmentState, MoneyBackState
PRICE, READ = 50_000, 100
PAID = "0x" + "aa" * 32
PAYER, PAYEE = account("buyer").address, account("merchant").address


def hash_of(number):
    return f"0x{number:064x}"


def moved(amount=PRICE, block=READ + 1, **changes):
    usual = {"transaction": PAID, "log_index": 0, "block_hash": hash_of(block)}
    ends = {"asset": DOLLAR.address, "sender": PAYER, "recipient": PAYEE}
    return TransferLog(**usual | ends | {"amount": amount, "block": block} | changes)


class Chain(Liar):
    """So many blocks, each of its own second, with Transfers in them; each arrived whole unless a fee was taken."""

    def __init__(self, height, *transfers, **more):
        self.transfers_made = transfers
        told = {"block_number": lambda: height, "block_hash": self._hash, "block_time": lambda n: START + n}
        found = {"transfers": self._found, "mined": self._mined, "token_balance": self._balance}
        super().__init__(None, **told | found | more)
        self.height = height

    def _hash(self, number):
        return hash_of(number) if number <= self.height else None

    def _found(self, asset, address, first, last):
        own = [one for one in self.transfers_made if one.asset == asset and first <= one.block <= last]
        return [one for one in own if address in (one.sender, one.recipient)]

    def _mined(self, transaction):
        own = [one for one in self.transfers_made if one.transaction == transaction]
        logs = tuple(
            RawLog(one.asset, (TRANSFER, topic(one.sender), topic(one.recipient)), one.amount.to_bytes(32, "big"), i)
            for i, one in enumerate(own)
        )
        return Mined(transaction, True, own[0].block, own[0].block_hash, 21_000, logs)

    def _balance(self, _asset, address, block):
        own = [one for one in self.transfers_made if one.block <= block]
        return sum(one.amount * ((one.recipient == address) - (one.sender == address)) for one in own)


START = int(NOW.timestamp()) - READ


async def opened(clock, chain, *orders, read=READ, **changes):
    """A paddock that has read so many blocks."""
    paddock = bare_paddock(clock, chain, **changes)
    for order in orders:
        await put(paddock, order)
    if read is not None:
        async with paddock.db.begin("cursor made up") as work:
            await work.transfers.move(Cursor(NETWORK, 1, read, hash_of(read), clock.now()))
    return paddock


async def cursor(paddock):
    async with paddock.db.read() as view:
        return await view.transfers.cursor(NETWORK)


async def cases(paddock):
    async with paddock.db.read() as view:
        return [case.detail for case in await view.cases.listed(100)]


def waiting(**changes):
    usual = {
        "asset": DOLLAR.address,
        "amount": PRICE,
        "payment": P.CREATED,
        "received": 0,
        "since_block": 90,
        "scheme": SCHEME,
    }
    return samples.order(**usual | changes)


# ------------------------------------------------------------------------------------------------------- which blocks


@pytest.mark.parametrize(
    ("height", "confirmations", "again", "block"),
    [
        (READ, 1, LOOK_EVERY, READ),
        (READ + 1, 1, LOOK_EVERY, READ + 1),
        (READ + 1, 2, LOOK_EVERY, READ),
        (READ + 2, 2, LOOK_EVERY, READ + 1),
        (READ + MOST_BLOCKS, 1, LOOK_EVERY, READ + MOST_BLOCKS),
        (READ + MOST_BLOCKS + 1, 1, 0.0, READ + MOST_BLOCKS),
    ],
)
async def test_blocks_are_read_that_are_deep_enough_and_the_next_ones_at_once_if_there_are_more(
    clock, height, confirmations, again, block
):
    paddock = await opened(clock, Chain(height), confirmations=confirmations)
    assert await watch_transfers(paddock, NETWORK) == again
    found = await cursor(paddock)
    assert (found.block, found.block_hash, found.first) == (block, hash_of(block), 1)


@pytest.mark.parametrize(("confirmations", "block"), [(1, 5), (6, 0), (7, None)])
async def test_the_first_look_begins_at_the_newest_block_that_is_deep_enough(clock, confirmations, block):
    paddock = await opened(clock, Chain(5), read=None, confirmations=confirmations)
    assert await watch_transfers(paddock, NETWORK) == LOOK_EVERY
    found = await cursor(paddock)
    assert found == (None if block is None else Cursor(NETWORK, block + 1, block, hash_of(block), clock.now(), 1))


@pytest.mark.parametrize(("early", "said"), [(1, False), (0, True)])
async def test_that_nothing_is_new_is_said_after_exactly_ten_seconds(clock, early, said):
    paddock = await opened(clock, Chain(READ))
    clock.advance(SAY_EVERY.total_seconds() - early / 1_000_000)
    await watch_transfers(paddock, NETWORK)
    assert ((await cursor(paddock)).looked_at == clock.now()) is said


async def test_f18_a_node_that_has_not_the_cursors_block_takes_nothing_back(clock):
    paddock = await opened(clock, Chain(READ - 1))
    assert await watch_transfers(paddock, NETWORK) == LOOK_EVERY
    assert (await cursor(paddock)).block == READ


async def test_f17_after_a_reorganisation_what_was_read_is_read_again_from_below(clock):
    chain = Chain(READ)
    paddock = await opened(clock, chain)
    chain.lies["block_hash"] = lambda number: "0xother" if number == READ else hash_of(number)
    assert await watch_transfers(paddock, NETWORK) == 0.0
    found = await cursor(paddock)
    assert (found.block, found.block_hash) == (0, hash_of(0))


async def test_f17_before_a_row_that_may_be_gone_is_decided_nothing_is_read_anew(clock):
    order, chain = waiting(payment=P.SETTLED), Chain(READ, mined=None)
    paddock = await opened(clock, chain, order)
    async with paddock.db.begin("booked") as work:
        await work.ledger.add(samples.entry(order, block=READ - 1, block_hash=hash_of(READ - 1)))
    chain.lies["block_hash"] = lambda number: "0xother" if number == READ else hash_of(number)
    assert await watch_transfers(paddock, NETWORK) == 0.1
    assert (await cursor(paddock)).block == READ


async def test_blocks_that_change_while_they_are_read_are_read_again(clock):
    last, asked = READ + MOST_BLOCKS, iter(("0xone", "0xother"))
    chain = Chain(last + 1)
    chain.lies["block_hash"] = lambda number: next(asked) if number == last else hash_of(number)
    paddock = await opened(clock, chain)
    assert await watch_transfers(paddock, NETWORK) == LOOK_EVERY
    assert (await cursor(paddock)).block == READ


async def test_a_transfer_whose_receipt_is_not_there_yet_is_waited_for(clock):
    order = waiting()
    chain = Chain(READ + 1, moved())
    chain.lies["mined"] = None
    paddock = await opened(clock, chain, order)
    await watch_transfers(paddock, NETWORK)
    assert ((await cursor(paddock)).block, (await stored(paddock, order)).received) == (READ, 0)


# ------------------------------------------------------------------------------------------------------ which order


async def test_w4_what_comes_pays_the_order_that_waits(clock):
    order = waiting()
    paddock = await opened(clock, Chain(READ + 1, moved()), order)
    await watch_transfers(paddock, NETWORK)
    found = await stored(paddock, order)
    assert (found.payment, found.received, found.settlement_block) == (P.SETTLED, PRICE, READ + 1)
    assert await cases(paddock) == []
    paddock.chain.height += 1
    await watch_transfers(paddock, NETWORK)
    assert (await stored(paddock, order)).received == PRICE


@pytest.mark.parametrize(
    "transfer",
    [moved(sender=PAYEE), moved(amount=0), moved(sender=PAYEE, recipient=PAYER)],
    ids=["to itself", "of nothing", "by the merchant"],
)
async def test_what_brings_a_merchant_nothing_is_passed_over(clock, transfer):
    order = waiting()
    paddock = await opened(clock, Chain(READ + 1, transfer), order)
    await watch_transfers(paddock, NETWORK)
    assert ((await stored(paddock, order)).received, await cases(paddock)) == (0, [])
    assert (await cursor(paddock)).block == READ + 1


@pytest.mark.parametrize(("since", "received"), [(READ, PRICE), (READ + 1, 0)])
async def test_w4_only_what_came_after_the_block_of_an_order_is_for_it(clock, since, received):
    order = waiting(since_block=since)
    paddock = await opened(clock, Chain(READ + 1, moved()), order)
    await watch_transfers(paddock, NETWORK)
    found = await stored(paddock, order)
    assert (found.received, found.payment) == (received, P.SETTLED if received else P.CREATED)
    assert len(await cases(paddock)) == (0 if received else 1)


async def test_what_stands_in_a_block_that_was_read_is_not_taken_again(clock):
    order = waiting()
    paddock = await opened(clock, Chain(READ + 1, moved(block=READ)), order)
    await watch_transfers(paddock, NETWORK)
    assert (await stored(paddock, order)).received == 0


@pytest.mark.parametrize("lies", [{}, {"mined": None}], ids=["with a receipt", "without its receipt on this node"])
async def test_what_is_in_the_books_already_is_passed_over(clock, lies):
    order, known = waiting(), waiting()
    paddock = await opened(clock, Chain(READ + 1, moved(), **lies), order, known)
    async with paddock.db.begin("booked") as work:
        await work.ledger.add(samples.entry(known, block_hash=hash_of(READ + 1), log_index=0))
    await watch_transfers(paddock, NETWORK)
    assert ((await stored(paddock, order)).received, await cases(paddock)) == (0, [])
    assert (await cursor(paddock)).block == READ + 1


async def test_what_the_delegate_wallet_gets_from_nobody_known_is_left_to_the_comparison_of_the_books(clock):
    delegate = account("delegate").address
    merchant = Merchant("paddock", "Test", PAYEE, b"digest", callback="AccessPass")
    chain = Chain(READ + 1, moved(recipient=delegate))
    paddock = await opened(clock, chain, merchants={"paddock": merchant})
    await watch_transfers(paddock, NETWORK)
    assert (await cases(paddock), (await cursor(paddock)).block) == ([], READ + 1)


@pytest.mark.parametrize(("beyond", "payment", "fulfilment"), [(0, P.SETTLED, F.NONE), (1, P.SETTLED, F.FAILED)])
async def test_w4_a_transfer_in_the_last_second_of_an_order_pays_it_and_a_later_one_is_late(
    clock, beyond, payment, fulfilment
):
    expires = datetime.fromtimestamp(START + READ + 1 - beyond, UTC)
    order = waiting(expires_at=expires)
    paddock = await opened(clock, Chain(READ + 1, moved()), order)
    await watch_transfers(paddock, NETWORK)
    found = await stored(paddock, order)
    assert (found.payment, found.fulfilment) == (payment, fulfilment)
    assert found.money_back is (M.DUE if beyond else M.NONE)


async def test_what_did_not_arrive_whole_is_a_case_and_pays_nothing(clock):
    order = waiting()
    chain = Chain(READ + 1, moved())
    chain.lies["token_balance"] = 0
    paddock = await opened(clock, chain, order)
    await watch_transfers(paddock, NETWORK)
    assert (await stored(paddock, order)).received == 0
    [detail] = await cases(paddock)
    assert detail.endswith("its amount did not arrive")


async def test_what_nobody_waits_for_is_a_case_of_the_merchant_that_it_came_to(clock):
    paddock = await opened(clock, Chain(READ + 1, moved()))
    await watch_transfers(paddock, NETWORK)
    async with paddock.db.read() as view:
        [case] = await view.cases.listed(100)
    assert (case.merchant, case.order_id) == ("paddock", None)
    assert case.detail.endswith("no order waits for money from there")


def test_w4_a_transfer_completes_the_order_that_it_fits_and_else_goes_to_the_oldest():
    oldest, fitting = waiting(), waiting(received=10)
    assert paid_by([oldest, fitting], PRICE - 10) is fitting
    assert paid_by([oldest, fitting], PRICE) is oldest
    assert paid_by([oldest, fitting], 1) is oldest
    assert paid_by([], 1) is None


@pytest.mark.parametrize(("block", "late", "in_time"), [(91, 0, True), (90, 0, False), (91, 1, False)])
def test_a_transfer_is_in_time_from_after_the_orders_block_to_its_last_moment(block, late, in_time):
    order = waiting()
    at = order.terms.expires_at + timedelta(microseconds=late)
    assert Arrival(moved(block=block), at, True, True).in_time_for(order) is in_time


# ------------------------------------------------------------------------------------------------ what follows from it


async def taken(clock, order, amount=PRICE):
    paddock = bare_paddock(clock)
    await put(paddock, order)
    async with paddock.db.begin("taken") as work:
        await take_transfer(paddock, work, await work.orders.get(order.id), moved(amount))
    return await stored(paddock, order), await jobs(paddock)


@pytest.mark.parametrize(
    ("changes", "fulfilment", "topics"),
    [
        ({}, F.NONE, {"perform", "follow"}),
        ({"mode": DELEGATE}, F.EXECUTING, {"execute", "follow"}),
        ({"mode": DELEGATE, "fulfilment": F.EXECUTING}, F.EXECUTING, {"execute", "follow"}),
        ({"fulfilment": F.RUNNING}, F.RUNNING, {"perform", "follow"}),
    ],
)
async def test_w4_the_price_sets_off_what_was_bought(clock, changes, fulfilment, topics):
    found, asked = await taken(clock, waiting(**changes))
    assert (found.payment, found.fulfilment, found.money_back) == (P.SETTLED, fulfilment, M.NONE)
    assert {topic for topic, _ in asked} == topics


@pytest.mark.parametrize(("received", "payment"), [(0, P.CREATED), (1, P.SETTLED), (2, P.SETTLED)])
async def test_w4_an_order_is_paid_with_the_last_atomic_unit_of_its_price(clock, received, payment):
    found, _ = await taken(clock, waiting(received=received), PRICE - 1)
    assert (found.payment, found.received) == (payment, PRICE - 1 + received)


@pytest.mark.parametrize("payment", [P.EXPIRED, P.CANCELLED, P.FAILED])
async def test_w4_what_comes_for_an_order_that_ended_is_due_back_whole(clock, payment):
    found, asked = await taken(clock, waiting(payment=payment))
    assert (found.payment, found.fulfilment, found.money_back) == (P.SETTLED, F.FAILED, M.DUE)
    assert found.failure == "the payment came after the order had ended"
    assert {"refund", "follow"} <= {topic for topic, _ in asked}


async def test_w4_what_comes_after_the_price_is_due_back_beside_it(clock):
    found, _ = await taken(clock, waiting(payment=P.SETTLED, fulfilment=F.FAILED, received=PRICE, returned=PRICE), 7)
    assert (found.received, found.due_back, found.money_back) == (PRICE + 7, 7, M.DUE)


@pytest.mark.parametrize(("received", "payment", "money_back"), [(0, P.EXPIRED, M.NONE), (1, P.SETTLED, M.DUE)])
async def test_w4_of_an_order_whose_time_is_over_what_came_is_due_back(clock, received, payment, money_back):
    order, paddock = waiting(received=received), bare_paddock(clock)
    await put(paddock, order)
    async with paddock.db.begin("ended") as work:
        await end_unpaid(paddock, work, await work.orders.get(order.id), P.EXPIRED, "over")
    found = await stored(paddock, order)
    assert (found.payment, found.money_back) == (payment, money_back)
    assert found.failure == (f"only 1 of {PRICE} atomic units came" if received else None)


@pytest.mark.parametrize("payment", [P.EXPIRED, P.CANCELLED])
async def test_an_order_that_ends_unpaid_gives_its_merchant_the_fee_back(clock, payment):
    order, paddock = waiting(), bare_paddock(clock)
    await put(paddock, order)
    async with paddock.db.begin("ended") as work:
        await work.fee_book.add(fees.deposit("paddock", 7))
        await work.fee_book.add(fees.fee("paddock", 7, order.id))
        assert await work.fee_book.balance("paddock") == 0
        await end_unpaid(paddock, work, await work.orders.get(order.id), payment, "over")
        assert await work.fee_book.balance("paddock") == 7


async def test_f17_of_what_was_delivered_and_is_not_paid_any_more_the_receipt_is_revoked(clock):
    order, paddock = (
        waiting(fulfilment=F.RELEASED, released_at=NOW, settlement_tx=PAID, paid_at=NOW),
        bare_paddock(clock),
    )
    await put(paddock, order)
    async with paddock.db.begin("ended") as work:
        await work.deliveries.put(Delivery(order.id, b"answer", "text/plain", NOW))
        await sign_again(paddock, work, order)
        await end_unpaid(paddock, work, await work.orders.get(order.id), P.EXPIRED, "over")
    found = await stored(paddock, order)
    assert (found.payment, found.fulfilment, found.money_back) == (P.EXPIRED, F.RELEASED, M.NONE)
    assert found.failure == "delivered, then a reorganisation took the payment back: over"
    async with paddock.db.read() as view:
        assert [one.kind for one in await view.receipt_chain.of(order.id)] == [Kind.REVOKED]


async def test_the_timeline_names_each_transfer_that_came_and_what_it_adds_up_to(clock):
    order, paddock = waiting(), bare_paddock(clock)
    await put(paddock, order)
    for index, amount in enumerate((20_000, 30_000)):
        async with paddock.db.begin("taken") as work:
            await take_transfer(paddock, work, await work.orders.get(order.id), moved(amount, log_index=index))
    assert await told(paddock, order, "transfer") == [
        (PAID, f"20000 atomic units came, 20000 of {PRICE} in all"),
        (PAID, f"30000 atomic units came, 50000 of {PRICE} in all"),
    ]


async def told(paddock, order, what):
    """These facts on an order's timeline, each with its note."""
    async with paddock.db.read() as view:
        return [(event.new, event.note) for event in await view.orders.timeline(order.id) if event.what == what]


async def test_an_order_that_is_paid_is_free_for_whoever_runs_it(clock):
    found, _ = await taken(clock, waiting(lease_until=clock.now() + timedelta(minutes=1)))
    assert (found.payment, found.lease_until) == (P.SETTLED, None)


@pytest.mark.parametrize("before", [None, NOW - timedelta(days=1)])
async def test_w4_late_money_of_a_failed_handler_is_due_back_and_its_first_payments_moment_stays(clock, before):
    found, asked = await taken(clock, waiting(payment=P.EXPIRED, fulfilment=F.FAILED, paid_at=before))
    assert (found.payment, found.fulfilment, found.money_back) == (P.SETTLED, F.FAILED, M.DUE)
    assert found.paid_at == (before or clock.now())
    assert {topic for topic, _ in asked} == {"refund", "follow"}


async def test_w4_late_money_is_followed_also_while_a_refund_is_on_its_way_and_its_end_asks_for_the_rest(clock):
    found, asked = await taken(clock, waiting(payment=P.EXPIRED, fulfilment=F.FAILED, money_back=M.SENDING))
    assert (found.payment, found.money_back, asked) == (P.SETTLED, M.SENDING, [("follow", found.id)])


# ------------------------------------------------------------------------------------------------- what is taken back


async def taken_back(clock, order, *again, amount=PRICE):
    """The order after its row of so much was taken back, where these Transfers stand in another block already."""
    paddock = bare_paddock(clock)
    await put(paddock, order)
    row = samples.entry(order, amount=amount)
    async with paddock.db.begin("booked") as work:
        await work.ledger.add(row)
        await work.deliveries.put(Delivery(order.id, b"answer", "text/plain", NOW))
    mined = Chain(READ + 1, *again)._mined(PAID) if again else None
    await take_back_transfer(paddock, await stored(paddock, order), row, mined)
    async with paddock.db.read() as view:
        rows = [(one.kind, one.reversal) for one in await view.ledger.of(order.id)]
        kinds = [case.kind for case in await view.cases.of(order.id)]
        receipt = await view.receipts.get(order.id)
    return await stored(paddock, order), rows, kinds, receipt


def settled(**changes):
    return waiting(**{"payment": P.SETTLED, "received": PRICE, "paid_at": NOW} | changes)


async def test_f17_a_transfer_that_is_gone_is_waited_for_again_and_a_case_says_so(clock):
    found, rows, kinds, _ = await taken_back(clock, settled(fulfilment=F.EXECUTING, mode=DELEGATE))
    assert (found.payment, found.received, found.round) == (P.CREATED, 0, 1)
    assert (rows, kinds) == ([("settlement", False), ("settlement", True)], [CaseKind.REVERSED])


async def test_f17_a_transfer_that_stands_in_another_block_is_booked_anew(clock):
    found, rows, kinds, receipt = await taken_back(clock, settled(), moved())
    assert (found.payment, found.received, found.settlement_block) == (P.SETTLED, PRICE, READ + 1)
    assert (rows[-1], len(rows), kinds, receipt) == (("settlement", False), 3, [], None)


async def test_f17_of_two_transfers_in_one_transaction_each_is_booked_anew_once(clock):
    order, paddock = settled(received=2 * PRICE), bare_paddock(clock)
    await put(paddock, order)
    rows = [samples.entry(order, round=place, log_index=place, transaction=PAID) for place in (0, 1)]
    async with paddock.db.begin("booked") as work:
        for row in rows:
            await work.ledger.add(row)
    mined = Chain(READ + 1, moved(), moved(log_index=1))._mined(PAID)
    for row in rows:
        await take_back_transfer(paddock, await stored(paddock, order), row, mined)
    found = await stored(paddock, order)
    assert (found.payment, found.received, found.money_back) == (P.SETTLED, 2 * PRICE, M.NONE)
    async with paddock.db.read() as view:
        stand = ledger.standing(await view.ledger.of(order.id))
    assert [(row.block_hash, row.log_index) for row in stand] == [(hash_of(READ + 1), place) for place in (0, 1)]


async def test_f17_the_timeline_says_which_transfer_left_which_block(clock):
    order, paddock = settled(), bare_paddock(clock)
    await put(paddock, order)
    row = samples.entry(order, block=READ, transaction=PAID)
    async with paddock.db.begin("booked") as work:
        await work.ledger.add(row)
    await take_back_transfer(paddock, await stored(paddock, order), row, None)
    assert await told(paddock, order, "reorganised") == [(PAID, f"its transfer is not in block {READ} any more")]


async def test_f17_of_a_delivered_order_the_receipt_names_the_new_block(clock):
    order = settled(fulfilment=F.RELEASED, released_at=NOW)
    found, _, _, receipt = await taken_back(clock, order, moved())
    assert (found.fulfilment, receipt is not None) == (F.RELEASED, True)


@pytest.mark.parametrize("changes", [{"amount": PRICE - 1}, {"sender": PAYEE, "recipient": PAYER}])
async def test_f17_another_transfer_in_its_place_is_not_the_same(clock, changes):
    found, _, kinds, _ = await taken_back(clock, settled(), moved(**changes))
    assert (found.payment, found.received, kinds) == (P.CREATED, 0, [CaseKind.REVERSED])


@pytest.mark.parametrize(
    ("changes", "payment", "money_back"),
    [
        ({"received": 2 * PRICE}, P.SETTLED, M.NONE),
        ({"received": 2 * PRICE - 1}, P.CREATED, M.NONE),
        ({"received": PRICE + 1, "fulfilment": F.FAILED, "money_back": M.DUE}, P.SETTLED, M.DUE),
        ({"received": PRICE, "fulfilment": F.FAILED, "money_back": M.DUE}, P.CREATED, M.NONE),
        ({"received": 2 * PRICE, "fulfilment": F.RELEASED, "money_back": M.DUE}, P.SETTLED, M.NONE),
    ],
)
async def test_f17_what_is_left_pays_an_order_or_goes_back_or_is_waited_for(clock, changes, payment, money_back):
    found, _, _, _ = await taken_back(clock, settled(**changes))
    assert (found.payment, found.money_back) == (payment, money_back)


async def test_f17_what_paid_an_order_is_the_newest_of_its_transfers_that_stand(clock):
    order = settled(received=2 * PRICE, settlement_tx="0xgone", settlement_block=READ)
    paddock = bare_paddock(clock)
    await put(paddock, order)
    older, gone = samples.entry(order, block=READ - 5), samples.entry(order, round=1, block=READ)
    returned = samples.entry(order, "refund", block=READ - 1, log_index=1)
    async with paddock.db.begin("booked") as work:
        for row in (older, gone, returned):
            await work.ledger.add(row)
    await take_back_transfer(paddock, await stored(paddock, order), gone, None)
    found = await stored(paddock, order)
    assert (found.settlement_tx, found.settlement_block) == (older.transaction, READ - 5)


async def test_w4_late_money_pays_for_an_answer_that_left_already_once_it_is_the_price(clock):
    usual = {"payment": P.EXPIRED, "fulfilment": F.RELEASED, "released_at": NOW, "paid_at": NOW - timedelta(days=1)}
    for amount, payment in ((PRICE - 1, P.EXPIRED), (PRICE, P.SETTLED)):
        order, paddock = waiting(**usual), bare_paddock(clock)
        await put(paddock, order)
        async with paddock.db.begin("taken") as work:
            await work.deliveries.put(Delivery(order.id, b"answer", "text/plain", NOW))
            await take_transfer(paddock, work, await work.orders.get(order.id), moved(amount))
        found = await stored(paddock, order)
        assert (found.payment, found.fulfilment, found.money_back) == (payment, F.RELEASED, M.NONE)
        assert found.paid_at == NOW - timedelta(days=1)
        async with paddock.db.read() as view:
            assert (await view.receipts.get(order.id) is not None) is (payment is P.SETTLED)


async def test_w4_a_handler_that_failed_before_the_price_came_is_not_run_again(clock):
    found, asked = await taken(clock, waiting(fulfilment=F.FAILED))
    assert (found.payment, found.fulfilment, found.money_back) == (P.SETTLED, F.FAILED, M.DUE)
    assert {topic for topic, _ in asked} == {"refund", "follow"}


@pytest.mark.parametrize("payment", [P.EXPIRED, P.CANCELLED])
async def test_w4_what_ended_has_no_lease_when_its_money_comes_late(clock, payment):
    found, _ = await taken(clock, waiting(payment=payment, lease_until=NOW))
    assert found.lease_until is None


async def test_f17_what_was_read_stays_read_while_the_node_does_not_show_the_block_to_go_back_to(clock):
    chain = Chain(READ)
    paddock = await opened(clock, chain)
    chain.lies["block_hash"] = lambda number: "0xother" if number == READ else None
    assert await watch_transfers(paddock, NETWORK) == LOOK_EVERY
    found = await cursor(paddock)
    assert (found.block, found.block_hash) == (READ, hash_of(READ))


async def test_f17_rows_below_the_block_to_go_back_to_are_not_asked_for_again(clock):
    back = 50
    read = DEEPEST_REORG + back
    chain = Chain(read, moved(block=back + 1, transaction="0xnew"))
    order = waiting(payment=P.SETTLED, received=2 * PRICE, fulfilment=F.RUNNING)
    paddock = await opened(clock, chain, order, read=read)
    async with paddock.db.begin("booked") as work:
        for block, transaction in ((back - 1, "0xold"), (back, "0xolder"), (back + 1, "0xnew")):
            row = {"block": block, "block_hash": hash_of(block), "transaction": transaction, "round": block}
            await work.ledger.add(samples.entry(order, **row))
    chain.lies["mined"] = lambda transaction: chain._mined(transaction) if transaction == "0xnew" else None
    chain.lies["block_hash"] = lambda number: "0xother" if number == read else hash_of(number)
    assert await watch_transfers(paddock, NETWORK) == 0.0
    assert (await cursor(paddock)).block == back


@pytest.mark.parametrize(("beyond", "payment"), [(0, P.CREATED), (1, P.EXPIRED)])
async def test_w4_an_order_that_nobody_paid_expires_when_the_chain_is_past_its_time(clock, beyond, payment):
    order = waiting(expires_at=datetime.fromtimestamp(START + READ + 1 - beyond, UTC))
    paddock = await opened(clock, Chain(READ + 1), order)
    await watch_transfers(paddock, NETWORK)
    assert (await stored(paddock, order)).payment is payment


async def test_w4_what_comes_late_to_the_delegate_wallet_for_an_order_is_due_back(clock):
    delegate = account("delegate").address
    merchant = Merchant("paddock", "Test", PAYEE, b"digest", callback="AccessPass")
    order = waiting(pay_to=delegate, payment=P.EXPIRED)
    chain = Chain(READ + 1, moved(recipient=delegate))
    paddock = await opened(clock, chain, order, merchants={"paddock": merchant})
    await watch_transfers(paddock, NETWORK)
    found = await stored(paddock, order)
    assert (found.received, found.money_back) == (PRICE, M.DUE)


async def test_w4_an_x402_payment_to_a_merchant_pays_no_order_by_transfer(clock):
    order, paid = waiting(), moved()
    used = RawLog(DOLLAR.address, (AUTHORIZATION_USED, topic(PAYER), bytes(32)), b"", 0)
    went = RawLog(DOLLAR.address, (TRANSFER, topic(PAYER), topic(PAYEE)), PRICE.to_bytes(32, "big"), 1)
    chain = Chain(READ + 1, replace(paid, log_index=1))
    chain.lies["mined"] = Mined(PAID, True, paid.block, paid.block_hash, 21_000, (used, went))
    paddock = await opened(clock, chain, order)
    await watch_transfers(paddock, NETWORK)
    assert ((await stored(paddock, order)).received, await cases(paddock)) == (0, [])
    assert (await cursor(paddock)).block == READ + 1
