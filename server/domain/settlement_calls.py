"""The contract and the call by which a facilitator settles one payment, also of a wallet that is not there yet."""

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from protocol.erc6492 import is_wrapped, unwrap
from protocol.errors import ProtocolError
from protocol.payment import Method, Payment
from server.domain.market import Market
from server.domain.payment_calls import MOST_WALLET_GAS, payment_call

WALLET_SETTLER = "WalletSettler"
MOST_MAKING_GAS = 1_500_000
"""The most gas that making a wallet may use, as WalletSettler allows it."""
_SETTLE = ("address", "bytes", "(address,address,address,uint256,uint256,uint256,bytes32,bytes)")


def makes_wallet(payment: Payment) -> bool:
    """Whether its signature comes with what makes its wallet first (ERC-6492).

    By EIP-3009 alone: a wallet that pays by Permit2 has approved it, so it is there.
    """
    return payment.method is Method.EIP3009 and is_wrapped(payment.signature)


def settlement_call(market: Market, payment: Payment, amount: int) -> tuple[str, bytes]:
    """Contract and call, for `amount` atomic units where the scheme leaves a choice.

    A wallet is made only by a factory that the market lists, and by WalletSettler: whoever calls a factory lends it
    its own address and gas. Raises ProtocolError for any other.
    """
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


def most_gas(payment: Payment) -> int:
    """The most gas that settling it may use where code of the payer's choice runs in it."""
    return MOST_WALLET_GAS + (MOST_MAKING_GAS if makes_wallet(payment) else 0)
