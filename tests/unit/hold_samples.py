"""An order whose payment an escrow keeps, and a chain that shows what a test makes up of it."""

from dataclasses import replace

from eth_abi.abi import encode

from protocol.escrow import GIVEN_BACK, RELEASED
from protocol.typed_data import order_nonce
from scripts.accounts import account
from server.domain.evidence import AUTHORIZATION_USED, TRANSFER, LoggedEvent, Mined, RawLog, topic
from server.domain.sending import Fees
from server.domain.states import FulfilmentState, PaymentState
from server.payments.delegate import DELEGATE
from server.services.chain_watch import SERVICE as CHAIN_WATCH
from server.services.service import TryAgain
from tests.fakes import samples
from tests.fakes.chain import DOLLAR, fake_market
from tests.fakes.escrow import ESCROW
from tests.fakes.liars import Liar
from tests.fakes.paddocks import bare_paddock, put

MARKET, PRICE, PAID, TAKEN, ENDED, NEWEST = fake_market(), 50_000, 9, 12, 14, 20
PAYMENT, TAKING, ENDING = ("0x" + byte * 32 for byte in ("aa", "bb", "cc"))
CONTRACT, PAYER = MARKET.contracts["EscrowRelease"], account("buyer").address
HELD, OVER = encode(("address", "uint96", "uint64"), (PAYER, PRICE, 2**40)), bytes(96)
AMOUNT = PRICE.to_bytes(32, "big")


async def waits(_arguments, _context):
    raise TryAgain("not yet")


TASK = replace(CHAIN_WATCH, run=waits)


def mined(name, block, *logs, succeeded=True):
    return Mined(name, succeeded, block, "0xblock", 90_000, logs)


def taken(order):
    """The transaction in which the escrow took the payment."""
    used = RawLog(DOLLAR.address, (AUTHORIZATION_USED, topic(MARKET.delegate), order_nonce(order.id)), b"", 1)
    return mined(
        TAKING, TAKEN, used, RawLog(DOLLAR.address, (TRANSFER, topic(MARKET.delegate), topic(ESCROW)), AMOUNT, 2)
    )


def released(order, by=PAYER):
    """What the escrow logs of a payment that became the merchant's."""
    return (RawLog(ESCROW, (RELEASED, order_nonce(order.id), topic(by)), AMOUNT, 1),)


def given_back(order, by=PAYER, to=PAYER):
    """What escrow and token log of a payment that went back."""
    names = GIVEN_BACK, order_nonce(order.id), topic(by), topic(to)
    return RawLog(ESCROW, names, AMOUNT, 1), RawLog(DOLLAR.address, (TRANSFER, topic(ESCROW), topic(to)), AMOUNT, 2)


def made(order_id, **changes):
    usual = {"service": TASK.slug, "mode": DELEGATE, "asset": DOLLAR.address, "pay_to": MARKET.delegate}
    paid = {"payment": PaymentState.SETTLED, "settlement_tx": PAYMENT, "settlement_block": PAID}
    asked = {"arguments": b'{"until":[{"kind":"code","address":"%s"}],"within":60}' % PAYER.encode()}
    at = {"paid_at": samples.NOW, "fulfilment": FulfilmentState.EXECUTING}
    order = samples.order(order_id, **usual | paid | asked | at | changes)
    order.learn("made", "up")
    return order


class Chain(Liar):
    """A node of which the escrow says `held`, and which shows the transactions in `shown` and their escrow's events.

    It takes searches of each block once, and keeps how many blocks the widest was of.
    """

    def __init__(self, held=HELD, **lies):
        self.shown, self.logged, self.searched, self.widest = {PAYMENT: mined(PAYMENT, PAID)}, {}, [], 0
        sends = {"estimate_gas": 60_000, "fees": Fees(2, 1), "next_nonce": 0, "send": None}
        usual = {"call": held, "mined": self._mined, "events": self._events, "block_number": NEWEST}
        super().__init__(None, **sends | usual | lies)

    def show(self, transaction, *, logged=True):
        """It is in its block; `logged`: and what it logged is found by a search."""
        self.shown[transaction.transaction] = transaction
        if logged:
            self.logged[transaction.transaction] = transaction

    def _mined(self, name):
        return self.shown.get(name)

    def _events(self, contract, first, last):
        assert first <= last < min(self.searched, default=last + 1), "blocks are searched once, the newest first"
        self.searched += range(first, last + 1)
        self.widest = max(self.widest, last - first + 1)
        inside = [one for one in self.logged.values() if first <= one.block <= last]
        own = [(one, log) for one in inside for log in one.logs if log.address == contract]
        return [LoggedEvent(one.transaction, one.block, one.block_hash, log) for one, log in own]


async def begun(clock, order, chain, run=waits, since=TAKEN):
    """A marketplace with that order; `since` is the block in which the books have its payment with the escrow."""
    paddock = bare_paddock(clock, chain, replace(TASK, run=run))
    await put(paddock, order)
    if since is not None:
        async with paddock.db.begin("kept") as work:
            await work.ledger.add(samples.entry(order))
            await work.ledger.add(samples.entry(order, "payout", block=since, debit=f"callback:{ESCROW}"))
    return paddock


async def signed_for(paddock, order, purpose, name=ENDING, **changes):
    """A chain transaction of ours about the order, signed before."""
    only = replace(samples.attempt(), hash=name)
    found = samples.chain_transaction(purpose=purpose, subject=order.id, hash=name, attempts=(only,), **changes)
    async with paddock.db.begin("signed before") as work:
        await work.transactions.add(found)
