"""Use key: what a buyer's key allows the request that carries it, before anything is taken for it."""

from server.application.paddock import Paddock
from server.application.present import PaidCall
from server.domain.access_errors import BadBuyerKey
from server.domain.buyer_keys import BuyerKey
from server.domain.market import key_digest
from server.domain.orders import Order
from server.ports import UnitOfWork


async def ask_by_key(paddock: Paddock, call: PaidCall) -> None:
    """Count a request without a payment; without a key there is nothing to count.

    Raises BadBuyerKey, and TooManyRequests beyond what the key may ask in a minute.
    """
    if not call.keys:
        return
    now = paddock.clock.now()
    async with paddock.db.read() as view:
        key = _known(await view.buyer_keys.find(_secret(call)))
    key.require_live(now)
    paddock.admission.rates.take(key.id, key.per_minute, now)


async def spend_by_key(work: UnitOfWork, call: PaidCall, order: Order) -> None:
    """In the unit of work that claims the order: count it against the key, whatever the key was a moment ago.

    Nobody else claims by this key, or revokes it, until that ends; so of many at once none gets past a cap. Raises
    BadBuyerKey, ForeignBuyerKey and SpendLimitReached: then nothing is claimed.
    """
    if not call.keys:
        return
    key = _known(await work.buyer_keys.hold(_secret(call)))
    key.require_live(order.created_at)
    key.require_payer(order.authorization.payer)
    key.require_within(order, await work.buyer_keys.spend(key, order))


def _secret(call: PaidCall) -> bytes:
    """Raises BadBuyerKey for more than one."""
    if len(call.keys) > 1:
        raise BadBuyerKey("the request carries more than one buyer key")
    return key_digest(call.keys[0].decode("latin-1"))


def _known(key: BuyerKey | None) -> BuyerKey:
    if key is None:
        raise BadBuyerKey("nobody made this buyer key here")
    return key
