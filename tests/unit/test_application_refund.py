"""W9, F23: a refund is sent once the chain is sure of the payment, and ends by what it shows, or blocked with why."""

import asyncio
from dataclasses import replace

import pytest

from protocol.payment import PERMIT2
from protocol.typed_data import order_nonce
from scripts.accounts import account
from server.application.paddock import Ground
from server.application.refund import GIVE_BACK, SEND, UNTIL_FINAL, refund
from server.application.send import sent_for
from server.domain.cases import CaseKind
from server.domain.errors import Reverted
from server.domain.evidence import AUTHORIZATION_USED, TRANSFER, Mined, RawLog, TransferLog, topic
from server.domain.payment_calls import MOST_WALLET_GAS
from server.domain.pledges import Pledge
from server.domain.refunds import AWAITS_MERCHANT, BLOCKED
from server.domain.sending import TransactionState
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
from server.domain.transfers import SCHEME
from server.payments.delegate import DELEGATE
from server.payments.direct import DIRECT
from server.ports import Verdict
from server.services.service import Answer
from tests.fakes import samples
from tests.fakes.chain import DAI, DAI_ASSET, DOLLAR, FakeChain, fake_market
from tests.fakes.liars import Liar
from tests.fakes.paddocks import ACCESS_PASS, bare_paddock, cases, jobs, put, stored

P, F, M = PaymentState, FulfilmentState, MoneyBackState
PRICE, FINAL, PAID, PAYMENT = 50_000, 8, 9, "0x" + "aa" * 32
FLOAT, MERCHANT = account("float").address, account("merchant").address


class Chain(Liar):
    """A chain that shows the payment in block 9, and tells lies beside what it is; `used` says where the nonce is."""

    def __init__(self, clock, used=None, **lies):
        node = FakeChain(clock)
        node.give(FLOAT, 10 * PRICE)
        self.outcomes = {"0xpaid": Mined("0xpaid", True, PAID, "0xblock", 21_000, ())}
        if used:
            lies["nonce_used"] = lambda _spend, block=None: used == "final" or block is None
        super().__init__(node, final_block=FINAL, mined=self._mined, **lies)

    async def _mined(self, transaction):
        return self.outcomes.get(transaction) or await self.node.mined(transaction)


def made(**changes):
    usual = {"asset": DOLLAR.address, "amount": PRICE, "payment": P.SETTLED, "fulfilment": F.FAILED}
    return samples.order(
        **usual | {"money_back": M.DUE, "settlement_tx": "0xpaid", "settlement_block": PAID, "failure": "no"} | changes
    )


def by_transfer(**changes):
    return made(**{"scheme": SCHEME, "received": PRICE, "settlement_block": None} | changes)


def back(order, amount=PRICE, recipient=""):
    ends = order.terms.asset, FLOAT, recipient or order.authorization.payer
    return TransferLog("0xback", 3, 7, "0xhash", *ends, amount)


async def opened(clock, order, chain, *, block=PAID, pledge=None, **changes):
    """A paddock with the order and its payment in the books."""
    paddock = bare_paddock(clock, chain, **changes)
    await put(paddock, order)
    async with paddock.db.begin("paid") as work:
        await work.ledger.add(samples.entry(order, block=block))
        if pledge:
            await work.pledges.put(pledge, None)
    return paddock


async def step(clock, order, chain, **changes):
    """The order after one step, the seconds until the next one, and the paddock."""
    paddock = await opened(clock, order, chain, **changes)
    again = await refund(paddock, order.id)
    return await stored(paddock, order), again, paddock


async def sent(paddock, order, purpose=SEND):
    async with paddock.db.read() as view:
        return await sent_for(view, purpose, order.refund_name)


async def assert_blocked(paddock, order, words, failure=f"no; {BLOCKED}"):
    """The order is blocked, says so to everybody, and a case says to staff why."""
    found = await stored(paddock, order)
    assert (found.money_back, found.failure) == (M.BLOCKED, failure)
    [case] = await cases(paddock, order)
    assert case.kind is CaseKind.REFUND_BLOCKED
    assert words in case.detail


@pytest.mark.parametrize("money_back", [M.NONE, M.REFUNDED, M.BLOCKED])
async def test_w9_what_is_not_due_is_not_sent(clock, money_back):
    found, again, paddock = await step(clock, made(money_back=money_back), Liar(None))
    assert (found.money_back, again, await sent(paddock, found)) == (money_back, None, None)


