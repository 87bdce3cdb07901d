"""The agent buys by Permit2: a metered call within a ceiling, and tokens without EIP-3009; and never pays for more."""

import sqlite3
from pathlib import Path

import msgspec
import pytest
from eth_account.messages import encode_typed_data

from agent.drafting import draft
from agent.policy_file import parse
from agent.store import Store
from protocol.headers import decode
from protocol.payment import PERMIT2, UPTO_PROXY
from protocol.permit2 import permit_digest
from protocol.wire import PaymentPayload
from tests.fakes.evm import digest_of
from tests.fakes.permit2 import UPTO_WITNESS, permit_types
from tests.fakes.seller import FACILITATOR, NETWORK, ORIGIN, TOKEN, World

URL = f"{ORIGIN}/v1/echo"
CEILING, CHARGE = 50_000, 12_345


def metered(home: Path, charge: int = CHARGE, **rules: str) -> World:
    """A world whose seller charges by use, and whose buyer has let Permit2 move enough."""
    world = World(home, **rules)
    world.seller.charge, world.seller.chain.allowed = charge, 10 * CEILING
    return world


def day(world: World) -> int:
    return world.buyer.budgets(NETWORK, TOKEN, "default")["limits.per_day"].spent


def test_a_metered_call_is_bought_within_its_ceiling_and_counts_what_it_was_charged(tmp_path: Path) -> None:
    world = metered(tmp_path)
    outcome = world.buyer.buy(URL)
    assert (outcome.status, outcome.proof) == ("delivered", "proven")
    assert (outcome.amount, outcome.charged) == (CEILING, CHARGE)
    assert day(world) == CHARGE


def test_the_permit_names_what_the_policy_allowed_and_the_proxy_that_this_agent_knows(tmp_path: Path) -> None:
    world = metered(tmp_path)
    world.buyer.buy(URL)
    [permit] = world.signer.signed
    assert (permit.spender, permit.facilitator, permit.amount) == (UPTO_PROXY, FACILITATOR, CEILING)
    assert (permit.to, permit.token, permit.valid_after) == (world.seller.pay_to, TOKEN, 0)
    [sent] = world.seller.payments
    signed = decode(sent, PaymentPayload).payload["permit2Authorization"]
    assert permit_digest(31337, permit) == _digest(signed)


@pytest.mark.parametrize(
    ("timeout", "limits", "life"), [(60, "", 60), (300, "", 60), (300, "metered_seconds = 20", 20), (30, "", 30)]
)
def test_a14_a_permit_with_an_open_amount_lives_no_longer_than_it_must(tmp_path, timeout, limits, life) -> None:
    world = metered(tmp_path)
    world.seller.alter = lambda entry: _timed(entry, timeout)
    if limits:
        world.buyer = world.restarted(limits=f", {limits}")
    assert world.buyer.buy(URL).status == "delivered"
    assert world.signer.signed[0].deadline == int(world.seller.clock.now().timestamp()) + life


def test_the_ceiling_is_reserved_until_the_charge_is_known(tmp_path: Path) -> None:
    world = metered(tmp_path)
    world.seller.paid.extend(["reset"] * 10)
    assert world.buyer.buy(URL).status == "in_doubt"
    assert day(world) == CEILING
    world.seller.paid.clear()
    assert world.buyer.resume()[0].status == "delivered"
    assert day(world) == CHARGE


def test_a12_a_day_has_room_for_another_ceiling_only_while_that_fits(tmp_path: Path) -> None:
    world = metered(tmp_path, per_day="0.10")
    bought = [world.buyer.buy(f"{URL}?n={n}").status for n in range(6)]
    assert bought == ["delivered"] * 5 + ["refused"]
    assert day(world) == 5 * CHARGE


def test_a_call_that_cost_nothing_is_kept_and_its_hold_ends_with_the_permit(tmp_path: Path) -> None:
    world = metered(tmp_path, charge=0)
    outcome = world.buyer.buy(URL)
    assert (outcome.status, outcome.charged, outcome.proof) == ("delivered", 0, "unchecked")
    assert day(world) == CEILING
    world.seller.clock.sleep(61)
    [outcome] = world.buyer.resume()
    assert (outcome.proof, day(world)) == ("proven", 0)


def test_s28_a_charge_of_nothing_whose_permit_was_used_all_the_same_is_a_false_proof(tmp_path: Path) -> None:
    world = metered(tmp_path, charge=0)
    world.seller.takes = 9_000
    outcome = world.buyer.buy(URL)
    assert outcome.proof == "mismatch"
    assert day(world) == CEILING


