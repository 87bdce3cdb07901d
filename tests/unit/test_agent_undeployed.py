"""An account that is not there yet (ERC-6492): its first payment brings along what makes it, and nothing else does."""

from argparse import Namespace
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from eth_utils.address import to_checksum_address
from litestar.testing import TestClient
from rich.console import Console

from agent import Buyer, Settings
from agent.account import AccountSigner, OwnerSigner, Sender, SmartWallet
from agent.allowance import allow_permit2
from agent.chain import Chain
from agent.commands import Shell
from agent.errors import Refused, SettingsError, WalletError
from agent.policy import Policy
from agent.policy_file import parse
from agent.remote import RemoteSigner, signer_of
from agent.signer_service import create_app
from agent.store import Store
from agent.undeployed import Making
from agent.wallet import Signer
from agent.warden import Warden
from protocol import headers, schemes
from protocol.actions import Action
from protocol.erc6492 import is_wrapped, unwrap
from protocol.errors import ProtocolError
from protocol.payment import Payment
from protocol.signatures import recover
from protocol.wire import PaymentPayload
from tests.fakes.buyer_chain import NETWORK, RPC, TOKEN
from tests.fakes.seller import CALLBACK, EXECUTOR, ORIGIN, World, account, policy
from tests.fakes.vault import MERCHANT, TOKEN_OF_SIGNER

URL = f"{ORIGIN}/v1/echo"
OWNER = account("buyer")
ACCOUNT, FACTORY = (str(to_checksum_address("0x" + digits * 20)) for digits in ("ac", "fa"))
DEPLOYMENT = bytes.fromhex("4af63f02") + b"\x05" * 64
MAKING = Making(FACTORY, DEPLOYMENT)
TEXT = policy(pay_to=f'"{MERCHANT}"', executors=f'"{EXECUTOR}"')


class SpyOwner(OwnerSigner):
    """Counts what the owner's key signs."""

    count = 0

    def _sign(self, chain: int, digest: bytes) -> bytes:
        self.count += 1
        return super()._sign(chain, digest)


def owns(digest: bytes, signature: bytes) -> bool:
    return recover(SmartWallet().message(ACCOUNT, 31337, digest), signature) == OWNER.address


