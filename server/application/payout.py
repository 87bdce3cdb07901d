"""Payout: the delegate wallet's authorization over an order's price to a callback contract, and how it is handed in."""

from datetime import timedelta

from protocol.payment import Method
from protocol.permit2 import pull_digest
from protocol.typed_data import RECEIVE_TYPE, Transfer, authorization_digest, order_nonce
from server.application.paddock import Paddock
from server.domain import calls
from server.domain.evidence import Spend
from server.domain.market import Contract
from server.domain.orders import Order
from server.ports import TransactionSigner

PAYOUT_VALIDITY = timedelta(hours=1)


async def payout_call(
    paddock: Paddock,
    signer: TransactionSigner,
    order: Order,
    contract: Contract,
    chosen: calls.SignedCalldata | None,
) -> bytes:
    """The call of the contract, signed by the delegate wallet; a refund in its place shares the nonce.

    By the token's EIP-3009, or else by Permit2. Raises SignerUnavailable.
    """
    market, asset = paddock.on(order.terms.network).market, paddock.asset_of(order)
    payer, nonce = order.authorization.payer, order_nonce(order.id)
    until = int((paddock.clock.now() + PAYOUT_VALIDITY).timestamp())
    if asset.method is Method.PERMIT2:
        pull = calls.Permit2Pull(asset.address, signer.address, order.price, int.from_bytes(nonce, "big"), until)
        signature = await signer.sign_digest(pull_digest(market.chain_id, contract.address, *pull[:1], *pull[2:]))
        return calls.spent_permit2(payer, pull, signature, chosen)
    payout = Transfer(signer.address, contract.address, order.price, 0, until, nonce)
    signature = await signer.sign_digest(authorization_digest(market.domain(asset), payout, RECEIVE_TYPE))
    return calls.spent_eip3009(asset.address, payer, payout, signature, chosen)


def outgoing(paddock: Paddock, order: Order, contract: str) -> Spend:
    """An order's price on its way from the delegate wallet to a contract, as the chain knows it."""
    market, method = paddock.on(order.terms.network).market, paddock.asset_of(order).method
    return Spend(method, order.terms.asset, market.delegate, order_nonce(order.id), contract, order.price)
