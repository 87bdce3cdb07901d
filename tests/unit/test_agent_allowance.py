"""`paddock-agent allow`: a person lets Permit2 move exactly so much, of a token of the policy, and at most a day's."""

from argparse import Namespace
from collections.abc import Callable
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import httpx
import pytest
from eth_abi.abi import decode
from eth_utils.crypto import keccak
from rich.console import Console

from agent import switch
from agent.allowance import allow_permit2
from agent.clock import ManualClock
from agent.commands import Shell
from agent.errors import AgentError, ChainUnavailable, Refused, WalletError
from agent.settings import Settings
from agent.store import Store
from protocol.payment import PERMIT2
from tests.fakes.buyer_chain import RPC, TOKEN, FakeChain
from tests.fakes.seller import account, policy

OTHER = account("stranger").address


class FakeShell(Shell):
    """A shell whose client reaches one fake chain."""

    chain_behind: FakeChain

    def client(self) -> httpx.Client:
        return httpx.Client(transport=httpx.MockTransport(self.chain_behind.handle))


Allow = Callable[..., str]


@pytest.fixture
def chain() -> FakeChain:
    return FakeChain(ManualClock(datetime(2026, 3, 1, tzinfo=UTC)))


@pytest.fixture
def allow(tmp_path: Path, chain: FakeChain, monkeypatch: pytest.MonkeyPatch) -> Allow:
    """Runs the command; what it printed."""
    monkeypatch.setattr("agent.allowance.SystemClock", lambda: chain.clock)
    FakeShell.chain_behind = chain

    def run(asset: str, amount: str, text: str | None = None) -> str:
        key = tmp_path / "buyer.key"
        key.write_text(account("buyer").key.hex())
        settings = Settings(home=tmp_path, rpc=RPC, policy_text=policy() if text is None else text, key_file=key)
        out = Console(file=StringIO(), width=200)
        assert allow_permit2(FakeShell(settings, out, out), Namespace(asset=asset, amount=amount)) == 0
        assert isinstance(out.file, StringIO)
        return out.file.getvalue()

    return run


def test_exactly_what_was_asked_is_allowed_whatever_was_before(allow: Allow, chain: FakeChain) -> None:
    chain.allowed = 9_999_999
    assert allow(TOKEN, "2.50") == f"Permit2 may move 2.5 of {TOKEN} for {account('buyer').address}\n"
    [sent] = chain.sent
    assert (sent.to, sent.sender, sent.nonce) == (TOKEN, account("buyer").address, 7)
    assert sent.data[:4] == keccak(b"approve(address,uint256)")[:4]
    assert decode(["address", "uint256"], sent.data[4:]) == (PERMIT2.lower(), 2_500_000)


def test_a_days_limit_may_be_allowed_and_no_more(allow: Allow, chain: FakeChain) -> None:
    allow(TOKEN, "20.00")
    with pytest.raises(Refused, match=r"no more than the policy spends in a day: 20.00 USDC") as refused:
        allow(TOKEN, "20.000001")
    assert (refused.value.rule, len(chain.sent), chain.allowed) == ("limits.per_day", 1, 20_000_000)


@pytest.mark.parametrize(
    ("asset", "text", "rule"),
    [
        (OTHER, policy(), "asset.unknown"),
        (TOKEN, policy(network="eip155:1"), "asset.unknown"),
        (TOKEN, policy().replace("decimals = 6", "decimals = 18"), "asset.decimals"),
    ],
    ids=["another token", "another network", "other decimals"],
)
def test_a_token_that_the_policy_does_not_name_is_refused(
    allow: Allow, chain: FakeChain, asset: str, text: str, rule: str
) -> None:
    with pytest.raises(Refused) as refused:
        allow(asset, "1", text)
    assert (refused.value.rule, chain.sent) == (rule, [])


def test_what_was_allowed_can_always_be_taken_back(allow: Allow, chain: FakeChain) -> None:
    allow(OTHER, "0", "no policy at all")
    assert [(sent.to, sent.data[-32:]) for sent in chain.sent] == [(OTHER, bytes(32))]


@pytest.mark.parametrize(("asset", "amount"), [("dai", "1"), (TOKEN, "half"), (TOKEN, "-1"), (TOKEN, "0.0000001")])
def test_what_cannot_be_read_is_an_error_with_an_example(
    allow: Allow, chain: FakeChain, asset: str, amount: str
) -> None:
    with pytest.raises(AgentError) as error:
        allow(asset, amount)
    assert ("paddock-agent allow" in error.value.mend, chain.sent) == (True, [])


def test_a_wallet_without_coins_for_gas_sends_nothing(allow: Allow, chain: FakeChain) -> None:
    chain.coins = 10**9
    with pytest.raises(WalletError, match="holds 1000000000 wei"):
        allow(TOKEN, "1")
    assert chain.sent == []


def test_an_approval_that_fails_on_chain_is_an_error(allow: Allow, chain: FakeChain) -> None:
    chain.takes_approvals = False
    with pytest.raises(WalletError, match="failed on chain") as error:
        allow(TOKEN, "1")
    assert "allow 0" in error.value.mend


def test_an_approval_that_is_not_mined_is_waited_for_and_not_sent_twice(allow: Allow, chain: FakeChain) -> None:
    chain.mines = False
    with pytest.raises(ChainUnavailable, match="not mined yet"):
        allow(TOKEN, "1")
    assert (len(chain.sent), sum(chain.clock.sleeps)) == (1, 60)


def test_the_kill_switch_stops_an_allowance_and_never_taking_one_back(
    allow: Allow, chain: FakeChain, tmp_path: Path
) -> None:
    with Store(tmp_path / "agent.db").begin() as connection:
        switch.stop(connection, "odd", chain.clock.now())
    with pytest.raises(Refused) as refused:
        allow(TOKEN, "1")
    assert (refused.value.rule, chain.sent) == ("switch.stopped", [])
    allow(TOKEN, "0")
    assert len(chain.sent) == 1
