"""Create order: make an order for what a merchant's back end sells, to be paid by a plain ERC-20 transfer."""

import hashlib
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from protocol.payment import PERMIT2, Method
from server.application.order_fees import take_fee
from server.application.order_transfer import Sold, Wish, fresh, waiting_order
from server.application.paddock import Ground, Paddock
from server.application.screen import screen_purchase
from server.domain.calls import encode_call, one_word
from server.domain.errors import DuplicateClaim, OrderRefused, Reverted
from server.domain.market import Asset, Merchant
from server.domain.merchant_orders import SERVICE, MerchantOrder, Status, status_of
from server.domain.orders import Order
from server.payments import mode_of_orders
from server.ports import Call, UnitOfWork, Way
from server.services.merchant_order import Agreed


@dataclass(frozen=True, slots=True)
class NewOrder:
    """What a back end asks for; the caller has checked that it is the merchant's. `amount` in atomic units.

    `payer` and `contract` are checksummed; without `contract` the symbol names the asset.
    """

    merchant: Merchant
    dapp_order_id: str
    network: str
    symbol: str
    payer: str
    amount: int
    contract: str | None = None
    calldata: bytes = b""


async def create_order(paddock: Paddock, new: NewOrder) -> tuple[Order, MerchantOrder]:
    """The order, stored and waiting; the same wish again gets the same one while it waits.

    Raises OrderRefused for terms that cannot be, or a name that stands for another order, and the errors of `outages`
    while nothing is taken or nobody watches.
    """
    ground, asset = _place(paddock, new)
    order, made = await _prepared(paddock, new, ground, asset)
    known = await _known(paddock, order, made)
    if known:
        return known
    await paddock.admission.pause.require_running(paddock.db, paddock.clock)
    await screen_purchase(paddock, new.payer, order.terms.pay_to)
    await _require_ready(ground, new, asset)
    if paddock.wallet and order.terms.pay_to == paddock.wallet.address:
        await paddock.wallet.require_room(new.amount)
    try:
        async with paddock.db.begin("order created") as work:
            await _require_only(work, order, made)
            await work.orders.add(order)
            await work.merchant_orders.add(made)
            await take_fee(work, made.merchant, order.id, paddock.order_fee)
    except DuplicateClaim:
        known = await _known(paddock, order, made)
        if known is None:
            raise
        return known
    return order, made


def _place(paddock: Paddock, new: NewOrder) -> tuple[Ground, Asset]:
    ground = paddock.grounds.get(new.network)
    if ground is None:
        raise OrderRefused(f"chain_id: orders are paid on {', '.join(paddock.grounds)}")
    named = [one for one in ground.market.assets if one.symbol == new.symbol]
    asset = next((one for one in named if new.contract in (None, one.address)), None)
    if asset is None:
        there = ", ".join(f"{one.symbol} ({one.address})" for one in ground.market.assets)
        raise OrderRefused(f"token {new.symbol} is not taken there with that contract; taken are {there}")
    if not takes(ground, new.merchant, asset):
        raise OrderRefused(f"merchant {new.merchant.id} has no callback contract there that takes {new.symbol}")
    if new.calldata and not new.merchant.callback:
        raise OrderRefused("callback_calldata is for merchants whose money is handed to a contract")
    return ground, asset


def takes(ground: Ground, merchant: Merchant, asset: Asset) -> bool:
    """Whether a merchant is paid in that asset there: its contract has to be there, and to be able to pull it."""
    if merchant.callback is None:
        return True
    there = merchant.callback in ground.market.contracts
    return there and (asset == ground.market.asset or asset.method is Method.PERMIT2)


async def _require_ready(ground: Ground, new: NewOrder, asset: Asset) -> None:
    """Nobody is to pay what the merchant's contract cannot take. A contract that does not know the question may try."""
    if new.merchant.callback is None:
        return
    contract, delegate = ground.market.contracts[new.merchant.callback].address, ground.market.delegate
    with suppress(Reverted):
        answer = await ground.chain.call(Call(delegate, contract, encode_call("isToken(address)", asset.address)))
        if answer and not one_word(answer):
            raise OrderRefused(f"the contract of merchant {new.merchant.id} does not take {new.symbol}")
    if asset.method is Method.PERMIT2 and await ground.chain.allowance(asset.address, delegate, PERMIT2) < new.amount:
        raise OrderRefused(f"the delegate wallet {delegate} has not approved Permit2 for {new.symbol} yet")


async def _prepared(paddock: Paddock, new: NewOrder, ground: Ground, asset: Asset) -> tuple[Order, MerchantOrder]:
    """Not stored yet. Nonce and digest keep the database itself from making two orders of one name."""
    merchant, name = new.merchant, new.dapp_order_id
    mode = mode_of_orders(merchant)
    payee = mode.pay_to(ground.market, merchant)
    sold = Sold(SERVICE, merchant.id, mode.facts, new.network, asset, new.amount, payee)
    terms = [merchant.id, name, new.network, asset.address, new.payer, str(new.amount), new.calldata.hex()]
    digest = hashlib.sha256(msgspec.json.encode(terms)).digest()
    wish = Wish(
        arguments=msgspec.json.encode(_agreed(new)),
        payer=new.payer,
        nonce=hashlib.sha256(msgspec.json.encode([SERVICE, merchant.id, name])).digest(),
        digest=digest,
        intent=digest,
    )
    async with paddock.db.read() as view:
        cursor = await view.transfers.cursor(new.network)
    order = waiting_order(paddock, sold, wish, fresh(paddock, cursor))
    return order, MerchantOrder(order.id, merchant.id, name, asset.symbol)


def _agreed(new: NewOrder) -> Agreed:
    calldata = "0x" + new.calldata.hex() if new.calldata else None
    return Agreed(new.merchant.id, new.dapp_order_id, new.merchant.callback or "", calldata)


async def _known(paddock: Paddock, order: Order, made: MerchantOrder) -> tuple[Order, MerchantOrder] | None:
    """The order that has this name, if it is the same and still waits. Raises OrderRefused if it is not."""
    async with paddock.db.read() as view:
        there = await view.merchant_orders.named(made.merchant, made.dapp_order_id)
        known = await view.orders.get(there.order_id) if there else None
    if there is None or known is None:
        return None
    if known.authorization.digest != order.authorization.digest:
        raise OrderRefused(f"dapp_order_id {made.dapp_order_id!r} is order {known.id}, with other terms")
    status = status_of(known, paddock.clock.now())
    if status is not Status.CHECKOUT_VERIFIED:
        raise OrderRefused(f"dapp_order_id {made.dapp_order_id!r} is order {known.id}, which is {status} already")
    return known, there


async def _require_only(work: UnitOfWork, order: Order, made: MerchantOrder) -> None:
    """A transfer names no order: two that wait for the same one could not be told apart.

    Raises DuplicateClaim where the other one is this very order, which somebody made at the same moment.
    """
    terms = order.terms
    way = Way(terms.network, terms.asset, order.authorization.payer, terms.pay_to)
    others = await work.merchant_orders.equal(way, terms.amount)
    if others and await work.merchant_orders.named(made.merchant, made.dapp_order_id):
        raise DuplicateClaim(f"{made.merchant} uses the name {made.dapp_order_id!r} already")
    if others:
        raise OrderRefused(
            "this payer has an open order over this amount to this recipient already: "
            "ask for another amount, or wait until that order is paid, cancelled or expired"
        )
