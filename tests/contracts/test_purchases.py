"""Purchases of passes on a devnet, signed by eth-account: an implementation of EIP-712 that is not forge's."""

from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from web3.logs import DISCARD
from web3.types import TxParams, TxReceipt

from scripts.accounts import account
from tests.contracts.devnet import TRANSFER, Devnet, members, typed_data

COMMON = members(
    "address token",
    "address owner",
    "address payer",
    "uint256 amount",
    "bytes32 orderId",
    "uint256 calldataNonce",
    "uint256 deadline",
    "bytes32 calldataHash",
)
OURS = [*COMMON, *members("bytes32 paymentNonce")]


def pull(devnet: Devnet, contract: str, amount: int, nonce: bytes) -> tuple[Any, ...]:
    """The delegate wallet's authorization to a callback, as the entries take it: validity, nonce, v, r, s."""
    asset = devnet.document["assets"][0]
    domain = typed_data(asset["name"], asset["version"], 31337, asset["address"])
    until = devnet.now() + 600
    message = {
        "from": account("delegate").address,
        "to": contract,
        "value": amount,
        "validAfter": 0,
        "validBefore": until,
        "nonce": nonce,
    }
    signed = account("delegate").sign_typed_data(domain, {"ReceiveWithAuthorization": TRANSFER}, message)
    return (0, until, nonce, signed.v, signed.r.to_bytes(32, "big"), signed.s.to_bytes(32, "big"))


def fund(devnet: Devnet, amount: int) -> None:
    """The buyer's payment to the delegate wallet."""
    transfer = devnet.contract("TestUSD").functions.transfer(account("delegate").address, amount)
    assert devnet.send(transfer, "buyer")["status"] == 1


def buy(devnet: Devnet, name: str, order: str) -> TxReceipt:
    """The base entry: what an unmodified x402 client's payment becomes."""
    contract = devnet.contract(name)
    price = contract.functions.PRICE().call()
    fund(devnet, price)
    entry = contract.functions.x402SpentEip3009(
        devnet.document["assets"][0]["address"],
        account("buyer").address,
        account("delegate").address,
        price,
        *pull(devnet, contract.address, price, keccak(text=order)),
    )
    return devnet.send(entry, "delegate")


def test_a_payment_mints_a_pass_for_the_buyer(devnet: Devnet) -> None:
    receipt = buy(devnet, "AccessPass", "order-base")
    contract = devnet.contract("AccessPass")
    (log,) = contract.events.PassMinted().process_receipt(receipt, errors=DISCARD)
    minted = log["args"]
    assert minted["orderId"] == keccak(text="order-base")
    assert minted["payer"] == account("buyer").address
    assert contract.functions.ownerOf(minted["passId"]).call() == account("buyer").address
    assert minted["expiresAt"] == devnet.now() + 30 * 86_400
    assert contract.functions.isConsumed(keccak(text="order-base")).call()


def test_the_second_launch_pass_is_sold_out_and_the_same_nonce_refunds_the_buyer(devnet: Devnet) -> None:
    assert buy(devnet, "LaunchPass", "order-launch-1")["status"] == 1
    balance = devnet.contract("TestUSD").functions.balanceOf(account("buyer").address)
    before = balance.call()
    receipt = buy(devnet, "LaunchPass", "order-launch-2")
    assert receipt["status"] == 0
    transaction = devnet.web3.eth.get_transaction(receipt["transactionHash"])
    again: TxParams = {"from": transaction["from"], "to": transaction["to"], "data": transaction["input"]}
    assert devnet.error(again) == keccak(text="SoldOut(uint256)")[:4] + (1).to_bytes(32, "big")
    refund(devnet, keccak(text="order-launch-2"), 2_500_000)
    assert balance.call() == before


def refund(devnet: Devnet, nonce: bytes, amount: int) -> None:
    """The delegate wallet's authorization back to the buyer, with the payout's nonce, submitted by a stranger."""
    asset = devnet.document["assets"][0]
    domain = typed_data(asset["name"], asset["version"], 31337, asset["address"])
    until = devnet.now() + 600
    parties = (account("delegate").address, account("buyer").address)
    values = (*parties, amount, 0, until, nonce)
    message = dict(zip((member["name"] for member in TRANSFER), values, strict=True))
    signed = account("delegate").sign_typed_data(domain, {"TransferWithAuthorization": TRANSFER}, message)
    form = "transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,bytes)"
    entry = devnet.contract("TestUSD").get_function_by_signature(form)
    assert devnet.send(entry(*values, bytes(signed.signature)), "stranger")["status"] == 1


@pytest.mark.parametrize("struct", ["Eip3009CallbackPayment", "Eip3009CallbackData"])
def test_a_signed_choice_mints_for_whom_the_buyer_named(devnet: Devnet, struct: str) -> None:
    contract = devnet.contract("AccessPass")
    price = contract.functions.PRICE().call()
    fund(devnet, price)
    order = keccak(text=f"order-{struct}")
    action = keccak(text="mintTo(address)")[:4] + encode(["address"], [account("approver").address])
    deadline = devnet.now() + 600
    message = {
        "token": devnet.document["assets"][0]["address"],
        "owner": account("delegate").address,
        "payer": account("buyer").address,
        "amount": price,
        "orderId": order,
        "calldataNonce": int.from_bytes(order, "big"),
        "deadline": deadline,
        "calldataHash": keccak(action),
        "paymentNonce": order,
    }
    declared = OURS if struct == "Eip3009CallbackPayment" else COMMON
    chosen = {member["name"]: message[member["name"]] for member in declared}
    domain = typed_data("GoatX402 Pay Callback", "1", 31337, contract.address)
    signed = account("buyer").sign_typed_data(domain, {struct: declared}, chosen)
    entry = contract.functions.x402SpentEip3009WithCalldata(
        message["token"],
        message["payer"],
        message["owner"],
        price,
        *pull(devnet, contract.address, price, order),
        action,
        order,
        message["calldataNonce"],
        deadline,
        signed.v,
        signed.r.to_bytes(32, "big"),
        signed.s.to_bytes(32, "big"),
    )
    before = contract.functions.balanceOf(account("approver").address).call()
    assert devnet.send(entry, "delegate")["status"] == 1
    assert contract.functions.balanceOf(account("approver").address).call() == before + 1
