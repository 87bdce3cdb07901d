"""A signer of its own: what it signs for the agent, what it refuses although the agent asks, and what a thief gets."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from agent import Buyer, Settings, switch
from agent.chain import Chain
from agent.errors import Refused, SettingsError, WalletError
from agent.remote import RemoteSigner, signer_of
from agent.signing import SignTransfer
from protocol.actions import Action
from protocol.delegate import Commitment
from protocol.functions import Function
from protocol.payment import Delegated
from protocol.permit2 import Permit
from protocol.signatures import recover
from protocol.typed_data import TokenDomain, Transfer, authorization_digest
from tests.fakes.buyer_chain import NETWORK, RPC, TOKEN
from tests.fakes.seller import CALLBACK, EXECUTOR, FACILITATOR, ORIGIN, World, account, policy
from tests.fakes.vault import DOMAIN, MERCHANT, PINNED, TOKEN_OF_SIGNER, Vault

URL = f"{ORIGIN}/v1/echo"
OTHER = account("stranger").address


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def buyer(world: World, vault: Vault) -> Buyer:
    """The world's buyer with that signer, and no key."""
    settings = Settings(home=world.home, rpc=RPC, policy_text=policy(**PINNED), finality="latest")
    return Buyer(settings, signer=vault.remote, clock=world.seller.clock, transport=world.seller.transport)


@pytest.mark.parametrize("mode", ["DIRECT", "DELEGATE", "atomic", "metered"])
def test_an_agent_without_a_key_buys_in_every_mode(tmp_path: Path, world: World, mode: str) -> None:
    vault = Vault(tmp_path, world)
    world.seller.mode = "DIRECT" if mode in ("DIRECT", "metered") else "DELEGATE"
    world.seller.atomic = mode == "atomic"
    world.seller.charge = 20_000 if mode == "metered" else None
    world.seller.chain.allowed = 10**9
    outcome = buyer(world, vault).buy(URL)
    assert (outcome.status, outcome.proof) == ("delivered", "proven")
    assert len(vault.signer.signed) == 1
    assert world.signer.signed == []


HOSTILE = {
    "another recipient": ({"to": OTHER}, "recipient.unknown"),
    "too much for one call": ({"value": 1_000_001}, "limits.per_call"),
    "nothing": ({"value": 0}, "limits.per_call"),
    "a year of validity": ({"valid_before": 1_900_000_000}, "limits.validity"),
    "validity that has passed": ({"valid_before": 1_700_000_000}, "limits.validity"),
    "validity from tomorrow on": ({"valid_after": 1_900_000_000}, "limits.validity"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a21_the_signer_refuses_what_its_own_policy_forbids_although_the_agent_asks(
    tmp_path: Path, world: World, name: str
) -> None:
    vault, (changes, rule) = Vault(tmp_path, world), HOSTILE[name]
    with pytest.raises(Refused) as refusal:
        vault.transfer(**changes)
    assert refusal.value.rule == rule
    assert vault.signer.signed == []


@pytest.mark.parametrize(
    ("domain", "rule"),
    [
        (DOMAIN._replace(chain_id=1), "network.unknown"),
        (DOMAIN._replace(contract=OTHER), "asset.unknown"),
        (DOMAIN._replace(name="USD Coin"), "asset.domain"),
    ],
)
def test_a21_another_token_is_not_signed_for(tmp_path: Path, world: World, domain: TokenDomain, rule: str) -> None:
    vault = Vault(tmp_path, world)
    now = int(vault.clock.now().timestamp())
    with pytest.raises(Refused) as refusal:
        vault.remote.sign_transfer(domain, Transfer(vault.signer.address, MERCHANT, 1, 0, now + 60, b"\x01" * 32))
    assert refusal.value.rule == rule
    assert vault.signer.signed == []


def committed(vault: Vault, **changes: Any) -> Commitment:
    """A payment of 0.05 to the executor, for what the callback does by itself."""
    deadline = int(vault.clock.now().timestamp()) + 60
    given = {
        "executor": EXECUTOR,
        "amount": 50_000,
        "deadline": deadline,
        "target": CALLBACK,
        "calldata": b"",
    } | changes
    action = Delegated(given["target"], given["calldata"], b"\x02" * 32, b"\x03" * 32, b"\x04" * 32)
    return Commitment(31337, given["executor"], vault.signer.address, TOKEN, given["amount"], action, given["deadline"])


@pytest.mark.parametrize("by", ["eip3009", "permit2"])
@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"executor": MERCHANT}, "executor.unknown"),
        ({"target": OTHER}, "mode.delegate.callback"),
        ({"calldata": b"\x12\x34\x56\x78"}, "mode.delegate.function"),
        ({"amount": 1_000_001}, "limits.per_call"),
        ({"deadline": 1_900_000_000}, "limits.validity"),
    ],
)
def test_a21_an_action_that_the_signers_policy_does_not_name_is_not_paid_for(
    tmp_path: Path, world: World, by: str, changes: dict[str, Any], rule: str
) -> None:
    vault = Vault(tmp_path, world)
    wish = committed(vault, **changes)
    with pytest.raises(Refused) as refusal:
        vault.remote.sign_receive(DOMAIN, wish) if by == "eip3009" else vault.remote.sign_commitment(wish)
    assert refusal.value.rule == rule
    assert vault.signer.signed == []


