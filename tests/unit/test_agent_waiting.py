"""Waiting for a person: what goes on by itself, when, and what it costs to wait."""

from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from agent import approvals
from agent.outcome import Outcome
from agent.waiting import POLL, Patience
from agent.watching import Watch
from tests.fakes.seller import ORIGIN, World, account

URL = f"{ORIGIN}/v1/echo?text=dear"


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.seller.amount = 600_000
    return world


def patient(world: World, seconds: float | None = None) -> list[Outcome]:
    """Have the buyer wait; what it tells."""
    told: list[Outcome] = []
    world.buyer.patience = Patience(seconds, told.append)
    return told


def meanwhile(world: World, happens: Callable[[str], None], after: int = 5) -> None:
    """As the buyer sleeps for the last of so many times, somebody does something about the question that waits."""
    clock, other = world.seller.clock, world.restarted()
    honest = clock.sleep

    def sleep(seconds: float) -> None:
        honest(seconds)
        if len(clock.sleeps) == after:
            with other.store.begin() as connection:
                (asked,) = approvals.pending(connection)
            happens(asked.id)

    clock.sleep = sleep  # type: ignore[method-assign]


def approve(world: World, question: str) -> None:
    with world.restarted().store.begin() as connection:
        approvals.approve(connection, question, account("approver"), world.seller.clock.now())


def deny(world: World, question: str) -> None:
    with world.restarted().store.begin() as connection:
        approvals.refuse(connection, question, world.seller.clock.now())


def test_an_approved_purchase_goes_on_at_the_next_look(world: World) -> None:
    told = patient(world)
    meanwhile(world, lambda question: approve(world, question))
    outcome = world.buyer.buy(URL)
    assert (outcome.status, outcome.rule) == ("delivered", "approval")
    assert [one.status for one in told] == ["waiting"]
    assert world.seller.clock.sleeps[:5] == [POLL] * 5
    assert POLL <= 0.25
    with world.buyer.store.begin() as connection:
        decided, used = connection.exec_driver_sql("SELECT decided_at, used_at FROM approvals").one()
    assert used - decided <= 1_000_000


def test_a_denied_purchase_ends_at_once(world: World) -> None:
    patient(world)
    meanwhile(world, lambda question: deny(world, question))
    assert world.buyer.buy(URL).rule == "approval.denied"
    assert world.signer.signed == []


def test_it_waits_to_the_end_of_the_question_and_no_longer(world: World) -> None:
    patient(world)
    begun = world.seller.clock.now()
    assert world.buyer.buy(URL).rule == "approval.expired"
    assert world.seller.clock.now() - begun < timedelta(minutes=30, seconds=1)
    assert world.seller.clock.now() - begun >= timedelta(minutes=30)


def test_after_the_given_seconds_it_is_left_waiting(world: World) -> None:
    patient(world, 60)
    begun = world.seller.clock.now()
    outcome = world.buyer.buy(URL)
    assert outcome.status == "waiting"
    assert world.seller.clock.now() - begun == timedelta(seconds=60)
    approve(world, outcome.purchase_id or "")
    assert world.buyer.resume(outcome.purchase_id)[0].status == "delivered"


def test_without_patience_nobody_is_waited_for(world: World) -> None:
    assert world.buyer.buy(URL).status == "waiting"
    assert world.seller.clock.sleeps == []


def test_interrupted_it_still_waits(world: World) -> None:
    patient(world)

    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    meanwhile(world, interrupt)
    with pytest.raises(KeyboardInterrupt):
        world.buyer.buy(URL)
    (outcome,) = world.buyer.resume()
    assert outcome.status == "waiting"
    approve(world, outcome.purchase_id or "")
    assert world.buyer.resume(outcome.purchase_id)[0].status == "delivered"


def test_a_call_with_personal_data_is_repeated_when_a_person_has_agreed(world: World) -> None:
    world.seller.amount = 50_000
    told = patient(world)
    meanwhile(world, lambda question: approve(world, question))
    outcome = world.buyer.buy(f"{ORIGIN}/v1/echo", "POST", json={"email": "jane.roe@example.org"})
    assert outcome.status == "delivered"
    assert [one.rule for one in told] == ["privacy.ask"]


def test_a_question_about_personal_data_is_put_once_and_not_again_when_it_lapses(world: World) -> None:
    told = patient(world)
    outcome = world.buyer.buy(f"{ORIGIN}/v1/echo", "POST", json={"email": "jane.roe@example.org"})
    assert (outcome.status, outcome.rule, len(told)) == ("waiting", "privacy.ask", 1)
    with world.buyer.store.begin() as connection:
        (asked,) = approvals.pending(connection)
    assert asked.expires_at <= world.seller.clock.now()


def test_nothing_is_read_while_nothing_changes(world: World) -> None:
    patient(world, 60)
    begun = 0
    honest = world.buyer.store.begin

    def counted() -> object:
        nonlocal begun
        begun += 1
        return honest()

    outcome = world.buyer.buy(URL)
    world.buyer.store.begin = counted  # type: ignore[method-assign, assignment]
    assert world.buyer.buy(URL).purchase_id == outcome.purchase_id
    assert len(world.seller.clock.sleeps) == 600
    assert begun < 30


def test_a_watch_notices_what_others_commit_and_nothing_else(world: World) -> None:
    other = world.restarted()
    with closing(Watch(world.buyer.settings.database)) as watch:
        assert not watch.changed()
        with other.store.begin() as connection:
            approvals.pending(connection)
        assert not watch.changed()
        other.stop("from elsewhere")
        assert watch.changed()
        assert not watch.changed()
        world.buyer.start()
        assert watch.changed()
