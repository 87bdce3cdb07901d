"""`paddock-agent transfer`: to whom the policy names alone, on the same budgets, once, and by the chain's word."""

from argparse import Namespace
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path

import httpx
import pytest
from eth_abi.abi import decode
from eth_account import Account
from rich.console import Console

from agent import Settings, approvals, transfers
from agent import account as account_module
from agent.chain import Chain
from agent.commands import Shell
from agent.errors import AgentError, ApprovalError, PolicyError, Refused, WalletError
from agent.policy_file import parse
from agent.store import Store
from agent.transferring import transfer
from tests.fakes.buyer_chain import NETWORK, RPC, TOKEN
from tests.fakes.seller import ORIGIN, World, account, policy

FRIEND, OTHER = account("stranger").address, account("merchant").address
BUYER = account("buyer").address
NAMED = (
    f'[[transfers]]\nto = "{FRIEND}"\nper_day = "0.80"\n[[transfers]]\nto = "{TOKEN}"\n[[transfers]]\nto = "{BUYER}"\n'
)
ACCOUNT = str(Account.create().address)


class FakeShell(Shell):
    """A shell whose client reaches the world's chain."""

    world: World

    def client(self) -> httpx.Client:
        return httpx.Client(transport=self.world.seller.transport)


Send = Callable[..., int]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, more=NAMED)


@pytest.fixture
def send(world: World, monkeypatch: pytest.MonkeyPatch) -> Send:
    """Runs the command; its exit status."""
    monkeypatch.setattr("agent.transferring.SystemClock", lambda: world.seller.clock)
    FakeShell.world = world

    def run(amount: str = "0.25", to: str = FRIEND, asset: str = TOKEN, *, dry_run: bool = False, **given: str) -> int:
        text = given.pop("text", "") or policy(more=NAMED)
        made = {"key": account("buyer").key.hex(), "finality": "latest"} | given
        settings = Settings(home=world.home, rpc=RPC, policy_text=text, **made)  # type: ignore[arg-type]
        out = Console(file=StringIO(), width=200)
        return transfer(
            FakeShell(settings, out, out), Namespace(asset=asset, to=to, amount=amount, task="t", dry_run=dry_run)
        )

    return run


def level(world: World, rule: str = "limits.per_day") -> int:
    return world.buyer.budgets(NETWORK, TOKEN, "t")[rule].spent


def test_money_goes_to_an_address_of_the_policy_and_counts_on_every_budget(world: World, send: Send) -> None:
    assert send() == 0
    [sent] = world.seller.chain.sent
    assert (sent.to, sent.sender) == (TOKEN, BUYER)
    assert decode(["address", "uint256"], sent.data[4:]) == (FRIEND.lower(), 250_000)
    assert (level(world), level(world, "limits.per_task")) == (250_000, 250_000)


HOSTILE = {
    "another recipient": ({"to": OTHER}, {}, "recipient.unknown"),
    "the token itself": ({"to": TOKEN}, {}, "recipient.own"),
    "this very wallet": ({"to": BUYER}, {}, "recipient.own"),
    "another token": ({"asset": OTHER}, {}, "asset.unknown"),
    "other decimals": ({}, {"decimals": "decimals = 18"}, "asset.decimals"),
    "too much at once": ({"amount": "1.000001"}, {}, "limits.per_call"),
    "nothing": ({"amount": "0"}, {}, "limits.per_call"),
    "at night": ({}, {"hours": '[hours]\nfrom = "13:00"\nto = "14:00"\n'}, "hours"),
    "another network": ({}, {"network": "eip155:1"}, "network.unknown"),
    "a day's budget": ({}, {"per_day": "0.20"}, "limits.per_day"),
    "the recipient's budget": ({"amount": "0.80001"}, {"above": "5.00"}, "transfers[0].per_day"),
    "more than there is": ({}, {}, "wallet.balance"),
}


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize("name", HOSTILE)
def test_what_the_policy_does_not_allow_is_refused_and_nothing_is_signed(
    world: World, send: Send, name: str, dry_run: bool
) -> None:
    asked, changes, rule = HOSTILE[name]
    changes = dict(changes)
    if name == "more than there is":
        world.seller.chain.balances[BUYER] = 249_999
    decimals, hours = changes.pop("decimals", "decimals = 6"), changes.pop("hours", "")
    text = policy(more=NAMED + hours, **changes).replace("decimals = 6", decimals)
    given = {"text": text} | asked
    if name == "another network":
        given |= {"key_file": _key_file(world)}
    if dry_run:
        assert send(dry_run=True, **given) == 3
    else:
        with pytest.raises(Refused) as refused:
            send(**given)
        assert refused.value.rule == rule
    assert (world.seller.chain.sent, level(world)) == ([], 0)