MINT = f'actions = [{{ contract = "{CALLBACK}", functions = ["mintTo(address)"] }}]'
CHOSEN = Function("mintTo(address)").selector + bytes(32)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({}, None),
        ({"contract": OTHER}, "mode.delegate.callback"),
        ({"calldata": b"\x12\x34\x56\x78"}, "mode.delegate.function"),
        ({"calldata": b""}, "mode.delegate.function"),
        ({"owner": OTHER}, "recipient.unknown"),
        ({"token": OTHER}, "asset.unknown"),
        ({"amount": 1_000_001}, "limits.per_call"),
        ({"deadline": 1_900_000_000}, "mode.delegate.deadline"),
    ],
)
def test_a21_a_choice_of_calldata_is_signed_only_as_the_signers_policy_has_it(
    tmp_path: Path, world: World, changes: dict[str, Any], rule: str | None
) -> None:
    vault = Vault(tmp_path, world, more=MINT)
    wish = Action(
        chain_id=31337,
        contract=CALLBACK,
        token=TOKEN,
        owner=MERCHANT,
        payer=vault.signer.address,
        amount=50_000,
        order=b"\x02" * 32,
        deadline=int(vault.clock.now().timestamp()) + 600,
        calldata=CHOSEN,
    )
    if rule is None:
        assert recover(wish.digest(), vault.remote.sign_action(wish)) == vault.signer.address
        return
    with pytest.raises(Refused) as refusal:
        vault.remote.sign_action(replace(wish, **changes))
    assert refusal.value.rule == rule
    assert vault.signer.signed == []


def test_a21_a_facilitator_that_the_signers_policy_does_not_name_is_given_no_ceiling(
    tmp_path: Path, world: World
) -> None:
    vault = Vault(tmp_path, world)
    now = int(vault.clock.now().timestamp())
    permit = Permit(vault.signer.address, TOKEN, 50_000, 1, now + 30, MERCHANT, 0, MERCHANT)
    with pytest.raises(Refused) as refusal:
        vault.remote.sign_permit(31337, permit)
    assert refusal.value.rule == "facilitator.unknown"
    long_one = permit._replace(facilitator=FACILITATOR, deadline=now + 200)
    with pytest.raises(Refused) as refusal:
        vault.remote.sign_permit(31337, long_one)
    assert refusal.value.rule == "limits.validity"
    assert vault.signer.signed == []
    assert len(vault.remote.sign_permit(31337, long_one._replace(deadline=now + 60))) == 65


def test_a21_a_thief_with_the_agents_token_gets_a_days_budget_and_no_more(tmp_path: Path, world: World) -> None:
    """Every nonce is a payment of its own: what was signed counts, whether it is ever used or not."""
    vault = Vault(tmp_path, world, per_day="0.20")
    refused = []
    for number in range(20):
        try:
            vault.transfer(nonce=bytes([number]) * 32)
        except Refused as refusal:
            refused.append(refusal.rule)
    assert refused == ["limits.per_day"] * 16
    assert sum(one.value for one in vault.signer.signed if isinstance(one, Transfer)) == 200_000
    vault.clock.sleep(timedelta(days=1, minutes=2).total_seconds())
    assert vault.transfer(nonce=b"\xff" * 32)


def test_the_same_wish_again_gets_the_same_signature_and_counts_once(tmp_path: Path, world: World) -> None:
    vault = Vault(tmp_path, world, per_day="0.05")
    assert vault.transfer() == vault.transfer()
    with pytest.raises(Refused):
        vault.transfer(nonce=b"\x02" * 32)


def test_its_signature_is_over_exactly_what_was_wished(tmp_path: Path, world: World) -> None:
    vault = Vault(tmp_path, world)
    signature = vault.transfer()
    (signed,) = vault.signer.signed
    assert isinstance(signed, Transfer)
    assert recover(authorization_digest(DOMAIN, signed), signature) == vault.signer.address


