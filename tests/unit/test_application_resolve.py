"""An order that nobody works on goes on, or ends, by what the chain says of its authorization at that moment."""

from datetime import timedelta

import msgspec
import pytest

from server.application.resolve import CLOCK_MARGIN, UNPAID_USE, resolve
from server.domain.cases import CaseKind
from server.domain.evidence import TransferLog
from server.domain.outages import FacilitatorUnavailable
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
from server.payments.delegate import DELEGATE
from tests.fakes import samples
from tests.fakes.chain import DOLLAR
from tests.fakes.liars import Liar
from tests.fakes.paddocks import bare_paddock, cases, jobs, put, stored
from tests.fakes.samples import NOW

P, F, M = PaymentState, FulfilmentState, MoneyBackState
FINAL, PRICE = 10, 50_000
ENDS = int((NOW + timedelta(minutes=2)).timestamp())
"""The last second of a sample's authorization."""


def made(**changes):
    return samples.order(**{"asset": DOLLAR.address, "amount": PRICE} | changes)


def transfer(order, amount=PRICE):
    ends = order.terms.asset, order.authorization.payer, order.terms.pay_to
    return TransferLog("0xaa", 0, 9, "0xbb", *ends, amount)


class Chain(Liar):
    """Block 10 is final; `used` says where the nonce is: nowhere (None), in the "newest" block, or in a "final" one."""

    def __init__(self, used=None, moved=(), time=ENDS):
        told = {"final_block": FINAL, "block_time": time, "spent_in": list(moved), "nonce_used": self._used}
        arrived = {"transfers": list(moved), "token_balance": self._balance, "mined": None}
        super().__init__(None, **told, **arrived)
        self.used, self.moved = used, moved

    def _used(self, _spend, block=None):
        return self.used == "final" or (self.used == "newest" and block is None)

    def _balance(self, _asset, _address, block):
        return sum(one.amount for one in self.moved if one.block <= block)


class Facilitator:
    """Counts what it is asked to settle again."""

    def __init__(self, error=None):
        self.asked, self.error = 0, error

    async def settle(self, *_payment):
        self.asked += 1
        if self.error:
            raise self.error


async def looked(clock, order, chain=None, **changes):
    """The order after one look, the seconds until the next one, and the paddock."""
    paddock = bare_paddock(clock, chain or Chain(), **changes)
    await put(paddock, order)
    again = await resolve(paddock, order.id)
    return await stored(paddock, order), again, paddock


async def test_an_order_is_left_alone_until_exactly_its_lease_is_over(clock):
    order = made(payment=P.SETTLED, lease_until=clock.now() + timedelta(seconds=1))
    _, again, paddock = await looked(clock, order)
    assert (again, await jobs(paddock)) == (2.0, [])
    clock.advance(1)
    assert await resolve(paddock, order.id) is None
    assert await jobs(paddock) == [("advance", order.id)]


@pytest.mark.parametrize(
    ("fulfilment", "topic"),
    [(F.NONE, "advance"), (F.READY, "advance"), (F.RUNNING, "perform"), (F.EXECUTING, "execute")],
)
async def test_a_settled_order_goes_on_from_where_its_fulfilment_stands(clock, fulfilment, topic):
    order = made(payment=P.SETTLED, fulfilment=fulfilment)
    _, again, paddock = await looked(clock, order)
    assert (again, await jobs(paddock)) == (None, [(topic, order.id)])


@pytest.mark.parametrize(
    "columns",
    [
        {"payment": P.SETTLED, "fulfilment": F.RELEASED},
        {"payment": P.SETTLED, "fulfilment": F.FAILED, "money_back": M.REFUNDED},
        {"payment": P.SETTLED, "fulfilment": F.FAILED, "money_back": M.BLOCKED},
        {"payment": P.EXPIRED},
        {"payment": P.CANCELLED},
        {"payment": P.FAILED, "fulfilment": F.READY},
        {"payment": P.CREATED},
    ],
)
async def test_for_an_order_that_ended_or_waits_nothing_is_asked(clock, columns):
    _, again, paddock = await looked(clock, made(**columns))
    assert (again, await jobs(paddock)) == (None, [])


@pytest.mark.parametrize("money_back", [M.DUE, M.SENDING, M.IN_DOUBT])
async def test_money_that_is_on_its_way_back_goes_before_all_else(clock, money_back):
    order = made(payment=P.SETTLED, fulfilment=F.EXECUTING, money_back=money_back)
    _, again, paddock = await looked(clock, order)
    assert (again, await jobs(paddock)) == (None, [("refund", order.id)])


async def test_w5_an_authorization_that_was_never_sent_expires_at_exactly_its_margin(clock):
    order = made()
    clock.set(order.authorization.valid_before + CLOCK_MARGIN - timedelta(microseconds=1))
    found, again, paddock = await looked(clock, order)
    assert (found.payment, again, await jobs(paddock)) == (P.AUTHORIZED, None, [])
    clock.advance(0.000001)
    assert await resolve(paddock, order.id) is None
    assert (await stored(paddock, order)).payment is P.EXPIRED
    assert await jobs(paddock) == [("follow", order.id)]


# ---------------------------------------------------------------------------------------------------------- evidence

undecided = pytest.mark.parametrize("payment", [P.SETTLING, P.IN_DOUBT])


