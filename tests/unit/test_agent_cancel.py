"""`paddock-agent cancel`: a signed payment is taken back on chain, and its money is free by the chain's word alone."""

from argparse import Namespace
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import httpx
import pytest
from rich.console import Console

from agent import Settings, cancelling
from agent.account import AccountSigner, OwnerSigner, SmartWallet
from agent.cancelling import cancel
from agent.chain import Chain
from agent.commands import Shell
from agent.errors import AgentError, ChainUnavailable
from agent.store import change_purchase
from protocol.payment import PERMIT2
from protocol.signatures import recover
from protocol.typed_data import TokenDomain, cancellation_digest
from tests.fakes.buyer_chain import NETWORK, RPC, TOKEN
from tests.fakes.seller import ORIGIN, World, account, policy

URL = f"{ORIGIN}/v1/echo"
BUYER = account("buyer").address
ACCOUNT = account("deployer").address
DOMAIN = TokenDomain("TestUSD", "1", 31337, TOKEN)
Cancel = Callable[..., int]


class FakeShell(Shell):
    """A shell whose client reaches the world's chain."""

    world: World

    def client(self) -> httpx.Client:
        return httpx.Client(transport=self.world.seller.transport)


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.seller.chain.allowed = 10**9
    return made


@pytest.fixture
def take_back(world: World, monkeypatch: pytest.MonkeyPatch) -> Cancel:
    """Runs the command; its exit status."""
    monkeypatch.setattr("agent.cancelling.SystemClock", lambda: world.seller.clock)
    monkeypatch.setattr("agent.cancelling.Buyer.from_settings", lambda settings: world.buyer)
    FakeShell.world = world

    def run(purchase_id: str, *, dry_run: bool = False, **given: str) -> int:
        made = {"key": account("buyer").key.hex()} | given
        settings = Settings(home=world.home, rpc=RPC, policy_text=policy(), **made)  # type: ignore[arg-type]
        out = Console(file=StringIO(), width=200)
        return cancel(FakeShell(settings, out, out), Namespace(id=purchase_id, dry_run=dry_run))

    return run


def bought(world: World, how: str = "402") -> str:
    """A purchase that was signed and presented, and that its seller did not take: in doubt."""
    world.seller.paid.extend([how] * 99)
    outcome = world.buyer.buy(URL)
    assert (outcome.status, spent(world)) == ("in_doubt", 50_000)
    world.seller.paid.clear()
    assert outcome.purchase_id is not None
    return outcome.purchase_id


def spent(world: World) -> int:
    return world.buyer.budgets(NETWORK, TOKEN)["limits.per_day"].spent


FORMS: dict[str, Callable[[World], None]] = {
    "EIP-3009": lambda world: None,
    "Permit2": lambda world: world.seller.__setattr__("by_permit2", True),
    "atomic": lambda world: world.seller.__dict__.update(mode="DELEGATE", atomic=True),
}
every_form = pytest.mark.parametrize("form", FORMS)


@every_form
def test_what_nobody_settled_is_cancelled_and_its_money_is_free(world: World, take_back: Cancel, form: str) -> None:
    FORMS[form](world)
    purchase_id = bought(world)
    assert take_back(purchase_id) == 0
    [sent] = world.seller.chain.sent
    assert (sent.to, sent.sender) == (PERMIT2 if form == "Permit2" else TOKEN, BUYER)
    outcome = world.buyer.outcome(purchase_id)
    assert (outcome.status, "cancelled on chain" in outcome.detail, spent(world)) == ("failed", True, 0)
    assert world.buyer.chain.authorization_used(_signed(world, purchase_id))


def _signed(world: World, purchase_id: str) -> object:
    from_store = cancelling.purchase
    with world.buyer.store.begin() as connection:
        return from_store(connection, purchase_id).signed


def test_what_is_signed_cancels_this_payment_on_this_token_alone(world: World, take_back: Cancel) -> None:
    purchase_id = bought(world)
    take_back(purchase_id)
    [sent] = world.seller.chain.sent
    words = [sent.data[4 + 32 * i : 36 + 32 * i] for i in range(5)]
    nonce, v, r, s = words[1], words[2][-1:], words[3], words[4]
    assert recover(cancellation_digest(DOMAIN, BUYER, nonce), r + s + v) == BUYER
    assert recover(cancellation_digest(DOMAIN._replace(chain_id=1), BUYER, nonce), r + s + v) != BUYER


@every_form
def test_g7_its_money_stays_held_until_the_cancellation_is_final(world: World, take_back: Cancel, form: str) -> None:
    FORMS[form](world)
    purchase_id = bought(world)
    world.seller.chain.final = 0
    assert (take_back(purchase_id), spent(world)) == (5, 50_000)
    requests = len(world.seller.payments)
    assert (world.buyer.resume(purchase_id)[0].status, spent(world)) == ("in_doubt", 50_000)
    assert len(world.seller.payments) == requests, "what is being taken back is not presented again"
    assert "the money has moved" not in world.buyer.outcome(purchase_id).detail
    world.seller.chain.final = 100
    assert (world.buyer.resume(purchase_id)[0].status, spent(world)) == ("failed", 0)
    assert len(world.seller.chain.sent) == 1


@every_form
def test_g7_a_payment_that_was_settled_is_not_called_cancelled(world: World, take_back: Cancel, form: str) -> None:
    FORMS[form](world)
    purchase_id = bought(world)
    settle(world)
    with pytest.raises(AgentError, match="used already"):
        take_back(purchase_id)
    assert (world.seller.chain.sent, spent(world)) == ([], 50_000)


