"""A smart-contract account as the agent's wallet: its owner's key signs, and its chain says what counts."""

from argparse import Namespace
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import httpx
import pytest
from eth_abi.abi import decode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from litestar.testing import TestClient
from rich.console import Console

from agent import Buyer, Settings
from agent.account import FORMS, AccountSigner, OwnerSigner, Plain, Sender, SmartWallet
from agent.allowance import allow_permit2
from agent.chain import Chain
from agent.commands import Shell
from agent.disputing import dispute
from agent.errors import AgentError, ChainUnavailable, SettingsError, WalletError
from agent.policy import Policy
from agent.policy_file import parse
from agent.remote import RemoteSigner, signer_of
from agent.signer_service import create_app
from agent.store import Store
from agent.wallet import Signer
from agent.warden import Warden
from protocol.errors import ProtocolError
from protocol.payment import Payment
from protocol.signatures import recover
from tests.fakes.buyer_chain import NETWORK, RPC, TOKEN
from tests.fakes.seller import EXECUTOR, ORIGIN, World, account, policy

URL = f"{ORIGIN}/v1/echo"
ACCOUNT = str(to_checksum_address("0x" + "ac" * 20))
OWNER = account("buyer")
PINNED = {"pay_to": f'"{account("merchant").address}"', "executors": f'"{EXECUTOR}"'}


class SpyOwner(OwnerSigner):
    """Counts what the owner's key signs."""

    count = 0

    def _sign(self, chain: int, digest: bytes) -> bytes:
        self.count += 1
        return super()._sign(chain, digest)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A seller, on whose chain the account has money, and calls its owner's signatures for it its own."""
    made = World(tmp_path)
    chain = made.seller.chain
    chain.balances[ACCOUNT] = 100_000_000
    chain.allowed = 10**9

    def is_owners(digest: bytes, signature: bytes) -> bool:
        return recover(SmartWallet().message(ACCOUNT, 31337, digest), signature) == OWNER.address

    def check(payment: Payment) -> None:
        if payment.payer != ACCOUNT or not chain.accounts[ACCOUNT](payment.signed, payment.signature):
            raise ProtocolError("invalid_exact_evm_payload_signature", "the account did not sign it")

    chain.accounts[ACCOUNT] = is_owners
    made.seller.check_signature = check
    return made


def buyer(world: World, owner: Signer, **changes: str) -> Buyer:
    """An agent whose wallet is the account, with its owner's key in that signer."""
    settings = Settings(home=world.home, rpc=RPC, policy_text=policy(**PINNED | changes), finality="latest")
    chain = Chain(httpx.Client(transport=world.seller.transport), RPC, "latest")
    signer = AccountSigner(owner, ACCOUNT, chain)
    return Buyer(settings, signer=signer, clock=world.seller.clock, transport=world.seller.transport)


MODES: dict[str, Callable[[World], None]] = {
    "DIRECT": lambda world: None,
    "DIRECT by Permit2": lambda world: world.seller.__setattr__("by_permit2", True),
    "DELEGATE": lambda world: world.seller.__setattr__("mode", "DELEGATE"),
    "atomic": lambda world: world.seller.__dict__.update(mode="DELEGATE", atomic=True),
    "atomic by Permit2": lambda world: world.seller.__dict__.update(mode="DELEGATE", atomic=True, by_permit2=True),
    "metered": lambda world: world.seller.__setattr__("charge", 20_000),
}


@pytest.mark.parametrize("mode", MODES)
def test_an_account_buys_in_every_mode_by_its_owners_key(world: World, mode: str) -> None:
    MODES[mode](world)
    owner = SpyOwner(OWNER, ACCOUNT, SmartWallet())
    outcome = buyer(world, owner).buy(URL)
    assert (outcome.status, outcome.proof, owner.count) == ("delivered", "proven", 1), outcome.detail
    spent = 20_000 if mode == "metered" else 50_000
    assert world.seller.chain.balances[ACCOUNT] == 100_000_000 - spent
    assert world.seller.chain.balances[OWNER.address] == 100_000_000


@pytest.mark.parametrize("mode", MODES)
def test_a_signature_that_the_account_does_not_call_its_own_is_never_sent(world: World, mode: str) -> None:
    MODES[mode](world)
    other = OwnerSigner(account("stranger"), ACCOUNT, SmartWallet())
    with pytest.raises(WalletError, match="does not call that signature its own"):
        buyer(world, other).buy(URL)
    assert world.seller.payments == []


def test_an_account_that_is_not_there_signs_nothing_that_is_sent(world: World) -> None:
    del world.seller.chain.accounts[ACCOUNT]
    with pytest.raises(WalletError) as error:
        buyer(world, OwnerSigner(OWNER, ACCOUNT, SmartWallet())).buy(URL)
    assert ("deployed" in error.value.mend, world.seller.payments) == (True, [])


