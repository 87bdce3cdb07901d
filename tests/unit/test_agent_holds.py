"""A hold and its signature: neither reaches anybody without the other, wherever a process dies."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent.errors import Refused, WalletError
from tests.fakes.seller import ORIGIN, World

URL = f"{ORIGIN}/v1/echo"
Row = tuple[Any, ...]


class Killed(BaseException):
    """What the end of a process looks like from inside."""


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def on_disk(world: World) -> list[Row]:
    """What another process finds: state and amount of each hold, state and payment of its purchase."""
    joined = "SELECT h.state, h.amount, p.state, p.payment FROM holds h JOIN purchases p ON p.id = h.purchase_id"
    with closing(sqlite3.connect(world.home / "agent.db")) as file:
        return file.execute(joined).fetchall()


def before_signing(world: World, act: Callable[[], None]) -> None:
    """Let something happen whenever the key is about to be used."""
    sign = world.signer.sign_transfer

    def signing(*given: Any) -> bytes:
        act()
        return sign(*given)

    world.signer.sign_transfer = signing  # type: ignore[method-assign, assignment]


def after_signing(world: World, act: Callable[[], None]) -> None:
    """Let something happen whenever there is a signature that nobody has seen yet."""
    sign = world.signer.sign_transfer

    def signing(*given: Any) -> bytes:
        made = sign(*given)
        act()
        return made

    world.signer.sign_transfer = signing  # type: ignore[method-assign, assignment]


def die() -> None:
    raise Killed


def paid_with(world: World, seen: list[Any]) -> None:
    """Have the seller look at the buyer's disk when a payment arrives."""

    def arrived(request: httpx.Request) -> httpx.Response:
        seen.append((on_disk(world), world.seller.payments[-1]))
        return httpx.Response(402)

    world.seller.handle_paid = arrived


def test_no_signature_arrives_before_its_hold_is_on_disk(world: World) -> None:
    seen: list[Any] = []
    paid_with(world, seen)
    world.buyer.buy(URL)
    rows, payment = seen[0]
    assert rows == [("possible", "50000", "sent", payment)]


def test_the_signer_is_asked_once_the_hold_is_on_disk(world: World) -> None:
    seen: list[list[Row]] = []
    before_signing(world, lambda: seen.append(on_disk(world)))
    assert world.buyer.buy(URL).status == "delivered"
    assert seen == [[("reserved", "50000", "reserved", None)]]


def test_a_process_that_dies_with_a_signature_that_nobody_saw_leaves_its_hold(world: World) -> None:
    after_signing(world, die)
    with pytest.raises(Killed):
        world.buyer.buy(URL)
    assert len(world.signer.signed) == 1
    assert on_disk(world) == [("reserved", "50000", "reserved", None)]
    assert world.seller.payments == []


@pytest.mark.parametrize(
    ("failure", "hold"),
    [(WalletError("no"), "reserved"), (RuntimeError("no"), "reserved"), (Refused("x", "no"), "released")],
)
def test_a_signer_that_fails_keeps_the_hold_and_one_that_refuses_frees_it(
    world: World, failure: Exception, hold: str
) -> None:
    def fail() -> None:
        raise failure

    before_signing(world, fail)
    if isinstance(failure, Refused):
        assert world.buyer.buy(URL).rule == "x"
    else:
        with pytest.raises(type(failure)):
            world.buyer.buy(URL)
    ((state, *_, payment),) = on_disk(world)
    assert (state, payment) == (hold, None)