async def test_w9_what_is_due_is_sent_and_booked_when_the_chain_shows_it(clock):
    order, chain = made(), Chain(clock)
    found, again, paddock = await step(clock, order, chain)
    assert (found.money_back, again) == (M.SENDING, 0.1)
    transaction = await sent(paddock, order)
    assert (transaction.hash, await sent(paddock, order, GIVE_BACK)) == (found.refund_tx, None)
    assert await refund(paddock, order.id) is None
    found = await stored(paddock, order)
    assert (found.money_back, found.refund_tx, found.returned) == (M.REFUNDED, transaction.hash, 0)
    async with paddock.db.read() as view:
        [_, row] = await view.ledger.of(order.id)
    payer = order.authorization.payer
    assert (row.kind, row.debit, row.credit, row.amount) == ("refund", f"payer:{payer}", "float:paddock", PRICE)
    assert len(chain.node.broadcasts) == 1


async def test_w9_what_was_sent_is_waited_for(clock):
    order, chain = made(), Chain(clock)
    chain.node.automine = False
    _, _, paddock = await step(clock, order, chain)
    assert await refund(paddock, order.id) == 0.2
    assert ((await stored(paddock, order)).money_back, len(chain.node.broadcasts)) == (M.SENDING, 1)


async def test_w9_a_refund_whose_transaction_is_lost_is_sent_anew(clock):
    order, chain = made(money_back=M.SENDING, refund_tx="0xlost"), Chain(clock)
    paddock = await opened(clock, order, chain)
    async with paddock.db.begin("lost") as work:
        lost = samples.chain_transaction(purpose=SEND, subject=order.refund_name, state=TransactionState.LOST)
        await work.transactions.add(lost)
    assert await refund(paddock, order.id) == 0.1
    found = await stored(paddock, order)
    assert (found.money_back, found.refund_tx == lost.hash, len(chain.node.broadcasts)) == (M.SENDING, False, 1)


@pytest.mark.parametrize(("mode", "wallet"), [(DIRECT, FLOAT), (DELEGATE, None)])
async def test_a_float_pledges_its_refund_and_the_delegate_wallet_need_not(clock, mode, wallet):
    chain = Chain(clock)
    chain.node.give(account("delegate").address, PRICE)
    found, again, paddock = await step(clock, made(mode=mode), chain)
    assert (found.money_back, again, len(chain.node.broadcasts)) == (M.SENDING, 0.1, 1)
    async with paddock.db.read() as view:
        pledge = await view.pledges.get(found.refund_name)
    assert (pledge and pledge.wallet) == wallet


async def test_f23_a_refund_that_reverted_is_blocked_and_can_be_sent_anew(clock):
    order, chain = made(), Chain(clock)
    chain.node.automine = False
    _, _, paddock = await step(clock, order, chain)
    first = await sent(paddock, order)
    chain.outcomes[first.hash] = Mined(first.hash, False, 10, "0xhash", 21_000, ())
    assert await refund(paddock, order.id) is None
    await assert_blocked(paddock, order, "reverted")
    assert (await sent(paddock, order)).state is TransactionState.REVERTED
    found = await stored(paddock, order)
    found.give_back(M.DUE)
    async with paddock.db.begin("due again") as work:
        await work.orders.save(found)
    assert await refund(paddock, order.id) == 0.1
    assert (await sent(paddock, order)).hash != first.hash


@pytest.mark.parametrize(
    "changes", [{"settlement_block": PAID - 1}, {"settlement_tx": None}, {"settlement_tx": "0xno"}]
)
async def test_f17_nothing_is_sent_for_a_payment_that_is_not_in_its_block(clock, changes):
    chain = Chain(clock)
    found, again, _ = await step(clock, made(**changes), chain)
    assert (found.money_back, again, chain.node.broadcasts) == (M.DUE, UNTIL_FINAL, [])


@pytest.mark.parametrize(("block", "again"), [(FINAL, 0.1), (FINAL + 1, UNTIL_FINAL)])
async def test_f17_what_came_by_plain_transfers_goes_back_once_its_blocks_are_final(clock, block, again):
    chain = Chain(clock)
    _, later, _ = await step(clock, by_transfer(), chain, block=block)
    assert (later, len(chain.node.broadcasts)) == (again, again == 0.1)


async def test_w4_where_nothing_is_due_back_any_more_nothing_is_sent(clock):
    found, again, paddock = await step(clock, by_transfer(received=0), Liar(None))
    assert (found.money_back, again, await sent(paddock, found)) == (M.NONE, None, None)


# ------------------------------------------------------------------------------------------------- the nonce is used