def test_a_purchase_that_the_signer_refuses_is_refused_and_its_money_is_free_again(
    tmp_path: Path, world: World
) -> None:
    vault = Vault(tmp_path, world, per_call="0.01")
    agent = buyer(world, vault)
    outcome = agent.buy(URL)
    assert (outcome.status, outcome.rule) == ("refused", "limits.per_call")
    assert "the signer" in outcome.detail
    assert world.seller.payments == []
    assert agent.budgets(NETWORK, TOKEN)["limits.per_day"].spent == 0


def test_the_signers_own_switch_and_hours_hold(tmp_path: Path, world: World) -> None:
    stopped = Vault(tmp_path, world)
    with stopped.store.begin() as connection:
        switch.stop(connection, "", stopped.clock.now())
    with pytest.raises(Refused, match="stopped"):
        stopped.transfer()
    closed = Vault(tmp_path / "closed", world, more='[hours]\nfrom = "13:00"\nto = "14:00"')
    with pytest.raises(Refused, match="13:00"):
        closed.transfer()
    assert stopped.signer.signed == closed.signer.signed == []


@pytest.mark.parametrize("header", ["", "Bearer wrong", TOKEN_OF_SIGNER])
def test_a21_nobody_without_the_token_gets_a_signature_or_the_address(
    tmp_path: Path, world: World, header: str
) -> None:
    vault = Vault(tmp_path, world)
    headers = {"Authorization": header} if header else {}
    wish = SignTransfer(
        chain_id=31337,
        name="TestUSD",
        version="1",
        token=TOKEN,
        to=MERCHANT,
        amount="1",
        valid_after=0,
        valid_before=int(vault.clock.now().timestamp()) + 60,
        nonce="0x" + "01" * 32,
    )
    assert vault.client.post("/sign", content=msgspec.json.encode(wish), headers=headers).status_code == 401
    assert vault.client.get("/address", headers=headers).status_code == 401
    assert vault.signer.signed == []
    thief = RemoteSigner(str(vault.client.base_url), "wrong", vault.client)
    with pytest.raises(WalletError, match="token"):
        thief.sign_transfer(DOMAIN, wish.transfer(vault.signer.address))


@pytest.mark.parametrize(
    "wish",
    [b"", b"{}", b"[]", b'{"type":"everything"}', b'{"type":"transfer"}', b"\xff", b'{"type":"transfer","x":1}'],
)
def test_wishes_that_cannot_be_read_are_refused_with_a_reason(tmp_path: Path, world: World, wish: bytes) -> None:
    vault = Vault(tmp_path, world)
    answer = vault.client.post("/sign", content=wish, headers={"Authorization": f"Bearer {TOKEN_OF_SIGNER}"})
    assert answer.status_code == 400
    assert answer.json()["detail"]
    assert vault.signer.signed == []


def test_a_signer_that_is_away_leaves_the_money_held_and_nothing_signed(world: World) -> None:
    def away(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/address":
            return httpx.Response(200, json={"address": account("buyer").address, "key": account("buyer").address})
        raise httpx.ConnectError("no connection", request=request)

    remote = RemoteSigner("http://signer.test", "token", httpx.Client(transport=httpx.MockTransport(away)))
    settings = Settings(home=world.home, rpc=RPC, policy_text=policy(), finality="latest")
    agent = Buyer(settings, signer=remote, clock=world.seller.clock, transport=world.seller.transport)
    with pytest.raises(WalletError, match="cannot be asked"):
        agent.buy(URL)
    assert agent.budgets(NETWORK, TOKEN)["limits.per_day"].spent == 50_000
    assert world.seller.payments == []


def test_a_signer_is_asked_nothing_before_something_is_bought(world: World) -> None:
    def never(request: httpx.Request) -> httpx.Response:
        raise AssertionError(f"{request.url} was asked")

    remote = RemoteSigner("http://signer.test", "token", httpx.Client(transport=httpx.MockTransport(never)))
    settings = Settings(home=world.home, rpc=RPC, policy_text=policy(), finality="latest")
    Buyer(settings, signer=remote, clock=world.seller.clock, transport=world.seller.transport).close()
    assert world.seller.requests == []


def test_a_signer_elsewhere_is_not_asked_without_tls() -> None:
    chain = Chain(httpx.Client(), RPC)
    with pytest.raises(SettingsError, match="without TLS"):
        signer_of(Settings(signer="http://signer.example.com:8499", signer_token=TOKEN_OF_SIGNER), chain)
    for url in ("https://signer.example.com", "http://127.0.0.1:8499"):
        assert isinstance(signer_of(Settings(signer=url, signer_token=TOKEN_OF_SIGNER), chain), RemoteSigner)
