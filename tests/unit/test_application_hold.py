"""What a callback keeps is told of on the order's timeline: when it came, while it waits, and how it ended."""

from dataclasses import replace
from datetime import timedelta

import pytest
from eth_abi.abi import encode

from protocol.escrow import RELEASED
from protocol.typed_data import order_nonce
from scripts.accounts import account
from server.application.hold import LOOK_EVERY, TELL_EVERY, hold
from server.domain.evidence import AUTHORIZATION_USED, TRANSFER, LoggedEvent, Mined, RawLog, topic
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
from server.payments.delegate import DELEGATE
from server.services.chain_watch import SERVICE as CHAIN_WATCH
from server.services.service import TryAgain
from tests.fakes import samples
from tests.fakes.chain import DOLLAR, fake_market
from tests.fakes.escrow import ESCROW
from tests.fakes.liars import Liar
from tests.fakes.paddocks import bare_paddock, put, stored

MARKET, PRICE, PAID, TAKEN = fake_market(), 50_000, 9, 12
PAYMENT, TAKING, RELEASE = ("0x" + byte * 32 for byte in ("aa", "bb", "cc"))
CONTRACT, PAYER = MARKET.contracts["EscrowRelease"], account("buyer").address
HELD, OVER = encode(("address", "uint96", "uint64"), (PAYER, PRICE, 2**40)), bytes(96)


async def waits(_arguments, _context):
    raise TryAgain("not yet")


TASK = replace(CHAIN_WATCH, run=waits)


def mined(name, block, *logs):
    return Mined(name, True, block, "0xblock", 90_000, logs)


def taken(order):
    """The transaction in which the escrow took the payment."""
    used = RawLog(DOLLAR.address, (AUTHORIZATION_USED, topic(MARKET.delegate), order_nonce(order.id)), b"", 1)
    ends = TRANSFER, topic(MARKET.delegate), topic(ESCROW)
    return mined(TAKING, TAKEN, used, RawLog(DOLLAR.address, ends, PRICE.to_bytes(32, "big"), 2))


def released(order):
    return RawLog(ESCROW, (RELEASED, order_nonce(order.id), topic(PAYER)), PRICE.to_bytes(32, "big"), 1)


def made(order_id, **changes):
    usual = {"service": TASK.slug, "mode": DELEGATE, "asset": DOLLAR.address, "pay_to": MARKET.delegate}
    paid = {"payment": PaymentState.SETTLED, "settlement_tx": PAYMENT, "settlement_block": PAID}
    asked = {"arguments": b'{"until":[{"kind":"code","address":"%s"}],"within":60}' % PAYER.encode()}
    at = {"paid_at": samples.NOW, "fulfilment": FulfilmentState.EXECUTING}
    order = samples.order(order_id, **usual | paid | asked | at | changes)
    order.learn("made", "up")
    return order


async def begun(clock, order, held=HELD, kept=True):
    """A marketplace with that order; `held` is what its escrow says, `kept` whether the books have the payment there.

    The escrow's newest event is the release by its payer.
    """
    shown = {PAYMENT: mined(PAYMENT, PAID), RELEASE: mined(RELEASE, 14, released(order))}
    event = LoggedEvent(RELEASE, 14, "0xblock", released(order))
    chain = Liar(None, mined=shown.get, call=held, block_number=20, events=lambda *_: [event])
    paddock = bare_paddock(clock, chain, TASK)
    await put(paddock, order)
    if kept:
        async with paddock.db.begin("kept") as work:
            await work.ledger.add(samples.entry(order, "payout", block=TAKEN))
    return paddock


async def step(paddock, order):
    found = await stored(paddock, order)
    return await hold(paddock, found, TASK, CONTRACT, taken(order))


async def told(paddock, order, what):
    async with paddock.db.read() as view:
        lines = await view.orders.timeline(order.id)
    return [(line.new, line.note) for line in lines if line.what == what]


async def test_what_the_callback_took_is_booked_and_told_once(clock):
    order = made("order")
    paddock = await begun(clock, order, kept=False)
    assert await step(paddock, order) == 0.0
    assert await step(paddock, order) == LOOK_EVERY
    assert await told(paddock, order, "held") == [(TAKING, "")]
    assert (await stored(paddock, order)).callback_tx == TAKING
    async with paddock.db.read() as view:
        [row] = await view.ledger.of(order.id)
    assert (row.kind, row.debit, row.amount, row.block) == ("payout", f"callback:{ESCROW}", PRICE, TAKEN)


@pytest.mark.parametrize(("less", "lines"), [(0, 1), (1, 0)])
async def test_a_task_that_waits_says_so_when_nothing_was_said_for_exactly_so_long(clock, less, lines):
    order = made("order")
    paddock = await begun(clock, order)
    clock.advance((TELL_EVERY - timedelta(microseconds=less)).total_seconds())
    for _ in range(2):
        assert await step(paddock, order) == LOOK_EVERY
    assert await told(paddock, order, "waiting") == [("chain-watch: not yet", "")] * lines


async def test_what_its_payer_released_is_delivered_and_told_with_who_did_it(clock):
    order = made("order")
    paddock = await begun(clock, order, held=OVER)
    assert await step(paddock, order) is None
    found = await stored(paddock, order)
    assert (found.fulfilment, found.money_back) == (FulfilmentState.RELEASED, MoneyBackState.NONE)
    assert await told(paddock, order, "released on chain") == [(RELEASE, f"by {PAYER}")]
    async with paddock.db.read() as view:
        assert RELEASE.encode() in (await view.deliveries.get(order.id)).body
