"""Approvals: a person's signature over exact terms; whatever else is offered in its place is refused."""

import secrets
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from sqlalchemy import update

from agent import approvals
from agent.errors import ApprovalError
from agent.models import approvals as table
from tests.fakes.seller import ORIGIN, TOKEN, World, account

URL = f"{ORIGIN}/v1/echo?text=dear"


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A world whose seller asks for more than the agent may pay by itself."""
    world = World(tmp_path)
    world.seller.amount = 600_000
    return world


def ask(world: World) -> str:
    outcome = world.buyer.buy(URL)
    assert outcome.status == "waiting"
    assert world.signer.signed == []
    return outcome.purchase_id or ""


def approve(world: World, purchase_id: str, role: str = "approver") -> None:
    with world.buyer.store.begin() as connection:
        approvals.approve(connection, purchase_id, account(role), world.seller.clock.now())


def edit(world: World, purchase_id: str, **values: Any) -> None:
    with world.buyer.store.begin() as connection:
        connection.execute(update(table).where(table.c.id == purchase_id).values(**values))


def test_a_dear_purchase_waits_and_goes_on_once_the_person_has_signed(world: World) -> None:
    waiting = ask(world)
    assert [outcome.status for outcome in world.buyer.resume()] == ["waiting"]
    approve(world, waiting)
    (outcome,) = world.buyer.resume(waiting)
    assert (outcome.status, outcome.purchase_id, outcome.rule) == ("delivered", waiting, "approval")
    assert outcome.proof == "proven"
    assert [transfer.value for transfer in world.signer.signed] == [600_000]


def test_asking_again_finds_the_same_question_and_the_answer_to_it(world: World) -> None:
    waiting = ask(world)
    assert ask(world) == waiting
    approve(world, waiting)
    assert world.buyer.buy(URL).purchase_id == waiting


def test_an_approval_survives_a_restart(world: World) -> None:
    waiting = ask(world)
    approve(world, waiting)
    assert [outcome.status for outcome in world.restarted().resume()] == ["delivered"]


@pytest.mark.parametrize("what", ["amount", "pay_to", "body", "callback"])
def test_a6_terms_that_differ_from_the_approved_ones_are_not_signed(world: World, what: str) -> None:
    waiting = ask(world)
    approve(world, waiting)
    if what == "amount":
        world.seller.amount += 1
    elif what == "pay_to":
        world.seller.pay_to = account("stranger").address
    elif what == "callback":
        world.seller.mode = "DELEGATE"
    else:
        assert world.buyer.buy(URL, content=b"other").status == "waiting"
        return
    (outcome,) = world.buyer.resume(waiting)
    assert (outcome.status, outcome.rule) == ("refused", "approval.terms")
    assert world.signer.signed == []


def test_a6_the_signed_bytes_are_the_approved_terms(world: World) -> None:
    waiting = ask(world)
    approve(world, waiting)
    with world.buyer.store.begin() as connection:
        agreed = approvals.approval(connection, waiting).terms
    world.buyer.resume(waiting)
    (signed,) = world.signer.signed
    assert (signed.to, str(signed.value), signed.payer) == (agreed.pay_to, agreed.amount, world.signer.address)
    assert agreed.asset == TOKEN


def test_a6_a_signer_that_signs_something_else_is_caught_before_anything_is_sent(world: World) -> None:
    world.seller.amount = 50_000
    honest = world.signer.sign_transfer
    world.signer.sign_transfer = lambda domain, transfer: honest(domain, transfer._replace(value=1))  # type: ignore[method-assign]
    with pytest.raises(Exception, match="signed something else"):
        world.buyer.buy(URL)
    assert world.seller.payments == []


def test_a7_an_approval_is_used_once(world: World) -> None:
    waiting = ask(world)
    approve(world, waiting)
    assert world.buyer.resume(waiting)[0].status == "delivered"
    edit(world, waiting, used_at=None)
    again = world.buyer.buy(URL)
    assert (again.status, len(world.signer.signed)) == ("waiting", 1)
    assert again.purchase_id != waiting


def test_a7_two_at_the_same_time_use_it_once(world: World) -> None:
    waiting = ask(world)
    approve(world, waiting)
    moment = world.seller.clock.now()
    with world.buyer.store.begin() as connection:
        approvals.use(connection, waiting, moment)
    (outcome,) = world.buyer.resume(waiting)
    assert (outcome.status, outcome.rule) == ("refused", "approval.used")
    assert world.signer.signed == []


def test_a7_of_two_that_checked_it_at_the_same_time_one_signs(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other buyer buys between the check and the reservation: only the compare-and-set on use tells them apart."""
    waiting = ask(world)
    approve(world, waiting)
    other = world.restarted()

    def meanwhile(size: int) -> bytes:
        monkeypatch.setattr("agent.authorizing.secrets.token_bytes", secrets.token_bytes)
        assert other.resume(waiting)[0].status == "delivered"
        return secrets.token_bytes(size)

    monkeypatch.setattr("agent.authorizing.secrets", SimpleNamespace(token_bytes=meanwhile))
    (outcome,) = world.buyer.resume(waiting)
    assert (outcome.status, outcome.purchase_id) == ("delivered", waiting)
    assert len(world.signer.signed) == 1


