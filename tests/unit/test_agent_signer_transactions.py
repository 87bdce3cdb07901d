"""A signer of its own and chain transactions: it sends, allows and takes back as its own policy has it, no more."""

from argparse import Namespace
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from eth_abi.abi import decode
from litestar.testing import TestClient
from rich.console import Console

from agent import Buyer, Settings, approvals, switch
from agent.account import OwnerSigner, Sender, SmartWallet
from agent.allowance import allow_permit2
from agent.calls import Allowance, Call, Cancellation, Consent, PermitCancellation, TokenTransfer, Unsigned
from agent.cancelling import cancel
from agent.commands import Shell
from agent.errors import PolicyError, Refused, WalletError
from agent.policy import Policy
from agent.policy_file import parse
from agent.remote import RemoteSigner
from agent.signer_service import create_app
from agent.signing import SignTransaction
from agent.store import Store
from agent.transfer_terms import Wish
from agent.transferring import transfer
from agent.wallet import sign_digest
from agent.warden import Warden
from protocol.payment import PERMIT2
from protocol.signatures import recover
from protocol.typed_data import cancellation_digest
from tests.fakes.buyer_chain import NETWORK, RPC, TOKEN
from tests.fakes.seller import ORIGIN, SpySigner, World, account, policy
from tests.fakes.vault import DOMAIN, MERCHANT, PINNED, TOKEN_OF_SIGNER, Vault

FRIEND, BUYER = account("stranger").address, account("buyer").address
ACCOUNT = account("deployer").address
GAS = '[signer]\ngas_per_day = "0.01"\n'
NAMED = f'[[transfers]]\nto = "{FRIEND}"\nper_day = "0.80"\n[[transfers]]\nto = "{BUYER}"\n'
SIGNER = "http://127.0.0.1:8499"
OWN_NONCE = b"\x01" * 32


class FakeShell(Shell):
    """A shell whose client reaches the world's chain."""

    world: World

    def client(self) -> httpx.Client:
        return httpx.Client(transport=self.world.seller.transport)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(tmp_path)
    made.seller.chain.allowed = 10**9
    for command in ("transferring", "cancelling", "allowance"):
        monkeypatch.setattr(f"agent.{command}.SystemClock", lambda: made.seller.clock)
    FakeShell.world = made
    return made


def vault_of(world: World, more: str = NAMED + GAS, **rules: str) -> Vault:
    return Vault(world.home, world, more=more, **rules)


Run = Callable[..., int]


