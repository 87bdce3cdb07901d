"""What the order API tells: an order's terms as x402 has them, where it stands, and who a merchant is."""

from typing import Any

from protocol.networks import chain_id
from protocol.payment import Method
from protocol.wire import SCHEME_EXACT
from server.application.create_order import takes
from server.application.paddock import Paddock
from server.application.sign_choice import choice_of
from server.domain.market import Merchant
from server.domain.merchant_orders import MerchantOrder, status_of
from server.domain.orders import Order
from server.domain.states import PaymentState
from server.payments import mode_named, mode_of_orders

EXTENSION = "goatx402"


def payment_required(paddock: Paddock, order: Order, made: MerchantOrder) -> dict[str, Any]:
    """The body of the 402; its header is the same, encoded."""
    terms = order.terms
    flow = mode_named(terms.mode.name).flow(paddock.asset_of(order).method)
    extension = {
        "destinationChain": terms.network,
        "expiresAt": int(terms.expires_at.timestamp()),
        "paymentMethod": Method.TRANSFER,
        "receiveType": terms.mode.name,
    }
    to_sign: dict[str, Any] = {}
    choice = choice_of(paddock, order)
    if choice:
        extension["signatureEndpoint"] = f"{paddock.origin}/api/v1/orders/{order.id}/calldata-signature"
        extension["signatureExpiresAt"] = int(choice.sign_by.timestamp())
        to_sign["calldata_sign_request"] = choice.action.sign_request()
    left = int((terms.expires_at - paddock.clock.now()).total_seconds())
    return {
        "x402Version": 2,
        "resource": {"url": terms.resource_url, "description": f"Order {made.dapp_order_id} of {terms.merchant}"},
        "accepts": [
            {
                "scheme": SCHEME_EXACT,
                "network": terms.network,
                "amount": str(terms.amount),
                "asset": terms.asset,
                "payTo": terms.pay_to,
                "maxTimeoutSeconds": max(0, left),
                "extra": {"flow": flow, "tokenSymbol": made.symbol, "assetTransferMethod": Method.TRANSFER},
            }
        ],
        "extensions": {EXTENSION: extension},
        "order_id": order.id,
        "flow": flow,
        "token_symbol": made.symbol,
    } | to_sign


def order_view(paddock: Paddock, order: Order, made: MerchantOrder) -> dict[str, Any]:
    """Where it stands; the last two members once it is confirmed."""
    terms, status = order.terms, status_of(order, paddock.clock.now())
    is_paid = order.payment is PaymentState.SETTLED
    paid = {"tx_hash": order.settlement_tx, "confirmed_at": order.paid_at} if is_paid else {}
    return {
        "order_id": order.id,
        "merchant_id": terms.merchant,
        "dapp_order_id": made.dapp_order_id,
        "chain_id": chain_id(terms.network),
        "token_contract": terms.asset,
        "token_symbol": made.symbol,
        "from_address": order.authorization.payer,
        "amount_wei": str(terms.amount),
        "status": status,
    } | paid


def merchant_view(paddock: Paddock, merchant: Merchant) -> dict[str, Any]:
    """Where each asset is to be sent that the merchant is paid in."""
    mode = mode_of_orders(merchant)
    return {
        "merchant_id": merchant.id,
        "name": merchant.name,
        "logo": merchant.logo,
        "receive_type": mode.facts.name,
        "wallets": [
            {
                "address": mode.pay_to(ground.market, merchant),
                "chain_id": ground.market.chain_id,
                "token_symbol": asset.symbol,
                "token_contract": asset.address,
            }
            for ground in paddock.grounds.values()
            for asset in ground.market.assets
            if takes(ground, merchant, asset)
        ],
    }