def test_a7_an_edited_approval_is_refused(world: World) -> None:
    waiting = ask(world)
    approve(world, waiting)
    with world.buyer.store.begin() as connection:
        agreed = approvals.approval(connection, waiting).terms
    dearer = msgspec.structs.replace(agreed, amount="900000")
    edit(world, waiting, terms=msgspec.json.encode(dearer))
    world.seller.amount = 900_000
    assert world.buyer.resume(waiting)[0].rule == "approval.signature"
    assert world.signer.signed == []


def test_a7_a_prolonged_approval_is_refused(world: World) -> None:
    waiting = ask(world)
    approve(world, waiting)
    edit(world, waiting, expires_at=world.seller.clock.now() + timedelta(days=300))
    assert world.buyer.resume(waiting)[0].rule == "approval.terms"
    assert world.signer.signed == []


def test_a7_an_expired_approval_is_refused(world: World) -> None:
    waiting = ask(world)
    approve(world, waiting)
    world.seller.clock.sleep(30 * 60)
    assert world.buyer.resume(waiting)[0].rule == "approval.expired"
    assert world.signer.signed == []
    assert world.buyer.buy(URL).status == "waiting"


@pytest.mark.parametrize("role", ["buyer", "stranger"])
def test_a7_only_the_pinned_approver_can_approve(world: World, role: str) -> None:
    waiting = ask(world)
    with pytest.raises(ApprovalError, match="only 0x"):
        approve(world, waiting, role)
    edit(world, waiting, approver=account(role).address)
    approve(world, waiting, role)
    assert world.buyer.resume(waiting)[0].rule == "approval.signature"
    assert world.signer.signed == []


def test_a7_the_agent_cannot_be_its_own_approver(tmp_path: Path) -> None:
    world = World(tmp_path, approver=account("buyer").address)
    world.seller.amount = 600_000
    outcome = world.buyer.buy(URL)
    assert (outcome.status, outcome.rule) == ("refused", "approval.nobody")
    assert world.signer.signed == []


def test_a7_a_policy_that_makes_the_agent_the_approver_later_gains_nothing(world: World) -> None:
    waiting = ask(world)
    edit(world, waiting, approver=account("buyer").address)
    approve(world, waiting, "buyer")
    buyer = world.restarted(approver=account("buyer").address)
    assert buyer.resume(waiting)[0].rule == "approval.self"
    assert world.signer.signed == []


def test_a_denied_purchase_is_refused(world: World) -> None:
    waiting = ask(world)
    with world.buyer.store.begin() as connection:
        approvals.refuse(connection, waiting, world.seller.clock.now())
    assert world.buyer.resume(waiting)[0].rule == "approval.denied"
    assert world.signer.signed == []


def test_a_question_is_not_put_when_the_budget_has_no_room_anyway(tmp_path: Path) -> None:
    world = World(tmp_path, per_task="0.55")
    world.seller.amount = 600_000
    assert world.buyer.buy(URL).rule == "limits.per_task"


def test_an_approval_cannot_be_given_twice_or_too_late(world: World) -> None:
    waiting = ask(world)
    approve(world, waiting)
    with pytest.raises(ApprovalError, match="already approved"):
        approve(world, waiting)
    world.seller.amount = 700_000
    other = world.buyer.buy(f"{URL}&n=2").purchase_id or ""
    world.seller.clock.sleep(30 * 60)
    with pytest.raises(ApprovalError, match="lapsed"):
        approve(world, other)
