"""F2, F3, F4 on the real contracts: a wallet that does not exist yet is made and pays, by our facilitator's process."""

import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount

from protocol import schemes
from protocol.erc6492 import Wrapped, wrap
from server.adapters.facilitator_client import RemoteFacilitator
from server.domain.calls import address_in, encode_call, one_word
from server.domain.payment_calls import MOST_WALLET_GAS
from server.domain.settlement_calls import MOST_MAKING_GAS, WALLET_SETTLER
from server.ports import Call
from tests.conformance.counters import SHOP, Counter, read
from tests.conformance.worlds import ETHER, anvil_world
from tests.contracts.wallets import wallet_signature
from tests.stack import buyer
from tests.stack.processes import free_port, start_python

FUNDS, PRICE = 1_000_000, 50_000
SIGNATURE = "invalid_exact_evm_payload_signature"


@dataclass
class Wallet:
    """A wallet of an owner's at an address that is known before there is a wallet."""

    owner: LocalAccount
    salt: bytes
    address: str

    @property
    def deployment(self) -> bytes:
        return encode_call("deploy(address,bytes32)", self.owner.address, self.salt)


@pytest.fixture(scope="module")
def served(anvil, deployments, market, _sqlite_template, tmp_path_factory) -> Iterator[tuple[str, str]]:
    """A facilitator process that makes wallets of the devnet's factory: (URL, address that it sends with)."""
    folder, port, key = tmp_path_factory.mktemp("new-wallets"), free_port(), Account.create()
    shutil.copyfile(_sqlite_template, folder / "paddock.db")
    anvil.set_balance(key.address, ETHER)
    environment = {
        "PADDOCK_DEVNET": "1",
        "PADDOCK_RPC_URL": anvil.url,
        "PADDOCK_DEPLOYMENTS": str(deployments),
        "PADDOCK_DATABASE_URL": f"sqlite:///{folder}/paddock.db",
        "PADDOCK_SETTLEMENT_KEY": "0x" + key.key.hex(),
        "PADDOCK_PORT": str(port),
        "PADDOCK_WALLET_FACTORIES": market.contracts["SmartWalletFactory"].address.lower(),
    }
    child = start_python("facilitator", ["-m", "server.cli", "serve", "facilitator"], folder, environment)
    try:
        child.wait_to_listen(port)
        child.wait_to_answer(f"http://127.0.0.1:{port}/health/live")
        yield f"http://127.0.0.1:{port}/facilitator", key.address
        child.require_running()
    finally:
        child.stop()


@pytest.fixture
async def counter(served, anvil, market):
    remote, world = RemoteFacilitator(served[0]), anvil_world(anvil, market)
    yield Counter(remote, world, served[1])
    await remote.close()
    await world.chain.close()


async def new_wallet(counter: Counter, owner: LocalAccount | None = None) -> Wallet:
    """A wallet that has money and is not there."""
    owner, salt = owner or Account.create(), secrets.token_bytes(32)
    asked = encode_call("addressOf(address,bytes32)", owner.address, salt)
    word = await counter.world.chain.call(Call(SHOP, factory_of(counter), asked))
    wallet = Wallet(owner, salt, address_in(word))
    await counter.world.mint(wallet.address, FUNDS)
    return wallet


def factory_of(counter: Counter) -> str:
    return counter.world.market.contracts["SmartWalletFactory"].address


def payment(counter: Counter, wallet: Wallet, deployment: bytes | None = None, factory: str = "", by: str = ""):
    """What the owner signs for the wallet, or for the one at `by`, with what makes it."""
    paid = counter.payment(wallet.owner, PRICE, from_=wallet.address)
    payload, requirements = read(paid)
    digest = schemes.read(requirements, payload.payload).signed
    inner = wallet_signature(wallet.owner, by or wallet.address, digest)
    made = Wrapped(factory or factory_of(counter), wallet.deployment if deployment is None else deployment, inner)
    return buyer.changed(paid, "payload.signature", "0x" + wrap(made).hex())


async def held(counter: Counter, wallet: Wallet) -> int:
    return await counter.world.chain.token_balance(counter.world.token, wallet.address)


async def assert_refused(counter: Counter, wallet: Wallet, bad: dict, reason: str = SIGNATURE) -> None:
    sent = await counter.sent()
    verdict, response = await counter.verify(bad), await counter.settle(bad)
    assert (verdict.is_valid, verdict.invalid_reason) == (False, reason)
    assert (response.success, response.error_reason, response.transaction) == (False, reason, "")
    assert (await counter.sent(), await held(counter, wallet)) == (sent, FUNDS)
    assert not await counter.world.chain.code(wallet.address)


async def test_f2_a_wallet_is_made_and_pays_in_one_transaction_of_bounded_gas(counter):
    wallet = await new_wallet(counter)
    paid = payment(counter, wallet)
    assert (await counter.verify(paid)).is_valid
    sent = await counter.sent()
    response = await counter.settle(paid)
    assert (response.success, response.payer, await counter.sent()) == (True, wallet.address, sent + 1), response
    assert (await counter.world.chain.code(wallet.address), await held(counter, wallet)) != (b"", FUNDS)
    transfer = await counter.paid(paid)
    assert (transfer.recipient, transfer.amount, transfer.transaction) == (SHOP, PRICE, response.transaction)
    mined = await counter.world.chain.mined(response.transaction)
    assert mined.gas_used < MOST_WALLET_GAS + MOST_MAKING_GAS
    assert (await counter.settle(paid)).transaction == response.transaction


async def test_a_wallet_that_somebody_made_meanwhile_pays_by_the_same_signature(counter):
    wallet = await new_wallet(counter)
    paid = payment(counter, wallet)
    assert (await counter.world.transact(factory_of(counter), wallet.deployment)).succeeded
    assert (await counter.settle(paid)).success


async def test_f2_f4_what_is_not_signed_for_this_wallet_makes_none(counter):
    wallet = await new_wallet(counter)
    other = await new_wallet(counter, wallet.owner)
    await assert_refused(counter, wallet, payment(counter, wallet, by=other.address))
    await assert_refused(counter, wallet, payment(counter, wallet, deployment=other.deployment))
    await assert_refused(counter, wallet, payment(counter, wallet, deployment=b""))
    assert not await counter.world.chain.code(other.address)


async def test_f2_only_a_factory_in_the_settings_is_run(counter):
    wallet = await new_wallet(counter)
    for factory in (counter.world.token, counter.world.market.contracts[WALLET_SETTLER].address):
        await assert_refused(counter, wallet, payment(counter, wallet, factory=factory), "eip6492_factory_not_allowed")


async def test_the_gas_that_the_contract_allows_is_what_the_facilitator_reckons_with(counter):
    settler = counter.world.market.contracts[WALLET_SETTLER].address
    said = [
        one_word(await counter.world.chain.call(Call(SHOP, settler, encode_call(name))))
        for name in ("DEPLOYMENT_GAS()", "SETTLEMENT_GAS()")
    ]
    assert said == [MOST_MAKING_GAS, MOST_WALLET_GAS]
