"""DELEGATE on real processes and a real devnet: each mode, by a key and by a smart wallet, and by the bundled agent."""

import asyncio
import json
import secrets
import time
from dataclasses import dataclass

import httpx
import msgspec
import pytest
from eth_account import Account
from eth_utils.crypto import keccak

from agent import Buyer, Settings
from agent.errors import WalletError
from protocol.payment import PERMIT2, Method
from protocol.sign_in import Proof
from scripts.accounts import account
from server.adapters.networks import read_deployments
from server.domain.market import Market
from server.domain.settlement_calls import execute_call
from tests.contracts.devnet import Devnet, make
from tests.contracts.wallets import deployment, wallet_signature
from tests.e2e.conftest import FUNDS, run_marketplace
from tests.simulation.world import read_payment
from tests.stack import siwe
from tests.stack.anvil import Anvil, run_anvil
from tests.stack.atomic import pay_atomic
from tests.stack.buyer import Buyer as Client
from tests.stack.buyer import changed, payment, read_header, write_header
from tests.stack.choosing import choice, mint_to, with_choice
from tests.stack.funds import allow_permit2, fund, sent_and_mined
from tests.stack.invariants import Opening, Place, assert_invariants
from tests.stack.marketplace import Marketplace
from tests.stack.permits import permit_payment
from tests.stack.policies import policy

FRIEND = Account.create().address
PRICE = 1_000_000
SELLER = """modes = [{modes}]
callbacks = ["{callback}"]
executors = [{executors}]
signed_offers = true
[[merchants.actions]]
contract = "{callback}"
functions = ["mintTo(address)"]
"""


class Key:
    """A payer that is a key."""

    def __init__(self, key):
        self.key, self.address = key, key.address

    def sign(self, digest):
        return bytes(self.key.unsafe_sign_hash(digest).signature)


class Wallet(Key):
    """A payer that is a smart wallet (ERC-1271) of the key's."""

    def __init__(self, key, address):
        super().__init__(key)
        self.address = address

    def sign(self, digest):
        return wallet_signature(self.key, self.address, digest)


@dataclass(frozen=True)
class Shop:
    """A marketplace with its devnet; the first of the market's assets is what passes are sold for."""

    place: Marketplace
    anvil: Anvil
    market: Market

    @property
    def funds(self):
        return self.market.asset.amount(FUNDS)

    @property
    def price(self):
        return self.market.asset.amount(PRICE)

    def payer(self, kind):
        """A key or a smart wallet, with money and its leave for Permit2."""
        made = Key(Account.create())
        if kind == "a smart wallet":
            made = self._wallet(made.key)
        fund(self.anvil, self.market, made.address, self.funds)
        if self.market.asset.method is Method.PERMIT2:
            allow_permit2(self.anvil, self.market, made.address, self.funds)
        return made

    def _wallet(self, key):
        factory, salt = self.market.contracts["SmartWalletFactory"], secrets.token_bytes(32)
        devnet = Devnet(self.anvil, {"contracts": {"F": {"address": factory.address, "abi": factory.abi}}})
        contract = devnet.contract("F")
        data = "0x" + deployment(contract, key, salt).hex()
        sent = {"from": account("settler").address, "to": factory.address, "data": data}
        devnet.web3.eth.wait_for_transaction_receipt(devnet.web3.eth.send_transaction(sent), poll_latency=0.02)
        return Wallet(key, contract.functions.addressOf(key.address, salt).call())


@pytest.fixture(scope="module")
def anvil(_devnet, tmp_path_factory):
    """A devnet of this file's own: what is held there was sold, or paid to a contract, by these tests alone."""
    with run_anvil(tmp_path_factory.mktemp("delegate"), "delegate-anvil", _devnet[2]) as running:
        yield running


@pytest.fixture(scope="module")
def place(anvil, deployments, _sqlite_template, tmp_path_factory):
    """The marketplace on it."""
    yield from run_marketplace(tmp_path_factory.mktemp("delegate-place"), anvil.url, deployments, _sqlite_template)


