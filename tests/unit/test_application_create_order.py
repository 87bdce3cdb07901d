"""What an order by transfer is made of, who may have one, and which terms and names are refused with which words."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest

from scripts.accounts import account
from server.application.create_order import NewOrder, create_order
from server.application.order_transfer import LOOKED_WITHIN, Wanted, order_transfer
from server.application.paddock import Ground
from server.application.pause import turn
from server.application.wallets import HotWallet
from server.domain import fees
from server.domain.errors import BadArguments, DuplicateClaim, OrderRefused, PaymentConflict, Reverted, Screened
from server.domain.market import Asset, Merchant
from server.domain.outages import Paused, TransfersUnwatched, WalletFull
from server.domain.states import PaymentState
from server.domain.transfers import Cursor
from server.ports import Verdict
from server.services.choices import chosen_in
from server.services.merchant_order import SERVICE as MERCHANT_ORDER
from server.services.service import Meter
from tests.fakes.chain import DAI, DAI_ASSET, DOLLAR, fake_market
from tests.fakes.liars import Liar
from tests.fakes.paddocks import ACCESS_PASS, ECHO, bare_paddock
from tests.fakes.samples import NETWORK

MARKET = fake_market(assets=(DOLLAR, DAI_ASSET))
PAYER, MERCHANT = account("buyer").address, Merchant("paddock", "Test", account("merchant").address, b"digest")
WITH_CALLBACK = replace(MERCHANT, callback="AccessPass")
TRUE = (1).to_bytes(32, "big")


def wished(**changes):
    usual = {"merchant": MERCHANT, "dapp_order_id": "name", "network": NETWORK, "symbol": "USDC", "payer": PAYER}
    return NewOrder(**usual | {"amount": 50_000} | changes)


async def opened(clock, merchant=MERCHANT, *, looked=True, lies=None, **changes):
    """A paddock whose worker has looked for transfers just now."""
    chain = Liar(None, **{"call": TRUE, "allowance": 0} | (lies or {}))
    paddock = bare_paddock(
        clock, chain, grounds={NETWORK: Ground(MARKET, chain)}, merchants={"paddock": merchant}, **changes
    )
    if looked:
        async with paddock.db.begin("cursor made up") as work:
            await work.transfers.move(Cursor(NETWORK, 1, 90, "0xhash", clock.now()))
    return paddock


async def refused(paddock, **changes):
    """Why an order is refused; nothing of it is kept."""
    with pytest.raises(OrderRefused) as caught:
        await create_order(paddock, wished(**changes))
    return caught.value.detail


async def test_an_order_waits_for_a_transfer_of_its_own_and_the_same_wish_gets_the_same_one(clock):
    paddock = await opened(clock)
    order, made = await create_order(paddock, wished())
    assert (order.payment, order.received, order.since_block) == (PaymentState.CREATED, 0, 90)
    assert (order.terms.amount, order.terms.asset, order.terms.pay_to) == (50_000, DOLLAR.address, MERCHANT.pay_to)
    assert (made.order_id, made.dapp_order_id, made.symbol) == (order.id, "name", "USDC")
    again, _ = await create_order(paddock, wished())
    assert again.id == order.id
    other, _ = await create_order(paddock, wished(dapp_order_id="other", amount=50_001))
    assert other.id != order.id


@pytest.mark.parametrize("changes", [{"amount": 1}, {"symbol": "DAI"}, {"payer": MERCHANT.pay_to}])
async def test_a_name_stands_for_one_order(clock, changes):
    paddock = await opened(clock)
    order, _ = await create_order(paddock, wished())
    assert f"is order {order.id}, with other terms" in await refused(paddock, **changes)


async def test_a_name_whose_order_ended_is_not_used_again(clock):
    paddock = await opened(clock)
    order, _ = await create_order(paddock, wished())
    order.pay(PaymentState.CANCELLED, "test")
    async with paddock.db.begin("cancelled") as work:
        await work.orders.save(order)
    assert "already" in await refused(paddock)


async def test_two_orders_that_one_transfer_could_pay_are_not_open_at_once(clock):
    paddock = await opened(clock)
    await create_order(paddock, wished())
    assert "over this amount to this recipient already" in await refused(paddock, dapp_order_id="other")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"network": "eip155:1"}, f"chain_id: orders are paid on {NETWORK}"),
        ({"symbol": "XXX"}, f"token XXX is not taken there with that contract; taken are USDC ({DOLLAR.address})"),
        ({"contract": DAI}, "token USDC is not taken there"),
        ({"calldata": b"x"}, "callback_calldata is for merchants whose money is handed to a contract"),
        ({"merchant": replace(MERCHANT, callback="Nowhere")}, "has no callback contract there that takes USDC"),
    ],
)
async def test_terms_that_cannot_be_are_told(clock, changes, words):
    assert words in await refused(await opened(clock), **changes)


@pytest.mark.parametrize("contract", [None, DOLLAR.address])
async def test_the_contract_of_a_token_may_be_named(clock, contract):
    assert (await create_order(await opened(clock), wished(contract=contract)))[0].terms.asset == DOLLAR.address


@pytest.mark.parametrize(("answer", "taken"), [(TRUE, True), (b"", True), (Reverted("no"), True), (bytes(32), False)])
async def test_nobody_is_to_pay_what_the_merchants_contract_does_not_take(clock, answer, taken):
    paddock = await opened(clock, WITH_CALLBACK, lies={"call": answer})
    if taken:
        assert (await create_order(paddock, wished(merchant=WITH_CALLBACK)))[0].terms.mode.calls_contract
    else:
        assert "does not take USDC" in await refused(paddock, merchant=WITH_CALLBACK)


@pytest.mark.parametrize(("allowed", "taken"), [(50_000, True), (49_999, False)])
async def test_by_permit2_the_delegate_wallet_must_have_let_it_take_the_whole_price(clock, allowed, taken):
    paddock = await opened(clock, WITH_CALLBACK, lies={"allowance": allowed})
    asked = {"merchant": WITH_CALLBACK, "symbol": "DAI"}
    if taken:
        await create_order(paddock, wished(**asked))
    else:
        assert "has not approved Permit2 for DAI yet" in await refused(paddock, **asked)
    assert (await create_order(paddock, wished(merchant=WITH_CALLBACK, dapp_order_id="by eip3009")))[0]


async def test_a_second_asset_without_permit2_is_not_for_a_callback(clock):
    other = Asset(DAI, "Other", "1", 6, "OTHER")
    market = fake_market(assets=(DOLLAR, other))
    paddock = bare_paddock(clock, grounds={NETWORK: Ground(market, Liar(None))})
    assert "callback contract there that takes OTHER" in await refused(paddock, merchant=WITH_CALLBACK, symbol="OTHER")


@pytest.mark.parametrize(("paid_in", "taken"), [(7, True), (6, False)])
async def test_an_order_costs_its_merchant_the_fee_or_is_not_made(clock, paid_in, taken):
    paddock = await opened(clock, order_fee=7)
    async with paddock.db.begin("paid in") as work:
        await work.fee_book.add(fees.deposit("paddock", paid_in))
    if taken:
        await create_order(paddock, wished())
    else:
        assert "insufficient fee balance" in await refused(paddock)
    async with paddock.db.read() as view:
        assert await view.fee_book.balance("paddock") == (0 if taken else 6)
        assert (await view.merchant_orders.named("paddock", "name") is not None) is taken


class Refusing:
    """Screening that refuses everybody."""

    async def check(self, *_):
        return Verdict(allowed=False, listed="a list")


async def test_what_holds_up_every_purchase_holds_up_these_too(clock):
    with pytest.raises(Screened):
        await create_order(await opened(clock, screening=Refusing()), wished())
    paddock = await opened(clock)
    await turn(paddock.db, clock, on=True, reason="test", by="operator")
    with pytest.raises(Paused):
        await create_order(paddock, wished())
    with pytest.raises(TransfersUnwatched):
        await create_order(await opened(clock, looked=False), wished())


@pytest.mark.parametrize(("cap", "taken"), [(50_000, True), (49_999, False)])
async def test_a_full_delegate_wallet_takes_no_order_that_it_would_hold(clock, cap, taken):
    chain = Liar(None, token_balance=0)
    wallet = HotWallet(chain, clock, "delegate", NETWORK, MARKET.delegate, DOLLAR.address, cap=cap)
    paddock = await opened(clock, WITH_CALLBACK, wallet=wallet)
    if taken:
        await create_order(paddock, wished(merchant=WITH_CALLBACK))
    else:
        with pytest.raises(WalletFull):
            await create_order(paddock, wished(merchant=WITH_CALLBACK))
    assert (await create_order(paddock, wished(dapp_order_id="direct")))[0].terms.pay_to == MERCHANT.pay_to


async def test_the_same_wish_gets_its_order_also_while_no_other_is_taken(clock):
    paddock = await opened(clock)
    order, _ = await create_order(paddock, wished())
    await turn(paddock.db, clock, on=True, reason="test", by="operator")
    assert (await create_order(replace(paddock, screening=Refusing()), wished()))[0].id == order.id


async def test_one_name_that_is_sent_twice_at_once_is_one_order(clock):
    paddock = await opened(clock)
    made = await asyncio.gather(*(create_order(paddock, wished()) for _ in range(2)))
    assert [order.id for order, _ in made] == [one.order_id for _, one in made] == list(paddock.db.tables.orders) * 2


async def test_a_new_order_is_not_another_one_whose_id_it_was_given(clock):
    paddock = await opened(clock)
    quote = paddock.quotes.issue(int(clock.now().timestamp()), 900)
    paddock = replace(paddock, quotes=SimpleNamespace(issue=lambda *_: quote))
    order, _ = await create_order(paddock, wished())
    with pytest.raises(DuplicateClaim):
        await create_order(paddock, wished(dapp_order_id="other", amount=50_001))
    assert set(paddock.db.tables.orders) == {order.id}


@pytest.mark.parametrize(("calldata", "chosen"), [(b"\x01\x02", b"\x01\x02"), (b"", None)], ids=["some", "none"])
async def test_the_callback_is_to_run_the_calldata_of_the_order_or_what_it_does_by_itself(clock, calldata, chosen):
    paddock = await opened(clock, WITH_CALLBACK)
    order, _ = await create_order(paddock, wished(merchant=WITH_CALLBACK, calldata=calldata))
    assert chosen_in(MERCHANT_ORDER, order.arguments) == chosen


# ----------------------------------------------------------------------------------------------------- what is on sale


def wanted(**changes):
    usual = {"arguments": b"{}", "payer": PAYER, "nonce": b"n" * 32, "digest": b"d" * 32, "intent": b"i" * 32}
    return Wanted(**usual | {"service": ECHO} | changes)


async def test_what_is_on_sale_can_be_paid_by_a_transfer(clock):
    paddock = await opened(clock)
    order = await order_transfer(paddock, wanted())
    assert (order.terms.service, order.terms.amount, order.payment) == ("echo", 50_000, PaymentState.CREATED)
    assert (await order_transfer(paddock, wanted())).id == order.id
    with pytest.raises(PaymentConflict, match="another order already"):
        await order_transfer(paddock, wanted(digest=b"o" * 32))


async def test_an_order_that_was_made_is_given_again_also_while_nobody_watches_and_at_another_price(clock):
    paddock = await opened(clock)
    order = await order_transfer(paddock, wanted())
    clock.advance((2 * LOOKED_WITHIN).total_seconds())
    again = await order_transfer(paddock, wanted(service=replace(ECHO, amount=70_000)))
    assert (again.id, again.terms.amount) == (order.id, 50_000)


async def test_what_is_on_sale_is_held_up_by_pause_and_screening_as_every_purchase_is(clock):
    with pytest.raises(Screened):
        await order_transfer(await opened(clock, screening=Refusing()), wanted())
    paddock = await opened(clock)
    await turn(paddock.db, clock, on=True, reason="test", by="operator")
    with pytest.raises(Paused):
        await order_transfer(paddock, wanted())
    assert not paddock.db.tables.orders


@pytest.mark.parametrize("resource_url", ["", "http://127.0.0.1:8402/v1/echo?text=hello"])
async def test_an_order_names_what_was_asked_for_or_else_itself_and_its_timeline_what_it_waits_for(clock, resource_url):
    paddock = await opened(clock)
    order = await order_transfer(paddock, wanted(resource_url=resource_url))
    assert order.terms.resource_url == (resource_url or f"{paddock.origin}/api/v1/orders/{order.id}")
    async with paddock.db.read() as view:
        [event] = await view.orders.timeline(order.id)
    assert (event.what, event.new, event.note) == ("payment", "created", "waits for a transfer of 50000 atomic units")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"network": "eip155:1"}, f"network is one of {NETWORK}"),
        ({"asset": PAYER}, f"asset is one of {DOLLAR.address} \\(USDC\\)"),
        ({"service": replace(ECHO, meter=Meter("token", 1))}, "pay it by x402 at /v1/echo"),
        ({"service": ACCESS_PASS}, "is not sold by transfer"),
    ],
)
async def test_where_and_in_what_it_is_not_paid_is_told(clock, changes, words):
    with pytest.raises(BadArguments, match=words):
        await order_transfer(await opened(clock), wanted(**changes))


@pytest.mark.parametrize(("more", "taken"), [(0, True), (0.000001, False)])
async def test_an_order_is_made_while_somebody_has_looked_lately(clock, more, taken):
    paddock = await opened(clock)
    clock.advance((LOOKED_WITHIN + timedelta(seconds=more)).total_seconds())
    if taken:
        assert await order_transfer(paddock, wanted())
    else:
        with pytest.raises(TransfersUnwatched):
            await order_transfer(paddock, wanted())


async def test_one_wish_that_is_sent_twice_at_once_is_one_order(clock):
    paddock = await opened(clock)
    first, second = await asyncio.gather(order_transfer(paddock, wanted()), order_transfer(paddock, wanted()))
    assert first.id == second.id
    assert set(paddock.db.tables.orders) == {first.id}


async def test_of_two_wishes_at_once_under_one_nonce_one_is_refused(clock):
    paddock = await opened(clock)
    wishes = wanted(), wanted(digest=b"o" * 32)
    ends = await asyncio.gather(*(order_transfer(paddock, one) for one in wishes), return_exceptions=True)
    assert [type(end) for end in ends if isinstance(end, Exception)] == [PaymentConflict]
    assert len(paddock.db.tables.orders) == 1


async def test_an_id_that_another_order_has_is_nobodys_wish(clock):
    paddock = await opened(clock)
    quote = paddock.quotes.issue(int(clock.now().timestamp()), 900)
    paddock = replace(paddock, quotes=SimpleNamespace(issue=lambda *_: quote))
    order = await order_transfer(paddock, wanted())
    with pytest.raises(DuplicateClaim):
        await order_transfer(paddock, wanted(nonce=b"o" * 32))
    assert set(paddock.db.tables.orders) == {order.id}
