"""The agent's eyes on a real chain: our token on anvil, real logs, real nonces, real time."""

import json
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from rich.console import Console
from web3 import HTTPProvider, Web3

from agent import Buyer, Settings
from agent.account import SmartWallet
from agent.allowance import allow_permit2
from agent.cancelling import cancel
from agent.chain import Chain, authorizations, encode_call, transfers
from agent.commands import Shell
from agent.errors import AgentError, ChainUnavailable
from agent.models import Signed
from agent.store import purchase
from agent.transferring import transfer
from agent.undeployed import Making
from agent.wallet import LocalSigner, sign_digest
from protocol.signatures import parse_address
from protocol.typed_data import TokenDomain, Transfer, authorization_digest
from protocol.wire import PaymentRequirements
from scripts.accounts import ROLES
from tests.fakes.buyer_chain import NETWORK, TOKEN, FakeChain
from tests.fakes.seller import ORIGIN, FakeSeller, account, policy
from tests.stack.anvil import Anvil, deploy, run_anvil

URL = f"{ORIGIN}/v1/echo"
TYPES = "address,address,uint256,uint256,uint256,bytes32,uint8,bytes32,bytes32"
ENTRY = f"transferWithAuthorization({TYPES})"


@pytest.fixture(scope="module")
def anvil(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Anvil]:
    with run_anvil(tmp_path_factory.mktemp("anvil")) as running:
        yield running


