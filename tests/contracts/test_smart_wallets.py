"""Smart wallets on the devnet: paid to before they exist, and paying by a signature that says how to make them."""

import secrets

import pytest
from eth_abi.abi import decode
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from scripts.accounts import account
from tests.contracts.devnet import TRANSFER, Devnet, typed_data
from tests.contracts.wallets import MAGIC, before_deployment, wallet_signature
from tests.stack.anvil import CHAIN_ID

BYTES = "transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,bytes)"


@pytest.mark.parametrize("name", ["TestUSD", "FiatTokenV2_2"])
def test_a_counterfactual_wallet_pays_with_a_signature_that_makes_it_first(devnet: Devnet, name: str) -> None:
    owner, salt = Account.create(), secrets.token_bytes(32)
    factory, token = devnet.contract("SmartWalletFactory"), devnet.contract(name)
    wallet = factory.functions.addressOf(owner.address, salt).call()
    assert devnet.send(token.functions.mint(wallet, 1_000_000), "deployer")["status"] == 1

    values = (wallet, account("merchant").address, 300_000, 0, devnet.now() + 600, secrets.token_bytes(32))
    message = dict(zip((member["name"] for member in TRANSFER), values, strict=True))
    (asset,) = [row for row in devnet.document["assets"] if row["address"] == token.address]
    domain = typed_data(asset["name"], asset["version"], CHAIN_ID, token.address)
    typed = encode_typed_data(domain, {"TransferWithAuthorization": TRANSFER}, message)
    digest = keccak(b"\x19\x01" + typed.header + typed.body)
    sent = before_deployment(factory, owner, salt, wallet_signature(owner, wallet, digest))

    assert sent.endswith(MAGIC)
    target, call, signature = decode(["address", "bytes", "bytes"], sent[:-32])
    pay = token.get_function_by_signature(BYTES)(*values, signature)
    assert devnet.send(pay, "settler")["status"] == 0, "there is no wallet to ask yet"
    made = devnet.web3.eth.send_transaction(
        {"from": account("settler").address, "to": to_checksum_address(target), "data": call}
    )
    assert devnet.web3.eth.wait_for_transaction_receipt(made, poll_latency=0.02)["status"] == 1
    assert devnet.send(pay, "settler")["status"] == 1
    assert token.functions.balanceOf(wallet).call() == 700_000