@pytest.fixture(scope="module")
def dai_shop(_devnet, _sqlite_template, tmp_path_factory):
    """A marketplace that sells passes for a token without EIP-3009, by a contract that is made for it."""
    folder = tmp_path_factory.mktemp("dai")
    with run_anvil(folder, "dai-anvil", _devnet[2]) as anvil:
        document = json.loads(_devnet[1].read_text())
        document["assets"].sort(key=lambda row: row["symbol"] != "DAI")
        document["contracts"]["AccessPass"]["address"] = dai_pass(anvil, document)
        deployments = folder / "31337.json"
        deployments.write_text(json.dumps(document))
        (market,) = read_deployments([deployments], account("delegate").address).values()
        allow_permit2(anvil, market, market.delegate, 10**30)
        for place in run_marketplace(folder, anvil.url, deployments, _sqlite_template):
            yield Shop(place, anvil, market)


def dai_pass(anvil, document):
    """The address of a pass that costs one whole token, and that the executor and it know of each other."""
    devnet, merchant = Devnet(anvil, document), account("merchant").address
    terms = (document["assets"][0]["address"], PERMIT2, "DAI Pass", "DPASS", 10**18, 1000, 30 * 86_400)
    made = make(anvil, "AccessPass", merchant, [account("delegate").address], *terms)
    executor = devnet.contract("DelegateExecutor")
    gas = executor.functions.gasOf(document["contracts"]["AccessPass"]["address"]).call()
    for call, role in (
        (executor.functions.listTarget(made.address, gas), "deployer"),
        (made.functions.listExecutor(executor.address, True), "merchant"),
    ):
        assert devnet.send(call, role)["status"] == 1
    return made.address


@pytest.fixture(params=["EIP-3009", "Permit2"])
def shop(request, place, anvil, market):
    """What passes are sold for moves by the token's own authorizations, or by Permit2 alone."""
    return Shop(place, anvil, market) if request.param == "EIP-3009" else request.getfixturevalue("dai_shop")


PAYERS = ["a key", "a smart wallet"]


@pytest.fixture(params=PAYERS)
def who(request, place, anvil, market):
    """A payer with money."""
    return Shop(place, anvil, market).payer(request.param)


def signed(who, made):
    """The payment with the payer's own signature, whatever it is that signs."""
    read = read_payment(write_header(made))
    return changed(made, "payload.signature", "0x" + who.sign(read.signed).hex())


def chosen(who, entry):
    """The payer's signature over the calldata in an entry."""
    signable = choice(entry, who.address)
    return "0x" + who.sign(keccak(b"\x19\x01" + signable.header + signable.body)).hex()


async def buy(place, who, way):
    """A pass, by one of the ways; the answer to it."""
    body = {} if "base" in way else {"calldata": mint_to(FRIEND)}
    async with httpx.AsyncClient(timeout=60) as client:
        quoted = await Client(client).ask(f"{place.url}/v1/access-pass", "POST", body)
        until = int(time.time()) + 110
        if "atomic" in way:
            made = signed(who, pay_atomic(who.key, quoted, until, who.address))
        else:
            by_permit2 = quoted.entry["extra"].get("assetTransferMethod") == "permit2"
            fields = {"from_": who.address, ("deadline" if by_permit2 else "validBefore"): str(until)}
            form = permit_payment if by_permit2 else payment
            made = signed(who, form(who.key, quoted.entry, quoted.required["resource"], **fields))
        if way == "two-step, signed with the payment":
            made = with_choice(made, quoted.required, chosen(who, quoted.entry))
        header = write_header(made)
        answer = await Client(client).present(quoted, header)
        if way == "two-step, signed afterwards":
            assert answer.status_code == 202, answer.text
            url = f"{place.url}/api/orders/{quoted.id}/calldata-signature"
            assert (await client.post(url, json={"signature": chosen(who, quoted.entry)})).status_code == 202
            answer = await Client(client).present(quoted, header)
        return quoted, answer


WAYS = (
    "two-step, base",
    "two-step, signed with the payment",
    "two-step, signed afterwards",
    "atomic, base",
    "atomic, calldata",
)


@pytest.mark.parametrize("kind", PAYERS)
@pytest.mark.parametrize("way", WAYS)
async def test_a_pass_is_bought_in_every_mode_by_keys_and_smart_wallets(shop, kind, way):
    who, asset = shop.payer(kind), shop.market.asset.address
    quoted, answer = await buy(shop.place, who, way)
    assert answer.status_code == 200, (answer.text, answer.headers.get("payment-response"))
    said = answer.json()
    assert (said["payer"], said["holder"]) == (who.address, who.address if "base" in way else FRIEND)
    async with shop.place.parts() as parts:
        chain = parts.home.chain
        assert await chain.token_balance(asset, who.address) == shop.funds - shop.price
        assert await chain.token_balance(asset, shop.market.executor) == 0
        async with parts.db.read() as view:
            order = await view.orders.get(quoted.id)
        rows = {row.kind: row for row in await asyncio.wait_for(_rows(parts, quoted.id), 20)}
    assert rows.keys() == {"settlement", "payout"}
    assert (order.settlement_tx == order.callback_tx) is ("atomic" in way)


