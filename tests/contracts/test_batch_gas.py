"""What a payment costs in a batch, against one alone; the figures go to `var/gas.json`."""

import json
import secrets
from typing import Any, NamedTuple

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount

from scripts.solc import ROOT
from tests.contracts.devnet import TRANSFER, Devnet, typed_data

BATCH = 50
ITEM_GAS = 150_000
ONE_PAYEE, FIFTY_PAYEES = 0.67, 0.77


class Payment(NamedTuple):
    """A signed authorization: the values in their order, and v, r, s."""

    values: tuple[Any, ...]
    signature: tuple[int, bytes, bytes]

    def packed(self) -> bytes:
        """The item as BatchSettler documents it, in the (v, r, s) form."""
        payer, payee, value, after, before, nonce = self.values
        numbers = value.to_bytes(16, "big") + after.to_bytes(6, "big") + before.to_bytes(6, "big")
        v, r, s = self.signature
        parties = bytes.fromhex(payer[2:]) + bytes.fromhex(payee[2:])
        return bytes(parties + numbers + nonce + b"\0\0" + r + s + bytes([v]))


@pytest.fixture(scope="module")
def wallets(devnet: Devnet) -> tuple[list[LocalAccount], list[str]]:
    """Payers with money, and payees who were paid before."""
    payers = [Account.from_key(secrets.token_bytes(32)) for _ in range(BATCH)]
    payees = [Account.from_key(secrets.token_bytes(32)).address for _ in range(BATCH)]
    mint = devnet.contract("TestUSD").functions.mint
    for address in [*(payer.address for payer in payers), *payees]:
        devnet.send(mint(address, 1_000_000_000), "deployer")
    return payers, payees


def pay(devnet: Devnet, payer: LocalAccount, payee: str) -> Payment:
    asset = devnet.document["assets"][0]
    domain = typed_data(asset["name"], asset["version"], 31337, asset["address"])
    values = (payer.address, payee, 10_000, 0, devnet.now() + 600, secrets.token_bytes(32))
    message = dict(zip((member["name"] for member in TRANSFER), values, strict=True))
    signed = payer.sign_typed_data(domain, {"TransferWithAuthorization": TRANSFER}, message)
    return Payment(values, (signed.v, signed.r.to_bytes(32, "big"), signed.s.to_bytes(32, "big")))


def gas_of_one(devnet: Devnet, payment: Payment) -> int:
    form = "transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,uint8,bytes32,bytes32)"
    entry = devnet.contract("TestUSD").get_function_by_signature(form)
    receipt = devnet.send(entry(*payment.values, *payment.signature), "settler")
    assert receipt["status"] == 1
    return int(receipt["gasUsed"])


def gas_of_each(devnet: Devnet, payments: list[Payment]) -> float:
    """Gas per payment of one batch, every item of which must have settled."""
    settler = devnet.contract("BatchSettler")
    items = b"".join(payment.packed() for payment in payments)
    token = devnet.document["assets"][0]["address"]
    receipt = devnet.send(settler.functions.settle(token, ITEM_GAS, items), "settler", gas=20_000_000)
    results = [log for log in receipt["logs"] if log["address"] == settler.address]
    outcomes = [settler.events.SettlementResult().process_log(log)["args"] for log in results]
    assert [(outcome["index"], outcome["success"]) for outcome in outcomes] == [
        (index, True) for index in range(len(payments))
    ]
    assert [outcome["nonce"] for outcome in outcomes] == [payment.values[5] for payment in payments]
    return int(receipt["gasUsed"]) / len(payments)


def test_a_payment_in_a_batch_of_fifty_costs_two_thirds_of_one_alone(
    devnet: Devnet, wallets: tuple[list[LocalAccount], list[str]]
) -> None:
    payers, payees = wallets
    alone = gas_of_one(devnet, pay(devnet, payers[0], payees[0]))
    one_payee = gas_of_each(devnet, [pay(devnet, payer, payees[0]) for payer in payers])
    fifty_payees = gas_of_each(devnet, [pay(devnet, *pair) for pair in zip(payers, payees, strict=True)])
    figures = {"alone": alone, "batch_of_50_one_payee": one_payee, "batch_of_50_fifty_payees": fifty_payees}
    (ROOT / "var").mkdir(exist_ok=True)
    (ROOT / "var" / "gas.json").write_text(json.dumps(figures, indent=1) + "\n")
    assert one_payee <= ONE_PAYEE * alone, figures
    assert fifty_payees <= FIFTY_PAYEES * alone, figures
