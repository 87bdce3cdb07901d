"""Two corpora of sellers: the hostile ones get nothing, or one payment within the budget; the honest all sell."""

from pathlib import Path

import httpx
import pytest

from agent.testing import corpus
from agent.testing.corpus.cases import Case
from protocol.headers import PAYMENT_SIGNATURE, X_PAYMENT
from tests.fakes import own_cases
from tests.fakes.seller import World, account

PAYER = account("buyer").address
FUNDS, BUDGET = 100_000_000, 50_000
HOSTILE = [*corpus.hostile(), *own_cases.hostile()]
HONEST = [*corpus.honest(), *own_cases.honest()]


def buy(world: World, url: str, times: int) -> list[str]:
    """How each attempt ended."""
    ended = []
    for _ in range(times):
        try:
            ended.append(world.buyer.buy(url, task="hostile").status)
        except httpx.InvalidURL:
            ended.append("no URL")
    return ended


def test_the_corpora_are_as_large_as_they_should_be() -> None:
    assert len(HOSTILE) >= 270
    assert len(HONEST) >= 46
    for cases in (HOSTILE, HONEST):
        assert len({case.name for case in cases}) == len(cases)


@pytest.mark.parametrize("case", HOSTILE, ids=lambda case: case.name)
def test_a1_a4_a5_a8_a9_a15_a16_a_hostile_seller_costs_nothing_beyond_its_tasks_budget(
    tmp_path: Path, case: Case
) -> None:
    """Asked three times: budget for one purchase. Nobody but the seller itself is ever sent a payment."""
    world = World(tmp_path, per_task="0.05")
    case.prepare(world.seller)
    buy(world, case.at(world.seller.places), 3)
    assert len(world.signer.signed) <= (1 if case.signs else 0)
    assert FUNDS - world.seller.chain.balances[PAYER] <= BUDGET
    for request in world.seller.leaks:
        assert not {PAYMENT_SIGNATURE.encode(), X_PAYMENT.encode()} & {name for name, _ in request.headers.raw}


@pytest.mark.parametrize("case", HONEST, ids=lambda case: case.name)
def test_an_honest_seller_is_paid_once_and_delivers(tmp_path: Path, case: Case) -> None:
    world = World(tmp_path)
    case.prepare(world.seller)
    assert buy(world, case.at(world.seller.places), 1) == ["delivered"]
    assert len(world.signer.signed) == 1