@pytest.mark.parametrize("where", ["newest", "final"])
async def test_w9_a_refund_that_somebody_else_submitted_is_booked(clock, where):
    order = made()
    found, again, _ = await step(clock, order, Chain(clock, where, spent_in=lambda *_: [back(order)]))
    assert (found.money_back, found.refund_tx, again) == (M.REFUNDED, "0xback", None)


async def test_f23_a_nonce_that_moved_nothing_is_believed_of_a_final_block_alone(clock):
    found, again, paddock = await step(clock, made(), Chain(clock, "newest", spent_in=lambda *_: []))
    assert (found.money_back, again) == (M.DUE, UNTIL_FINAL)
    found, again, paddock = await step(clock, made(), Chain(clock, "final", spent_in=lambda *_: []))
    assert again is None
    await assert_blocked(paddock, found, "cancelled without a transfer")


async def test_f23_what_was_mined_after_the_first_search_is_found_by_the_second(clock):
    order, searches = made(), iter(([], [back(made())]))
    chain = Chain(clock, "final", spent_in=lambda *_: [back(order) for _ in next(searches)])
    found, _, _ = await step(clock, order, chain)
    assert found.money_back is M.REFUNDED


@pytest.mark.parametrize(
    ("fulfilment", "amount", "goes"),
    [
        (F.FAILED, PRICE, True),
        (F.FAILED, PRICE - 1, False),
        (F.RELEASED, 1, True),
        (F.RELEASED, PRICE, True),
    ],
)
async def test_w9_a_delivered_order_may_go_back_in_part_and_a_failed_one_whole(clock, fulfilment, amount, goes):
    order = made(fulfilment=fulfilment)
    found, _, paddock = await step(clock, order, Chain(clock, "final", spent_in=lambda *_: [back(order, amount)]))
    if goes:
        assert found.money_back is M.REFUNDED
    else:
        await assert_blocked(paddock, order, f"{amount} of {PRICE} atomic units went back")


async def test_f23_money_that_went_to_somebody_else_is_told_to_staff(clock):
    order = made()
    chain = Chain(clock, "final", spent_in=lambda *_: [back(order, recipient=MERCHANT)])
    _, again, paddock = await step(clock, order, chain)
    assert again is None
    await assert_blocked(paddock, order, f"the money went to {MERCHANT}")


async def test_w4_a_refund_of_plain_transfers_is_counted_and_the_next_has_another_name(clock):
    order = by_transfer(settlement_block=FINAL)
    chain = Chain(clock, "final", spent_in=lambda *_: [back(order, PRICE - 1)])
    found, _, paddock = await step(clock, order, chain, block=FINAL)
    assert (found.returned, found.refunds, found.refund_name) == (PRICE - 1, 1, f"{order.id}.1")
    assert (found.money_back, found.due_back) == (M.DUE, 1)
    assert ("refund", order.id) in await jobs(paddock)


async def test_w4_a_second_refund_of_plain_transfers_is_booked_beside_the_first(clock):
    order = by_transfer(returned=PRICE - 1, refunds=1, settlement_block=FINAL)
    paddock = await opened(clock, order, Chain(clock, "final", spent_in=lambda *_: [back(order, 1)]), block=FINAL)
    async with paddock.db.begin("first refund") as work:
        ends = {"debit": f"payer:{order.authorization.payer}", "credit": "float:paddock"}
        await work.ledger.add(samples.entry(order, "refund", amount=PRICE - 1, **ends))
    assert await refund(paddock, order.id) is None
    found = await stored(paddock, order)
    assert (found.money_back, found.returned, found.refunds) == (M.REFUNDED, PRICE, 2)
    async with paddock.db.read() as view:
        rows = [(row.kind, row.round, row.amount) for row in await view.ledger.of(order.id)]
    assert rows[1:] == [("refund", 0, PRICE - 1), ("refund", 1, 1)]


async def test_w9_a_transfer_that_is_in_the_books_already_is_not_booked_again(clock):
    order = made()
    second = TransferLog("0xsecond", 4, 7, "0xhash", DOLLAR.address, FLOAT, order.authorization.payer, PRICE)
    chain = Chain(clock, "final", spent_in=lambda *_: [back(order), second])
    paddock = await opened(clock, order, chain)
    other = await put(paddock, made())
    async with paddock.db.begin("booked") as work:
        await work.ledger.add(samples.entry(other, block_hash="0xhash", log_index=3))
    await refund(paddock, order.id)
    assert (await stored(paddock, order)).refund_tx == "0xsecond"


# ---------------------------------------------------------------------------------------------------- what blocks it