async def _rows(parts, order_id):
    async with parts.db.read() as view:
        return list(await view.ledger.of(order_id))


async def visit(place, who, number, contract):
    """Sign in for the dataset that a pass opens, naming a pass of the contract."""
    url = f"{place.url}/v1/market-history?symbol=DEMO-TREND"
    async with httpx.AsyncClient(timeout=60) as client:
        required = (await Client(client).ask(url)).required
        named = f"eip155:31337/erc721:{contract}/{number}"
        content = siwe.proof(who.key, required, resources=[named], address=who.address)
        message = msgspec.convert(content, Proof)
        content["signature"] = "0x" + who.sign(message.digest()).hex()
        return await client.get(url, headers={"SIGN-IN-WITH-X": siwe.header(content)})


async def test_a_pass_opens_its_service_for_who_holds_it(place, market, who):
    contract = market.contracts["AccessPass"].address
    _, bought = await buy(place, who, "two-step, base")
    number = bought.json()["pass_id"]
    opened = await visit(place, who, number, contract)
    assert (opened.status_code, "payment-response" in opened.headers) == (200, False)
    assert opened.text.startswith("symbol,date,open")
    assert (await visit(place, Key(Account.create()), number, contract)).status_code == 402
    assert (await visit(place, who, int(number) + 10_000, contract)).status_code == 402
    _, passed_on = await buy(place, who, "atomic, calldata")
    assert (await visit(place, who, passed_on.json()["pass_id"], contract)).status_code == 402


async def subscribe(place, anvil, market, who):
    """Pay the subscription's contract through the executor, whose call anybody may send: no service sells any."""
    async with httpx.AsyncClient(timeout=60) as client:
        quoted = await Client(client).ask(f"{place.url}/v1/access-pass", "POST", {})
    for entry in quoted.required["accepts"]:
        entry["extra"]["callback"] = market.contracts["Subscription"].address
    made = signed(who, pay_atomic(who.key, quoted, int(time.time()) + 110, who.address))
    paid = read_payment(write_header(made))
    call = {"from": account("stranger").address, "to": paid.to, "data": "0x" + execute_call(paid, paid.delegated).hex()}
    sent_and_mined(anvil, call)


async def test_a_live_subscription_opens_its_service_without_being_named(place, anvil, market, who):
    nothing = market.contracts["AccessPass"].address
    assert (await visit(place, who, 0, nothing)).status_code == 402
    await subscribe(place, anvil, market, who)
    opened = await visit(place, who, 0, nothing)
    assert (opened.status_code, opened.text.startswith("symbol,date,open")) == (200, True), opened.text
    assert (await visit(place, Key(Account.create()), 0, nothing)).status_code == 402


async def test_c2_an_unlisted_action_reaches_neither_a_quote_nor_the_chain(place):
    async with httpx.AsyncClient(timeout=60) as client:
        answer = await client.post(f"{place.url}/v1/access-pass", json={"calldata": "0xdeadbeef" + "00" * 32})
    assert (answer.status_code, "payment-required" in answer.headers) == (422, False)


@pytest.mark.parametrize("atomic", [False, True], ids=["two-step", "atomic"])
async def test_an_action_that_would_fail_costs_nothing(shop, atomic):
    """The zero address can hold no pass: the contract itself refuses, before any money moves."""
    who, nobody = shop.payer("a key"), mint_to("0x" + "00" * 20)
    async with httpx.AsyncClient(timeout=60) as client:
        quoted = await Client(client).ask(f"{shop.place.url}/v1/access-pass", "POST", {"calldata": nobody})
        by_permit2 = quoted.entry["extra"].get("assetTransferMethod") == "permit2"
        if atomic:
            made = pay_atomic(who.key, quoted, int(time.time()) + 110)
        else:
            made = (permit_payment if by_permit2 else payment)(who.key, quoted.entry, quoted.required["resource"])
        answer = await Client(client).present(quoted, write_header(made))
    said = read_header(answer.headers["payment-response"])
    assert (answer.status_code, said["errorReason"]) == (402, "callback_would_fail")
    assert "ERC721InvalidReceiver(0x0000000000000000000000000000000000000000)" in said["errorMessage"]
    async with shop.place.parts() as parts:
        assert await parts.home.chain.token_balance(shop.market.asset.address, who.address) == shop.funds