@pytest.fixture
def run(world: World, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command of an agent that has no key; its exit status."""

    def command(vault: Vault, what: Callable[[Shell, Namespace], int], given: dict[str, Any], **changes: Any) -> int:
        monkeypatch.setattr("agent.remote._service", lambda settings: vault.remote)
        wide = policy(**PINNED | {"more": NAMED.replace("0.80", "9.00")} | changes.pop("rules", {}))
        settings = Settings(
            home=world.home, rpc=RPC, policy_text=wide, finality="latest", signer=SIGNER, signer_token="t", **changes
        )
        out = Console(file=StringIO(), width=200)
        return what(FakeShell(settings, out, out), Namespace(**given))

    return command


def sending(amount: str = "0.25", to: str = FRIEND) -> dict[str, Any]:
    return {"asset": TOKEN, "to": to, "amount": amount, "task": "t", "dry_run": False}


def moving(amount: int = 250_000, to: str = FRIEND, token: str = TOKEN) -> TokenTransfer:
    return TokenTransfer(token=token, to=to, amount=str(amount))


def ask(vault: Vault, call: Call, consent: Consent | None = None, **changes: int) -> bytes:
    """Ask for a transaction as whoever has the agent's token can."""
    plain = Unsigned(31337, 7, TOKEN, "0x", 50_000, 2_000_000_001, 1)
    return vault.remote.sign_transaction(plain._replace(**changes), call, consent)


def test_an_agent_without_a_key_sends_money_to_an_address_of_both_policies(world: World, run: Run) -> None:
    vault = vault_of(world)
    assert run(vault, transfer, sending()) == 0
    [sent], [signed] = world.seller.chain.sent, vault.signer.signed
    assert (sent.sender, sent.to, type(signed)) == (BUYER, TOKEN, Unsigned)
    assert decode(["address", "uint256"], sent.data[4:]) == (FRIEND.lower(), 250_000)
    assert world.buyer.budgets(NETWORK, TOKEN)["limits.per_day"].spent == 250_000


HOSTILE: dict[str, tuple[Call, dict[str, int], dict[str, str], str]] = {
    "another recipient": (moving(to=MERCHANT), {}, {}, "recipient.unknown"),
    "the wallet itself": (moving(to=BUYER), {}, {}, "recipient.own"),
    "another token": (moving(token=FRIEND), {}, {}, "asset.unknown"),
    "another network": (moving(), {"chain_id": 1}, {}, "network.unknown"),
    "too much at once": (moving(1_000_001), {}, {}, "limits.per_call"),
    "nothing": (moving(0), {}, {}, "limits.per_call"),
    "dear, and nobody was asked": (moving(500_001), {}, {}, "approval.above"),
    "dear, and nobody is to be asked": (moving(500_001), {}, {"approver": ""}, "approval.nobody"),
    "dear, and the approver is the wallet": (moving(500_001), {}, {"approver": BUYER}, "approval.nobody"),
    "more than the recipient's day": (moving(800_001), {}, {"above": "1.00"}, "transfers[0].per_day"),
    "more than the day's budget": (moving(), {}, {"per_day": "0.20"}, "limits.per_day"),
    "much gas": (moving(), {"gas": 1_000_001}, {}, "signer.gas_per_day"),
    "a dear unit of gas": (moving(), {"max_fee": 10**12}, {}, "signer.gas_per_day"),
    "no gas in the policy": (moving(), {}, {"more": NAMED}, "signer.gas_per_day"),
    "leave for too much": (Allowance(token=TOKEN, amount="20000001"), {}, {}, "limits.per_day"),
    "leave in another token": (Allowance(token=FRIEND, amount="1"), {}, {}, "asset.unknown"),
    "another's permit": (PermitCancellation(nonce="0x" + "07" * 32), {}, {}, "cancellation.unknown"),
    "no leave, on another network": (Allowance(token=TOKEN, amount="0"), {"chain_id": 1}, {}, "network.unknown"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a21_a_transaction_that_the_signers_policy_forbids_is_not_signed_although_the_agent_asks(
    world: World, name: str
) -> None:
    call, changes, rules, rule = HOSTILE[name]
    vault = vault_of(world, **{"more": NAMED + GAS} | rules)
    with pytest.raises(Refused) as refusal:
        ask(vault, call, **changes)
    assert (refusal.value.rule, vault.signer.signed) == (rule, [])


def test_the_signers_refusal_leaves_nothing_held_and_nothing_sent(world: World, run: Run) -> None:
    vault = vault_of(world, per_day="0.20")
    with pytest.raises(Refused, match="the signer"):
        run(vault, transfer, sending())
    assert (vault.signer.signed, world.seller.chain.sent) == ([], [])
    assert world.buyer.budgets(NETWORK, TOKEN)["limits.per_day"].spent == 0


def test_a21_a_thief_with_the_agents_token_sends_a_days_budget_and_burns_a_days_gas(world: World) -> None:
    """Every nonce is a transaction of its own; the same one again counts once."""
    vault, refused = vault_of(world), []
    for nonce in range(5):
        for _ in range(2):
            try:
                ask(vault, moving(), nonce=nonce)
            except Refused as refusal:
                refused.append(refusal.rule)
    assert refused == ["transfers[0].per_day"] * 4
    for nonce in range(5, 120):
        try:
            ask(vault, moving(1), nonce=nonce, max_fee=20 * 10**9)
        except Refused as refusal:
            refused.append(refusal.rule)
    made = {one for one in vault.signer.signed if isinstance(one, Unsigned)}
    assert set(refused[4:]) == {"signer.gas_per_day"}
    assert 9 * 10**15 < sum(one.gas * one.max_fee for one in made) <= 10**16
    vault.clock.sleep(timedelta(days=1, minutes=1).total_seconds())
    assert ask(vault, moving(), nonce=200)


def test_its_signature_is_over_the_call_alone_and_never_over_what_else_the_agent_says(world: World) -> None:
    vault = vault_of(world)
    signature = ask(vault, moving(), to=MERCHANT, data="0x12345678")  # type: ignore[arg-type]
    [signed] = vault.signer.signed
    assert isinstance(signed, Unsigned)
    assert (signed.to, signed.data) == moving().parts()
    assert recover(signed.digest(), signature) == BUYER


@pytest.mark.parametrize("how", ["another transaction", "another key", "no signature"])
def test_what_a_signer_signs_beside_the_question_is_never_sent(
    world: World, run: Run, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = vault_of(world)

    def false(unsigned: Unsigned, call: Call, consent: Consent | None) -> bytes:
        key = account("stranger" if how == "another key" else "buyer")
        other = unsigned._replace(data="0x") if how == "another transaction" else unsigned
        return b"\x00" * 65 if how == "no signature" else sign_digest(key, other.digest())

    monkeypatch.setattr(vault.remote, "sign_transaction", false)
    with pytest.raises(WalletError):
        run(vault, transfer, sending())
    assert world.seller.chain.sent == []
    assert world.buyer.budgets(NETWORK, TOKEN)["limits.per_day"].spent == 0


def agreed(vault: Vault, amount: int = 600_000, key: str = "approver", **changes: Any) -> Consent:
    """A person's signature for one transfer."""
    expires = changes.pop("expires", int(vault.clock.now().timestamp()) + 600)
    terms = Wish(NETWORK, TOKEN, 6, changes.pop("to", FRIEND), amount, "t").terms(expires)
    signature = "0x" + sign_digest(account(key), terms.digest()).hex()
    return Consent(task="t", expires=expires, signature=changes.pop("signature", signature))


def test_what_is_dear_takes_a_persons_signature_which_the_signer_checks_for_itself(world: World, run: Run) -> None:
    vault = vault_of(world)
    assert (run(vault, transfer, sending("0.60")), vault.signer.signed) == (4, [])
    store, now = Store(world.home / "agent.db"), world.seller.clock.now
    with store.begin() as connection:
        [asked] = approvals.pending(connection)
        approvals.approve(connection, asked.id, account("approver"), now())
    assert run(vault, transfer, sending("0.60")) == 0
    assert (len(vault.signer.signed), len(world.seller.chain.sent)) == (1, 1)


CONSENTS: dict[str, tuple[Callable[[Vault], Consent], str]] = {
    "for another amount": (lambda vault: agreed(vault, 600_001), "approval.signature"),
    "for another address": (lambda vault: agreed(vault, to=MERCHANT), "approval.signature"),
    "by the agent": (lambda vault: agreed(vault, key="buyer"), "approval.signature"),
    "of yesterday": (lambda vault: agreed(vault, expires=int(vault.clock.now().timestamp())), "approval.expired"),
    "for another task": (lambda vault: msgspec.structs.replace(agreed(vault), task="u"), "approval.signature"),
    "that is none": (lambda vault: agreed(vault, signature="0x12"), "approval.signature"),
}


@pytest.mark.parametrize("name", CONSENTS)
def test_a21_a_consent_that_is_not_the_approvers_for_exactly_that_moves_nothing(world: World, name: str) -> None:
    vault, (made, rule) = vault_of(world), CONSENTS[name]
    with pytest.raises(Refused) as refusal:
        ask(vault, moving(600_000), made(vault))
    assert (refusal.value.rule, vault.signer.signed) == (rule, [])


def test_a21_a_consent_counts_for_one_transaction_alone(world: World) -> None:
    vault = vault_of(world, NAMED.replace("0.80", "5.00") + GAS)
    consent = agreed(vault)
    assert ask(vault, moving(600_000), consent) == ask(vault, moving(600_000), consent)
    with pytest.raises(Refused) as refusal:
        ask(vault, moving(600_000), consent, nonce=8)
    assert (refusal.value.rule, len(vault.signer.signed)) == ("approval.used", 2)


FORMS: dict[str, Callable[[World], None]] = {
    "EIP-3009": lambda world: None,
    "Permit2": lambda world: world.seller.__setattr__("by_permit2", True),
    "atomic": lambda world: world.seller.__dict__.update(mode="DELEGATE", atomic=True),
    "atomic by Permit2": lambda world: world.seller.__dict__.update(mode="DELEGATE", atomic=True, by_permit2=True),
}


def in_doubt(world: World, signer: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[Buyer, str]:
    """A buyer with that signer, and its purchase that the seller did not take."""
    settings = Settings(home=world.home, rpc=RPC, policy_text=policy(**PINNED), finality="latest")
    made = Buyer(settings, signer=signer, clock=world.seller.clock, transport=world.seller.transport)
    world.seller.paid.extend(["402"] * 99)
    outcome = made.buy(f"{ORIGIN}/v1/echo")
    world.seller.paid.clear()
    assert (outcome.status, spent(made)) == ("in_doubt", 50_000)
    monkeypatch.setattr("agent.cancelling.Buyer.from_settings", lambda settings: made)
    return made, str(outcome.purchase_id)


def spent(buyer: Buyer) -> int:
    return buyer.budgets(NETWORK, TOKEN)["limits.per_day"].spent


@pytest.mark.parametrize("form", FORMS)
def test_an_agent_without_a_key_takes_back_what_nobody_settled(
    world: World, run: Run, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    FORMS[form](world)
    vault = vault_of(world)
    buyer, purchase_id = in_doubt(world, vault.remote, monkeypatch)
    with vault.store.begin() as connection:
        switch.stop(connection, "", vault.clock.now())
    assert run(vault, cancel, {"id": purchase_id, "dry_run": False}) == 0
    [sent] = world.seller.chain.sent
    assert (sent.sender, sent.to) == (BUYER, PERMIT2 if "Permit2" in form else TOKEN)
    assert (buyer.outcome(purchase_id).status, spent(buyer)) == ("failed", 0)


def test_a_cancellation_is_signed_for_what_was_signed_here_alone(world: World) -> None:
    vault = vault_of(world)
    nonces: list[bytes] = []
    cancels = {
        "a nonce": lambda: vault.remote.sign_cancellation(DOMAIN, b"\x02" * 32),
        "a token": lambda: vault.remote.sign_cancellation(DOMAIN._replace(contract=FRIEND), OWN_NONCE),
        "a chain": lambda: vault.remote.sign_cancellation(DOMAIN._replace(chain_id=1), OWN_NONCE),
        "a domain": lambda: vault.remote.sign_cancellation(DOMAIN._replace(name="USD Coin"), OWN_NONCE),
        "a transaction of another nonce": lambda: ask(vault, cancellation(nonce="0x" + "02" * 32)),
        "a transaction on another chain": lambda: ask(vault, cancellation(), chain_id=1),
    }
    vault.transfer(nonce=OWN_NONCE)
    before = len(vault.signer.signed)
    for name, cancelled in cancels.items():
        with pytest.raises(Refused):
            nonces.append(cancelled())
        assert len(vault.signer.signed) == before, name
    signature = vault.remote.sign_cancellation(DOMAIN, OWN_NONCE)
    assert recover(cancellation_digest(DOMAIN, BUYER, OWN_NONCE), signature) == BUYER


def cancellation(nonce: str = "0x" + OWN_NONCE.hex()) -> Cancellation:
    return Cancellation(chain_id=31337, name="TestUSD", version="1", token=TOKEN, nonce=nonce)


def test_a_cancellation_calls_no_contract_on_another_network_of_the_policy(world: World) -> None:
    vault = vault_of(world)
    vault.transfer(nonce=OWN_NONCE)
    both = policy(**PINNED, more=GAS).replace(f'["{NETWORK}"]', f'["{NETWORK}", "eip155:1"]')
    signer = SpySigner()
    elsewhere = SignTransaction(chain_id=1, nonce=7, gas=50_000, max_fee=1, max_tip=1, call=cancellation())
    warden = Warden(Policy(parse(both)), vault.store, Sender(signer), vault.clock)
    with pytest.raises(Refused, match="another chain"):
        warden.sign(elsewhere)
    assert signer.signed == []
    assert warden.sign(msgspec.structs.replace(elsewhere, chain_id=31337))


def test_what_another_wallet_signed_is_not_cancelled(world: World, tmp_path: Path) -> None:
    vault = vault_of(world)
    vault.transfer(nonce=OWN_NONCE)
    other = SpySigner(account("stranger"))
    warden = Warden(Policy(parse(policy(**PINNED, more=GAS))), vault.store, Sender(other), vault.clock)
    with pytest.raises(Refused, match="signed here"):
        warden.sign(cancellation())
    assert other.signed == []


def test_the_signers_switch_and_hours_stop_transfers_and_leave_and_not_taking_it_back(world: World) -> None:
    vault, calls = vault_of(world), (moving(), Allowance(token=TOKEN, amount="1"))
    with vault.store.begin() as connection:
        switch.stop(connection, "", vault.clock.now())
    closed = Vault(world.home / "closed", world, more=f'{NAMED}{GAS}[hours]\nfrom = "13:00"\nto = "14:00"')
    for where, rule in ((vault, "switch.stopped"), (closed, "hours")):
        for call in calls:
            with pytest.raises(Refused) as refusal:
                ask(where, call)
            assert (refusal.value.rule, where.signer.signed) == (rule, [])
        assert ask(where, Allowance(token=TOKEN, amount="0"))


def test_an_agent_without_a_key_lets_permit2_move_money(world: World, run: Run) -> None:
    vault = vault_of(world)
    assert run(vault, allow_permit2, {"asset": TOKEN, "amount": "2.50"}) == 0
    [sent] = world.seller.chain.sent
    assert (sent.to, sent.data[-32:]) == (TOKEN, (2_500_000).to_bytes(32, "big"))


@pytest.mark.parametrize("form", ["SmartWallet", "plain"])
def test_an_account_sends_by_its_owners_key_at_the_signer_if_both_know_what_it_is(
    world: World, run: Run, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain, owner = world.seller.chain, OwnerSigner(account("buyer"), ACCOUNT, SmartWallet())
    chain.accounts[ACCOUNT], chain.balances[ACCOUNT] = (lambda digest, signature: True), 1_000_000
    rules = Policy(parse(policy(**PINNED, more=NAMED + GAS)))
    served = Sender(owner, SmartWallet() if form == "SmartWallet" else None)
    warden = Warden(rules, Store(world.home / "signer.db"), served, world.seller.clock)
    client = TestClient(create_app(warden, TOKEN_OF_SIGNER))
    vault = vault_of(world)
    vault.remote = RemoteSigner(str(client.base_url), TOKEN_OF_SIGNER, client)
    if form == "plain":
        with pytest.raises(WalletError, match="another transaction") as error:
            run(vault, transfer, sending(), account=ACCOUNT)
        assert ("FORM" in error.value.mend, chain.sent) == (True, [])
        return
    assert run(vault, transfer, sending(), account=ACCOUNT) == 0
    [sent] = chain.sent
    assert (sent.sender, sent.to, chain.balances[ACCOUNT]) == (BUYER, ACCOUNT, 750_000)


@pytest.mark.parametrize("wish", ['"gas":-1', '"nonce":1e30', '"call":{"type":"selfdestruct"}', '"to":"0x"'])
def test_a_transaction_that_cannot_be_read_is_refused_with_a_reason(world: World, wish: str) -> None:
    vault = vault_of(world)
    call = '"call":{"type":"transfer","token":"x","to":"y","amount":"1"}'
    text = f'{{"type":"transaction","chainId":31337,"nonce":1,"gas":1,"maxFee":1,"maxTip":1,{call},{wish}}}'
    answer = vault.client.post("/sign", content=text, headers={"Authorization": f"Bearer {TOKEN_OF_SIGNER}"})
    assert (answer.status_code, bool(answer.json()["detail"]), vault.signer.signed) == (400, True, [])


@pytest.mark.parametrize("gas", ["lots", "-1", "0.0000000000000000001"])
def test_a_bound_of_gas_that_is_no_amount_is_an_error_of_the_policy(gas: str) -> None:
    with pytest.raises(PolicyError, match=r"signer\.gas_per_day"):
        parse(policy(more=f'[signer]\ngas_per_day = "{gas}"\n'))
