"""Signatures of SmartWallet as a client makes them, for wallets that exist (ERC-1271) or do not yet (ERC-6492)."""

from eth_abi.abi import encode
from eth_account.signers.local import LocalAccount
from web3.contract import Contract

from tests.contracts.devnet import members, typed_data
from tests.stack.anvil import CHAIN_ID

MAGIC = bytes.fromhex("6492" * 16)
"""How an ERC-6492 signature ends."""


def wallet_signature(owner: LocalAccount, wallet: str, digest: bytes) -> bytes:
    """The owner's signature by which `wallet`, and no other account, signs an EIP-712 digest."""
    domain = typed_data("Paddock Smart Wallet", "1", CHAIN_ID, wallet)
    signed = owner.sign_typed_data(domain, {"WalletMessage": members("bytes32 hash")}, {"hash": digest})
    return bytes(signed.signature)


def deployment(factory: Contract, owner: LocalAccount, salt: bytes) -> bytes:
    """The call of the factory that makes the wallet."""
    return bytes.fromhex(factory.encode_abi("deploy", [owner.address, salt])[2:])


def before_deployment(factory: Contract, owner: LocalAccount, salt: bytes, signature: bytes) -> bytes:
    """The signature of a wallet that is yet to be made, with how to make it."""
    parts = (factory.address, deployment(factory, owner, salt), signature)
    return encode(["address", "bytes", "bytes"], parts) + MAGIC
