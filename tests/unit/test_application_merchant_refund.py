"""Only money that a merchant's own wallet has, of an order that there is, goes back by the merchant's signature."""

import pytest

from server.application.merchant_refund import Signed, refund_signed, to_sign
from server.domain.errors import RefundRefused, UnknownOrder
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
from server.payments.delegate import DELEGATE
from tests.fakes import samples
from tests.fakes.chain import DOLLAR
from tests.fakes.liars import Liar
from tests.fakes.paddocks import bare_paddock, jobs, put, stored

FAILED = {"asset": DOLLAR.address, "payment": PaymentState.SETTLED, "fulfilment": FulfilmentState.FAILED}


async def handed_in(office, order_id):
    await refund_signed(office, order_id, Signed(50_000, 2**40, b"s" * 65), "merchant:paddock")


@pytest.mark.parametrize("asked", [to_sign, handed_in])
async def test_there_is_no_refund_to_sign_of_an_order_that_there_is_not(clock, asked):
    with pytest.raises(UnknownOrder, match="there is no order 'none'"):
        await asked(bare_paddock(clock, Liar(None)), "none")


@pytest.mark.parametrize("asked", [to_sign, handed_in])
async def test_money_that_the_delegate_wallet_holds_is_not_the_merchants_to_give_back(clock, asked):
    office = bare_paddock(clock, Liar(None))
    order = await put(office, samples.order(**FAILED, mode=DELEGATE))
    with pytest.raises(RefundRefused, match="its money never was the merchant's"):
        await asked(office, order.id)
    assert ((await stored(office, order)).money_back, await jobs(office)) == (MoneyBackState.NONE, [])


async def test_the_whole_price_is_signed_for_where_the_merchant_has_the_money(clock):
    office = bare_paddock(clock, Liar(None))
    order = await put(office, samples.order(**FAILED))
    given = await to_sign(office, order.id)
    assert (given["wallet"], given["value"]) == (order.terms.pay_to, "50000")