def agent_of(shop, who, home, *, atomic=False, modes='"DELEGATE"'):
    """The bundled agent with the payer's key: of itself, or of the smart wallet that it owns."""
    market = shop.market
    executors, callback = f'"{market.executor}"' if atomic else "", market.contracts["AccessPass"].address
    more = SELLER.format(callback=callback, executors=executors, modes=modes)
    text = policy(market.network, market.asset, shop.place.url, more, per_call="5.00", per_task="20.00", above="5.00")
    account = "" if who.address == who.key.address else who.address
    place = {"rpc": shop.anvil.url, "seller": shop.place.url, "finality": "latest"}
    return Buyer(Settings(home=home, policy_text=text, key=who.key.key.hex(), account=account, **place))


@pytest.mark.parametrize("kind", PAYERS)
@pytest.mark.parametrize("atomic", [False, True], ids=["two-step", "atomic"])
def test_the_bundled_agent_decodes_signs_and_proves_a_chosen_call(shop, tmp_path, atomic, kind):
    who = shop.payer(kind)
    callback = shop.market.contracts["AccessPass"].address
    buyer = agent_of(shop, who, tmp_path, atomic=atomic)
    outcome = buyer.buy(f"{shop.place.url}/v1/access-pass", "POST", json={"calldata": mint_to(FRIEND)})
    assert (outcome.status, outcome.proof) == ("delivered", "proven"), outcome.detail
    assert (outcome.contract, outcome.action) == (callback, f"mintTo({FRIEND})")
    assert (outcome.settlement == outcome.callback) is atomic
    assert buyer.chain.balance(shop.market.asset.address, who.address) == shop.funds - shop.price
    refused = buyer.buy(f"{shop.place.url}/v1/launch-pass", "POST", json={})
    assert (refused.status, refused.rule) == ("refused", "mode.delegate.callback")
    buyer.close()


@pytest.mark.parametrize("kind", PAYERS)
def test_the_bundled_agent_pays_directly_and_for_what_a_pass_does_by_itself(shop, tmp_path, kind):
    who = shop.payer(kind)
    buyer = agent_of(shop, who, tmp_path, modes='"DIRECT", "DELEGATE"')
    direct = buyer.buy(f"{shop.place.url}/v1/market-signal?symbol=DEMO-TREND")
    passed = buyer.buy(f"{shop.place.url}/v1/access-pass", "POST", json={})
    for outcome, mode in ((direct, "DIRECT"), (passed, "DELEGATE")):
        assert (outcome.status, outcome.proof, outcome.mode) == ("delivered", "proven", mode), outcome.detail
    left = buyer.chain.balance(shop.market.asset.address, who.address)
    assert left == shop.funds - direct.amount - passed.amount
    buyer.close()


def test_a_key_that_does_not_own_the_account_has_nothing_sent(place, anvil, market, tmp_path):
    shop = Shop(place, anvil, market)
    owned = shop.payer("a smart wallet")
    buyer = agent_of(shop, Wallet(Account.create(), owned.address), tmp_path, modes='"DIRECT"')
    with pytest.raises(WalletError, match="does not call that signature its own"):
        buyer.buy(f"{place.url}/v1/market-signal?symbol=DEMO-TREND")
    assert buyer.chain.balance(market.asset.address, owned.address) == FUNDS
    buyer.close()


async def test_g1_to_g8_hold_after_all_that_was_sold_here(place, market):
    """Subscriptions are not sold here: what their contract holds was paid to it by the tests above."""
    contract = market.contracts["Subscription"].address
    async with place.parts() as parts:
        unsold = await parts.home.chain.token_balance(market.asset.address, contract)
        others = Opening(balances={(Place(market.network, market.asset.address), contract): unsold})
        await assert_invariants(parts, since=others)


async def test_g1_to_g8_hold_where_passes_are_sold_by_permit2(dai_shop):
    """Of all that the tests above sold there."""
    async with dai_shop.place.parts() as parts:
        await assert_invariants(parts)
