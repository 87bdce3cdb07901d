"""The devnet's well-known accounts: one name for each role, derived from anvil's public mnemonic."""

from functools import cache

from eth_account import Account
from eth_account.signers.local import LocalAccount

MNEMONIC = "test test test test test test test test test test test junk"

ROLES = (
    "deployer",
    "settler",
    "delegate",
    "merchant",
    "buyer",
    "approver",
    "receipts",
    "stranger",
    "foreign_buyer",
    "pauper",
    "float",
)


@cache
def account(role: str) -> LocalAccount:
    """The account of a role; its private key is public knowledge and good for nothing but a devnet."""
    Account.enable_unaudited_hdwallet_features()
    path = f"m/44'/60'/0'/0/{ROLES.index(role)}"
    derived: LocalAccount = Account.from_mnemonic(MNEMONIC, account_path=path)
    return derived
