"""W4: an order whose callback ran is delivered with exactly its payment; one whose callback did not gets it back."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
from eth_abi.abi import encode

from protocol.hashing import keccak
from protocol.typed_data import order_nonce
from scripts.accounts import account
from server.application.execute import execute
from server.application.send import GAS_MARGIN, call_of, sent_for
from server.domain.choices import CalldataSignature, sign_by
from server.domain.errors import InternalError, Reverted, UnknownOrder
from server.domain.evidence import AUTHORIZATION_USED, TRANSFER, Mined, RawLog, topic
from server.domain.sending import Fees
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
from server.domain.transfers import SCHEME
from server.payments.delegate import DELEGATE
from server.services.service import Answer, ServiceError
from tests.fakes import samples
from tests.fakes.chain import DOLLAR, FakeChain, fake_market
from tests.fakes.liars import Liar
from tests.fakes.paddocks import ACCESS_PASS, bare_paddock, jobs, put, stored
from tests.stack.choosing import mint_to
from tests.unit import hold_samples

P, F, M = PaymentState, FulfilmentState, MoneyBackState
PRICE, PAID, PAYMENT = 50_000, 9, "0x" + "aa" * 32
MARKET = fake_market()
MINT = mint_to(account("stranger").address)
CHOSEN = {"arguments": msgspec.json.encode({"calldata": MINT})}
PASS, OTHER = MARKET.contracts["AccessPass"].address, MARKET.contracts["LaunchPass"].address


class Chain(Liar):
    """A node that shows the payment, and the callback's transaction with these logs, or reverted, or not yet."""

    def __init__(self, clock, **lies):
        self.logs, self.succeeded, self.shown = (), True, True
        usual = {"mined": self._mined, "block_number": 20, "next_nonce": 0, "fees": Fees(2, 1), "send": None}
        super().__init__(FakeChain(clock), **usual | {"estimate_gas": 90_000} | lies)

    async def _mined(self, transaction):
        if transaction == PAYMENT:
            return Mined(PAYMENT, True, PAID, "0xblock", 21_000, ())
        return Mined(transaction, self.succeeded, 12, "0xcall", 90_000, self.logs) if self.shown else None


def handed_on(order, amount=PRICE, to=PASS, sender=None):
    """What a token logs of a payment that leaves the delegate wallet under the order's nonce."""
    sender = sender or MARKET.delegate
    used = RawLog(DOLLAR.address, (AUTHORIZATION_USED, topic(sender), order_nonce(order.id)), b"", 1)
    return used, RawLog(DOLLAR.address, (TRANSFER, topic(sender), topic(to)), amount.to_bytes(32, "big"), 2)


async def yes(_arguments, _context):
    """A service that says so."""
    return Answer(b"yes", "text/plain")


async def no(_arguments, _context):
    raise ServiceError("it cannot say")


async def broken(_arguments, _context):
    raise ZeroDivisionError


async def begun(clock, chain, run=yes, **changes):
    """A paid order whose callback is to run, and its marketplace."""
    usual = {"service": "access-pass", "mode": DELEGATE, "asset": DOLLAR.address, "pay_to": MARKET.delegate}
    paid = {"payment": P.SETTLED, "settlement_tx": PAYMENT, "settlement_block": PAID, "fulfilment": F.EXECUTING}
    paid["paid_at"] = samples.NOW
    paddock = bare_paddock(clock, chain, replace(ACCESS_PASS, run=run))
    return paddock, await put(paddock, samples.order(**usual | paid | changes))


async def sent(clock, chain, **changes):
    """The same, with the callback's transaction on its way."""
    paddock, order = await begun(clock, chain, **changes)
    assert await execute(paddock, order.id) == 0.1
    assert chain.asked["send"] == 1
    return paddock, await stored(paddock, order)


async def rows(paddock, order):
    async with paddock.db.read() as view:
        return [(row.kind, row.amount, row.debit) for row in await view.ledger.of(order.id)]


PLAIN = b'{"transaction":'


@pytest.mark.parametrize(("run", "said"), [(yes, b"yes"), (no, PLAIN), (broken, PLAIN)], ids=["yes", "no", "broken"])
async def test_w4_a_callback_that_took_its_payment_is_booked_and_delivered_once(clock, run, said):
    """Whatever the service says afterwards: what happened on chain is paid for."""
    chain = Chain(clock)
    paddock, order = await sent(clock, chain, run=run)
    chain.logs = handed_on(order)
    assert await execute(paddock, order.id) is None
    assert await execute(paddock, order.id) is None
    found = await stored(paddock, order)
    assert (found.fulfilment, found.money_back, found.callback_tx) == (F.RELEASED, M.NONE, order.callback_tx)
    assert await rows(paddock, order) == [("payout", PRICE, f"callback:{PASS}")]
    async with paddock.db.read() as view:
        assert (await sent_for(view, "callback", order.id)).block == 12
        assert (await view.deliveries.get(order.id)).body.startswith(said)


