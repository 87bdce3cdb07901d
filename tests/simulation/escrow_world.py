"""Tasks whose payment the escrow holds: buying one, what the books say of it, and its payer's own moves on chain."""

from protocol.typed_data import order_nonce
from scripts.accounts import account
from server.adapters.signers import LocalSigner
from server.application.send import prepare
from server.domain.states import FulfilmentState, MoneyBackState
from server.services.chain_watch import SERVICE as CHAIN_WATCH
from tests.fakes.escrow import ESCROW

FRIEND = account("foreign_buyer").address
PRICE = CHAIN_WATCH.amount


async def buy(world, within=60, at_least=5):
    """A task that waits until the friend has so much money: (quote, header, the answer that its request gets).

    Without workers the request waits for half a minute, which counts.
    """
    asked = {"until": [{"kind": "holds", "address": FRIEND, "at_least": str(at_least)}], "within": within}
    quoted = await world.buyer.ask(world.url("chain-watch"), "POST", asked)
    header = world.buyer.pay(quoted)
    return quoted, header, await world.buyer.present(quoted, header)


async def holding(world, within=600):
    """The quote and payment of a task that waits while its payment is held."""
    quoted, header, answer = await buy(world, within)
    assert answer.status_code == 202
    await world.work(3)
    assert held(world, quoted.id)[1:3] == (world.buyer.account.address, PRICE)
    return quoted, header


def held(world, order_id):
    """What the escrow holds for an order: (token, payer, amount, deadline), or None."""
    return world.chain.state.holds.get(order_nonce(order_id))


async def rows(world, order_id):
    """The order's rows of the ledger: (kind, debit, credit, amount)."""
    async with world.db.read() as view:
        return [(row.kind, row.debit, row.credit, row.amount) for row in await view.ledger.of(order_id)]


async def as_payer(world, data):
    """The payer's own call of the escrow."""
    payer = LocalSigner(world.buyer.account.key.hex())
    prepared = await prepare(world.chain, payer, ESCROW, data)
    signed = await payer.sign(world.chain.id, prepared.chain_nonce, prepared.call, prepared.gas, prepared.fees)
    await world.chain.send(signed.raw)


async def assert_released(world, order_id):
    """The merchant's by the contract's word, and nothing came back."""
    order = await world.order(order_id)
    assert (order.fulfilment, order.money_back) == (FulfilmentState.RELEASED, MoneyBackState.NONE)
    assert (held(world, order_id), world.chain.state.money[ESCROW]) == (None, PRICE)


async def assert_given_back(world, order_id, to=None):
    """Back by the contract's word, once, and booked so."""
    order = await world.order(order_id)
    assert (order.fulfilment, order.money_back) == (FulfilmentState.FAILED, MoneyBackState.REFUNDED)
    assert (held(world, order_id), world.chain.state.money[ESCROW]) == (None, 0)
    asset = world.paddock.market.asset.address
    back = [one for one in await world.chain.transfers(asset, ESCROW) if one.sender == ESCROW]
    assert [(one.recipient, one.amount) for one in back] == [(to or world.buyer.account.address, PRICE)]