class Shop:
    """A seller whose facilitator makes accounts by the factories that it lists, and what it was paid with."""

    def __init__(self, world: World, *factories: str) -> None:
        self.factories, self.chain = factories, world.seller.chain
        self.signatures: list[bytes] = []
        world.seller.check_signature = self.check

    def check(self, payment: Payment) -> None:
        self.signatures.append(payment.signature)
        inner = payment.signature
        if is_wrapped(payment.signature):
            factory, calldata, inner = unwrap(payment.signature)
            if factory not in self.factories:
                raise ProtocolError("eip6492_factory_not_allowed", "no wallet is made by it")
            address, answers = self.chain.unmade[calldata]
            self.chain.accounts[address] = answers
        if not self.chain.accounts[ACCOUNT](payment.signed, inner):
            raise ProtocolError("invalid_exact_evm_payload_signature", "the account did not sign it")


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A chain where the account has money, and is not there."""
    made = World(tmp_path)
    chain = made.seller.chain
    chain.balances[ACCOUNT], chain.allowed = 100_000_000, 10**9
    chain.unmade[DEPLOYMENT] = ACCOUNT, owns
    return made


def buyer(world: World, owner: Signer, making: Making | None = MAKING) -> Buyer:
    """An agent whose wallet is the account."""
    settings = Settings(home=world.home, rpc=RPC, policy_text=TEXT, finality="latest")
    chain = Chain(httpx.Client(transport=world.seller.transport), RPC, "latest")
    signer = AccountSigner(owner, ACCOUNT, chain, making)
    return Buyer(settings, signer=signer, clock=world.seller.clock, transport=world.seller.transport)


@pytest.fixture
def owner() -> SpyOwner:
    return SpyOwner(OWNER, ACCOUNT, SmartWallet())


@pytest.mark.parametrize("mode", ["DIRECT", "DELEGATE"])
def test_the_first_payment_makes_the_account_and_the_next_is_by_the_account_itself(
    world: World, owner: SpyOwner, mode: str
) -> None:
    shop, world.seller.mode = Shop(world, FACTORY), mode
    agent = buyer(world, owner)
    for _ in range(2):
        outcome = agent.buy(URL)
        assert (outcome.status, outcome.proof) == ("delivered", "proven"), outcome.detail
    first, second = shop.signatures
    assert (unwrap(first).factory, unwrap(first).calldata) == (FACTORY, DEPLOYMENT)
    assert (is_wrapped(second), len(second), owner.count) == (False, 65, 2)
    assert world.seller.chain.balances[ACCOUNT] == 100_000_000 - 100_000


def test_the_owners_key_may_be_with_a_signer_that_knows_nothing_of_factories(
    world: World, owner: SpyOwner, tmp_path: Path
) -> None:
    shop, store = Shop(world, FACTORY), Store(tmp_path / "signer.db")
    warden = Warden(Policy(parse(TEXT)), store, Sender(owner, SmartWallet()), world.seller.clock)
    client = TestClient(create_app(warden, TOKEN_OF_SIGNER))
    outcome = buyer(world, RemoteSigner(str(client.base_url), TOKEN_OF_SIGNER, client)).buy(URL)
    assert (outcome.status, outcome.proof, owner.count) == ("delivered", "proven", 1), outcome.detail
    assert [is_wrapped(one) for one in shop.signatures] == [True]


def test_an_account_that_is_there_already_signs_plainly_whatever_could_make_it(world: World, owner: SpyOwner) -> None:
    shop = Shop(world)
    world.seller.chain.accounts[ACCOUNT] = owns
    assert buyer(world, owner).buy(URL).status == "delivered"
    assert [is_wrapped(one) for one in shop.signatures] == [False]


def test_a_factory_that_the_seller_does_not_list_costs_nothing(world: World, owner: SpyOwner) -> None:
    shop = Shop(world, TOKEN)

    def refuse(request: httpx.Request) -> httpx.Response:
        with pytest.raises(ProtocolError, match="no wallet is made"):
            shop.check(_payment(request))
        return world.seller.unpaid(request)

    world.seller.handle_paid = refuse
    agent = buyer(world, owner)
    outcome = agent.buy(URL)
    assert (outcome.status, agent.budgets(NETWORK, TOKEN)["limits.per_day"].spent) == ("in_doubt", 50_000)
    assert (world.seller.chain.balances[ACCOUNT], ACCOUNT in world.seller.chain.accounts) == (100_000_000, False)
    world.seller.clock.sleep(600)
    assert agent.resume(outcome.purchase_id)[0].status == "failed"
    assert agent.budgets(NETWORK, TOKEN)["limits.per_day"].spent == 0


def _payment(request: httpx.Request) -> Payment:
    sent = dict(request.headers.raw)[headers.PAYMENT_SIGNATURE.encode()]
    paid = headers.decode(sent.decode(), PaymentPayload)
    return schemes.read(paid.accepted, paid.payload)


BESIDE: dict[str, dict[str, Any]] = {
    "Permit2": {"by_permit2": True},
    "metered": {"charge": 20_000},
    "atomic": {"mode": "DELEGATE", "atomic": True},
    "atomic by Permit2": {"mode": "DELEGATE", "atomic": True, "by_permit2": True},
}


@pytest.mark.parametrize("mode", BESIDE)
def test_what_cannot_bring_its_account_along_is_refused_before_anything_is_signed(
    world: World, owner: SpyOwner, mode: str
) -> None:
    world.seller.__dict__.update(BESIDE[mode])
    agent = buyer(world, owner)
    outcome = agent.buy(URL)
    assert (outcome.status, outcome.rule, owner.count) == ("refused", "wallet.undeployed", 0)
    assert (world.seller.payments, agent.budgets(NETWORK, TOKEN)["limits.per_day"].spent) == ([], 0)


def test_calldata_is_not_chosen_for_an_account_that_is_not_there(world: World, owner: SpyOwner) -> None:
    wish = Action(
        chain_id=31337,
        contract=CALLBACK,
        token=TOKEN,
        owner=MERCHANT,
        payer=ACCOUNT,
        amount=50_000,
        order=b"\x02" * 32,
        deadline=2**32,
        calldata=b"\x12\x34\x56\x78",
    )
    signer = AccountSigner(owner, ACCOUNT, Chain(httpx.Client(transport=world.seller.transport), RPC), MAKING)
    with pytest.raises(Refused) as refusal:
        signer.sign_action(wish)
    assert (refusal.value.rule, owner.count) == ("wallet.undeployed", 0)
    world.seller.chain.accounts[ACCOUNT] = owns
    assert owns(wish.digest(), signer.sign_action(wish))


@pytest.mark.parametrize(
    ("making", "signs"),
    [
        (Making(FACTORY, DEPLOYMENT[:-1] + b"\x06"), OWNER),
        (MAKING, account("stranger")),
        (None, OWNER),
    ],
    ids=["a call that makes another account", "a key that is not the owner's", "nothing that makes it"],
)
def test_what_would_not_be_the_accounts_signature_is_never_sent(
    world: World, making: Making | None, signs: Any
) -> None:
    with pytest.raises(WalletError, match="does not call that signature its own"):
        buyer(world, OwnerSigner(signs, ACCOUNT, SmartWallet()), making).buy(URL)
    assert world.seller.payments == []


class FakeShell(Shell):
    """A shell whose client reaches the world's chain."""

    world: World

    def client(self) -> httpx.Client:
        return httpx.Client(transport=self.world.seller.transport)


def test_an_account_that_is_not_there_is_told_to_call_nothing(world: World) -> None:
    FakeShell.world = world
    settings = Settings(home=world.home, rpc=RPC, policy_text=TEXT, key=OWNER.key.hex(), account=ACCOUNT)
    out = Console(file=StringIO(), width=200)
    with pytest.raises(WalletError, match="not there yet"):
        allow_permit2(FakeShell(settings, out, out), Namespace(asset=TOKEN, amount="1"))
    assert world.seller.chain.sent == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"account_factory": "0x12"}, "PADDOCK_AGENT_ACCOUNT_FACTORY must be"),
        ({"account_deployment": "deploy()"}, "PADDOCK_AGENT_ACCOUNT_DEPLOYMENT must be"),
        ({"account_deployment": ""}, "needs its address"),
        ({"account_factory": ""}, "needs its address"),
        ({"account": ""}, "needs its address"),
    ],
)
def test_half_of_what_makes_an_account_is_an_error_of_the_settings(changes: dict[str, str], words: str) -> None:
    given = {"account": ACCOUNT, "account_factory": FACTORY, "account_deployment": "0x" + DEPLOYMENT.hex()} | changes
    with pytest.raises(SettingsError, match=words):
        signer_of(Settings(key=OWNER.key.hex(), policy_text=TEXT, **given), Chain(httpx.Client(), RPC))  # type: ignore[arg-type]
