"""A payer, terms and a payment that the protocol's tests take apart."""

import msgspec
from eth_account import Account

from protocol import schemes
from protocol.payment import Payment
from protocol.wire import PaymentRequirements
from tests.stack import buyer

PAYER = Account.from_key("0x" + "42" * 32)
SHOP = "0x90F79bf6EB2c4f870365E785982E1f101E93b906"
ASSET = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
NOW = 1_800_000_000
ENTRY = {
    "scheme": "exact",
    "network": "eip155:31337",
    "amount": "50000",
    "asset": ASSET,
    "payTo": SHOP,
    "maxTimeoutSeconds": 60,
    "extra": {"name": "USDC", "version": "2", "quote": "1.abc.def", "quoteId": "abc"},
}


def requirements(**changes) -> PaymentRequirements:
    """ENTRY as our own type; `changes` by their x402 names."""
    return msgspec.convert(ENTRY | changes, PaymentRequirements)


def paid(**changes) -> dict:
    """A payment of ENTRY that is valid at NOW; `changes` alter the authorization before it is signed."""
    return buyer.payment(PAYER, ENTRY, **{"validBefore": str(NOW + 60)} | changes)


def read(payment: dict, **changes) -> Payment:
    """A payment as it is read under ENTRY with changes."""
    return schemes.read(requirements(**changes), payment["payload"])
