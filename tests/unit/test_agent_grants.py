"""Standing approvals: what "always for this merchant and price" lets pass, and everything that it does not."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak
from sqlalchemy import update

from agent import approvals, grants
from agent.decisions import Verdict
from agent.errors import ApprovalError, PolicyError
from agent.grants import RULE, Grant, GrantTerms
from agent.models import approvals as approvals_table
from agent.models import grants as table
from agent.outcome import Outcome
from agent.policy_file import parse
from agent.store import purchase
from agent.wallet import sign_digest
from tests.fakes.buyer_chain import NETWORK, TOKEN
from tests.fakes.seller import CALLBACK, ORIGIN, World, account, policy
from tests.stack.console_visit import Visit, part
from tests.unit.test_agent_signer import Vault

URL = f"{ORIGIN}/v1/echo?text="
MONTH = ", standing_days = 30"
APPROVER = account("approver")


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A world whose seller asks for more than the agent may pay by itself, and a policy with standing approvals."""
    world = World(tmp_path, approval=MONTH)
    world.seller.amount = 600_000
    return world


def give(world: World, role: str = "approver", days: int = 30) -> GrantTerms:
    """Have a purchase put to the person, who says "always"."""
    question = world.buyer.buy(f"{URL}first").purchase_id or ""
    now = world.seller.clock.now()
    with world.buyer.store.begin() as connection:
        terms = grants.proposed(connection, question, world.buyer.policy.file, now, days)
        asked = approvals.approve(connection, question, APPROVER, now)
        signature = "0x" + sign_digest(account(role), terms.digest()).hex()
        grants.give(connection, asked, terms, signature, now)
    assert world.buyer.resume(question)[0].status == "delivered"
    return terms


def bought(world: World, text: str = "second", **how: Any) -> Outcome:
    return world.buyer.buy(f"{URL}{text}", **how)


def edit(world: World, terms: GrantTerms, **values: Any) -> None:
    """Change a stored one, as whoever has the agent's database can."""
    changed = msgspec.structs.replace(terms, **values)
    with world.buyer.store.begin() as connection:
        connection.execute(update(table).values(terms=msgspec.json.encode(changed)))


def test_a_purchase_like_the_one_that_was_seen_is_not_asked_about_again(world: World) -> None:
    terms = give(world)
    outcome = bought(world)
    assert (outcome.status, outcome.rule) == ("delivered", RULE)
    with world.buyer.store.begin() as connection:
        assert purchase(connection, outcome.purchase_id or "").grant_id == terms.id
    assert bought(world, "third", content=b"").status == "delivered"
    assert len(world.signer.signed) == 3


def test_what_explains_the_policy_knows_of_it(world: World) -> None:
    assert world.buyer.explain(f"{URL}x")[0].decision.verdict is Verdict.ASK
    give(world)
    decision = world.buyer.explain(f"{URL}x")[0].decision
    assert (decision.verdict, decision.rule) == (Verdict.ALLOW, RULE)


def test_a6_what_differs_from_what_the_person_saw_is_asked_about(world: World) -> None:
    give(world)
    world.seller.amount += 1
    assert bought(world, "dearer").rule == "approval.above"
    world.seller.amount -= 1
    assert bought(world, "posted", method="POST").rule == "approval.above"
    assert world.buyer.buy(f"{ORIGIN}/v1/other").rule == "approval.above"
    world.seller.mode = "DELEGATE"
    assert bought(world, "called").rule == "approval.above"
    assert len(world.signer.signed) == 1


def test_a6_another_recipient_is_asked_about(world: World) -> None:
    give(world)
    with world.buyer.store.begin() as connection:
        connection.exec_driver_sql("DELETE FROM prices")
    world.seller.pay_to = account("stranger").address
    assert bought(world).rule == "approval.above"


