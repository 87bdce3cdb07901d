"""C2: a choice is taken if its callback would run it, and its payer's signature until a deadline, the first one."""

from datetime import timedelta

import msgspec
import pytest

from scripts.accounts import account
from server.application.paddock import Ground
from server.application.sign_choice import (
    WOULD_FAIL,
    awaits_signature,
    keep_signature,
    require_runnable,
    sign_choice,
    to_sign,
)
from server.domain.choices import sign_by
from server.domain.errors import PaymentRefused, Reverted, SignatureNotAwaited, UnknownOrder
from server.domain.states import FulfilmentState, PaymentState
from server.payments.delegate import DELEGATE
from server.payments.direct import DIRECT
from tests.fakes import samples
from tests.fakes.chain import DAI, DAI_ASSET, DOLLAR, fake_market
from tests.fakes.liars import Liar
from tests.fakes.paddocks import bare_paddock, jobs, put, stored
from tests.stack.choosing import mint_to

F, P = FulfilmentState, PaymentState
PRICE = 50_000
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
    [(F.EXECUTING, [("calldata", "signed")]), (F.NONE, [])],
)
async def test_a_signature_is_kept_and_the_timeline_of_what_waits_for_it_says_so(clock, fulfilment, told):
    paddock = bare_paddock(clock, Liar(None, token_balance=0, preview=b""))
    order = await put(paddock, made(payment=P.SETTLED, fulfilment=fulfilment))
    for signature in (SIGNATURE, b"t" * 65):
        await sign_choice(paddock, order.id, signature)
    assert await kept(paddock, order) == SIGNATURE
    assert await jobs(paddock) == [("execute", order.id)]
    async with paddock.db.read() as view:
        assert [(event.what, event.new) for event in await view.orders.timeline(order.id)] == told


async def handed_in(paddock, order_id):
    await sign_choice(paddock, order_id, SIGNATURE)


@pytest.mark.parametrize("asked", [to_sign, handed_in])
async def test_there_is_nothing_to_sign_of_an_order_that_there_is_not(clock, asked):
    with pytest.raises(UnknownOrder, match="there is no order of that id"):
        await asked(bare_paddock(clock, Liar(None)), "none")


LAST = "the signature could be given until"


@pytest.mark.parametrize("asked", [to_sign, handed_in])
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"payment": P.SETTLED, "fulfilment": F.FAILED}, LAST),
        ({"payment": P.SETTLED, "fulfilment": F.RELEASED}, LAST),
        ({"payment": P.EXPIRED}, LAST),
        ({"payment": P.CANCELLED}, LAST),
        ({"arguments": PLAIN}, "nothing is to be signed"),
    ],
    ids=["failed", "released", "expired", "cancelled", "nothing chosen"],
)
async def test_what_waits_for_no_signature_takes_none(clock, asked, changes, words):
    paddock = bare_paddock(clock, Liar(None, token_balance=0, preview=b""))
    order = await put(paddock, made(**changes))
    with pytest.raises(SignatureNotAwaited, match=words):
        await asked(paddock, order.id)
    assert (await kept(paddock, order), await jobs(paddock)) == (None, [])


@pytest.mark.parametrize("asked", [to_sign, handed_in])
async def test_a_signature_is_taken_before_the_moment_in_which_the_money_goes_back(clock, asked):
    paddock = bare_paddock(clock, Liar(None, token_balance=0, preview=b""))
    order = await put(paddock, made(payment=P.SETTLED, fulfilment=F.EXECUTING))
    clock.set(sign_by(order.terms))
    with pytest.raises(SignatureNotAwaited, match=f"until {sign_by(order.terms):%Y-%m-%d %H:%M:%S} UTC"):
        await asked(paddock, order.id)
    clock.set(sign_by(order.terms) - timedelta(microseconds=1))
    await asked(paddock, order.id)


async def test_a_signature_for_what_somebody_changed_at_that_moment_is_asked_for_again(clock):
    async def fails(*_):
        found = await stored(paddock, order)
        found.fulfil(F.FAILED, "meanwhile")
        async with paddock.db.begin("meanwhile") as work:
            await work.orders.save(found)

    paddock = bare_paddock(clock, Liar(None, token_balance=0, preview=fails))
    order = await put(paddock, made(payment=P.SETTLED, fulfilment=F.EXECUTING))
    with pytest.raises(SignatureNotAwaited, match="send the signature again"):
        await sign_choice(paddock, order.id, SIGNATURE)
    assert (await kept(paddock, order), await jobs(paddock)) == (None, [])


@pytest.mark.parametrize(
    ("arguments", "signature", "waits"), [(CHOSEN, None, True), (CHOSEN, SIGNATURE, False), (PLAIN, None, False)]
)
async def test_only_what_was_chosen_and_not_signed_waits_for_a_signature(clock, arguments, signature, waits):
    paddock = bare_paddock(clock, Liar(None))
    order = await put(paddock, made(arguments=arguments))
    async with paddock.db.begin("claimed") as work:
        await keep_signature(paddock, work, order, signature)
    assert await awaits_signature(paddock, order) is waits


# ------------------------------------------------------------------------------------------------- before any money


async def runnable(clock, order, signature=None, **lies):
    market = fake_market(assets=(DOLLAR, DAI_ASSET))
    chain = Liar(None, **{"token_balance": 0, "preview": b""} | lies)
    paddock = bare_paddock(clock, chain, grounds={market.network: Ground(market, chain)})
    await require_runnable(paddock, order, signature)
    await put(paddock, order)
    async with paddock.db.read() as view:
        return [(event.new, event.note) for event in await view.orders.timeline(order.id)]


@pytest.mark.parametrize(("signature", "told"), [(SIGNATURE, "signed"), (None, "chosen")])
async def test_what_the_payer_chose_stands_on_the_timeline_from_the_start(clock, signature, told):
    assert await runnable(clock, made(), signature) == [(told, MINT)]


async def test_c2_what_the_callback_would_refuse_is_not_paid_for(clock):
    with pytest.raises(PaymentRefused, match="the callback would refuse this calldata: reverted") as caught:
        await runnable(clock, made(), preview=Reverted("no", b""))
    assert caught.value.reason == WOULD_FAIL
    assert await runnable(clock, made(arguments=PLAIN), preview=Reverted("no", b"")) == []


@pytest.mark.parametrize(("changes", "leave"), [({}, PRICE), ({"charged": PRICE - 1}, PRICE - 1)])
async def test_by_permit2_nothing_is_paid_that_the_delegate_wallet_could_not_hand_on(clock, changes, leave):
    order = made(asset=DAI, arguments=PLAIN, **changes)
    assert await runnable(clock, order, allowance=leave) == []
    with pytest.raises(PaymentRefused, match=f"{fake_market().delegate} has not approved Permit2") as caught:
        await runnable(clock, order, allowance=leave - 1)
    assert caught.value.reason == WOULD_FAIL


@pytest.mark.parametrize(
    "changes",
    [{"asset": DOLLAR.address}, {"mode": DIRECT, "service": "echo"}, {"scheme": "delegate"}],
    ids=["by EIP-3009", "straight to the merchant", "by the executor"],
)
async def test_where_the_delegate_wallet_hands_on_nothing_by_permit2_no_leave_is_asked_for(clock, changes):
    order = made(**{"asset": DAI, "arguments": PLAIN} | changes)
    assert await runnable(clock, order, allowance=0) == []