async def test_f23_without_a_float_or_a_signature_it_waits_for_the_merchant(clock):
    order = made()
    _, again, paddock = await step(clock, order, Chain(clock), floats={})
    assert again is None
    await assert_blocked(paddock, order, "merchant paddock has no refund float", f"no; {AWAITS_MERCHANT}")


async def test_what_screening_refuses_is_blocked_with_the_list_for_staff_alone(clock):
    class Refusing:
        async def check(self, *_):
            return Verdict(allowed=False, listed="a list")

    order, chain = made(), Chain(clock)
    _, again, paddock = await step(clock, order, chain, screening=Refusing())
    assert (again, chain.node.broadcasts) == (None, [])
    await assert_blocked(paddock, order, "screening refuses the payer: a list")


@pytest.mark.parametrize(("gas", "goes"), [(MOST_WALLET_GAS, True), (MOST_WALLET_GAS + 1, False)])
async def test_a_wallet_may_use_so_much_gas_for_its_refund_and_no_more(clock, gas, goes):
    order, chain = made(), Chain(clock, estimate_gas=gas)
    _, again, paddock = await step(clock, order, chain)
    assert (again, len(chain.node.broadcasts)) == ((0.1, 1) if goes else (None, 0))
    if not goes:
        await assert_blocked(paddock, order, f"the wallet {FLOAT} would have its refund use")


async def test_f23_a_refund_that_would_revert_is_blocked_and_not_sent(clock):
    order, chain = made(), Chain(clock, estimate_gas=Reverted("no funds"))
    _, again, paddock = await step(clock, order, chain)
    assert (again, chain.node.broadcasts) == (None, [])
    await assert_blocked(paddock, order, "no funds")


def pledged(order, valid_before, signature=None, value=PRICE):
    return Pledge(order.refund_name, MERCHANT, value, valid_before, signature)


@pytest.mark.parametrize("signature", [None, b"s" * 65])
async def test_w9_while_another_wallets_refund_can_be_used_the_float_sends_none(clock, signature):
    order, chain = made(), Chain(clock)
    last = chain.node.blocks[FINAL].timestamp
    paddock = await opened(clock, order, chain, pledge=pledged(order, last, signature))
    await refund(paddock, order.id)
    assert chain.node.broadcasts == []
    if signature is None:
        await assert_blocked(paddock, order, f"signed by {MERCHANT} and can be used until {last}")
    else:
        assert (await stored(paddock, order)).money_back is M.BLOCKED


@pytest.mark.parametrize("signature", [None, b"s" * 65])
async def test_w9_one_second_after_another_wallets_refund_lapsed_the_float_sends_its_own(clock, signature):
    order, chain = made(), Chain(clock)
    last = chain.node.blocks[FINAL].timestamp - 1
    found, again, _ = await step(clock, order, chain, pledge=pledged(order, last, signature))
    assert (again, found.money_back, len(chain.node.broadcasts)) == (0.1, M.SENDING, 1)


async def test_w4_more_than_is_due_back_by_now_is_not_sent_by_the_merchants_signature(clock):
    order, chain = by_transfer(), Chain(clock)
    pledge = pledged(order, 2**40, b"s" * 65, PRICE + 1)
    _, _, paddock = await step(clock, order, chain, block=FINAL, pledge=pledge)
    assert chain.node.broadcasts == []
    await assert_blocked(paddock, order, f"{PRICE + 1} atomic units are signed for, and {PRICE} are due back by now")


@pytest.mark.parametrize(("allowed", "goes"), [(PRICE, True), (PRICE - 1, False)])
async def test_by_permit2_a_wallet_must_let_it_take_the_whole_refund(clock, allowed, goes):
    order, chain = made(asset=DAI), Chain(clock)
    chain.node.give(FLOAT, PRICE, DAI)
    chain.node.allow(FLOAT, PERMIT2, allowed, DAI)
    market = fake_market(assets=(DOLLAR, DAI_ASSET))
    found, again, paddock = await step(clock, order, chain, grounds={market.network: Ground(market, chain)})
    assert (again, len(chain.node.broadcasts)) == ((0.1, 1) if goes else (None, 0))
    if not goes:
        await assert_blocked(
            paddock, found, f"lets Permit2 take {allowed} atomic units of {DAI}: approve {PERMIT2} once"
        )


async def test_w9_a_refund_that_somebody_else_submitted_was_sent_and_then_booked_by_the_timeline(clock):
    order = made()
    _, _, paddock = await step(clock, order, Chain(clock, "final", spent_in=lambda *_: [back(order)]))
    async with paddock.db.read() as view:
        moves = [(event.old, event.new) for event in await view.orders.timeline(order.id)]
    assert moves == [("due", "sending"), ("sending", "refunded")]


