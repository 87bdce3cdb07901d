"""The kill switch: what it stops, for whom, and what it leaves alone."""

from pathlib import Path

from agent import approvals
from tests.fakes.seller import ORIGIN, World, account

URL = f"{ORIGIN}/v1/echo"


def test_nothing_is_signed_while_stopped_by_any_buyer_of_the_home(tmp_path: Path) -> None:
    world = World(tmp_path)
    other = world.restarted()
    other.stop("odd prices")
    outcome = world.buyer.buy(URL)
    assert (outcome.status, outcome.rule) == ("refused", "switch.stopped")
    assert "odd prices" in outcome.detail
    assert world.restarted().buy(URL).rule == "switch.stopped"
    assert world.signer.signed == []
    world.buyer.start()
    assert other.buy(URL).status == "delivered"


def test_a_purchase_that_a_person_approved_is_not_signed_while_stopped_and_can_be_afterwards(tmp_path: Path) -> None:
    world = World(tmp_path, above="0.01")
    waiting = world.buyer.buy(URL).purchase_id or ""
    with world.buyer.store.begin() as connection:
        approvals.approve(connection, waiting, account("approver"), world.seller.clock.now())
    world.buyer.stop()
    world.buyer.resume(waiting)
    assert world.signer.signed == []
    world.buyer.start()
    (outcome,) = world.buyer.resume(waiting)
    assert outcome.status == "delivered"
    assert len(world.signer.signed) == 1


def test_nobody_is_asked_while_stopped(tmp_path: Path) -> None:
    world = World(tmp_path, above="0.01")
    world.buyer.stop()
    assert world.buyer.buy(URL).rule == "switch.stopped"
    with world.buyer.store.begin() as connection:
        assert approvals.pending(connection) == []


def test_what_was_signed_before_is_still_followed_to_its_end(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.seller.paid.extend(["402"] * 9)
    assert world.buyer.buy(URL).status == "in_doubt"
    world.buyer.stop()
    world.seller.paid.clear()
    assert [outcome.status for outcome in world.buyer.resume()] == ["delivered"]
    assert len(world.signer.signed) == 1


def test_stopping_twice_keeps_the_first_reason_and_starting_what_runs_changes_nothing(tmp_path: Path) -> None:
    world = World(tmp_path)
    assert world.buyer.start() is None
    first = world.buyer.stop("first")
    world.seller.clock.sleep(5)
    assert world.buyer.stop("second") == first
    assert world.buyer.start() == first
    assert world.buyer.start() is None