def settle(world: World) -> None:
    """The seller's facilitator takes the money after all, and the answer to that is lost."""
    world.seller.paid.append("lost")
    with pytest.raises(httpx.ReadError):
        world.seller.handle(httpx.Request("GET", URL, headers={"PAYMENT-SIGNATURE": world.seller.payments[-1]}))


@pytest.mark.parametrize("before", [True, False], ids=["in an earlier block", "in the same block"])
def test_g7_a_permit_that_was_settled_just_before_is_paid_although_permit2_logs_the_cancellation(
    world: World, take_back: Cancel, before: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Permit2 says the same of a nonce that was used: whether money moved, only bitmap and Transfers tell."""
    FORMS["Permit2"](world)
    purchase_id = bought(world)
    chain, send = world.seller.chain, world.seller.chain._send

    def overtaken(sent: object) -> str:
        settle(world)
        found = send(sent)  # type: ignore[arg-type]
        if not before:
            settled = next(iter(chain.mined.values()))
            chain.mined[found]["blockNumber"] = settled["blockNumber"]
        return found

    monkeypatch.setattr(chain, "_send", overtaken)
    assert (take_back(purchase_id), spent(world)) == (5, 50_000)
    outcome = world.buyer.outcome(purchase_id)
    assert ("the money has moved on chain" in outcome.detail, "cancelled" in outcome.detail) == (True, False)
    assert world.buyer.resume(purchase_id)[0].status == "delivered", "what was paid is asked for again"


def test_a_cancellation_that_fails_frees_nothing(world: World, take_back: Cancel) -> None:
    purchase_id = bought(world)
    world.seller.chain.takes_approvals = False
    assert (take_back(purchase_id), spent(world)) == (5, 50_000)


def test_a_cancellation_on_its_way_is_not_signed_twice(world: World, take_back: Cancel) -> None:
    purchase_id = bought(world)
    world.seller.chain.mines = False
    with pytest.raises(ChainUnavailable, match="not mined yet"):
        take_back(purchase_id)
    assert spent(world) == 50_000
    with pytest.raises(ChainUnavailable, match="not mined yet"):
        take_back(purchase_id)
    assert len({sent.hash for sent in world.seller.chain.sent}) == 1
    world.seller.chain.sent.clear()
    world.seller.chain.mines = True
    assert (take_back(purchase_id), spent(world), len(world.seller.chain.sent)) == (0, 0, 1)


def test_a_dry_run_signs_and_sends_nothing(world: World, take_back: Cancel, monkeypatch: pytest.MonkeyPatch) -> None:
    purchase_id = bought(world)
    monkeypatch.setattr(cancelling, "call_of", None)
    assert take_back(purchase_id, dry_run=True) == 0
    assert (world.seller.chain.sent, spent(world)) == ([], 50_000)


def test_the_kill_switch_does_not_keep_anybody_from_taking_back(world: World, take_back: Cancel) -> None:
    purchase_id = bought(world)
    world.buyer.stop("odd")
    assert (take_back(purchase_id), spent(world)) == (0, 0)


def test_what_was_delivered_is_owed(world: World, take_back: Cancel) -> None:
    outcome = world.buyer.buy(URL)
    assert outcome.purchase_id is not None
    with pytest.raises(AgentError, match="is owed"):
        take_back(outcome.purchase_id)
    assert world.seller.chain.sent == []


def test_what_was_refused_has_nothing_to_take_back(world: World, take_back: Cancel) -> None:
    world.seller.amount = 2_000_000
    outcome = world.buyer.buy(URL)
    assert outcome.purchase_id is not None
    with pytest.raises(AgentError, match="no payment of it is open"):
        take_back(outcome.purchase_id)


def test_another_wallet_takes_nothing_back(world: World, take_back: Cancel) -> None:
    purchase_id = bought(world)
    with pytest.raises(AgentError, match="this wallet is"):
        take_back(purchase_id, key=account("stranger").key.hex())
    assert world.seller.chain.sent == []


def test_another_chain_is_not_asked_to_cancel(world: World, take_back: Cancel) -> None:
    purchase_id = bought(world)
    with world.buyer.store.begin() as connection:
        change_purchase(connection, purchase_id, world.seller.clock.now(), network="eip155:1")
    with pytest.raises(ChainUnavailable, match="not eip155:1"):
        take_back(purchase_id)
    assert world.seller.chain.sent == []


@pytest.mark.parametrize("form", ["EIP-3009", "Permit2"])
def test_an_account_takes_back_by_its_owners_key(world: World, take_back: Cancel, form: str) -> None:
    FORMS[form](world)
    chain = world.seller.chain
    chain.accounts[ACCOUNT] = lambda digest, signature: (
        recover(SmartWallet().message(ACCOUNT, 31337, digest), signature) == BUYER
    )
    chain.balances[ACCOUNT] = 10**8
    world.seller.check_signature = lambda payment: None
    asked = Chain(httpx.Client(transport=world.seller.transport), RPC, "latest")
    signer = AccountSigner(OwnerSigner(account("buyer"), ACCOUNT, SmartWallet()), ACCOUNT, asked)
    world.signer = signer  # type: ignore[assignment]
    world.buyer = world.restarted()
    purchase_id = bought(world)
    assert (take_back(purchase_id, account=ACCOUNT), spent(world)) == (0, 0)
    [sent] = chain.sent
    assert (sent.sender, sent.to) == (BUYER, ACCOUNT if form == "Permit2" else TOKEN)