@pytest.mark.parametrize("mode", ["DIRECT", "DELEGATE", "atomic"])
def test_a_token_that_takes_signatures_of_keys_only_is_not_signed_for(world: World, mode: str) -> None:
    MODES[mode](world)
    world.seller.chain.takes_bytes = False
    owner = SpyOwner(OWNER, ACCOUNT, SmartWallet())
    agent = buyer(world, owner)
    outcome = agent.buy(URL)
    assert (outcome.status, outcome.rule, owner.count) == ("refused", "wallet.account", 0)
    assert agent.budgets(NETWORK, TOKEN)["limits.per_day"].spent == 0
    assert world.seller.payments == []


@pytest.mark.parametrize("mode", MODES)
def test_nothing_is_signed_while_the_accounts_chain_is_another_one(world: World, mode: str) -> None:
    MODES[mode](world)
    world.seller.chain.chain_id = 1
    owner = SpyOwner(OWNER, ACCOUNT, SmartWallet())
    with pytest.raises(ChainUnavailable, match="serves eip155:1"):
        buyer(world, owner).buy(URL)
    assert (owner.count, world.seller.payments) == (0, [])


def test_a_signer_of_another_address_is_not_asked_to_sign(world: World) -> None:
    with pytest.raises(WalletError, match=f"signs for {OWNER.address}"):
        buyer(world, world.signer).buy(URL)
    assert (world.signer.signed, world.seller.payments) == ([], [])


def test_the_owners_key_may_be_with_a_signer_of_its_own(world: World, tmp_path: Path) -> None:
    owner, clock = SpyOwner(OWNER, ACCOUNT, SmartWallet()), world.seller.clock
    warden = Warden(Policy(parse(policy(**PINNED))), Store(tmp_path / "signer.db"), Sender(owner, SmartWallet()), clock)
    client = TestClient(create_app(warden, "a-token-of-this-test"))
    remote = RemoteSigner(str(client.base_url), "a-token-of-this-test", client)
    outcome = buyer(world, remote).buy(URL)
    assert (outcome.status, outcome.proof, owner.count) == ("delivered", "proven", 1)


def test_a_signature_for_one_account_is_none_for_another_of_the_same_owner() -> None:
    digest = keccak(b"anything")
    signed = {SmartWallet().message(one, chain, digest) for one in (ACCOUNT, TOKEN) for chain in (1, 31337)}
    assert len(signed | {Plain().message(ACCOUNT, 1, digest)}) == 5


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"account": "0x12"}, "PADDOCK_AGENT_ACCOUNT must be"),
        ({"account": ACCOUNT, "account_form": "Safe"}, "PADDOCK_AGENT_ACCOUNT_FORM"),
        ({"account": ACCOUNT, "policy_text": policy(approver=OWNER.address)}, "the approver"),
    ],
)
def test_bad_settings_of_an_account_are_named(tmp_path: Path, changes: dict[str, str], words: str) -> None:
    given = {"key": OWNER.key.hex(), "policy_text": policy()} | changes
    with pytest.raises(SettingsError, match=words):
        signer_of(Settings(**given), Chain(httpx.Client(), RPC))  # type: ignore[arg-type]


@pytest.mark.parametrize("form", [one.name for one in FORMS])
def test_the_settings_make_the_accounts_signer(form: str) -> None:
    settings = Settings(key=OWNER.key.hex(), policy_text=policy(), account=ACCOUNT.lower(), account_form=form)
    signer = signer_of(settings, Chain(httpx.Client(), RPC))
    assert (type(signer), signer.address) == (AccountSigner, ACCOUNT)


class FakeShell(Shell):
    """A shell whose client reaches the world's chain."""

    world: World

    def client(self) -> httpx.Client:
        return httpx.Client(transport=self.world.seller.transport)


def shell(world: World, form: str) -> FakeShell:
    FakeShell.world = world
    key, out = OWNER.key.hex(), Console(file=StringIO(), width=200)
    settings = Settings(
        home=world.home, rpc=RPC, policy_text=policy(), key=key, account=ACCOUNT, account_form=form, finality="latest"
    )
    return FakeShell(settings, out, out)


def test_the_owner_has_the_account_allow_permit2(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.allowance.SystemClock", lambda: world.seller.clock)
    assert allow_permit2(shell(world, "SmartWallet"), Namespace(asset=TOKEN, amount="2.50")) == 0
    [sent] = world.seller.chain.sent
    target, inner = decode(["address", "bytes"], sent.data[4:])
    assert (sent.sender, sent.to, target) == (OWNER.address, ACCOUNT, TOKEN.lower())
    assert sent.data[:4] == keccak(b"execute(address,bytes)")[:4]
    assert (inner[:4], inner[-32:]) == (keccak(b"approve(address,uint256)")[:4], (2_500_000).to_bytes(32, "big"))


def test_an_account_that_its_owner_cannot_tell_to_call_sends_nothing(world: World) -> None:
    with pytest.raises(WalletError, match="cannot be told"):
        allow_permit2(shell(world, "plain"), Namespace(asset=TOKEN, amount="1"))
    assert world.seller.chain.sent == []


def test_the_owners_word_is_not_given_for_the_accounts(world: World) -> None:
    with pytest.raises(AgentError, match="does not count"):
        dispute(shell(world, "plain"), Namespace(id="pur_0", reason="empty"))