async def test_w4_what_is_in_no_block_yet_is_looked_for_again(clock):
    chain = Chain(clock)
    paddock, order = await sent(clock, chain)
    chain.shown = False
    assert await execute(paddock, order.id) == 0.5
    assert (await stored(paddock, order)).fulfilment is F.EXECUTING
    assert chain.asked["send"] == 1


@pytest.mark.parametrize(
    "logs",
    [
        lambda _order: (),
        lambda order: handed_on(order, amount=PRICE - 1),
        lambda order: handed_on(order, amount=PRICE + 1),
        lambda order: handed_on(order, to=OTHER),
        lambda order: handed_on(order, sender=OTHER),
    ],
    ids=["nothing", "too little", "too much", "another contract", "another wallet"],
)
async def test_w4_a_callback_that_did_not_take_exactly_its_payment_delivers_nothing(clock, logs):
    chain = Chain(clock)
    paddock, order = await sent(clock, chain)
    chain.logs = logs(order)
    with pytest.raises(InternalError, match="without taking exactly its payment"):
        await execute(paddock, order.id)
    assert (await stored(paddock, order)).fulfilment is F.EXECUTING
    assert await rows(paddock, order) == []


@pytest.mark.parametrize("why", ["call reverted", None])
async def test_w4_a_callback_that_reverted_gives_the_money_back_with_its_reason(clock, why):
    text = (32).to_bytes(32, "big") + (13).to_bytes(32, "big") + b"call reverted".ljust(32, b"\0")
    lies = {"call": Reverted("no", bytes.fromhex("08c379a0") + text)} if why else {"call": b""}
    chain = Chain(clock, **lies)
    paddock, order = await sent(clock, chain)
    chain.succeeded = False
    assert await execute(paddock, order.id) is None
    found = await stored(paddock, order)
    assert (found.fulfilment, found.money_back) == (F.FAILED, M.DUE)
    assert found.failure == "the callback's transaction reverted" + (f": {why}" if why else "")
    assert ("refund", order.id) in await jobs(paddock)
    async with paddock.db.read() as view:
        assert (await sent_for(view, "callback", order.id)).block == 12


@pytest.mark.parametrize(("more", "goes"), [(0, True), (1, False)])
async def test_a_callback_may_use_so_much_gas_and_no_more(clock, more, goes):
    chain = Chain(clock, estimate_gas=MARKET.execution_gas + more)
    paddock, order = await begun(clock, chain)
    assert await execute(paddock, order.id) == (0.1 if goes else None)
    found = await stored(paddock, order)
    assert chain.asked["send"] == int(goes)
    assert (found.fulfilment, found.money_back) == ((F.EXECUTING, M.NONE) if goes else (F.FAILED, M.DUE))
    asked = int((MARKET.execution_gas + 1) * GAS_MARGIN)
    assert goes or found.failure == f"the callback would use {asked} gas, more than is paid for here"


NO_TEXT = keccak(b"Error(string)")[:4] + encode(["bytes"], [b"\xff"])


@pytest.mark.parametrize(
    ("data", "why"), [(b"", "reverted without a reason"), (NO_TEXT, "0x08c379a0" + "20".zfill(64))], ids=["", "no text"]
)
async def test_c8_a_callback_that_would_revert_is_not_sent(clock, data, why):
    """Whatever bytes it reverts with: its contract is a stranger's, and the payer's money goes back."""
    chain = Chain(clock, estimate_gas=Reverted("no", data))
    paddock, order = await begun(clock, chain)
    assert await execute(paddock, order.id) is None
    assert chain.asked["send"] == 0
    found = await stored(paddock, order)
    assert (found.failure, found.money_back) == (why, M.DUE)