def _key_file(world: World) -> Path:
    path = world.home / "key"
    path.write_text(account("buyer").key.hex())
    return path


def test_a_dry_run_of_what_is_allowed_signs_nothing(world: World, send: Send) -> None:
    assert send(dry_run=True) == 0
    assert (world.seller.chain.sent, level(world)) == ([], 0)


def test_nothing_is_sent_while_the_kill_switch_is_on(world: World, send: Send) -> None:
    world.buyer.stop("odd")
    with pytest.raises(Refused) as refused:
        send()
    assert (refused.value.rule, world.seller.chain.sent) == ("switch.stopped", [])


def test_a_switch_thrown_between_the_decision_and_the_signature_stops_it(
    world: World, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare = account_module.unsigned

    def stopped(*given: object) -> object:
        world.buyer.stop("now")
        return prepare(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(account_module, "unsigned", stopped)
    with pytest.raises(Refused) as refused:
        send()
    assert (refused.value.rule, world.seller.chain.sent, level(world)) == ("switch.stopped", [], 0)


def test_purchases_and_transfers_share_their_budgets(world: World, send: Send) -> None:
    tight = policy(more=NAMED, per_day="0.27")
    assert send(text=tight) == 0
    outcome = world.restarted(per_day="0.27").buy(f"{ORIGIN}/v1/echo")
    assert (outcome.status, outcome.rule, world.signer.signed) == ("refused", "limits.per_day", [])


def test_the_recipients_budget_is_of_a_day(world: World, send: Send) -> None:
    assert send("0.50") == 0
    with pytest.raises(Refused) as refused:
        send("0.31")
    assert refused.value.rule == "transfers[0].per_day"
    world.seller.clock.sleep(24 * 3600 + 1)
    assert send("0.31") == 0


def test_what_is_dear_waits_for_a_person_who_agrees_to_exactly_that_once(world: World, send: Send) -> None:
    store, now = Store(world.home / "agent.db"), world.seller.clock.now
    text = policy(more=NAMED.replace("0.80", "5.00"))
    assert (send("0.60", text=text), world.seller.chain.sent) == (4, [])
    with store.begin() as connection:
        [asked] = approvals.pending(connection)
        assert (asked.terms.pay_to, asked.terms.amount, asked.terms.mode) == (FRIEND, "600000", "TRANSFER")
        with pytest.raises(ApprovalError, match="only"):
            approvals.approve(connection, asked.id, account("buyer"), now())
        approvals.approve(connection, asked.id, account("approver"), now())
    assert (send("0.61", text=text), len(world.seller.chain.sent)) == (4, 0)
    assert (send("0.60", text=text), len(world.seller.chain.sent)) == (0, 1)
    assert (send("0.60", text=text), len(world.seller.chain.sent)) == (4, 1)


def test_a_denied_transfer_is_not_asked_about_again_at_once(world: World, send: Send) -> None:
    assert send("0.60") == 4
    with Store(world.home / "agent.db").begin() as connection:
        [asked] = approvals.pending(connection)
        approvals.refuse(connection, asked.id, world.seller.clock.now())
    with pytest.raises(Refused) as refused:
        send("0.60")
    assert (refused.value.rule, world.seller.chain.sent) == ("approval.denied", [])


@pytest.mark.parametrize("approver", ["", BUYER], ids=["nobody", "the wallet itself"])
def test_a_transfer_that_nobody_else_can_approve_is_refused(world: World, send: Send, approver: str) -> None:
    with pytest.raises(Refused) as refused:
        send("0.60", text=policy(more=NAMED, approver=approver))
    assert (refused.value.rule, world.seller.chain.sent) == ("approval.nobody", [])


def followed(world: World, finality: str = "latest") -> list[transfers.Transfer]:
    chain = Chain(httpx.Client(transport=world.seller.transport), RPC, finality)
    return transfers.follow_all(Store(world.home / "agent.db"), chain)


def test_what_is_not_mined_stays_held_and_the_same_bytes_go_out_again(world: World, send: Send) -> None:
    chain = world.seller.chain
    chain.mines = False
    assert send() == 5
    assert (level(world), len(chain.sent)) == (250_000, 1)
    world.seller.clock.sleep(timedelta(days=30).total_seconds())
    assert level(world) == 250_000
    chain.sent.clear()
    chain.mines = True
    assert [one.state for one in followed(world)] == ["sent"]
    assert [one.state for one in followed(world)] == ["done"]
    assert (len(chain.sent), followed(world)) == (1, [])


def test_a_node_that_breaks_off_leaves_it_in_doubt_and_not_forgotten(world: World, send: Send) -> None:
    handle = world.seller.chain.handle

    def broken(request: httpx.Request) -> httpx.Response:
        if b"eth_sendRawTransaction" in request.content:
            raise httpx.ReadError("reset", request=request)
        return handle(request)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world.seller.chain, "handle", broken)
        assert send() == 5
    assert (level(world), world.seller.chain.sent) == (250_000, [])
    assert [one.state for one in followed(world) + followed(world)] == ["sent", "done"]
    assert len(world.seller.chain.sent) == 1


@pytest.mark.parametrize("final", [0, 100])
def test_a_failed_transfer_frees_its_money_once_that_is_final(world: World, send: Send, final: int) -> None:
    world.seller.chain.takes_approvals = False
    world.seller.chain.final = final
    assert send() == (1 if final else 5)
    assert level(world) == (0 if final else 250_000)


def test_one_whose_place_another_transaction_took_frees_its_money(world: World, send: Send) -> None:
    world.seller.chain.mines = False
    assert send() == 5
    world.seller.chain.count = 8
    assert [one.state for one in followed(world)] == ["failed"]
    assert level(world) == 0


def test_the_budgets_are_asked_again_where_the_money_is_set_aside(
    world: World, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two at one time, both of which fitted when they were decided, one is refused."""
    assert send("0.40") == 0
    monkeypatch.setattr(transfers.Mover, "decide", lambda self, asked: self._judged(asked))
    with pytest.raises(Refused) as refused:
        send("0.41")
    assert (refused.value.rule, len(world.seller.chain.sent)) == ("transfers[0].per_day", 1)


def test_an_account_sends_its_own_money_by_its_owners_key(world: World, send: Send) -> None:
    chain = world.seller.chain
    chain.accounts[ACCOUNT], chain.balances[ACCOUNT] = (lambda digest, signature: True), 1_000_000
    assert send(account=ACCOUNT) == 0
    [sent] = chain.sent
    assert (sent.sender, sent.to, chain.balances[ACCOUNT]) == (BUYER, ACCOUNT, 750_000)
    with pytest.raises(WalletError, match="cannot be told"):
        send(account=ACCOUNT, account_form="plain")


@pytest.mark.parametrize("given", [{"to": "bob"}, {"asset": "usd"}, {"amount": "much"}, {"amount": "-1"}])
def test_what_cannot_be_read_is_an_error_with_an_example(world: World, send: Send, given: dict[str, str]) -> None:
    with pytest.raises(AgentError) as error:
        send(**given)
    assert ("paddock-agent transfer" in error.value.mend, world.seller.chain.sent) == (True, [])


@pytest.mark.parametrize("entry", ['to = "0x12"', f'to = "{FRIEND}"\nper_day = "lots"', 'name = "friend"'])
def test_a_table_of_transfers_that_cannot_be_read_is_an_error_of_the_policy(entry: str) -> None:
    with pytest.raises(PolicyError, match=r"transfers|to"):
        parse(policy(more=f"[[transfers]]\n{entry}\n"))
