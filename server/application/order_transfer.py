"""Order by transfer: make an order that waits for a plain ERC-20 transfer, for payers that sign no x402 payment."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec

from protocol.payment import Method
from server.application.admit import require_place
from server.application.paddock import Ground, Paddock
from server.application.price import at_price
from server.application.screen import screen_purchase
from server.application.sell_through_core import at_core
from server.domain.errors import BadArguments, DuplicateClaim, PaymentConflict
from server.domain.market import Asset
from server.domain.modes import Mode
from server.domain.orders import Authorization, Order, Terms
from server.domain.outages import TransfersUnwatched
from server.domain.states import PaymentState
from server.domain.transfers import SCHEME, Cursor
from server.payments import mode_named
from server.services.service import Service

LIFE = timedelta(minutes=15)
"""How long an order waits: the block of its Transfer must not be later."""
LOOKED_WITHIN = timedelta(minutes=1)
"""No order is made when nobody has looked for transfers for so long: its money would lie there."""


@dataclass(frozen=True, slots=True)
class Sold:
    """What an order is for: `amount` atomic units of `asset` to `pay_to`."""

    service: str
    merchant: str
    mode: Mode
    network: str
    asset: Asset
    amount: int
    pay_to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Who wants something, by whoever may speak for it: the caller has checked that.

    `nonce` (32 bytes) is a name for this wish: the same one again gets the same order, if `digest` (32 bytes) is the
    same too. `payer` is checksummed. Without a `resource_url` it is about the order itself.
    """

    arguments: bytes
    payer: str
    nonce: bytes
    digest: bytes
    intent: bytes
    resource_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted(Wish):
    """What a payer wants of what is on sale. `network` and `asset` (checksummed) are home's first if they are None."""

    service: Service
    network: str | None = None
    asset: str | None = None


async def order_transfer(paddock: Paddock, wanted: Wanted) -> Order:
    """The order, stored and waiting. Costs no chain request.

    Raises BadArguments for what is not sold like this, PaymentConflict for a nonce that named another wish, and the
    errors of `outages` while nothing is taken or nobody watches.
    """
    ground, asset = _place(paddock, wanted)
    await paddock.admission.pause.require_running(paddock.db, paddock.clock)
    async with paddock.db.read() as view:
        known = await view.orders.claimed_by(ground.market.network, asset.address, wanted.payer, wanted.nonce)
        cursor = await view.transfers.cursor(ground.market.network)
    if known:
        return _same(known, wanted)
    given = msgspec.json.decode(wanted.arguments, type=wanted.service.arguments)
    service = at_price(wanted.service, given, paddock.clock.now())
    order = waiting_order(paddock, _sold(paddock, service, ground, asset), wanted, fresh(paddock, cursor))
    await screen_purchase(paddock, wanted.payer, order.terms.pay_to)
    try:
        async with at_core(paddock, order), paddock.db.begin("transfer ordered") as work:
            await work.orders.add(order)
            await require_place(paddock, work, order)
    except DuplicateClaim:
        async with paddock.db.read() as view:
            known = await view.orders.claimed_by(ground.market.network, asset.address, wanted.payer, wanted.nonce)
        if known is None:
            raise
        return _same(known, wanted)
    return order


def _place(paddock: Paddock, wanted: Wanted) -> tuple[Ground, Asset]:
    """Where and in what it is paid. Raises BadArguments."""
    service, ground = wanted.service, paddock.grounds.get(wanted.network or paddock.market.network)
    mode = mode_named(service.mode)
    if not mode.facts.sold_by_transfer or service.metered:
        raise BadArguments(f"{service.slug} is not sold by transfer; pay it by x402 at /v1/{service.slug}")
    if ground is None:
        raise BadArguments(f"network is one of {', '.join(paddock.grounds)}")
    assets = mode.assets(service, ground.market)
    asset = next((one for one in assets if wanted.asset in (None, one.address)), None)
    if asset is None:
        taken = ", ".join(f"{one.address} ({one.symbol})" for one in assets)
        raise BadArguments(f"asset is one of {taken or 'none there'}")
    return ground, asset


def _sold(paddock: Paddock, service: Service, ground: Ground, asset: Asset) -> Sold:
    mode = mode_named(service.mode)
    payee = mode.pay_to(ground.market, paddock.merchants[service.merchant])
    amount = asset.amount(service.amount)
    return Sold(service.slug, service.merchant, mode.facts, ground.market.network, asset, amount, payee)


def fresh(paddock: Paddock, cursor: Cursor | None) -> Cursor:
    """A network's cursor. Raises TransfersUnwatched if nobody has looked lately."""
    if cursor is None or paddock.clock.now() - cursor.looked_at > LOOKED_WITHIN:
        raise TransfersUnwatched("no worker has looked for transfers on this network lately")
    return cursor


def _same(known: Order, wanted: Wanted) -> Order:
    if known.authorization.digest != wanted.digest:
        raise PaymentConflict("this nonce was used for another order already", order_id=known.id)
    return known


def waiting_order(paddock: Paddock, sold: Sold, wish: Wish, cursor: Cursor) -> Order:
    """An order that waits for a transfer, not stored yet.

    All that the cursor has passed is older than the order, and cannot pay it.
    """
    now = paddock.clock.now()
    quote = paddock.quotes.issue(int(now.timestamp()), int(LIFE.total_seconds()))
    expires_at = datetime.fromtimestamp(quote.expires_at, UTC)
    terms = Terms(
        service=sold.service,
        merchant=sold.merchant,
        mode=sold.mode,
        network=sold.network,
        asset=sold.asset.address,
        amount=sold.amount,
        pay_to=sold.pay_to,
        resource_url=wish.resource_url or f"{paddock.origin}/api/v1/orders/{quote.id}",
        intent=wish.intent,
        quoted_at=datetime.fromtimestamp(quote.issued_at, UTC),
        expires_at=expires_at,
    )
    signed = Authorization(
        scheme=SCHEME,
        method=Method.TRANSFER,
        authority=sold.asset.address,
        payer=wish.payer,
        nonce=wish.nonce,
        digest=wish.digest,
        valid_before=expires_at,
        x402_version=0,
        payload=b"",
    )
    order = Order(
        id=quote.id,
        terms=terms,
        authorization=signed,
        arguments=wish.arguments,
        created_at=now,
        since_block=cursor.block,
        payment=PaymentState.CREATED,
        received=0,
    )
    order.learn("payment", PaymentState.CREATED, f"waits for a transfer of {terms.amount} atomic units")
    return order
