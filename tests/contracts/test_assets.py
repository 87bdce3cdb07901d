"""The devnet's assets: each is what the file says it is, and the paying roles can pay in all of them."""

import secrets
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak
from web3.contract import Contract

from scripts.accounts import account
from scripts.etch import PERMIT2
from tests.contracts.devnet import TRANSFER, Devnet, make, typed_data
from tests.contracts.wallets import wallet_signature

DOMAIN = keccak(text="EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
VRS = "transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,uint8,bytes32,bytes32)"
BYTES = "transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,bytes)"
SYMBOLS = {"TestUSD": "USDC", "FiatTokenV2_2": "FUSDC", "TestDAI": "DAI"}
every_asset = pytest.mark.parametrize("contract", SYMBOLS)


@pytest.fixture
def fusdc(devnet: Devnet) -> Contract:
    """The token that Circle deploys."""
    return devnet.contract("FiatTokenV2_2")


def asset(devnet: Devnet, contract: str) -> dict[str, Any]:
    address = devnet.contract(contract).address
    (found,) = [row for row in devnet.document["assets"] if row["address"] == address]
    return dict(found)


@every_asset
def test_the_file_says_of_an_asset_what_its_token_says(devnet: Devnet, contract: str) -> None:
    row, token = asset(devnet, contract), devnet.contract(contract)
    assert row["symbol"] == token.functions.symbol().call() == SYMBOLS[contract]
    assert row["decimals"] == token.functions.decimals().call()
    words = (DOMAIN, keccak(text=row["name"]), keccak(text=row["version"]), 31337, token.address)
    separator = keccak(encode(["bytes32", "bytes32", "bytes32", "uint256", "address"], words))
    assert token.functions.DOMAIN_SEPARATOR().call() == separator
    knows_eip3009 = any(entry.get("name") == "transferWithAuthorization" for entry in token.abi)
    assert row["method"] == ("eip3009" if knows_eip3009 else "permit2")


def test_the_first_asset_is_the_one_that_everything_is_sold_for(devnet: Devnet) -> None:
    assert [row["symbol"] for row in devnet.document["assets"]] == ["USDC", "FUSDC", "DAI"]


@every_asset
@pytest.mark.parametrize("role", ["buyer", "foreign_buyer"])
def test_the_paying_roles_have_money_and_let_permit2_move_it(devnet: Devnet, contract: str, role: str) -> None:
    token, payer = devnet.contract(contract).functions, account(role).address
    assert token.balanceOf(payer).call() == 1_000_000 * 10 ** token.decimals().call()
    assert token.allowance(payer, PERMIT2).call() == 2**256 - 1


@every_asset
def test_nobody_else_has_money_or_lets_permit2_move_it(devnet: Devnet, contract: str) -> None:
    token, pauper = devnet.contract(contract).functions, account("pauper").address
    assert (token.balanceOf(pauper).call(), token.allowance(pauper, PERMIT2).call()) == (0, 0)


def authorization(devnet: Devnet, signer: LocalAccount, payer: str, value: int) -> tuple[tuple[Any, ...], bytes]:
    """EIP-3009 values in their order, and the digest that the payer signs; `signer` is the payer or its key."""
    row = asset(devnet, "FiatTokenV2_2")
    domain = typed_data(row["name"], row["version"], 31337, row["address"])
    values = (payer, account("merchant").address, value, 0, devnet.now() + 600, secrets.token_bytes(32))
    message = dict(zip((member["name"] for member in TRANSFER), values, strict=True))
    signed = signer.sign_typed_data(domain, {"TransferWithAuthorization": TRANSFER}, message)
    return values, bytes(signed.message_hash)


@pytest.mark.parametrize("form", [VRS, BYTES])
def test_fusdc_takes_authorizations_in_both_forms_and_each_once(devnet: Devnet, fusdc: Contract, form: str) -> None:
    buyer = account("buyer")
    values, digest = authorization(devnet, buyer, buyer.address, 250_000)
    signed = buyer.unsafe_sign_hash(digest)
    parts = (signed.v, signed.r.to_bytes(32, "big"), signed.s.to_bytes(32, "big"))
    entry = fusdc.get_function_by_signature(form)(*values, *(parts if form == VRS else (bytes(signed.signature),)))
    balance = fusdc.functions.balanceOf(account("merchant").address)
    before = balance.call()
    assert devnet.send(entry, "stranger")["status"] == 1
    assert devnet.send(entry, "stranger")["status"] == 0
    assert balance.call() == before + 250_000
    assert fusdc.functions.authorizationState(buyer.address, values[5]).call()


def test_fusdc_takes_the_signature_of_a_smart_wallet(devnet: Devnet, fusdc: Contract) -> None:
    owner = Account.create()
    wallet = make(devnet.anvil, "SmartWallet", owner.address)
    assert devnet.send(fusdc.functions.mint(wallet.address, 1_000_000), "deployer")["status"] == 1
    values, digest = authorization(devnet, owner, wallet.address, 400_000)
    signature = wallet_signature(owner, wallet.address, digest)
    entry = fusdc.get_function_by_signature(BYTES)(*values, signature)
    assert devnet.send(entry, "stranger")["status"] == 1
    assert fusdc.functions.balanceOf(wallet.address).call() == 600_000


def test_fusdc_is_initialised_to_the_end_and_nobody_can_do_it_again(devnet: Devnet, fusdc: Contract) -> None:
    thief = account("stranger").address
    again = [
        fusdc.functions.initialize("x", "x", "x", 6, thief, thief, thief, thief),
        fusdc.functions.initializeV2("x"),
        fusdc.functions.initializeV2_1(thief),
        fusdc.functions.initializeV2_2([], "x"),
    ]
    assert [devnet.send(entry, "stranger")["status"] for entry in again] == [0, 0, 0, 0]
    offices = (fusdc.functions.owner, fusdc.functions.masterMinter, fusdc.functions.pauser, fusdc.functions.blacklister)
    assert {office().call() for office in offices} == {account("deployer").address}
    assert fusdc.functions.isBlacklisted(fusdc.address).call(), "as every upgraded USDC has it"


def test_fusdc_can_be_paused_and_accounts_blacklisted(devnet: Devnet, fusdc: Contract) -> None:
    pay = fusdc.functions.transfer(account("merchant").address, 1)
    payer = account("foreign_buyer").address
    for stop, go in (
        (fusdc.functions.pause(), fusdc.functions.unpause()),
        (fusdc.functions.blacklist(payer), fusdc.functions.unBlacklist(payer)),
    ):
        assert devnet.send(stop, "stranger")["status"] == 0
        assert devnet.send(stop, "deployer")["status"] == 1
        assert devnet.send(pay, "foreign_buyer")["status"] == 0
        assert devnet.send(go, "deployer")["status"] == 1
        assert devnet.send(pay, "foreign_buyer")["status"] == 1