@pytest.fixture(scope="module")
def deployed(anvil: Anvil, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(deploy(anvil, tmp_path_factory.mktemp("deployments")).read_text())
    return content


class RealChain(FakeChain):
    """Settles on anvil what the fake seller was paid, with the payer's own signature."""

    def __init__(self, seller: FakeSeller, rpc: str, deployed: dict[str, Any]) -> None:
        super().__init__(seller.clock)
        self.web3 = Web3(HTTPProvider(rpc))
        self.asset = deployed["assets"][0]
        self.token = self.web3.eth.contract(self.asset["address"], abi=deployed["contracts"]["TestUSD"]["abi"])

    def move(self, transfer: Transfer, value: int | None = None) -> str:
        domain = TokenDomain(self.asset["name"], self.asset["version"], 31337, self.asset["address"])
        signer = next(account(role) for role in ROLES if account(role).address == transfer.payer)
        signature = sign_digest(signer, authorization_digest(domain, transfer))
        r, s, v = signature[:32], signature[32:64], signature[64]
        sent = self.token.functions[ENTRY](*transfer, v, r, s).transact({"from": account("settler").address})
        return "0x" + bytes(self.web3.eth.wait_for_transaction_receipt(sent)["transactionHash"]).hex()


class Shop:
    """A fake seller that is paid on a real chain, and a buyer that looks there."""

    def __init__(self, home: Path, anvil: Anvil, deployed: dict[str, Any]) -> None:
        asset = deployed["assets"][0]
        self.seller = FakeSeller()
        block = anvil.rpc("eth_getBlockByNumber", "latest", False)
        self.seller.clock.moment = datetime.fromtimestamp(int(block["timestamp"], 16), UTC)
        self.seller.chain = RealChain(self.seller, anvil.url, deployed)
        self.seller.alter = self.in_real_money
        self.asset = asset
        rules = policy().replace(TOKEN, asset["address"]).replace('"TestUSD"', f'"{asset["name"]}"')
        rules = rules.replace('version = "1"', f'version = "{asset["version"]}"')
        settings = Settings(home=home, rpc=anvil.url, policy_text=rules, finality="latest")
        signer = LocalSigner(account("buyer"))
        self.buyer = Buyer(settings, signer=signer, clock=self.seller.clock, transport=Split(self.seller))

    def in_real_money(self, entry: PaymentRequirements) -> PaymentRequirements:
        domain = {"name": self.asset["name"], "version": self.asset["version"]}
        return msgspec.structs.replace(entry, asset=self.asset["address"], extra=entry.extra | domain)


class Split(httpx.BaseTransport):
    """The RPC by real sockets, everything else by the fake seller."""

    def __init__(self, seller: FakeSeller) -> None:
        self._seller, self._real = seller, httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.host == "127.0.0.1":
            return self._real.handle_request(request)
        return self._seller.transport.handle_request(request)

    def close(self) -> None:
        self._real.close()


@pytest.fixture
def shop(tmp_path: Path, anvil: Anvil, deployed: dict[str, Any]) -> Iterator[Shop]:
    opened = Shop(tmp_path, anvil, deployed)
    yield opened
    opened.buyer.close()


def test_a_real_transfer_proves_the_purchase(shop: Shop) -> None:
    before = shop.buyer.chain.balance(shop.asset["address"], account("merchant").address)
    outcome = shop.buyer.buy(URL)
    assert (outcome.status, outcome.proof, outcome.detail) == ("delivered", "proven", "")
    assert shop.buyer.chain.balance(shop.asset["address"], account("merchant").address) == before + 50_000
    assert shop.buyer.budgets(NETWORK, shop.asset["address"], "default")["limits.per_day"].spent == 50_000


def test_g7_an_authorization_is_dead_only_once_the_chains_time_has_passed_it(shop: Shop, anvil: Anvil) -> None:
    shop.seller.paid.extend(["402"] * 99)
    assert shop.buyer.buy(URL).status == "in_doubt"
    shop.seller.clock.sleep(600)
    assert shop.buyer.resume()[0].status == "in_doubt"
    anvil.travel(600)
    assert shop.buyer.resume()[0].status == "failed"


def test_a_payment_that_somebody_settled_behind_our_back_is_seen(shop: Shop, anvil: Anvil) -> None:
    shop.seller.paid.append("lost")
    shop.seller.paid.extend(["402"] * 99)
    assert "the money has moved on chain" in shop.buyer.buy(URL).detail
    anvil.travel(600)
    shop.seller.clock.sleep(600)
    (outcome,) = shop.buyer.resume()
    assert outcome.status == "in_doubt"
    assert shop.buyer.budgets(NETWORK, shop.asset["address"], "default")["limits.per_day"].spent == 50_000


def test_a_refund_is_seen_on_chain(shop: Shop) -> None:
    shop.seller.mode = "DELEGATE"
    shop.seller.paid.append("undone")
    outcome = shop.buyer.buy(URL)
    assert (outcome.status, outcome.proof) == ("refunded", "proven")


def test_the_chain_reads_what_the_token_says(shop: Shop, anvil: Anvil) -> None:
    chain = shop.buyer.chain
    assert chain.decimals(shop.asset["address"]) == 6
    chain.require(NETWORK)
    with pytest.raises(ChainUnavailable, match="serves eip155:31337"):
        chain.require("eip155:8453")
    with pytest.raises(ChainUnavailable, match="does not answer like a token"):
        chain.decimals(account("stranger").address)
    unknown = Signed(NETWORK, shop.asset["address"], 1, account("buyer").address, TOKEN, "0x" + "00" * 32, 2**40)
    assert not chain.authorization_used(unknown)
    assert not chain.authorization_dead(unknown)
    assert chain.transaction("0x" + "ab" * 32) is None


def test_the_settlement_shows_one_transfer_and_one_authorization_of_ours(shop: Shop) -> None:
    outcome = shop.buyer.buy(URL)
    mined = shop.buyer.chain.transaction(outcome.settlement or "")
    assert mined is not None
    asset, payer = shop.asset["address"], account("buyer").address
    assert transfers(mined, asset, payer, account("merchant").address) == [50_000]
    assert len(authorizations(mined, asset, payer)) == 1


def test_an_rpc_that_is_down_is_named_with_a_mend() -> None:
    with httpx.Client() as client, pytest.raises(ChainUnavailable, match="does not answer") as caught:
        Chain(client, "http://127.0.0.1:9").balance(TOKEN, TOKEN)
    assert "PADDOCK_AGENT_RPC" in caught.value.mend


class Person(Shell):
    """The shell of somebody who gives commands about the wallet of a shop's buyer."""

    @classmethod
    def of(cls, shop: Shop) -> "Person":
        rules = (shop.buyer.settings.policy_text or "") + f'[[transfers]]\nto = "{account("stranger").address}"\n'
        settings = replace(shop.buyer.settings, policy_text=rules, key=account("buyer").key.hex())
        out = Console(file=StringIO(), width=200)
        return cls(settings, out, out)


def in_doubt(shop: Shop) -> str:
    """A purchase that was signed, and that nobody settles."""
    shop.seller.paid.extend(["402"] * 99)
    outcome = shop.buyer.buy(URL)
    assert (outcome.status, spent(shop)) == ("in_doubt", 50_000)
    assert outcome.purchase_id is not None
    return outcome.purchase_id


def spent(shop: Shop) -> int:
    return shop.buyer.budgets(NETWORK, shop.asset["address"])["limits.per_day"].spent


@pytest.mark.parametrize("method", ["EIP-3009", "Permit2"])
def test_g7_a_cancelled_payment_can_really_not_be_settled_any_more(
    shop: Shop, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.cancelling.Buyer.from_settings", lambda settings: shop.buyer)
    if method == "Permit2":
        shop.seller.by_permit2 = True
        allow_permit2(Person.of(shop), Namespace(asset=shop.asset["address"], amount="5"))
    purchase_id = in_doubt(shop)
    assert cancel(Person.of(shop), Namespace(id=purchase_id, dry_run=False)) == 0
    assert (shop.buyer.outcome(purchase_id).status, spent(shop)) == ("failed", 0)
    with shop.buyer.store.begin() as connection:
        signed = purchase(connection, purchase_id).signed
    assert shop.buyer.chain.authorization_used(signed)


def test_g7_a_payment_that_was_really_settled_is_not_cancelled(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.cancelling.Buyer.from_settings", lambda settings: shop.buyer)
    shop.seller.paid.append("lost")
    purchase_id = in_doubt(shop)
    with pytest.raises(AgentError, match="used already"):
        cancel(Person.of(shop), Namespace(id=purchase_id, dry_run=False))
    assert spent(shop) == 50_000


def test_a_transfer_really_arrives_and_counts(shop: Shop) -> None:
    friend, asset = account("stranger").address, shop.asset["address"]
    before = shop.buyer.chain.balance(asset, friend)
    given = Namespace(asset=asset, to=friend, amount="0.25", task="t", dry_run=False)
    assert transfer(Person.of(shop), given) == 0
    assert shop.buyer.chain.balance(asset, friend) == before + 250_000
    assert spent(shop) == 250_000


@pytest.mark.parametrize(
    "case", ["the account's", "another key's", "another account's", "no factory", "a call that fails"]
)
def test_what_an_account_will_say_is_tried_on_the_chain_and_makes_nothing(
    shop: Shop, deployed: dict[str, Any], case: str
) -> None:
    owner, digest, chain = account("buyer"), b"\x09" * 32, shop.buyer.chain
    factory, form, salt = deployed["contracts"]["SmartWalletFactory"]["address"], SmartWallet(), b"\x01" * 32
    asked = encode_call("addressOf(address,bytes32)", owner.address, salt)
    wallet = parse_address("0x" + chain.call(factory, "0x" + asked.hex())[-40:], "wallet")
    call = encode_call("deploy(address,bytes32)", owner.address, b"\x02" * 32 if case == "another account's" else salt)
    making = Making(wallet if case == "no factory" else factory, call[:-1] if case == "a call that fails" else call)
    key = account("stranger") if case == "another key's" else owner
    signature = sign_digest(key, form.message(wallet, 31337, digest))
    said = making.answer(chain, wallet, encode_call("isValidSignature(bytes32,bytes)", digest, signature))
    assert (said[:10] == "0x1626ba7e") is (case == "the account's")
    assert (len(said), chain.has_code(wallet), chain.has_code(factory)) == (66, False, True)