def test_s28_a_charge_of_nothing_is_held_against_the_chain_also_where_no_transaction_is_named(tmp_path: Path) -> None:
    world = metered(tmp_path, charge=0)
    world.seller.takes = 9_000
    honest = world.seller._take
    world.seller._take = lambda bought: honest(bought) and ""  # type: ignore[method-assign]
    outcome = world.buyer.buy(URL)
    assert (outcome.proof, day(world)) == ("mismatch", CEILING)
    assert "the permit was used" in outcome.detail


@pytest.mark.parametrize("takes", [CHARGE - 1, CHARGE + 1, CEILING])
def test_s28_another_amount_on_chain_than_the_receipt_says_is_a_false_proof(tmp_path: Path, takes: int) -> None:
    world = metered(tmp_path)
    world.seller.takes = takes
    outcome = world.buyer.buy(URL)
    assert (outcome.status, outcome.proof) == ("delivered", "mismatch")
    assert "does not show what was charged" in outcome.detail
    assert day(world) == CEILING


def test_s28_a_receipt_above_the_ceiling_is_a_false_proof(tmp_path: Path) -> None:
    world = metered(tmp_path, charge=CEILING + 1)
    world.seller.takes = CEILING
    outcome = world.buyer.buy(URL)
    assert (outcome.proof, outcome.charged) == ("mismatch", CEILING)
    assert f"amount is {CEILING + 1}" in outcome.detail


def test_s28_a_transaction_that_used_another_permit_proves_nothing(tmp_path: Path) -> None:
    world = metered(tmp_path)
    chain = world.seller.chain
    honest = chain.permit

    def elsewhere(payment, value):
        transaction = honest(payment, value)
        chain.inputs[transaction] = "0x" + "00" * 32
        return transaction

    chain.permit = elsewhere  # type: ignore[method-assign]
    assert world.buyer.buy(URL).proof == "mismatch"


def test_a_wallet_that_did_not_let_permit2_move_enough_signs_nothing_and_learns_the_command(tmp_path: Path) -> None:
    world = metered(tmp_path)
    world.seller.chain.allowed = CEILING - 1
    outcome = world.buyer.buy(URL)
    assert (outcome.status, outcome.rule) == ("refused", "wallet.allowance")
    assert f"paddock-agent allow {TOKEN} 0.05" in outcome.detail
    assert world.signer.signed == []


def test_a_token_is_paid_by_permit2_where_the_terms_ask_for_it(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.seller.chain.allowed = CEILING
    world.seller.alter = lambda entry: _extra(entry, assetTransferMethod="permit2", name=None, version=None)
    outcome = world.buyer.buy(URL)
    assert (outcome.status, outcome.proof, outcome.charged) == ("delivered", "proven", None)
    assert day(world) == CEILING


def test_a_draft_pins_the_facilitator_that_is_offered(tmp_path: Path) -> None:
    world = metered(tmp_path)
    offers = world.buyer.market.discover(ORIGIN)
    text = draft(ORIGIN, offers, world.buyer.chain, "", {})
    assert parse(text).merchants[0].facilitators == (FACILITATOR,)


def test_a_database_of_an_older_version_gets_the_new_columns_and_keeps_its_rows(tmp_path: Path) -> None:
    world = World(tmp_path)
    bought = world.buyer.buy(URL)
    world.buyer.close()
    with sqlite3.connect(tmp_path / "agent.db") as old:
        for column in ("scheme", "transfer_method", "charged"):
            old.execute(f"ALTER TABLE purchases DROP COLUMN {column}")
    again = world.restarted()
    assert again.outcome(bought.purchase_id or "").proof == "proven"
    Store(tmp_path / "agent.db").close()


def _digest(authorization: dict) -> bytes:
    """What was signed, by eth-account's reading of the permit that was sent."""
    message = {name: authorization[name] for name in ("spender", "nonce", "deadline")}
    message |= {"permitted": authorization["permitted"], "witness": authorization["witness"]}
    domain = {"name": "Permit2", "chainId": 31337, "verifyingContract": PERMIT2}
    types = permit_types(UPTO_WITNESS)
    return digest_of(encode_typed_data(domain_data=domain, message_types=types, message_data=_numbers(message)))


def _numbers(said: dict) -> dict:
    """Decimal strings as the numbers that they stand for, at any depth."""
    return {
        name: _numbers(value) if isinstance(value, dict) else int(value) if value.isdecimal() else value
        for name, value in said.items()
    }


def _timed(entry, timeout):
    return msgspec.structs.replace(entry, max_timeout_seconds=timeout)


def _extra(entry, **values):
    for name, value in values.items():
        if value is None:
            entry.extra.pop(name)
        else:
            entry.extra[name] = value
    return entry
