"""The payment by which an order's money goes back: what is signed for it, and the document that a merchant signs."""

from dataclasses import replace
from typing import Any

from protocol.payment import EXACT_PROXY, PERMIT2, Method, Payment
from protocol.permit2 import Permit, permit_digest
from protocol.typed_data import Transfer, authorization_digest, order_nonce
from protocol.wire import SCHEME_EXACT
from server.domain.market import Asset, Market
from server.domain.orders import Order

_UINT, _ADDRESS = "uint256", "address"
_TRANSFER = {
    "from": _ADDRESS,
    "to": _ADDRESS,
    "value": _UINT,
    "validAfter": _UINT,
    "validBefore": _UINT,
    "nonce": "bytes32",
}
_PERMIT = {
    "PermitWitnessTransferFrom": {
        "permitted": "TokenPermissions",
        "spender": _ADDRESS,
        "nonce": _UINT,
        "deadline": _UINT,
        "witness": "Witness",
    },
    "TokenPermissions": {"token": _ADDRESS, "amount": _UINT},
    "Witness": {"to": _ADDRESS, "validAfter": _UINT},
}
_DOMAIN = {"name": "string", "version": "string", "chainId": _UINT, "verifyingContract": _ADDRESS}


def refund_payment(
    market: Market, asset: Asset, order: Order, wallet: str, value: int, valid_before: int, signature: bytes = b""
) -> Payment:
    """A wallet's authorization of `value` atomic units to the order's payer, by the nonce of the order's next refund.

    By EIP-3009 where the token has it, else by Permit2 through x402's proxy for exact payments, whose witness fixes the
    payer. So token or Permit2 lets one wallet's money for one refund move once, whoever submits it and however often.
    """
    payer, nonce = order.authorization.payer, order_nonce(order.refund_name)
    domain = market.domain(asset) if asset.method is Method.EIP3009 else None
    if domain:
        signed = authorization_digest(domain, Transfer(wallet, payer, value, 0, valid_before, nonce))
    else:
        number = int.from_bytes(nonce, "big")
        signed = permit_digest(market.chain_id, Permit(wallet, asset.address, value, number, valid_before, payer, 0))
    return Payment(
        SCHEME_EXACT,
        asset.method,
        market.network,
        asset.address,
        wallet,
        payer,
        value,
        0,
        valid_before,
        nonce,
        signed=signed,
        signature=signature,
        domain=domain,
    )


def with_signature(payment: Payment, signature: bytes) -> Payment:
    """The same payment, signed."""
    return replace(payment, signature=signature)


def document(market: Market, payment: Payment) -> dict[str, Any]:
    """The payment as an EIP-712 document (`eth_signTypedData_v4`); numbers are decimal strings."""
    if payment.domain:
        domain = {"name": payment.domain.name, "version": payment.domain.version}
        values = [str(value) for value in payment.transfer[2:5]]
        message: dict[str, Any] = dict(
            zip(_TRANSFER, (payment.payer, payment.to, *values, "0x" + payment.nonce.hex()), strict=True)
        )
        return _document(domain, market.chain_id, payment.asset, {"TransferWithAuthorization": _TRANSFER}, message)
    message = {
        "permitted": {"token": payment.asset, "amount": str(payment.value)},
        "spender": EXACT_PROXY,
        "nonce": str(int.from_bytes(payment.nonce, "big")),
        "deadline": str(payment.valid_before),
        "witness": {"to": payment.to, "validAfter": str(payment.valid_after)},
    }
    return _document({"name": "Permit2"}, market.chain_id, PERMIT2, _PERMIT, message)


def _document(
    named: dict[str, str], chain_id: int, contract: str, types: dict[str, dict[str, str]], message: dict[str, Any]
) -> dict[str, Any]:
    """The first of `types` is the primary one."""
    domain = {**named, "chainId": chain_id, "verifyingContract": contract}
    declared = {"EIP712Domain": {name: kind for name, kind in _DOMAIN.items() if name in domain}, **types}
    return {
        "domain": domain,
        "types": {name: [{"name": k, "type": t} for k, t in fields.items()] for name, fields in declared.items()},
        "primaryType": next(iter(types)),
        "message": message,
    }