@pytest.mark.parametrize(
    "changed",
    [
        {"origin": "http://other.test"},
        {"method": "POST"},
        {"path": "/v1/other"},
        {"rule": "price.rise"},
        {"network": "eip155:1"},
        {"asset": account("stranger").address},
        {"most": "599999"},
        {"pay_to": account("stranger").address},
        {"mode": "DELEGATE"},
        {"scheme": "upto"},
        {"callback": CALLBACK},
        {"calldata": "0x01"},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a6_each_field_binds(world: World, changed: dict[str, str]) -> None:
    """Signed again by the approver, so that only what it says keeps it from counting."""
    terms = msgspec.structs.replace(give(world), **changed)
    signature = "0x" + sign_digest(APPROVER, terms.digest()).hex()
    with world.buyer.store.begin() as connection:
        values = {"terms": msgspec.json.encode(terms), "signature": signature}
        connection.execute(update(table).values(values))
    assert bought(world).rule == "approval.above"


@pytest.mark.parametrize("changed", [{"most": "900000"}, {"until": 2**32}, {"path": "/v1/echo2"}])
def test_a7_an_edited_one_lifts_nothing(world: World, changed: dict[str, Any]) -> None:
    edit(world, give(world), **changed)
    assert bought(world).rule == "approval.above"


@pytest.mark.parametrize("role", ["buyer", "stranger"])
def test_a7_one_that_somebody_else_signed_is_not_kept(world: World, role: str) -> None:
    with pytest.raises(ApprovalError, match="only"):
        give(world, role)
    assert list(in_force(world)) == []


def test_a7_one_by_the_agent_itself_lifts_nothing(world: World) -> None:
    terms = give(world)
    signature = "0x" + sign_digest(account("buyer"), terms.digest()).hex()
    with world.buyer.store.begin() as connection:
        connection.execute(update(table).values(signature=signature))
    assert bought(world).rule == "approval.above"
    world.buyer = world.restarted(approval=MONTH, approver=account("buyer").address)
    assert bought(world, "third").rule == "approval.nobody"
    assert len(world.signer.signed) == 1


def test_a7_it_ends_on_its_day(world: World) -> None:
    give(world, days=2)
    world.seller.clock.sleep(timedelta(days=2, seconds=-60).total_seconds())
    assert bought(world).status == "delivered"
    world.seller.clock.sleep(60)
    assert bought(world, "third").rule == "approval.above"


def test_it_ends_sooner_where_the_policy_says_so_now(world: World) -> None:
    give(world)
    world.seller.clock.sleep(timedelta(days=7).total_seconds())
    world.buyer = world.restarted(approval=", standing_days = 7")
    assert bought(world).rule == "approval.above"
    world.buyer = world.restarted(approval=", standing_days = 8")
    assert bought(world, "third").status == "delivered"
    world.buyer = world.restarted()
    assert bought(world, "fourth").rule == "approval.above"


def test_a7_one_that_was_taken_back_lifts_nothing_and_cannot_be_taken_back_twice(world: World) -> None:
    terms, now = give(world), world.seller.clock.now()
    with world.buyer.store.begin() as connection:
        grants.revoke(connection, terms.id, now)
    assert bought(world).rule == "approval.above"
    with world.buyer.store.begin() as connection, pytest.raises(ApprovalError, match="no standing approval"):
        grants.revoke(connection, terms.id, now)


def test_a7_one_that_is_taken_back_between_decision_and_signature_signs_nothing(world: World) -> None:
    terms = give(world)
    balance = world.buyer._balance

    def taken_back(asked: Any) -> Any:
        with world.buyer.store.begin() as connection:
            grants.revoke(connection, terms.id, world.seller.clock.now())
        return balance(asked)

    world.buyer._balance = taken_back  # type: ignore[method-assign]
    outcome = bought(world)
    assert (outcome.status, outcome.rule) == ("refused", RULE)
    assert len(world.signer.signed) == 1


def test_it_skips_no_denial_no_budget_and_not_the_switch(world: World) -> None:
    give(world)
    world.buyer.stop("enough")
    assert bought(world).rule == "switch.stopped"
    world.buyer.start()
    for rules, rule in (
        ({"per_call": "0.50"}, "limits.per_call"),
        ({"per_day": "1.00"}, "limits.per_day"),
        ({"more": 'per_day = "1.00"'}, "merchants[0].per_day"),
        ({"pay_to": f'"{account("stranger").address}"'}, "recipient.unknown"),
        ({"inside": "false", "more": '[hours]\nfrom = "01:00"\nto = "02:00"'}, "hours"),
    ):
        world.buyer = world.restarted(approval=MONTH, **rules)
        assert (bought(world).status, bought(world).rule) == ("refused", rule)
    assert len(world.signer.signed) == 1


def test_it_lifts_the_one_rule_that_asked_and_no_other(world: World) -> None:
    give(world)
    world.buyer = world.restarted(approval=MONTH, more="[standing]\nleast_reviews = 3")
    outcome = bought(world)
    assert (outcome.status, outcome.rule) == ("waiting", "standing.reviews")


def test_a_payment_that_calls_a_contract_can_pass_too(world: World) -> None:
    world.seller.mode = "DELEGATE"
    terms = give(world)
    assert (terms.callback, terms.calldata) == (CALLBACK, "0x")
    assert bought(world).status == "delivered"


@pytest.mark.parametrize("days", [0, 31, -1])
def test_no_more_days_are_offered_than_the_policy_says(world: World, days: int) -> None:
    with pytest.raises(ApprovalError, match="30 days at most"):
        give(world, days=days)


def test_none_is_offered_where_the_policy_says_nothing(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.seller.amount = 600_000
    with pytest.raises(ApprovalError, match="no standing approval is offered"):
        give(world)


def test_a_policy_cannot_let_one_count_for_ever() -> None:
    with pytest.raises(PolicyError, match="standing_days"):
        parse(policy(approval=", standing_days = 367"))


def test_a_wallet_signs_the_same_as_a_shell(world: World) -> None:
    terms = give(world)
    typed = msgspec.json.decode(msgspec.json.encode(terms.typed_data()))
    signable = encode_typed_data(full_message=typed)
    assert keccak(b"\x19\x01" + signable.header + signable.body) == terms.digest()


@pytest.mark.parametrize("most", ["1.00", "0.50"])
def test_a21_a_signer_of_its_own_judges_by_its_own_limits(tmp_path: Path, world: World, most: str) -> None:
    give(world)
    vault = Vault(tmp_path, world, per_call=most)
    world.buyer._checkout._signer = vault.remote
    outcome = bought(world)
    if most == "1.00":
        assert (outcome.status, outcome.rule) == ("delivered", RULE)
        return
    assert (outcome.status, outcome.rule) == ("refused", "limits.per_call")
    assert vault.signer.signed == []
    assert world.buyer.budgets(NETWORK, TOKEN)["limits.per_day"].spent == 600_000


def in_force(world: World) -> list[Grant]:
    with world.buyer.store.begin() as connection:
        return list(grants.in_force(connection, world.buyer.policy.file, world.seller.clock.now()))


async def test_the_page_offers_it_gives_it_and_takes_it_back(world: World) -> None:
    question = world.buyer.buy(f"{URL}first").purchase_id or ""
    visit = await Visit(world, APPROVER, approval=MONTH).enter()
    shown = part(await visit.read("/approvals"), question)
    assert f"GET {ORIGIN}/v1/echo with any query and body, for up to 0.6 USDC each" in shown
    assert (await visit.answer(question, "always")).status_code == 303
    assert world.buyer.resume(question)[0].status == "delivered"
    assert bought(world).rule == RULE
    (given,) = in_force(world)
    assert given.id in await visit.read("/approvals")
    assert (await visit.send(f"/standing/{given.id}/revoke")).status_code == 303
    assert given.id not in await visit.read("/approvals")
    assert bought(world, "third").rule == "approval.above"


async def test_a_wallet_in_the_browser_signs_both_on_the_page(world: World) -> None:
    question = world.buyer.buy(f"{URL}first").purchase_id or ""
    visit = await Visit(world, approval=MONTH).enter()
    with world.buyer.store.begin() as connection:
        asked = approvals.approval(connection, question)
    signature = "0x" + sign_digest(APPROVER, asked.terms.digest()).hex()
    refused = await visit.answer(question, "always", signature=signature, standing=signature)
    assert refused.status_code == 409
    with world.buyer.store.begin() as connection:
        assert approvals.approval(connection, question).signature is None, "both or neither"
    with world.buyer.store.begin() as connection:
        terms = grants.proposed(connection, question, world.buyer.policy.file, world.seller.clock.now())
    standing = "0x" + sign_digest(APPROVER, terms.digest()).hex()
    given = await visit.answer(question, "always", signature=signature, standing=standing)
    assert given.status_code == 303
    assert [one.terms for one in in_force(world)] == [terms]


def test_a7_a_question_of_tomorrow_gets_no_more_days(world: World) -> None:
    question = world.buyer.buy(f"{URL}first").purchase_id or ""
    now = world.seller.clock.now()
    with world.buyer.store.begin() as connection:
        late = approvals_table.c.created_at
        connection.execute(update(approvals_table).values({late: now + timedelta(days=400)}))
        terms = grants.proposed(connection, question, world.buyer.policy.file, now)
    assert (terms.since, terms.until) == (now.timestamp(), (now + timedelta(days=30)).timestamp())
