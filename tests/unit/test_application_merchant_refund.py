"""Only money that a merchant's own wallet has, of an order that there is, goes back by the merchant's signature."""

from dataclasses import replace
from datetime import timedelta

import pytest
from eth_account import Account

from scripts.accounts import account
from server.application.cases import open_case
from server.application.merchant_refund import (
    LEAST_VALIDITY,
    LONGEST_SIGNATURE,
    MOST_VALIDITY,
    USUAL_VALIDITY,
    Signed,
    refund_signed,
    to_sign,
)
from server.domain.cases import CaseKind, CaseState, Outcome
from server.domain.errors import BadArguments, RefundRefused, UnknownOrder
from server.domain.pledges import Pledge
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
from server.payments.delegate import DELEGATE
from tests.fakes import samples
from tests.fakes.chain import DOLLAR
from tests.fakes.liars import Liar
from tests.fakes.paddocks import bare_paddock, cases, jobs, put, stored

FAILED = {"asset": DOLLAR.address, "payment": PaymentState.SETTLED, "fulfilment": FulfilmentState.FAILED}
DELIVERED = FAILED | {"fulfilment": FulfilmentState.RELEASED}
PRICE, BY = 50_000, "merchant:paddock"
MERCHANT, FLOAT = account("merchant"), account("float")
WALLETS_YES = bytes.fromhex("1626ba7e").ljust(32, b"\0")


async def handed_in(office, order_id):
    await refund_signed(office, order_id, Signed(PRICE, 2**40, b"s" * 65), BY)


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


@pytest.mark.parametrize("asked", [to_sign, handed_in])
async def test_what_may_not_have_been_paid_is_not_signed_for(clock, asked):
    office = bare_paddock(clock, Liar(None))
    order = await put(office, samples.order(**FAILED | {"payment": PaymentState.IN_DOUBT}))
    with pytest.raises(RefundRefused, match="cannot be refunded: its payment is in doubt"):
        await asked(office, order.id)


@pytest.mark.parametrize(
    ("state", "value", "goes"),
    [
        (FAILED, PRICE, True),
        (FAILED, PRICE - 1, False),
        (FAILED, PRICE + 1, False),
        (DELIVERED, 1, True),
        (DELIVERED, PRICE, True),
        (DELIVERED, 0, False),
        (DELIVERED, PRICE + 1, False),
    ],
)
async def test_a_failed_order_goes_back_whole_and_a_delivered_one_in_the_part_that_is_asked_for(
    clock, state, value, goes
):
    office = bare_paddock(clock, Liar(None))
    order = await put(office, samples.order(**state))
    if goes:
        given = await to_sign(office, order.id, value)
        assert (given["value"], given["document"]["message"]["value"]) == (str(value), str(value))
    else:
        with pytest.raises(BadArguments, match=f"to {PRICE} atomic units, and not {value}"):
            await to_sign(office, order.id, value)


@pytest.mark.parametrize("longer", [-1, 0, 1])
async def test_a_refund_that_is_signed_again_lives_as_long_as_the_one_before(clock, longer):
    office = bare_paddock(clock, Liar(None))
    order = await put(office, samples.order(**FAILED))
    usual = int((clock.now() + USUAL_VALIDITY).timestamp())
    await pledge(office, order, MERCHANT.address, usual + longer)
    assert (await to_sign(office, order.id))["validBefore"] == str(max(usual, usual + longer))


# ------------------------------------------------------------------------------------------------- what is handed in


async def pledge(office, order, wallet, valid_before):
    """Make up what was signed for its refund before."""
    async with office.db.begin("pledged") as work:
        await work.pledges.put(Pledge(order.refund_name, wallet, PRICE, valid_before, b"s" * 65), None)


async def pledged(office, order):
    async with office.db.read() as view:
        return await view.pledges.get(order.refund_name)


async def signed(office, order, value=PRICE, life=USUAL_VALIDITY, key=MERCHANT.key):
    """The document that it is given, signed with these terms as wallets sign it."""
    until = int((office.clock.now() + life).timestamp())
    document = (await to_sign(office, order.id))["document"]
    document["message"] |= {"value": str(value), "validBefore": str(until)}
    message = document["message"]
    numbers = {name: int(message[name]) for name in ("value", "validAfter", "validBefore")}
    whole = document | {"message": message | numbers}
    return Signed(value, until, bytes(Account.sign_typed_data(key, full_message=whole).signature))


async def assert_refused(office, order, given, error, words):
    """Nothing changes: no job, no pledge, no money on its way."""
    before = await pledged(office, order)
    with pytest.raises(error, match=words):
        await refund_signed(office, order.id, given, BY)
    found = await stored(office, order)
    assert (found.money_back, await pledged(office, order), await jobs(office)) == (order.money_back, before, [])