@undecided
async def test_g7_an_authorization_can_be_used_through_its_last_second(clock, payment):
    found, again, _ = await looked(clock, made(payment=payment), Chain(time=ENDS))
    assert (found.payment, again) == (payment, 2.0)


@undecided
async def test_g7_an_order_fails_once_a_final_block_is_later_than_its_authorization(clock, payment):
    found, again, paddock = await looked(clock, made(payment=payment, fulfilment=F.READY), Chain(time=ENDS + 1))
    assert (found.payment, found.fulfilment, found.failure) == (P.FAILED, F.FAILED, "the authorization lapsed unused")
    assert (again, await cases(paddock, found)) == (None, [])


@undecided
async def test_g7_what_moved_by_the_nonce_settles_the_order(clock, payment):
    order = made(payment=payment)
    found, again, _ = await looked(clock, order, Chain("newest", [transfer(order)]))
    assert (found.payment, found.settlement_tx, again) == (P.SETTLED, "0xaa", None)


async def test_g7_a_nonce_that_moved_nothing_is_believed_of_a_final_block_alone(clock):
    found, again, _ = await looked(clock, made(payment=P.IN_DOUBT), Chain("newest"))
    assert (found.payment, again) == (P.IN_DOUBT, 2.0)
    found, again, _ = await looked(clock, made(payment=P.IN_DOUBT), Chain("final"))
    assert (found.payment, found.failure, again) == (P.FAILED, UNPAID_USE, None)


@pytest.mark.parametrize(
    ("charged", "moved", "kinds"),
    [(PRICE - 1, [PRICE], [CaseKind.MISCHARGED]), (PRICE - 1, [], []), (None, [PRICE - 1], [])],
    ids=["another amount than was charged", "a metered call without a transfer", "another amount than was agreed"],
)
async def test_another_amount_is_a_case_only_for_a_metered_call(clock, charged, moved, kinds):
    order = made(payment=P.IN_DOUBT, charged=charged)
    found, _, paddock = await looked(clock, order, Chain("final", [transfer(order, amount) for amount in moved]))
    assert found.payment is P.FAILED
    assert [case.kind for case in await cases(paddock, found)] == kinds
    assert (found.failure == UNPAID_USE) is not bool(kinds)


@pytest.mark.parametrize(("round_", "asked"), [(0, 0), (1, 1)])
@pytest.mark.parametrize("error", [None, FacilitatorUnavailable("away")])
async def test_f17_only_what_a_reorganisation_took_back_is_submitted_once_more(clock, round_, asked, error):
    facilitator = Facilitator(error)
    payload = samples.settlement().request
    order = made(payment=P.IN_DOUBT, round=round_, payload=_payload(payload))
    found, again, _ = await looked(clock, order, Chain(), facilitator=facilitator)
    assert (found.payment, again, facilitator.asked) == (P.IN_DOUBT, 2.0, asked)


def _payload(request):
    """The payment in a facilitator request."""
    return msgspec.json.encode(msgspec.json.decode(request)["paymentPayload"])


@pytest.mark.parametrize(
    ("changes", "fulfilment"),
    [
        ({"fulfilment": F.READY}, F.FAILED),
        ({"fulfilment": F.EXECUTING}, F.FAILED),
        ({"fulfilment": F.EXECUTING, "callback_tx": "0xcc"}, F.EXECUTING),
        ({"fulfilment": F.EXECUTING, "scheme": "delegate", "mode": DELEGATE}, F.EXECUTING),
        ({"fulfilment": F.NONE}, F.NONE),
    ],
    ids=["ready", "not begun", "begun", "atomic", "not fulfilled"],
)
async def test_g7_what_is_not_paid_is_not_released_unless_its_callback_can_still_run(clock, changes, fulfilment):
    found, _, _ = await looked(clock, made(payment=P.IN_DOUBT, **changes), Chain(time=ENDS + 1))
    assert (found.payment, found.fulfilment) == (P.FAILED, fulfilment)


async def test_nothing_goes_back_of_what_never_came(clock):
    found, _, _ = await looked(clock, made(payment=P.IN_DOUBT, money_back=M.DUE), Chain(time=ENDS + 1))
    assert (found.payment, found.money_back) == (P.FAILED, M.NONE)


@undecided
async def test_a_metered_call_that_used_nothing_is_settled_without_the_chain(clock, payment):
    found, again, paddock = await looked(clock, made(payment=payment, charged=0), Liar(None))
    assert (found.payment, found.settlement_tx, again) == (P.SETTLED, None, None)
    assert ("perform", found.id) in await jobs(paddock)


async def test_g7_what_was_mined_after_the_first_search_is_found_by_the_second(clock):
    order, searches = made(payment=P.IN_DOUBT), iter(([], [1]))
    chain = Chain("final", [transfer(order)])
    chain.lies["spent_in"] = lambda *_: [transfer(order) for _ in next(searches)]
    found, again, _ = await looked(clock, order, chain)
    assert (found.payment, again) == (P.SETTLED, None)


async def test_g7_the_timeline_says_that_a_payment_was_in_doubt_before_it_failed(clock):
    _, _, paddock = await looked(clock, order := made(payment=P.SETTLING), Chain(time=ENDS + 1))
    async with paddock.db.read() as view:
        moves = [(event.old, event.new) for event in await view.orders.timeline(order.id)]
    assert moves == [("settling", "in_doubt"), ("in_doubt", "failed")]