async def test_f23_a_refund_whose_transaction_reverted_already_is_blocked_and_not_sent_by_itself(clock):
    order, chain = made(money_back=M.SENDING), Chain(clock)
    paddock = await opened(clock, order, chain)
    over = samples.chain_transaction(purpose=SEND, subject=order.refund_name, state=TransactionState.REVERTED)
    async with paddock.db.begin("reverted") as work:
        await work.transactions.add(over)
    chain.outcomes[over.hash] = Mined(over.hash, False, 10, "0xhash", 21_000, ())
    assert await refund(paddock, order.id) is None
    assert chain.node.broadcasts == []
    await assert_blocked(paddock, order, "the refund's transaction reverted")


async def test_w9_two_workers_at_once_send_one_refund(clock):
    order, chain = made(mode=DELEGATE), Chain(clock)
    chain.node.give(account("delegate").address, 2 * PRICE)
    paddock = await opened(clock, order, chain)
    assert sorted(await asyncio.gather(*(refund(paddock, order.id) for _ in range(2)))) == [0.0, 0.1]
    assert len(chain.node.broadcasts) == 1


async def test_the_refund_of_a_payment_that_came_again_is_of_its_round(clock):
    """After a reorganisation: what was booked before it was taken back."""
    order = made(round=1)
    _, _, paddock = await step(clock, order, Chain(clock, "final", spent_in=lambda *_: [back(order)]))
    async with paddock.db.read() as view:
        assert [row.round for row in await view.ledger.of(order.id) if row.kind == "refund"] == [1]


# --------------------------------------------------------------------------------- by Permit2, and a callback after all


def with_dai(chain):
    market = fake_market(assets=(DOLLAR, DAI_ASSET))
    return {"grounds": {market.network: Ground(market, chain)}}


async def test_w9_by_permit2_a_refund_that_somebody_else_submitted_is_booked(clock):
    order = made(asset=DAI)
    chain = Chain(clock, "final", spent_in=lambda *_: [back(order)])
    found, again, _ = await step(clock, order, chain, **with_dai(chain))
    assert (found.money_back, found.refund_tx, again) == (M.REFUNDED, "0xback", None)


async def said(_arguments, _context):
    return Answer(b"yes", "text/plain")


@pytest.mark.parametrize("asset", [DOLLAR.address, DAI], ids=["EIP-3009", "Permit2"])
async def test_w4_a_callback_that_was_mined_after_all_is_delivered_and_nothing_goes_back(clock, asset):
    """Permit2 does not name the nonce, so what it handed on is searched for by whom it went to."""
    market, ran = fake_market(), "0x" + "bb" * 32
    wallet, callback = market.delegate, market.contracts["AccessPass"].address
    paid = {"paid_at": clock.now(), "settlement_tx": PAYMENT}
    order = made(service="access-pass", mode=DELEGATE, asset=asset, pay_to=wallet, **paid)
    used = RawLog(asset, (AUTHORIZATION_USED, topic(wallet), order_nonce(order.id)), b"", 2)
    moved = RawLog(asset, (TRANSFER, topic(wallet), topic(callback)), PRICE.to_bytes(32, "big"), 3)
    logged = TransferLog(ran, 3, 7, "0xhash", asset, wallet, callback, PRICE)
    named = asset == DOLLAR.address
    chain = Chain(clock, "final", spent_in=lambda spend, _: [logged] if named or spend.to == callback else [])
    services = {"access-pass": replace(ACCESS_PASS, run=said)}
    paddock = await opened(clock, order, chain, services=services, **with_dai(chain))
    assert await refund(paddock, order.id) == 0.5
    found = await stored(paddock, order)
    assert (found.fulfilment, found.money_back) == (F.FAILED, M.DUE)
    chain.outcomes[ran] = Mined(ran, True, 7, "0xhash", 90_000, (used, moved))
    assert await refund(paddock, order.id) is None
    found = await stored(paddock, order)
    assert (found.fulfilment, found.money_back, found.callback_tx) == (F.RELEASED, M.NONE, ran)
    assert chain.node.broadcasts == []
    async with paddock.db.read() as view:
        [_, row] = await view.ledger.of(order.id)
        told = [event.note for event in await view.orders.timeline(order.id) if event.what == "money back"]
    assert (row.kind, row.debit, row.amount) == ("payout", f"callback:{callback}", PRICE)
    assert told == ["the callback was mined after all"]