@pytest.mark.parametrize("life", [LEAST_VALIDITY, USUAL_VALIDITY, MOST_VALIDITY])
async def test_w9_what_the_merchant_signed_is_kept_and_its_job_asked_for(clock, life):
    office = bare_paddock(clock, Liar(None))
    order = await put(office, samples.order(**FAILED))
    given = await signed(office, order, life=life)
    await refund_signed(office, order.id, given, BY)
    assert (await stored(office, order)).money_back is MoneyBackState.DUE
    assert ("refund", order.id) in await jobs(office)
    kept = Pledge(order.refund_name, MERCHANT.address, PRICE, given.valid_before, given.signature)
    assert await pledged(office, order) == kept


SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"value": PRICE - 1}, f"from {PRICE} to {PRICE} atomic units, and not {PRICE - 1}"),
        ({"life": LEAST_VALIDITY - SECOND}, "validBefore must be from"),
        ({"life": MOST_VALIDITY + SECOND}, "validBefore must be from"),
        ({"key": FLOAT.key}, f"the signature is not by {MERCHANT.address}"),
    ],
    ids=["too little", "too short a life", "too long a life", "another's key"],
)
async def test_w9_what_cannot_be_sent_or_is_not_the_merchants_is_not_taken(clock, changes, words):
    office = bare_paddock(clock, Liar(None, call=b""))
    order = await put(office, samples.order(**FAILED))
    await assert_refused(office, order, await signed(office, order, **changes), BadArguments, words)


async def test_w9_a_signature_is_over_the_very_value_that_it_comes_with(clock):
    office = bare_paddock(clock, Liar(None, call=b""))
    order = await put(office, samples.order(**DELIVERED))
    given = replace(await signed(office, order, value=1), value=PRICE)
    await assert_refused(office, order, given, BadArguments, "sign the document as it was given")


async def test_w9_nothing_that_was_signed_before_outlives_what_is_signed_now(clock):
    office = bare_paddock(clock, Liar(None))
    order = await put(office, samples.order(**FAILED))
    given = await signed(office, order)
    await pledge(office, order, MERCHANT.address, given.valid_before + 1)
    await assert_refused(office, order, given, BadArguments, f"validBefore must be from {given.valid_before + 1} to")


async def test_w9_the_merchants_refund_is_not_taken_beside_one_that_the_float_signed(clock):
    chain = Liar(None, final_block=8, block_time=int(clock.now().timestamp()), nonce_used=False)
    office = bare_paddock(clock, chain)
    order = await put(office, samples.order(**FAILED))
    given = await signed(office, order)
    await pledge(office, order, FLOAT.address, given.valid_before)
    await assert_refused(office, order, given, RefundRefused, f"its refund is signed by {FLOAT.address}")


@pytest.mark.parametrize(("more", "taken"), [(0, True), (1, False)])
async def test_a_wallets_own_code_judges_signatures_of_so_many_bytes_and_no_longer_ones(clock, more, taken):
    office = bare_paddock(clock, Liar(None, call=WALLETS_YES))
    order = await put(office, samples.order(**FAILED))
    given = replace(await signed(office, order), signature=b"s" * (LONGEST_SIGNATURE + more))
    if taken:
        await refund_signed(office, order.id, given, BY)
        assert (await stored(office, order)).money_back is MoneyBackState.DUE
    else:
        await assert_refused(office, order, given, BadArguments, f"has {LONGEST_SIGNATURE} bytes at most")


async def test_the_merchants_signature_resolves_the_open_cases_about_the_money_and_no_other(clock):
    office = bare_paddock(clock, Liar(None))
    order = await put(office, samples.order(**FAILED))
    async with office.db.begin("cases made up") as work:
        decided = await open_case(work, CaseKind.REFUND_BLOCKED, order.id, "decided before")
        decided.resolve(Outcome.REJECTION, "No.", "operator", clock.now(), "")
        await work.cases.save(decided)
        for kind in (CaseKind.PAID_BUT_DENIED, CaseKind.DISPUTED, CaseKind.REFUND_BLOCKED):
            await open_case(work, kind, order.id, "made up")
    await refund_signed(office, order.id, await signed(office, order), BY)
    ends = {(one.kind, one.state, one.outcome) for one in await cases(office, order)}
    assert ends == {
        (CaseKind.REFUND_BLOCKED, CaseState.RESOLVED, Outcome.REJECTION),
        (CaseKind.REFUND_BLOCKED, CaseState.RESOLVED, Outcome.REFUND),
        (CaseKind.PAID_BUT_DENIED, CaseState.RESOLVED, Outcome.REFUND),
        (CaseKind.DISPUTED, CaseState.OPEN, None),
    }
