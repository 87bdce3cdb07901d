"""Wallets that come to be on the fake chain: their factory, and what makes a wallet and settles its payment."""

from contextlib import suppress

from eth_abi.abi import decode, encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from server.domain.errors import Reverted
from tests.fakes.evm import Contract, Frame, address_of, revert, selector
from tests.fakes.tokens import BYTES
from tests.fakes.wallets import owned

FACTORY, WALLET_SETTLER = (to_checksum_address("0x" + digits * 20) for digits in ("fa", "5f"))
_DEPLOY = "deploy(address,bytes32)"
_PAYMENT = "(address,address,address,uint256,uint256,uint256,bytes32,bytes)"
_PAY = f"transferWithAuthorization({','.join(BYTES)})"


def address_to_be(owner: str, salt: bytes) -> str:
    """Where the factory makes the wallet of an owner."""
    return str(to_checksum_address(keccak(encode(["address", "bytes32"], [owner, salt]))[12:]))


def deployment(owner: str, salt: bytes) -> bytes:
    """The call of the factory that makes it."""
    return selector(_DEPLOY) + encode(["address", "bytes32"], [owner, salt])


def _deploy(_factory: Contract, frame: Frame, _sender: str, arguments: bytes) -> bytes:
    owner, salt = decode(("address", "bytes32"), arguments)
    wallet = address_to_be(owner, salt)
    if frame.at(wallet) is None:
        frame.state.made[wallet] = owned(address_of(owner), wallet)
    return encode(["address"], [wallet])


def _settle(settler: Contract, frame: Frame, _sender: str, arguments: bytes) -> bytes:
    factory, call, (token, payer, *terms) = decode(("address", "bytes", _PAYMENT), arguments)
    payer = address_of(payer)
    if frame.at(payer) is None:
        with suppress(Reverted):
            frame.call(settler.address, address_of(factory), call)
        if frame.at(payer) is None:
            raise revert("WalletNotMade(address,address)", payer, factory)
    frame.call(settler.address, address_of(token), selector(_PAY) + encode(BYTES, [payer, *terms]))
    return b""


NEW_WALLET_CONTRACTS = (
    Contract(FACTORY, {_DEPLOY: _deploy}),
    Contract(WALLET_SETTLER, {f"settle(address,bytes,{_PAYMENT})": _settle}),
)