@pytest.mark.parametrize(
    ("changes", "after"),
    [
        ({"fulfilment": F.FAILED}, None),
        ({"payment": P.IN_DOUBT}, None),
        ({"settlement_block": PAID - 1}, 1.0),
        ({"settlement_tx": "0xother", "settlement_block": PAID}, 1.0),
    ],
    ids=["it failed already", "its payment is in doubt", "its payment is in another block", "as is this one's"],
)
async def test_w4_nothing_runs_for_a_payment_that_does_not_stand(clock, changes, after):
    chain = Chain(clock)
    paddock, order = await begun(clock, chain, **changes)
    assert await execute(paddock, order.id) == after
    assert chain.asked["send"] == 0
    clock.advance(timedelta(hours=1).total_seconds())
    assert await execute(paddock, order.id) == after


async def test_there_is_no_callback_of_an_order_that_there_is_not(clock):
    with pytest.raises(UnknownOrder):
        await execute(bare_paddock(clock, Chain(clock)), "none")


async def test_w4_two_workers_at_once_send_one_callback_and_the_timeline_names_it(clock):
    chain = Chain(clock)
    paddock, order = await begun(clock, chain)
    assert sorted(await asyncio.gather(*(execute(paddock, order.id) for _ in range(2)))) == [0.0, 0.1]
    assert chain.asked["send"] == 1
    async with paddock.db.read() as view:
        lines = await view.orders.timeline(order.id)
        name = (await sent_for(view, "callback", order.id)).hash
    assert [line.new for line in lines if line.what == "callback transaction"] == [name]


async def test_w4_a_callback_that_keeps_its_payment_delivers_nothing_yet(clock):
    order, chain = hold_samples.made("order"), hold_samples.Chain()
    chain.show(hold_samples.taken(order))
    paddock = await hold_samples.begun(clock, order, chain, since=None)
    await hold_samples.signed_for(paddock, order, "callback", hold_samples.TAKING)
    assert await execute(paddock, order.id) == 0.0
    assert ((await stored(paddock, order)).fulfilment, [row[0] for row in await rows(paddock, order)]) == (
        F.EXECUTING,
        ["payout"],
    )
    async with paddock.db.read() as view:
        assert await view.deliveries.get(order.id) is None


async def test_w4_what_a_payment_itself_ran_is_looked_for_until_its_transaction_is_shown(clock):
    chain = Chain(clock)
    chain.shown = False
    paddock, order = await begun(clock, chain, scheme="delegate", settlement_tx="0xother")
    assert await execute(paddock, order.id) == 0.5
    assert ((await stored(paddock, order)).fulfilment, chain.asked["send"]) == (F.EXECUTING, 0)


async def test_w4_a_callback_that_runs_again_leaves_alone_what_went_back_beside_it(clock):
    """A reorganisation undid it after the buyer had its overpayment back: that stays refunded."""
    chain = Chain(clock)
    back = {"scheme": SCHEME, "received": PRICE + 1, "returned": 1, "refunds": 1, "money_back": M.REFUNDED}
    paddock, order = await sent(clock, chain, **back)
    chain.logs = handed_on(order)
    assert await execute(paddock, order.id) is None
    found = await stored(paddock, order)
    assert (found.fulfilment, found.money_back, found.due_back) == (F.RELEASED, M.REFUNDED, 0)


# --------------------------------------------------------------------------------------- calldata that the payer chose


async def test_c2_what_the_payer_chose_waits_for_its_signature_until_the_last_moment(clock):
    chain = Chain(clock)
    paddock, order = await begun(clock, chain, **CHOSEN)
    last = sign_by(order.terms)
    assert await execute(paddock, order.id) == (last - clock.now()).total_seconds()
    clock.set(last - timedelta(microseconds=1))
    assert await execute(paddock, order.id) == 0.000001
    assert (await stored(paddock, order)).fulfilment is F.EXECUTING
    clock.set(last)
    assert await execute(paddock, order.id) is None
    found = await stored(paddock, order)
    assert (found.fulfilment, found.money_back, chain.asked["send"]) == (F.FAILED, M.DUE, 0)
    assert found.failure == "the payer did not sign the calldata that it chose in time"


async def test_c2_what_the_payer_chose_and_signed_is_what_the_callback_runs(clock):
    """Also when the time to sign is over: it was signed in time."""
    chain, signature = Chain(clock), bytes(range(64)) + b"\x1b"
    paddock, order = await begun(clock, chain, **CHOSEN)
    async with paddock.db.begin("signed") as work:
        await work.calldata.put(CalldataSignature(order.id, signature, clock.now()))
    clock.set(sign_by(order.terms))
    assert await execute(paddock, order.id) == 0.1
    async with paddock.db.read() as view:
        data = call_of(await sent_for(view, "callback", order.id)).data
    assert bytes.fromhex(MINT[2:]) in data
    assert signature[:64] in data
