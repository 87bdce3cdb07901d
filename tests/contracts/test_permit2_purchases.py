"""Payments by Permit2 that the official Python SDK signs, settled by its ABI of the proxies."""

import warnings
from typing import Any

import pytest
from eth_account import Account
from web3.contract import Contract
from web3.types import TxReceipt

from scripts.accounts import account
from scripts.etch import EXACT_PROXY, PERMIT2, UPTO_PROXY
from tests.contracts.devnet import Devnet, typed_data

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from x402 import x402ClientSync
    from x402.mechanisms.evm import EthAccountSigner, constants
    from x402.mechanisms.evm.exact import ExactEvmScheme
    from x402.mechanisms.evm.upto.client import UptoEvmScheme
    from x402.schemas import PaymentPayload, PaymentRequired, PaymentRequirements

DAI = 10**18
EXACT_ABI = [*constants.X402_EXACT_PERMIT2_PROXY_ABI, *constants.X402_EXACT_PERMIT2_PROXY_SETTLE_WITH_PERMIT_ABI]
UPTO_ABI = [*constants.X402_UPTO_PERMIT2_PROXY_ABI, *constants.X402_UPTO_PERMIT2_PROXY_SETTLE_WITH_PERMIT_ABI]
every_scheme = pytest.mark.parametrize("scheme", ["exact", "upto"])


def terms(devnet: Devnet, scheme: str, amount: int, contract: str = "TestDAI") -> PaymentRequirements:
    """What a server would ask for; the role `settler` is the facilitator."""
    address = devnet.contract(contract).address
    (asset,) = [row for row in devnet.document["assets"] if row["address"] == address]
    extra = {"name": asset["name"], "version": asset["version"], "assetTransferMethod": "permit2"}
    return PaymentRequirements(
        scheme=scheme,
        network="eip155:31337",
        asset=address,
        amount=str(amount),
        pay_to=account("merchant").address,
        max_timeout_seconds=600,
        extra=extra | {"facilitatorAddress": account("settler").address},
    )


def pay(requirements: PaymentRequirements, payer: Any) -> PaymentPayload:
    """The payment as the official client makes it."""
    client = x402ClientSync()
    client.set_spend_controls(False)
    client.register("eip155:*", ExactEvmScheme(signer=EthAccountSigner(payer)))
    client.register("eip155:*", UptoEvmScheme(signer=EthAccountSigner(payer)))
    payload = client.create_payment_payload(PaymentRequired(x402_version=2, accepts=[requirements]))
    assert isinstance(payload, PaymentPayload)
    return payload


def proxy(devnet: Devnet, scheme: str) -> Contract:
    """The etched proxy, as the SDK knows it."""
    address, abi = (EXACT_PROXY, EXACT_ABI) if scheme == "exact" else (UPTO_PROXY, UPTO_ABI)
    contract: Contract = devnet.web3.eth.contract(address=devnet.web3.to_checksum_address(address), abi=abi)
    return contract


def arguments(payload: PaymentPayload, taken: int) -> tuple[Any, ...]:
    """The arguments of `settle` from what the client sent; `taken` is for `upto`."""
    signed = payload.payload["permit2Authorization"]
    witness, permitted = signed["witness"], signed["permitted"]
    permit = ((permitted["token"], int(permitted["amount"])), int(signed["nonce"]), int(signed["deadline"]))
    signature = bytes.fromhex(payload.payload["signature"][2:])
    if payload.accepted.scheme == "exact":
        return (permit, signed["from"], (witness["to"], int(witness["validAfter"])), signature)
    named = (witness["to"], witness["facilitator"], int(witness["validAfter"]))
    return (permit, taken, signed["from"], named, signature)


def settle(devnet: Devnet, payload: PaymentPayload, taken: int, role: str = "settler") -> TxReceipt:
    scheme = payload.accepted.scheme
    return devnet.send(proxy(devnet, scheme).functions.settle(*arguments(payload, taken)), role)


def balances(devnet: Devnet, payer: str) -> tuple[int, int]:
    """Payer's and merchant's."""
    balance = devnet.contract("TestDAI").functions.balanceOf
    return balance(payer).call(), balance(account("merchant").address).call()


def test_the_sdk_knows_the_proxies_at_these_addresses() -> None:
    assert constants.X402_EXACT_PERMIT2_PROXY_ADDRESS.lower() == EXACT_PROXY.lower()
    assert constants.X402_UPTO_PERMIT2_PROXY_ADDRESS.lower() == UPTO_PROXY.lower()


def test_an_exact_payment_moves_all_of_it_once_whoever_submits_it(devnet: Devnet) -> None:
    buyer = account("buyer")
    payload = pay(terms(devnet, "exact", 3 * DAI), buyer)
    poorer, richer = balances(devnet, buyer.address)
    assert settle(devnet, payload, 0, "stranger")["status"] == 1
    assert settle(devnet, payload, 0, "stranger")["status"] == 0
    assert balances(devnet, buyer.address) == (poorer - 3 * DAI, richer + 3 * DAI)


def test_an_upto_payment_moves_what_the_named_facilitator_says(devnet: Devnet) -> None:
    buyer = account("buyer")
    payload = pay(terms(devnet, "upto", 5 * DAI), buyer)
    poorer, richer = balances(devnet, buyer.address)
    assert settle(devnet, payload, 2 * DAI, "stranger")["status"] == 0
    assert settle(devnet, payload, 5 * DAI + 1)["status"] == 0
    assert settle(devnet, payload, 2 * DAI)["status"] == 1
    assert settle(devnet, payload, 2 * DAI)["status"] == 0
    assert balances(devnet, buyer.address) == (poorer - 2 * DAI, richer + 2 * DAI)


@every_scheme
@pytest.mark.parametrize("contract", ["TestUSD", "FiatTokenV2_2"])
def test_the_other_assets_can_be_paid_with_by_permit2_too(devnet: Devnet, scheme: str, contract: str) -> None:
    token = devnet.contract(contract).functions
    before = token.balanceOf(account("merchant").address).call()
    payload = pay(terms(devnet, scheme, 70_000, contract), account("foreign_buyer"))
    assert settle(devnet, payload, 70_000)["status"] == 1
    assert token.balanceOf(account("merchant").address).call() == before + 70_000


@every_scheme
def test_a_payer_who_never_approved_permit2_sends_a_permit_along(devnet: Devnet, scheme: str) -> None:
    payer = Account.create()
    devnet.send(devnet.contract("TestDAI").functions.mint(payer.address, 9 * DAI), "deployer")
    requirements = terms(devnet, scheme, 4 * DAI)
    payload = pay(requirements, payer)
    assert settle(devnet, payload, 4 * DAI)["status"] == 0
    extra, deadline = requirements.extra, int(payload.payload["permit2Authorization"]["deadline"])
    domain = typed_data(extra["name"], extra["version"], 31337, requirements.asset)
    message = {"owner": payer.address, "spender": PERMIT2, "value": 4 * DAI, "nonce": 0, "deadline": deadline}
    signed = payer.sign_typed_data(domain, constants.EIP2612_PERMIT_TYPES, message)
    permit2612 = (4 * DAI, deadline, signed.r.to_bytes(32, "big"), signed.s.to_bytes(32, "big"), signed.v)
    entry = proxy(devnet, scheme).functions.settleWithPermit(permit2612, *arguments(payload, 3 * DAI))
    _, richer = balances(devnet, payer.address)
    assert devnet.send(entry, "settler")["status"] == 1
    moved = 4 * DAI if scheme == "exact" else 3 * DAI
    assert balances(devnet, payer.address) == (9 * DAI - moved, richer + moved)
