"""A payer's signature over the calldata that it chose is kept, the first one, and the timeline says so."""

import msgspec
import pytest

from scripts.accounts import account
from server.application.sign_choice import keep_signature, sign_choice
from server.domain.states import FulfilmentState, PaymentState
from server.payments.delegate import DELEGATE
from tests.fakes import samples
from tests.fakes.chain import DOLLAR, fake_market
from tests.fakes.liars import Liar
from tests.fakes.paddocks import bare_paddock, jobs, put
from tests.stack.choosing import mint_to

MINT, SIGNATURE = mint_to(account("stranger").address), b"s" * 65
CHOSEN, PLAIN = msgspec.json.encode({"calldata": MINT}), b"{}"


def made(**changes):
    usual = {"service": "access-pass", "mode": DELEGATE, "asset": DOLLAR.address, "pay_to": fake_market().delegate}
    return samples.order(**usual | {"arguments": CHOSEN} | changes)


async def kept(paddock, order):
    async with paddock.db.read() as view:
        found = await view.calldata.get(order.id)
    return found and found.signature


@pytest.mark.parametrize(
    ("arguments", "signature", "stays"),
    [(CHOSEN, SIGNATURE, SIGNATURE), (CHOSEN, None, None), (CHOSEN, b"", None), (PLAIN, SIGNATURE, None)],
    ids=["signed", "not signed", "empty", "nothing chosen"],
)
async def test_a_signature_that_came_with_the_payment_is_kept_where_something_was_chosen(
    clock, arguments, signature, stays
):
    paddock = bare_paddock(clock, Liar(None))
    order = await put(paddock, made(arguments=arguments))
    async with paddock.db.begin("claimed") as work:
        await keep_signature(paddock, work, order, signature)
    assert await kept(paddock, order) == stays


@pytest.mark.parametrize(
    ("fulfilment", "told"),
    [(FulfilmentState.EXECUTING, [("calldata", "signed")]), (FulfilmentState.NONE, [])],
)
async def test_a_signature_is_kept_and_the_timeline_of_what_waits_for_it_says_so(clock, fulfilment, told):
    paddock = bare_paddock(clock, Liar(None, token_balance=0, preview=b""))
    order = await put(paddock, made(payment=PaymentState.SETTLED, fulfilment=fulfilment))
    for signature in (SIGNATURE, b"t" * 65):
        await sign_choice(paddock, order.id, signature)
    assert await kept(paddock, order) == SIGNATURE
    assert await jobs(paddock) == [("execute", order.id)]
    async with paddock.db.read() as view:
        assert [(event.what, event.new) for event in await view.orders.timeline(order.id)] == told
