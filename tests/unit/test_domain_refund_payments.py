"""What is signed to give an order's money back, and the document that wallets show of it."""

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak

from protocol.payment import EXACT_PROXY, PERMIT2, Method
from protocol.typed_data import order_nonce
from server.domain.evidence import spend_of
from server.domain.market import Asset, Market
from server.domain.refund_payments import document, refund_payment
from tests.fakes import samples

SHOP = Account.create()
DOLLAR = Asset("0x" + "70" * 20, "USDC", "2", 6, "USDC")
DAI = Asset("0x" + "da" * 20, "Dai Stablecoin", "1", 18, "DAI", Method.PERMIT2)
MARKET = Market(31337, (DOLLAR, DAI), "0x" + "de" * 20, {})
both = pytest.mark.parametrize("asset", [DOLLAR, DAI], ids=lambda asset: asset.symbol)


@both
def test_what_a_wallet_signs_from_the_document_is_the_refund(asset):
    payment = refund_payment(MARKET, asset, samples.order(), SHOP.address, 10**21, 2_000_000_000)
    signable = encode_typed_data(full_message=document(MARKET, payment))
    assert keccak(b"\x19\x01" + signable.header + signable.body) == payment.signed


@both
def test_f24_a_wallets_refunds_of_one_order_share_a_nonce_whatever_else_differs(asset):
    order, other = samples.order(), samples.order()
    first = refund_payment(MARKET, asset, order, SHOP.address, 5, 1_000)
    second = refund_payment(MARKET, asset, order, SHOP.address, 7, 2_000)
    assert first.signed != second.signed
    assert first.nonce == second.nonce == order_nonce(order.id)
    assert refund_payment(MARKET, asset, other, SHOP.address, 5, 1_000).nonce != first.nonce


@both
def test_the_money_can_go_to_nobody_but_the_payer(asset):
    order = samples.order()
    payment = refund_payment(MARKET, asset, order, SHOP.address, 5, 1_000)
    assert (spend_of(payment).to, payment.payer) == (order.authorization.payer, SHOP.address)
    shown = document(MARKET, payment)
    if asset is DAI:
        assert shown["message"]["witness"]["to"] == order.authorization.payer
        assert (shown["message"]["spender"], shown["domain"]["verifyingContract"]) == (EXACT_PROXY, PERMIT2)
    else:
        assert shown["message"]["to"] == order.authorization.payer
