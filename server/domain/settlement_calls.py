"""The contract and the call by which a facilitator settles one payment, also of a wallet that is not there yet."""

from typing import Any

from eth_abi.abi import encode

from protocol.erc6492 import is_wrapped, unwrap
from protocol.errors import ProtocolError
from protocol.hashing import keccak
from protocol.payment import Delegated, Method, Payment
from protocol.schemes import is_by_key
from server.domain.calls import split_signature
from server.domain.market import Market
from server.domain.payment_calls import MOST_WALLET_GAS, payment_call

WALLET_SETTLER = "WalletSettler"
MOST_MAKING_GAS = 1_500_000
"""The most gas that making a wallet may use, as WalletSettler allows it."""
_DELEGATE_PAYMENT = "(address,address,uint256,address,bytes,bytes32,bytes32,uint256,bytes32)"
_PERMIT2_ERRORS = tuple(
    {"type": "error", "name": name, "inputs": [{"name": kind, "type": kind} for kind in kinds]}
    for name, kinds in {
        "InvalidNonce": (),
        "InvalidSigner": (),
        "InvalidSignature": (),
        "InvalidContractSignature": (),
        "SignatureExpired": ("uint256",),
    }.items()
)
_SETTLE = ("address", "bytes", "(address,address,address,uint256,uint256,uint256,bytes32,bytes)")


def makes_wallet(payment: Payment) -> bool:
    """Whether its signature comes with what makes its wallet first (ERC-6492).

    By EIP-3009 alone: a wallet that pays by Permit2 has approved it, so it is there. An executor makes no wallets.
    """
    direct = payment.method is Method.EIP3009 and payment.delegated is None
    return direct and is_wrapped(payment.signature)


def settlement_call(market: Market, payment: Payment, amount: int) -> tuple[str, bytes]:
    """Contract and call, for `amount` atomic units where the scheme leaves a choice.

    A wallet is made only by a factory that the market lists, and by WalletSettler: whoever calls a factory lends it
    its own address and gas. Raises ProtocolError for any other.
    """
    if payment.delegated is not None:
        return payment.to, execute_call(payment, payment.delegated)
    if not makes_wallet(payment):
        return payment_call(payment, amount)
    factory, deployment, signature = unwrap(payment.signature)
    settler = market.contracts.get(WALLET_SETTLER)
    if settler is None:
        detail = "no wallet is made on this network: deploy it first, and sign without the wrapping"
        raise ProtocolError("invalid_exact_evm_payload_undeployed_smart_wallet", detail)
    if factory not in market.factories:
        detail = f"no wallet is made by factory {factory}: deploy it first, and sign without the wrapping"
        raise ProtocolError("eip6492_factory_not_allowed", detail)
    values = (payment.asset, *payment.transfer, signature)
    head = keccak(f"settle({','.join(_SETTLE)})".encode())[:4]
    return settler.address, head + encode(_SETTLE, [factory, deployment, values])


def execute_call(payment: Payment, action: Delegated) -> bytes:
    """The executor's call; by EIP-3009, for a signature that is no key's, the form that asks the payer's code."""
    values = (
        *(payment.payer, payment.asset, payment.value, action.target, action.calldata),
        *(action.order, action.quote_hash, payment.valid_before, action.salt),
    )
    name, kinds, signed = _execute_form(payment)
    types = (_DELEGATE_PAYMENT, *kinds)
    return keccak(f"{name}({','.join(types)})".encode())[:4] + encode(types, (values, *signed))


def _execute_form(payment: Payment) -> tuple[str, tuple[str, ...], tuple[Any, ...]]:
    """The executor's function, and how it takes the signature: types and values."""
    if payment.method is Method.PERMIT2:
        return "executePermit2", ("bytes",), (payment.signature,)
    if is_by_key(payment):
        return "executeEip3009", ("uint8", "bytes32", "bytes32"), split_signature(payment.signature)
    return "executeEip3009Bytes", ("bytes",), (payment.signature,)


def most_gas(market: Market, payment: Payment) -> int:
    """The most gas that settling it may use where code of the payer's or of a merchant's choice runs in it."""
    if payment.delegated is not None:
        return market.execution_gas
    return MOST_WALLET_GAS + (MOST_MAKING_GAS if makes_wallet(payment) else 0)


def errors_of(market: Market, payment: Payment) -> tuple[dict[str, Any], ...]:
    """The ABI by which a failed settlement explains itself: of whatever it runs beside the token."""
    by_permit2 = _PERMIT2_ERRORS if payment.method is Method.PERMIT2 else ()
    if payment.delegated is None:
        return by_permit2
    ran = (payment.to, payment.delegated.target)
    own = (item for contract in market.contracts.values() if contract.address in ran for item in contract.abi)
    return (*own, *by_permit2)
